"""Reading, measured side by side in one run: `make bench`. README.md beside this file says what each contestant does.

    python -m tests.benchmarks.run [--mb 200] [--rounds 3] [--kinds plain json]

Every contestant is a process of its own (memory is its peak), the rounds are interleaved, the figures are medians. Absolute
numbers move with the machine and its load; the ratios within one run are what counts.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import pickle
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.pack_cache import cached_packs
from parsers.batch import TARGET_BYTES, Batch
from parsers.model import StreamKey
from tests.benchmarks.generate import STREAMS, generate

THIS = [sys.executable, "-m", "tests.benchmarks.run"]
RULE_LOOP_BYTES = 200_000  # the loop over the rules is asked for so much of the file only
HEAD_BYTES = 1_000_000  # what ripgrep reads beside the whole, so that its start-up can be told from its speed


@dataclass(frozen=True, slots=True)
class Figure:
    """One contestant's run: seconds of CPU and of wall time, start-up apart; peak memory in bytes."""

    read_bytes: int
    cpu_s: float
    wall_s: float
    start_s: float
    memory_bytes: int
    said: dict[str, Any]


class Stopwatch:
    """Time since `start`, children included."""

    def __init__(self) -> None:
        self.born = _cpu_s()
        self.start()

    def start(self) -> None:
        self.cpu, self.wall = _cpu_s(), time.monotonic()

    def figure(self, read_bytes: int, **said: Any) -> Figure:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return Figure(read_bytes, _cpu_s() - self.cpu, time.monotonic() - self.wall, self.cpu - self.born, memory, said)


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


# ---- what is read ----


def made(folder: Path, kind: str, mb: float) -> Path:
    """The generated log of that kind and size; its times, streams and true counts beside it."""
    path = folder / f"{kind}-{mb:g}.log"
    log = generate(path, kind=kind, size_bytes=int(mb * (1 << 20)))
    path.with_suffix(".requests").write_bytes(pickle.dumps(log.requests))
    _keep_columns(path, np.frombuffer(log.timestamps_ms, dtype=np.int64), np.frombuffer(log.streams, dtype=np.int64))
    return path


def _keep_columns(path: Path, times: Any, streams: Any) -> None:
    """Times and streams of a log's lines, beside it."""
    np.save(path.with_suffix(".times.npy"), times)
    np.save(path.with_suffix(".streams.npy"), streams)


def half(path: Path, number: int) -> Path:
    """A log of half of the streams, as it lies in a folder of files: each of two processes reads its own."""
    mine = path.with_name(f"{path.stem}-half{number}.log")
    if not mine.exists():
        times, streams = (np.load(path.with_suffix(f".{name}.npy")) for name in ("times", "streams"))
        wanted = streams % 2 == number
        with path.open("rb") as whole, mine.open("wb") as file:
            file.writelines(line for line, own in zip(whole, wanted.tolist(), strict=True) if own)
        _keep_columns(mine, times[wanted], streams[wanted])
    return mine


def batches(path: Path) -> Iterator[Batch]:
    """The log in batches of whole lines, as a fetcher hands them on."""
    times, streams = (np.load(path.with_suffix(f".{name}.npy"), mmap_mode="r") for name in ("times", "streams"))
    keys = tuple(StreamKey(log_group="/ecs/bench", log_stream=f"app/web/{number:032x}") for number in range(STREAMS))
    first = 0
    with path.open("rb") as file:
        rest = b""
        while chunk := file.read(TARGET_BYTES):
            end = (rest + chunk).rfind(b"\n") + 1
            data, rest = (rest + chunk)[:end], (rest + chunk)[end:]
            ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == 10)
            last = first + len(ends)
            batch = Batch(data=data, ends=ends, timestamps_ms=times[first:last], streams=streams[first:last], keys=keys)
            yield batch
            first = last


