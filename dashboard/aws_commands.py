"""`triage fetch`, `doctor` and `demo --aws`: the commands that talk to AWS, or to something that speaks like it."""

from __future__ import annotations

import argparse
import re
import sys
import threading
import time

from dashboard.doctor import exit_code, policy_text
from dashboard.doctor import run as check_up
from dashboard.fetchers.pull import Progress
from dashboard.fetching import FetchReport, FetchRequest, connect, run_fetch
from dashboard.settings import Settings
from dashboard.terminal import Paper, clock
from dashboard.workspace import Workspace
from parsers import UsageError, counted, epoch_ms, show

_PART = re.compile(r"(\d{1,6})\s*(ms|s|m|h|d|w)")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
INTERRUPTED = 130


def duration_ms(text: str) -> int | None:
    """`10m`, `1h30m`, `2h ago`, `1d` in milliseconds; None when it is no duration."""
    body = text.strip().lower().removesuffix("ago").strip()
    parts = _PART.findall(body)
    if not parts or _PART.sub("", body).strip():
        return None
    return sum(int(number) * _UNIT_MS[unit] for number, unit in parts)


_A_TIME = "RFC 3339, for example 2025-11-19T03:00:00Z"


def instant_ms(text: str | None, flag: str, hint: str = _A_TIME) -> int | None:
    """An RFC 3339 time as epoch ms UTC. Raises UsageError naming the flag."""
    if text is None:
        return None
    value = epoch_ms(text)
    if value is None:
        raise UsageError(f"{flag} {text!r} is no time", hint=hint)
    return value


def request_of(options: argparse.Namespace) -> FetchRequest:
    """What the command line asks for. `--since` takes a duration or a time."""
    since = duration_ms(options.since) if options.since else None
    start = instant_ms(options.start_time, "--start-time")
    if options.since and since is None:
        start = instant_ms(options.since, "--since", f"a duration (90s, 10m, 2h, 1d, 1h30m) or a time ({_A_TIME})")
    return FetchRequest(
        since_ms=since,
        start_ms=start,
        end_ms=instant_ms(options.end_time, "--end-time"),
        task_definition=options.task_definition,
        quota_share=options.quota_share / 100,
        again=options.again,
        newest_first=not options.follow,
    )


def fetch(settings: Settings, options: argparse.Namespace) -> int:
    """Pull logs and ECS answers into the store. 0 when all that was asked for is there, 3 when stretches are missing, 130 after Ctrl-C."""
    stop = threading.Event()
    meter = Meter(sys.stderr.isatty())
    with Workspace.open(settings) as workspace:
        try:
            report = run_fetch(
                settings, request_of(options), workspace, progress=meter.show, say=_say, stop=stop, follow=options.follow
            )
        except KeyboardInterrupt:
            stop.set()
            _say("interrupted; what was fetched is kept, the same command goes on from there")
            return INTERRUPTED
        finally:
            meter.end()
    for line in report.lines():
        _say(line)
    return _exit_code(report)


def _exit_code(report: FetchReport) -> int:
    if report.interrupted:
        return INTERRUPTED
    return 0 if report.complete else 3


class Meter:
    """One line of progress on a terminal, a line every ten seconds elsewhere. Never on stdout."""

    def __init__(self, terminal: bool) -> None:
        self.terminal = terminal
        self.last_s = 0.0
        self.shown = False

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self.last_s < (0.2 if self.terminal else 10.0):
            return
        self.last_s = now
        sys.stderr.write(f"\r\x1b[K{progress_text(progress)}" if self.terminal else progress_text(progress) + "\n")
        sys.stderr.flush()
        self.shown = True

    def end(self) -> None:
        if self.shown and self.terminal:
            sys.stderr.write("\r\x1b[K")


def progress_text(one: Progress) -> str:
    """Pages, events, bytes, how much of the window is covered, time left, throttles."""
    covered = f"{one.covered_ms / one.window_ms:.0%}" if one.window_ms else "?"
    eta = f", {one.eta_s:.0f} s left" if one.eta_s is not None else ""
    throttled = f", throttled {one.throttles}×" if one.throttles else ""
    newest = f" to {clock(one.newest_ms)}" if one.newest_ms else ""
    read = f"{counted(one.pages, 'page')}, {counted(one.events, 'event')}, {one.response_bytes / 1e6:.1f} MB"
    return f"{one.doing}: {read}, {covered} of the window{newest}{eta}{throttled}"


def _say(text: str) -> None:
    sys.stderr.write(show(text) + "\n")


def doctor(settings: Settings, options: argparse.Namespace) -> int:
    """Each check as it is done, with the command that mends it. 0 when a fetch can work, 4 when it cannot look."""
    paper = Paper.of(sys.stdout, options.color)
    if options.iam_policy:
        paper.line(policy_text(settings, aws=connect(settings) if settings.cluster else None))
        return 0
    done = []
    for one in check_up(settings):
        done.append(one)
        paper.wrapped(show(f"{one.name}: {one.text}"), first=f"{one.sign} ", indent="  ")
        if one.mend:
            paper.wrapped(show(one.mend), first="    → ", indent="      ")
    return exit_code(done)
