"""A column batch of events: one bytes buffer, offsets, timestamps, stream numbers. Big inputs travel in these.

An `Event` costs about a microsecond to make and a batch nothing, so the fast path (parsers/bulk.py) makes events only of
what it has to look at. Batches of 2 to 8 MB work best; a batch made of events keeps them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from parsers.model import Event, StreamKey

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = Sequence[int] | NDArray[np.int64] | NDArray[np.intp]

TARGET_BYTES = 4 << 20
TASK_DEFINITION = "ecs_task_definition"  # the name that FireLens gives a record's task definition


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Events of any streams; those of one stream in the stream's order.

    `data`: the texts in UTF-8, each followed by one line feed (a text may hold line feeds of its own).
    `ends`: of each text, the offset of the line feed behind it. `streams`: of each text, its number in `keys`.
    """

    data: bytes
    ends: Numbers  # array('q') or a numpy array of int64
    timestamps_ms: Numbers  # the same
    streams: Numbers
    keys: tuple[StreamKey, ...]
    event_ids: Sequence[str | None] | None = None
    ingestion_ms: Numbers | None = None  # -1: not known
    file: str | None = None
    lines: Numbers | None = None  # of each event, its line in `file`
    undecodable: frozenset[int] = frozenset()
    events: tuple[Event, ...] | None = None

    def __len__(self) -> int:
        return len(self.ends)

    @staticmethod
    def of(events: Iterable[Event]) -> Batch:
        """A batch of events as they come."""
        kept = tuple(events)
        keys: dict[StreamKey, int] = {}
        streams, ends, timestamps = array("q"), array("q"), array("q")
        texts: list[bytes] = []
        at = 0
        for event in kept:
            text = event.text.encode("utf-8", "replace")
            at += len(text)
            ends.append(at)
            at += 1
            texts.append(text)
            timestamps.append(event.timestamp_ms)
            streams.append(keys.setdefault(event.stream, len(keys)))
        texts.append(b"")
        return Batch(data=b"\n".join(texts), ends=ends, timestamps_ms=timestamps, streams=streams, keys=tuple(keys), events=kept)

    @staticmethod
    def of_lines(data: bytes, *, timestamps_ms: Sequence[int], streams: Sequence[int], keys: tuple[StreamKey, ...]) -> Batch:
        """A batch of plain lines: each line of `data` (which ends with a line feed) is one event. Bad bytes become U+FFFD."""
        if not data.isascii():
            data = data.decode("utf-8", "replace").encode()
        ends = array("q")
        at = data.find(b"\n")
        while at >= 0:
            ends.append(at)
            at = data.find(b"\n", at + 1)
        return Batch(data=data, ends=ends, timestamps_ms=timestamps_ms, streams=streams, keys=keys)

    @cached_property
    def names_tasks(self) -> bool:
        """Whether any record may name the task definition that printed it; a search of the whole buffer costs nothing."""
        return TASK_DEFINITION.encode() in self.data

    @cached_property
    def ends_list(self) -> list[int]:
        """As Python's own numbers: taking them one by one out of an array makes each anew."""
        ends: Any = self.ends
        return list(ends.tolist()) if hasattr(ends, "tolist") else list(ends)

    def start(self, number: int) -> int:
        return self.ends_list[number - 1] + 1 if number else 0

    def size(self, number: int) -> int:
        """Bytes of the event's text."""
        ends = self.ends_list
        return ends[number] - (ends[number - 1] + 1 if number else 0)

    def line(self, number: int) -> bytes:
        """The event's text as it came."""
        ends = self.ends_list
        return self.data[ends[number - 1] + 1 if number else 0 : ends[number]]

    def text(self, number: int) -> str:
        """The event's text; bad bytes become U+FFFD."""
        ends = self.ends_list
        return self.data[ends[number - 1] + 1 if number else 0 : ends[number]].decode("utf-8", "replace")

    def event(self, number: int, *, stream: StreamKey | None = None, timestamp_ms: int | None = None) -> Event:
        """One event of the batch; the very one it was made of, if it was. `stream`, `timestamp_ms`: its own, where they are known."""
        if self.events is not None:
            return self.events[number]
        ingestion = int(self.ingestion_ms[number]) if self.ingestion_ms is not None else -1
        return Event(
            stream=self.keys[int(self.streams[number])] if stream is None else stream,
            timestamp_ms=int(self.timestamps_ms[number]) if timestamp_ms is None else timestamp_ms,
            text=self.text(number),
            event_id=self.event_ids[number] if self.event_ids is not None else None,
            ingestion_ms=ingestion if ingestion >= 0 else None,
            file=self.file,
            line=int(self.lines[number]) if self.lines is not None else None,
            undecodable=number in self.undecodable,
        )

    def __iter__(self) -> Iterator[Event]:
        return (self.event(number) for number in range(len(self)))


def in_batches(events: Iterable[Event], target_bytes: int = TARGET_BYTES) -> Iterator[Batch]:
    """Events as batches of about `target_bytes` of text."""
    some: list[Event] = []
    size = 0
    for event in events:
        some.append(event)
        size += len(event.text) + 1
        if size >= target_bytes:
            yield Batch.of(some)
            some, size = [], 0
    if some:
        yield Batch.of(some)
