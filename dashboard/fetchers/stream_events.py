"""Events of one stream, in order, column by column: a fetch moves millions of them and looks at few one by one."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from dashboard.fetchers.session import RawEvent

try:  # the same sums in a third of the time
    from isal.isal_zlib import crc32
except ImportError:
    from zlib import crc32

NOT_TOLD = -1  # an event whose ingestion time the answer did not carry


@dataclass(slots=True)
class StreamEvents:
    """`texts` in UTF-8 (what is no character becomes `?`), times in ms since 1970 (UTC), ids where the API gives them."""

    texts: list[bytes] = field(default_factory=list)
    times_ms: array[int] = field(default_factory=lambda: array("q"))
    ingestions_ms: array[int] = field(default_factory=lambda: array("q"))  # NOT_TOLD where they are not known
    ids: list[str | None] = field(default_factory=list)

    @staticmethod
    def of(events: Sequence[RawEvent]) -> StreamEvents:
        """The columns of events that are in order."""
        try:
            texts = [event.message.encode() for event in events]
        except UnicodeEncodeError:  # half an emoji; to ask of each takes twice the time
            texts = [event.message.encode("utf-8", "replace") for event in events]
        return StreamEvents(
            texts=texts,
            times_ms=array("q", [event.timestamp for event in events]),
            ingestions_ms=array("q", [NOT_TOLD if event.ingestion is None else event.ingestion for event in events]),
            ids=[event.event_id for event in events],
        )

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[RawEvent]:
        for text, at, ingested, name in zip(self.texts, self.times_ms, self.ingestions_ms, self.ids, strict=True):
            yield RawEvent(at, text.decode("utf-8"), None if ingested == NOT_TOLD else ingested, name)

    def between(self, start_ms: int, end_ms: int) -> StreamEvents:
        """Those of a half-open window."""
        first, last = bisect_left(self.times_ms, start_ms), bisect_left(self.times_ms, end_ms)
        if first == 0 and last == len(self.texts):
            return self
        return StreamEvents(
            self.texts[first:last], self.times_ms[first:last], self.ingestions_ms[first:last], self.ids[first:last]
        )

    def extend(self, more: StreamEvents) -> None:
        """Takes those that come after."""
        self.texts += more.texts
        self.times_ms += more.times_ms
        self.ingestions_ms += more.ingestions_ms
        self.ids += more.ids

    @property
    def last_ingestion_ms(self) -> int | None:
        """The latest that is known."""
        latest = int(np.frombuffer(self.ingestions_ms, dtype=np.int64).max(initial=NOT_TOLD))
        return None if latest == NOT_TOLD else latest

    def digest(self) -> int:
        """64 bits: the same for the same events however they are cut and summed up; an event more or less changes it."""
        if not self.texts:
            return 0
        sums = np.fromiter(map(crc32, self.texts), dtype=np.uint64, count=len(self.texts))
        times = np.frombuffer(self.times_ms, dtype=np.int64).astype(np.uint64)
        ingested = np.maximum(np.frombuffer(self.ingestions_ms, dtype=np.int64), 0).astype(np.uint64)
        return int(((sums + np.uint64(1)) * (times * np.uint64(31) + ingested)).sum())  # modulo 2 to the 64th
