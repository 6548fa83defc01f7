"""The work of a pull: runs of cells, who reads them, and who waits for more."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from dashboard.fetchers.slices import CELL_MS, Scope


class Api(StrEnum):
    """Which calls read events: FilterLogEvents all streams at once, GetLogEvents one stream; auto takes both."""

    AUTO = "auto"
    FILTER = "filter"
    GET = "get"


@dataclass(slots=True)
class Run:
    """A stretch of cells of one scope for one chain of pages; with `stream`, only that stream's share of it.

    `start_ms` moves on as cells are finished (in the main thread), `end_ms` shrinks when half is given away (in the
    worker). Runs of one `group` cover cells together: a cell is complete when every share of it has passed.
    """

    scope: Scope
    start_ms: int
    end_ms: int
    group: int
    stream: str | None = None
    lane: Api = Api.FILTER
    attempt: int = 1
    attempt_start_ms: int = -1
    may_get: bool = True

    def again(self) -> Run:
        """The rest of this run for another attempt; attempts count only while nothing is won."""
        won = self.start_ms > self.attempt_start_ms
        return replace(self, attempt=1 if won else self.attempt + 1, attempt_start_ms=self.start_ms)

    @property
    def chain_scope(self) -> Scope:
        """What a chain of this run asks for."""
        if self.stream is None:
            return self.scope
        return replace(self.scope, prefix="", streams=(self.stream,))


class Board:
    """The runs that wait, and how many workers have nothing to do. Thread-safe.

    `left_to_get`: so many of the last cells FilterLogEvents leaves to GetLogEvents, when that reads along: while the slower
    lane reads one cell the faster one reads all of these, and both end at about the same time.
    """

    def __init__(self, runs: Iterable[Run], *, newest_first: bool, left_to_get: int = 0) -> None:
        self.newest_first = newest_first
        self.left_to_get = left_to_get
        self.stopped = False
        self._waiting = list(runs)  # of FilterLogEvents; the next one last
        self._shares: deque[Run] = deque()  # of one stream each: of GetLogEvents first
        self._closed: set[Api] = set()
        self._active = 0
        self._idle = {Api.FILTER: 0, Api.GET: 0}
        self._changed = threading.Condition()
        self._sort()

    def _sort(self) -> None:
        self._waiting.sort(key=lambda run: run.start_ms, reverse=not self.newest_first)

    def take(self, lane: Api, convertible: Callable[[Run], bool]) -> Run | None:
        """The next run for this lane; waits for one; None when there will be no more."""
        with self._changed:
            while not self.stopped and lane not in self._closed:
                run = self._next(lane, convertible)
                if run is not None:
                    self._active += 1
                    return run
                if not (self._active or self._waiting or self._shares):
                    self._changed.notify_all()
                    return None
                self._idle[lane] += 1
                self._changed.wait(0.2)
                self._idle[lane] -= 1
            return None

    def _next(self, lane: Api, convertible: Callable[[Run], bool]) -> Run | None:
        if lane is Api.FILTER:
            if self._waiting and not self._left_to_get(convertible):
                return self._waiting.pop()
            # FilterLogEvents reads one stream as well: better than to look on while GetLogEvents has more than it can read.
            return replace(self._shares.popleft(), lane=Api.FILTER) if self._shares else None
        if self._shares:
            return self._shares.popleft()
        # From the far end, so that the two lanes meet in the middle.
        for number, run in enumerate(self._waiting):
            if run.stream is None and convertible(run):
                return self._waiting.pop(number)
        return None

    def _left_to_get(self, convertible: Callable[[Run], bool]) -> bool:
        if Api.GET in self._closed or not self.left_to_get:
            return False
        cells = sum(-(-(run.end_ms - run.start_ms) // CELL_MS) for run in self._waiting)
        return cells <= self.left_to_get and convertible(self._waiting[-1])

    def give(self, runs: Iterable[Run]) -> None:
        """More work."""
        with self._changed:
            for run in runs:
                if run.lane is Api.GET or (run.stream is not None and Api.GET not in self._closed):
                    self._shares.append(replace(run, lane=Api.GET))
                else:
                    self._waiting.append(run)
            self._sort()
            self._changed.notify_all()

    def done(self) -> None:
        """A taken run has ended."""
        with self._changed:
            self._active -= 1
            self._changed.notify_all()

    def hungry(self, run: Run, *, get_may_help: bool) -> bool:
        """Whether somebody waits who could read a part of this run."""
        if run.stream is not None and Api.GET not in self._closed:
            return sum(self._idle.values()) > 0 and not self._shares
        idle = self._idle[Api.FILTER] + (self._idle[Api.GET] if get_may_help else 0)
        return idle > 0 and not self._waiting

    def close(self, lane: Api) -> list[Run]:
        """Nobody reads this lane any more; the runs that only it could read."""
        with self._changed:
            self._closed.add(lane)
            left = list(self._shares) if lane is Api.GET else []
            if lane is Api.GET:
                self._shares.clear()
            self._changed.notify_all()
            return left

    def unreadable(self, convertible: Callable[[Run], bool]) -> list[Run]:
        """Take out the runs that no open lane may read; empty as long as somebody works or could."""
        with self._changed:
            if self._active or self.stopped or Api.FILTER not in self._closed:
                return []
            left = [run for run in self._waiting if run.stream is not None or Api.GET in self._closed or not convertible(run)]
            self._waiting = [run for run in self._waiting if run not in left]
            return left

    def stop(self) -> None:
        """No more runs for anybody."""
        with self._changed:
            self.stopped = True
            self._changed.notify_all()
