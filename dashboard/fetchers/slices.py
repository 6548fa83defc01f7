"""Stretches of time: the grid of cells that slices are cut on, half-open windows, and what is known about each.

A slice is one log stream times one cell. The grid is fixed (five minutes from the epoch), so that reading a cell again
replaces exactly what was read before, whoever cuts the work and however pages fell.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

CELL_MS = 300_000
OVERLAP_MS = 300_000  # events arrive late: what ended less than this ago is read again
OVERLAP_AFTER_DEPLOY_MS = 600_000
CONTEXT_MS = 5_000  # read around a cell, so that a record that crosses its edge is read whole
LISTING_LAG_MS = 3_600_000  # DescribeLogStreams may not know a newer stream or event yet


class SliceState(StrEnum):
    """How sure a slice is. open: events may still arrive; settled: read once after the overlap; verified: two reads agree."""

    OPEN = "open"
    SETTLED = "settled"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Scope:
    """Where to look: a log group of a region, and the streams whose name starts with `prefix` (or exactly these)."""

    region: str
    log_group: str
    prefix: str = ""
    streams: tuple[str, ...] = ()
    pattern: str = ""  # a filter pattern, for questions; what is fetched to be kept has none

    def holds(self, stream: str) -> bool:
        """Whether an event of this stream belongs here; AWS and its doubles have been known to send more than was asked."""
        if self.streams:
            return stream in self.streams
        return stream.startswith(self.prefix)

    @property
    def selection(self) -> str:
        """How this scope is named in messages and as a coverage mark."""
        return ",".join(self.streams) or f"{self.prefix}*"

    def parameters(self) -> dict[str, object]:
        """The FilterLogEvents parameters that select it."""
        chosen: dict[str, object] = {"logGroupName": self.log_group}
        if self.streams:
            chosen["logStreamNames"] = list(self.streams)
        elif self.prefix:
            chosen["logStreamNamePrefix"] = self.prefix
        if self.pattern:
            chosen["filterPattern"] = self.pattern
        return chosen


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Window:
    """[start_ms, end_ms): the start belongs to it, the end does not."""

    start_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        """Its length; nothing is shorter than nothing."""
        return max(0, self.end_ms - self.start_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch that was asked for and could not be read, and why."""

    scope: Scope
    start_ms: int
    end_ms: int
    reason: str


def cell_start(timestamp_ms: int) -> int:
    """The start of the cell that holds this instant."""
    return timestamp_ms - timestamp_ms % CELL_MS


def cell_starts(window: Window) -> range:
    """The starts of all cells that the window touches."""
    return range(cell_start(window.start_ms), window.end_ms, CELL_MS)


def aligned(window: Window) -> Window:
    """The window with its start moved back to the grid; its end stays (it is often now)."""
    return Window(start_ms=cell_start(window.start_ms), end_ms=window.end_ms)


def missing(window: Window, finished: Iterable[int]) -> Iterator[Window]:
    """The contiguous stretches of the window's cells that are not in `finished`, oldest first."""
    done = set(finished)
    start: int | None = None
    for cell in cell_starts(window):
        if cell in done:
            if start is not None:
                yield Window(start_ms=start, end_ms=cell)
            start = None
        elif start is None:
            start = cell
    if start is not None:
        yield Window(start_ms=start, end_ms=window.end_ms)


def split(window: Window, pieces: int) -> list[Window]:
    """At most so many windows of whole cells, oldest first; the newest is the shortest, so that it is there first."""
    cells = list(cell_starts(window))
    pieces = max(1, min(pieces, len(cells)))
    if pieces == 1:
        return [window]
    each = -(-(len(cells) - 1) // (pieces - 1))
    edges = [*cells[:-1][::each], cells[-1], window.end_ms]
    return [Window(start_ms=a, end_ms=b) for a, b in itertools.pairwise(edges)]


def midpoint(after_ms: int, end_ms: int) -> int | None:
    """The cell boundary nearest the middle of what is left, or None when less than two cells are."""
    first = cell_start(after_ms + CONTEXT_MS) + CELL_MS
    if end_ms - first < CELL_MS:
        return None
    middle = cell_start((first + end_ms) // 2)
    return max(middle, first)


def state_at(end_ms: int, asked_ms: int, overlap_ms: int = OVERLAP_MS) -> SliceState:
    """The state of a stretch that ended at `end_ms` and was asked for at `asked_ms` (AWS's clock)."""
    return SliceState.SETTLED if end_ms <= asked_ms - overlap_ms else SliceState.OPEN