class _Folder:
    """A cache as the command keeps it: what is derived from the packs, in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> bytes | None:
        path = self.folder / key
        return path.read_bytes() if path.exists() else None

    def put(self, key: str, value: bytes) -> None:
        (self.folder / key).write_bytes(value)


# ---- the contestants ----


def scan_and_classify(path: Path) -> Figure:
    """Which events can matter, which rule takes each, and what it extracts; no access lines, no joining."""
    from parsers.bulk import ANY_RULE, BulkReader, scanner_for
    from parsers.masks import Redactor
    from parsers.reading import Reader

    watch = Stopwatch()
    rules = cached_packs()
    bulk = BulkReader(Reader(rules=rules, redactor=Redactor()))
    with path.open("rb") as file:
        scanner = scanner_for(rules, file.read(1 << 20), cache=_Folder(path.parent))
    watch.start()
    taken = 0
    for batch in batches(path):
        for number, found in scanner.mark(batch).rules.items():
            if max(found) > ANY_RULE or ANY_RULE in found:
                payload = bulk.decoded(batch.text(number))
                bulk._wanted.numbers = None if ANY_RULE in found else found
                said = bulk.said(payload, (payload.text,))
                taken += said is not None and bool(said.matches)
    return watch.figure(path.stat().st_size, records=taken)


def whole_read(path: Path) -> Figure:
    """Everything: scan, access lines counted, records joined, classified, folded into findings, runs and counts."""
    figure, reading = _read(path)
    figure.said["exact"] = _exact(path, reading)  # when time and memory are taken: the truth is large
    return figure


def half_read(path: Path) -> Figure:
    """The whole read of a half."""
    return _read(path)[0]


def _read(path: Path) -> tuple[Figure, Any]:
    from parsers.bulk import BulkReader, scanner_for
    from parsers.masks import Redactor
    from parsers.reading import Reader

    watch = Stopwatch()
    rules = cached_packs()
    with path.open("rb") as file:
        scanner = scanner_for(rules, file.read(1 << 20), cache=_Folder(path.parent))
    reader = BulkReader(Reader(rules=rules, redactor=Redactor()), scanner=scanner)
    importlib.import_module("polars")  # start-up, not reading
    watch.start()
    for batch in batches(path):
        reader.feed(batch)
    reading = reader.take()
    findings, runs = len(reading.findings), len(reading.migration_runs)
    counted = sum(one.count for one in reading.request_counts)
    return watch.figure(path.stat().st_size, findings=findings, runs=runs, requests=counted), reading


def _exact(path: Path, reading: Any) -> bool:
    """Whether every request is counted under its stream, minute, method, route and status, and nothing else is."""
    counted: Counter[tuple[int, int, str, str, int]] = Counter()
    for one in reading.request_counts:
        stream = int(one.stream.log_stream.rsplit("/", 1)[1], 16)
        counted[stream, one.minute_ms, one.method, one.route, one.status] += one.count
    return bool(counted == pickle.loads(path.with_suffix(".requests").read_bytes()))


def in_two_processes(path: Path) -> Figure:
    """The whole read by two processes, half of the streams each."""
    files = [half(path, number) for number in range(2)]
    watch = Stopwatch()
    command = [*THIS, "--one", "half", "--file"]
    one_core = {**os.environ, "POLARS_MAX_THREADS": "1"}  # each: else both start a thread for the other's core
    both = [subprocess.Popen([*command, str(file)], stdout=subprocess.PIPE, text=True, env=one_core) for file in files]
    halves = [Figure(**json.loads(one.communicate()[0])) for one in both]
    said = {key: sum(half.said[key] for half in halves) for key in ("findings", "runs", "requests")}
    return Figure(
        read_bytes=sum(half.read_bytes for half in halves),
        cpu_s=sum(half.cpu_s for half in halves),
        wall_s=max(half.wall_s for half in halves),
        start_s=watch.figure(0).cpu_s - sum(half.cpu_s for half in halves),
        memory_bytes=max(half.memory_bytes for half in halves),
        said=said,
    )


def slice_by_slice(path: Path) -> Figure:
    """The whole read as the fetcher has it: what was read is folded, counted and let go after every few batches."""
    from parsers.bulk import BulkReader, scanner_for
    from parsers.masks import Redactor
    from parsers.reading import Reader

    watch = Stopwatch()
    rules = cached_packs()
    with path.open("rb") as file:
        scanner = scanner_for(rules, file.read(1 << 20), cache=_Folder(path.parent))
    reader = BulkReader(Reader(rules=rules, redactor=Redactor()), scanner=scanner)
    watch.start()
    findings = counted = 0
    for number, batch in enumerate(batches(path)):
        reader.feed(batch)
        if number % 4 == 3:
            reading = reader.take()
            findings, counted = findings + len(reading.findings), counted + sum(one.count for one in reading.request_counts)
    reading = reader.take()
    return watch.figure(
        path.stat().st_size,
        findings=findings + len(reading.findings),
        requests=counted + sum(one.count for one in reading.request_counts),
    )


def only_lines(path: Path) -> Figure:
    """A Python loop that does nothing with each line."""
    watch = Stopwatch()
    lines = 0
    with path.open("rb") as file:
        for _ in file:
            lines += 1
    return watch.figure(path.stat().st_size, lines=lines)


def rule_loop(path: Path) -> Figure:
    """A Python loop over the rules for each line, on the file's head."""
    watch = Stopwatch()
    rules = cached_packs().rules
    compiled = [[re.compile(text, re.MULTILINE) for text in rule.pattern_texts] for rule in rules]
    with path.open("rb") as file:
        head = file.read(RULE_LOOP_BYTES)
    lines = [line.decode("utf-8", "replace") for line in head.split(b"\n")]
    watch.start()
    taken = sum(1 for line in lines if any(pattern.search(line) for rule in compiled for pattern in rule))
    return watch.figure(len(head), records=taken)


