"""Runs one command as Docker's awslogs driver would see it: two readers, one event a line, empty lines dropped."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TIMEOUT_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    exit_code: int
    events: tuple[tuple[int, str], ...]  # epoch ms and line, in the order they were read


def run(command: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> Printed:
    """Runs `command`; the lines of stdout and stderr in the order they were read."""
    lines: list[tuple[int, str]] = []
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    readers = attach(process, lines)
    try:
        exit_code = process.wait(TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        exit_code = process.wait()
    for reader in readers:
        reader.join()
    return Printed(exit_code=exit_code, events=tuple(lines))


def attach(process: subprocess.Popen[bytes], lines: list[tuple[int, str]]) -> list[threading.Thread]:
    """Two running readers, one a pipe, that add to `lines` what the process says until both pipes end."""
    lock = threading.Lock()

    def read(pipe: IO[bytes]) -> None:
        for raw in pipe:
            line = raw.rstrip(b"\r\n").decode("utf-8", "replace")
            if line:
                with lock:
                    lines.append((time.time_ns() // 1_000_000, line))

    readers = [threading.Thread(target=read, args=(pipe,)) for pipe in (process.stdout, process.stderr) if pipe is not None]
    for reader in readers:
        reader.start()
    return readers


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrubber:
    """Takes this machine's paths, port and home out of what was printed."""

    replacements: tuple[tuple[str, str], ...]

    def text(self, line: str) -> str:
        for old, new in self.replacements:
            line = line.replace(old, new)
        line = re.sub(r"/tmp/[\w.-]*triage-lab[\w./-]*", "/tmp/lab", line)
        return re.sub(r"/root\b|/home/\w+", "/home/app", line)


def write(path: Path, tool: str, case: str, printed: Printed, scrubber: Scrubber) -> None:
    """One event a line, in the shape of `filter-log-events` plus logGroup."""
    task = hashlib.sha256(f"{tool}/{case}".encode()).hexdigest()[:32]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        for number, (timestamp, line) in enumerate(printed.events):
            event = {
                "logGroup": f"/lab/{tool}",
                "logStreamName": f"lab/{tool}/{task}",
                "timestamp": timestamp,
                "ingestionTime": timestamp + 900,
                "message": scrubber.text(line),
                "eventId": f"{timestamp}{number:06d}",
            }
            out.write(json.dumps(event, ensure_ascii=False) + "\n")
