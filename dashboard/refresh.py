"""Reading new logs while pages stay quick: one worker thread a server, with progress, an end and a cancel.

The thread opens a Workspace of its own, so a page never waits for a fetch, and a fetch never for a page. Cancelling takes
effect at the next report of progress: what was read until then stays (slices are replaced whole).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from parsers import counted, errors


class Collects(Protocol):
    """What a refresh needs of a Workspace."""

    def collect(self, progress: Callable[..., Any] | None = None) -> object: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the reading is. `done` and `total` count steps; `total` 0 means nobody knows yet."""

    running: bool = False
    cancelled: bool = False
    done: int = 0
    total: int = 0
    step: str = ""
    error: str | None = None
    hint: str | None = None
    told: tuple[str, ...] = ()  # what the last reading did, in lines of plain text
    ended: int = 0  # how many readings ended so far


class _CancelledError(Exception):
    """Raised inside `collect` by the progress call-back; never leaves this file."""


class Refresh:
    """At most one reading at a time; safe to ask from any session's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self._progress = Progress()
        self._thread: threading.Thread | None = None

    @property
    def progress(self) -> Progress:
        with self._lock:
            return self._progress

    def start(self, open_workspace: Callable[[], Collects]) -> bool:
        """False when a reading is already under way: then there is nothing to start."""
        with self._lock:
            if self._progress.running:
                return False
            self._cancel.clear()
            self._progress = Progress(running=True, ended=self._progress.ended)
            self._thread = threading.Thread(target=self._run, args=(open_workspace,), name="triage-refresh", daemon=True)
        self._thread.start()
        return True

    def cancel(self) -> None:
        self._cancel.set()

    def wait(self, timeout_s: float) -> None:
        """Until the reading under way has ended, for tests and for a shutdown."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self, open_workspace: Callable[[], Collects]) -> None:
        try:
            workspace = open_workspace()
            try:
                report = workspace.collect(self._report)
            finally:
                workspace.close()
            self._end(told=told(report))
        except _CancelledError:
            self._end(cancelled=True)
        except errors.TriageError as error:
            self._end(error=str(error), hint=getattr(error, "hint", None))
        except Exception as error:  # noqa: BLE001 - a worker must always end in words, never in a silent dead thread
            self._end(error=f"{type(error).__name__} while reading logs", hint="`triage doctor` says what is wrong")

    def _report(self, *news: Any) -> None:
        """Takes (done, total, step) in any part: numbers in order, a text is the step."""
        if self._cancel.is_set():
            raise _CancelledError
        numbers = [item for item in news if isinstance(item, int) and not isinstance(item, bool)]
        step = next((item for item in news if isinstance(item, str)), "")
        with self._lock:
            done, total = [*numbers, self._progress.done + 1, 0][:2] if len(numbers) < 2 else numbers[:2]
            self._progress = replace(self._progress, done=done, total=total, step=step)

    def _end(self, **how: Any) -> None:
        with self._lock:
            last = self._progress
            self._progress = Progress(running=False, done=last.done, total=last.total, ended=last.ended + 1, **how)


def told(report: object) -> tuple[str, ...]:
    """A CollectReport in lines: how much was read, the AWS calls it took where it names them, and its notices."""
    events, streams, unchanged = (getattr(report, name, 0) for name in ("events", "streams", "unchanged"))
    calls: Mapping[str, int] = getattr(report, "calls", None) or {}
    lines = [
        f"{counted(events, 'event')} of {counted(streams, 'stream')} {'was' if events == 1 else 'were'} read"
        + (f"; {counted(unchanged, 'source')} had not changed" if unchanged else "")
    ]
    if calls:
        lines.append("AWS calls: " + ", ".join(f"{name} {count:,}" for name, count in sorted(calls.items())))
    return (*lines, *getattr(report, "notices", ()))