def ripgrep(path: Path) -> Figure:
    """`rg -c` with the same patterns: those it can parse, their bounds opened, for it can't hold them as they are."""
    patterns, refused = _ripgrep_patterns(path.parent)
    head = path.with_suffix(".head")
    with path.open("rb") as file:
        head.write_bytes(file.read(HEAD_BYTES))
    command = ["rg", "-c", "--regex-size-limit", "8G", "--dfa-size-limit", "1G", "-f", str(patterns)]
    starting = Stopwatch()
    subprocess.run([*command, str(head)], check=False, capture_output=True)
    start = starting.figure(HEAD_BYTES)
    watch = Stopwatch()
    done = subprocess.run([*command, str(path)], check=False, capture_output=True, text=True)
    whole = watch.figure(path.stat().st_size)
    return Figure(
        read_bytes=whole.read_bytes - HEAD_BYTES,
        cpu_s=max(0.001, whole.cpu_s - start.cpu_s),
        wall_s=max(0.001, whole.wall_s - start.wall_s),
        start_s=start.cpu_s,
        memory_bytes=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
        said={"lines": int(done.stdout or 0), "refused": refused, "whole_s": round(whole.cpu_s, 1)},
    )


_OPENED = ((r"\{0,\d+\}\??", "*"), (r"\{1,\d+\}\??", "+"), (r"\{(\d),\d\d+\}\??", r"{\1,}"))


def _ripgrep_patterns(folder: Path) -> tuple[Path, int]:
    """The patterns of all rules, one a line, as ripgrep takes them; how many it refuses."""
    wanted, known = folder / "patterns", folder / "patterns.refused"
    if not known.exists():
        good, refused = [], 0
        for text in (text for rule in cached_packs().rules for text in rule.pattern_texts):
            plain = re.sub(r"\(\?P<\w+>", "(?:", text)
            for bound, opened in _OPENED:
                plain = re.sub(bound, opened, plain)
            taken = (
                "\n" not in plain
                and subprocess.run(["rg", "-e", plain, os.devnull], check=False, capture_output=True).returncode != 2
            )
            good, refused = [*good, plain] if taken else good, refused + (not taken)
        wanted.write_text("\n".join((*good, "")), "utf-8")
        known.write_text(str(refused))
    return wanted, int(known.read_text())


CONTESTANTS: dict[str, Callable[[Path], Figure]] = {
    "scan and classify": scan_and_classify,
    "whole read": whole_read,
    "whole read, two processes": in_two_processes,
    "slice by slice": slice_by_slice,
    "ripgrep": ripgrep,
    "only lines": only_lines,
    "rule loop": rule_loop,
}


# ---- the run ----


def measured(name: str, path: Path) -> Figure:
    """One contestant's figure, in a process of its own."""
    command = [*THIS, "--one", name, "--file", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Figure(**json.loads(done.stdout))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--mb", type=float, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", default=["plain", "json"], choices=["plain", "json"])
    parser.add_argument("--without", nargs="+", default=[], choices=list(CONTESTANTS), help="leave contestants out")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        gc.set_threshold(100_000, 50, 50)  # as the command has it (dashboard/cli.py)
        figure = half_read(options.file) if options.one == "half" else CONTESTANTS[options.one](options.file)
        print(json.dumps({name: getattr(figure, name) for name in Figure.__slots__}))
        return 0
    names = [name for name in CONTESTANTS if name not in options.without and (name != "ripgrep" or shutil.which("rg"))]
    print(f"{options.mb:g} MB, {options.rounds} rounds, load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        for kind in options.kinds:
            _table(kind, names, Path(folder), options.mb, options.rounds)
            _growth(kind, Path(folder), options.mb)
    return 0


def _table(kind: str, names: list[str], folder: Path, mb: float, rounds: int) -> None:
    path = made(folder, kind, mb)
    figures: dict[str, list[Figure]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            figures[name].append(measured(name, path))
    speeds = {name: statistics.median(_speed(one) for one in some) for name, some in figures.items()}
    print(f"\n{kind:28}{'MB/s CPU':>10}{'MB/s wall':>10}{'start s':>9}{'MB memory':>10}  {'x ripgrep':>9}{'x rules':>9}")
    for name, some in figures.items():
        wall = statistics.median(one.read_bytes / one.wall_s / (1 << 20) for one in some)
        start, memory = statistics.median(one.start_s for one in some), statistics.median(one.memory_bytes for one in some)
        ratios = [speeds[name] / speeds[other] if other in speeds else float("nan") for other in ("ripgrep", "rule loop")]
        print(
            f"{name:28}{speeds[name]:10.3g}{wall:10.3g}{start:9.2f}{memory / 1e6:10.0f}  {ratios[0]:9.3g}{ratios[1]:9.3g}  {some[-1].said}"
        )


def _speed(figure: Figure) -> float:
    return figure.read_bytes / figure.cpu_s / (1 << 20)


def _growth(kind: str, folder: Path, mb: float) -> None:
    """Peak memory at a tenth of the size and at the size."""
    small, large = made(folder, kind, mb / 10), folder / f"{kind}-{mb:g}.log"
    for name in ("whole read", "slice by slice"):
        before, after = (measured(name, path).memory_bytes / 1e6 for path in (small, large))
        print(f"{name}: {before:.0f} MB of memory at {mb / 10:g} MB, {after:.0f} MB at {mb:g} MB: x {after / before:.2f}")


if __name__ == "__main__":
    raise SystemExit(main())
