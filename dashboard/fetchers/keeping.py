"""The sink that keeps: events of a cell are read by the parsers and go into the store as slices, cell by cell.

A slice is read with a few seconds of its neighbours around it, so that a record which crosses its edge is read whole; what
begins outside is then left to the neighbour. Cells are written in batches, each batch in one transaction with the note that
they were fetched: after kill -9 the store holds whole cells only, and the next fetch goes on with the others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from dashboard.fetchers.pull import CellRead
from dashboard.fetchers.session import RawEvent
from dashboard.fetchers.slices import CELL_MS, Gap, Scope, SliceState, Window, cell_start
from dashboard.fetchers.stream_events import StreamEvents
from dashboard.pack_cache import ScanCache
from dashboard.store import Database, Slice, fetched, slices
from dashboard.store import SliceState as StoredState
from dashboard.store.database import Sql
from parsers import Batch, Event, Reader, Reading, StreamKey, StreamReading, in_order, read_stream, sealed

if TYPE_CHECKING:
    from parsers import BulkReader

WARM_FROM = 1_000  # events of a stream at once: more of them will come
READ_AFTER = 5_000  # events of a stream and cell that wait before they are read
WAITING_BYTES = (
    48_000_000  # of all cells under way: beyond it the fullest cell is read in part, and small parts cost twice as much
)
EVENT_BYTES = 250  # what an event takes beside its text
BULK_FROM = 3_000  # as many are read by the fast path, whose start costs a quarter of a second
FLUSH_EVERY_S = 2.0
FLUSH_SHARE = 4  # ... and at least so many times as long as the last write took
FLUSH_FACTS = 20_000


@dataclass(slots=True)
class _Stretch:
    """What was fed of one stream for one cell."""

    key: StreamKey
    waiting: StreamEvents = field(default_factory=StreamEvents)
    reading: Reading | None = None
    events: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    last_ingestion_ms: int | None = None
    waiting_bytes: int = 0

    def wait(self, events: StreamEvents) -> None:
        """More of its events, to be read later."""
        self.waiting.extend(events)
        self.waiting_bytes += sum(map(len, events.texts)) + EVENT_BYTES * len(events)

    def event(self, raw: RawEvent) -> Event:
        """One of its events, as the parsers take it."""
        return Event(
            stream=self.key, timestamp_ms=raw.timestamp, text=raw.message, event_id=raw.event_id, ingestion_ms=raw.ingestion
        )

    def take(self, read: StreamReading, reader: Reader) -> None:
        """What was read of the waiting events."""
        one = Reading(parts={self.key: (read,)}, reader=reader)
        self.reading = one if self.reading is None else self.reading + one
        self.waiting = StreamEvents()
        self.waiting_bytes = 0


@dataclass(slots=True)
class _Done:
    """A cell that is complete and waits to be written, with its slices."""

    cell: CellRead
    slices: list[Slice]


class _Warming:
    """The fast path, made ready while the first pages still come: its start would hold up what the workers bring."""

    def __init__(self, reader: Reader, sample: bytes) -> None:
        from parsers import BulkReader

        self._made = BulkReader(reader, cache=ScanCache())
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._make, args=(sample,), daemon=True)
        self._thread.start()

    def _make(self, sample: bytes) -> None:
        try:
            self._made.warm(sample)
        except BaseException as error:  # noqa: BLE001 -- it belongs to whoever asks for the reader
            self._error = error

    def reader(self) -> BulkReader:
        """Waits for it. Raises what making it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._made


class StoreSink:
    """Keeps cells in the store.

    Args:
        database: the store.
        reader: rules and redactor, as the workspace has them.
        packs_digest: which rules read; cells of other rules are read again.
        origin: `aws:account/region/cluster`.
        account: the account the log groups are of.
        now_ms: AWS's clock.
    """

    def __init__(
        self,
        database: Database,
        reader: Reader,
        *,
        packs_digest: str,
        origin: str,
        account: str,
        now_ms: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.database = database
        self.reader = reader
        self.packs_digest = packs_digest
        self.origin = origin
        self.account = account
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._flushed = monotonic()
        self._pause_s = FLUSH_EVERY_S
        self._fed: dict[tuple[Scope, int], dict[str, _Stretch]] = {}
        self._waiting_bytes = 0
        self._done: list[_Done] = []
        self._confirmed: list[CellRead] = []
        self._gaps: list[Gap] = []
        self._bulk: _Warming | None = None
        self.streams: set[StreamKey] = set()
        self.fewer = 0  # cells that a later reading had fewer events of

    # ---- what the pull calls ----
    def finished(self, scope: Scope, window: Window) -> Iterable[int]:
        """Cells that are settled and were read by these rules."""
        return [
            cell.start_ms
            for cell in self._stored(scope, cell_start(window.start_ms), window.end_ms)
            if cell.state is not StoredState.OPEN and cell.end_ms == cell.start_ms + CELL_MS
        ]

    def _stored(self, scope: Scope, start_ms: int, end_ms: int) -> list[fetched.FetchedCell]:
        """Cells of the store that were read by these rules."""
        known = fetched.cells_of(self.database, self.origin, scope.region, scope.log_group, scope.selection, start_ms, end_ms)
        return [cell for cell in known if cell.packs_digest == self.packs_digest]

    def feed(self, scope: Scope, cell_ms: int, stream: str, events: StreamEvents) -> None:
        """Take events of one stream, in order, those around the cell included."""
        fed = self._fed.setdefault((scope, cell_ms), {})
        stretch = fed.get(stream)
        if stretch is None:
            stretch = fed[stream] = _Stretch(self._key(scope, stream))
        before = stretch.waiting_bytes
        stretch.wait(events)
        self._waiting_bytes += stretch.waiting_bytes - before
        _note_inside(stretch, events.between(cell_ms, cell_ms + CELL_MS))
        if len(events) >= WARM_FROM and self._bulk is None:
            self._bulk = _Warming(self.reader, b"\n".join(stretch.waiting.texts))
        if len(stretch.waiting) >= READ_AFTER:
            self._read([stretch])
        if self._waiting_bytes > WAITING_BYTES:
            self._read(max(self._fed.values(), key=_waiting_bytes).values())

    def discard(self, scope: Scope, cell_ms: int, stream: str | None) -> None:
        """Forget what was fed."""
        fed = self._fed.get((scope, cell_ms), {})
        for name in list(fed) if stream is None else [stream] if stream in fed else []:
            self._waiting_bytes -= fed.pop(name).waiting_bytes
        if stream is None:
            self._fed.pop((scope, cell_ms), None)

    def commit(self, cell: CellRead) -> None:
        """A cell is complete."""
        fed = self._fed.pop((cell.scope, cell.start_ms), {})
        self._read(fed.values())
        self._done.append(_Done(cell, [self._slice(cell, stream, stretch) for stream, stretch in fed.items() if stretch.events]))
        self._flush_when_due()

    def confirm(self, cell: CellRead) -> None:
        """Two readings agree."""
        self._confirmed.append(cell)
        self._flush_when_due()

    def gap(self, gap: Gap) -> None:
        """A stretch was not read."""
        self._gaps.append(gap)

    # ---- reading ----
    def _key(self, scope: Scope, stream: str) -> StreamKey:
        return StreamKey(log_group=scope.log_group, log_stream=stream, account=self.account, region=scope.region)

    def _read(self, stretches: Iterable[_Stretch]) -> None:
        """Read what waits. The streams of a cell together: many small ones are a big batch."""
        waiting = [stretch for stretch in stretches if stretch.waiting]
        self._waiting_bytes -= sum(stretch.waiting_bytes for stretch in waiting)
        if sum(len(stretch.waiting) for stretch in waiting) >= BULK_FROM:
            self._read_in_bulk(waiting)
        else:
            for stretch in waiting:
                stretch.take(read_stream(self.reader, stretch.key, in_order(map(stretch.event, stretch.waiting))), self.reader)

    def _read_in_bulk(self, waiting: Sequence[_Stretch]) -> None:
        self._bulk = self._bulk or _Warming(self.reader, b"")
        bulk = self._bulk.reader()
        bulk.feed(_batch(waiting))
        read = bulk.take()
        for stretch in waiting:
            stretch.take(read.streams[stretch.key], self.reader)

    def _slice(self, cell: CellRead, stream: str, stretch: _Stretch) -> Slice:
        key = self._key(cell.scope, stream)
        self.streams.add(key)
        assert stretch.reading is not None
        around = sealed(self.reader, stretch.reading.streams[key])
        return Slice(
            start_ms=cell.start_ms, end_ms=cell.start_ms + CELL_MS, state=StoredState(cell.state), packs_digest=self.packs_digest,
            reading=_between(around, cell, stretch),
        )  # fmt: skip

    # ---- writing ----
    def _flush_when_due(self) -> None:
        waiting = sum(len(one.reading.facts) for done in self._done for one in done.slices)
        if waiting >= FLUSH_FACTS or self._monotonic() - self._flushed >= self._pause_s:
            self.flush()

    def flush(self) -> None:
        """Write everything that is complete, in one transaction."""
        if not (self._done or self._confirmed or self._gaps):
            return
        began = self._monotonic()
        read_ms = self._now_ms()
        with self.database.write() as sql:
            origin = slices.origin_id(sql, self.origin, read_ms)
            fresh, untouched = self._against_the_store()
            news = [one for done in fresh for one in done.slices]
            slices.put_all(sql, origin, [*news, *self._emptied(sql, fresh)], self._fold, read_ms=read_ms)
            fetched.keep_cells(sql, origin, [*untouched, *(self._kept(done.cell) for done in fresh)], read_ms=read_ms)
            for cell in self._confirmed:
                fetched.confirm(sql, origin, self._kept(cell))
            for done in self._done:
                cell = done.cell
                fetched.drop_gaps(sql, origin, cell.scope.region, cell.scope.log_group, cell.start_ms, cell.start_ms + CELL_MS)
            fetched.keep_gaps(sql, origin, [row for gap in self._gaps for row in _gap_rows(gap)], read_ms=read_ms)
        self._done, self._confirmed, self._gaps = [], [], []
        self._flushed = self._monotonic()
        self._pause_s = max(FLUSH_EVERY_S, FLUSH_SHARE * (self._flushed - began))

    def _against_the_store(self) -> tuple[list[_Done], list[fetched.FetchedCell]]:
        """(cells to write, cells of which the stored reading stays). Called within the transaction that writes.

        Two may read the same cells at once (`fetch --follow`, the page's Refresh), each with its own calls: whoever writes
        last must not put a poorer reading in place of a fuller one. AWS has been seen to answer less than it holds, too.
        """
        stored: dict[tuple[Scope, int], fetched.FetchedCell] = {}
        for scope in {done.cell.scope for done in self._done}:
            starts = [done.cell.start_ms for done in self._done if done.cell.scope == scope]
            stored |= {(scope, cell.start_ms): cell for cell in self._stored(scope, min(starts), max(starts) + 1)}
        fresh: dict[tuple[Scope, int], _Done] = {}
        untouched: dict[tuple[Scope, int], fetched.FetchedCell] = {}
        for done in self._done:
            key = (done.cell.scope, done.cell.start_ms)
            new, old = self._kept(done.cell), stored.get(key)
            if old is not None and (old.events, old.end_ms) > (new.events, new.end_ms):
                self.fewer += old.end_ms == new.end_ms
                stays = replace(old, state=max(old.state, new.state, key=_SURER)) if old.end_ms == new.end_ms else old
                stored[key] = stays
                if key not in fresh:
                    untouched[key] = stays
            else:
                same = old is not None and (old.digest, old.end_ms) == (new.digest, new.end_ms)
                fresh[key] = _in_state(done, max(old.state, new.state, key=_SURER)) if old is not None and same else done
                stored[key] = self._kept(fresh[key].cell)
                untouched.pop(key, None)
        return list(fresh.values()), list(untouched.values())

    def _emptied(self, sql: Sql, fresh: Sequence[_Done]) -> Iterator[Slice]:
        """Empty slices: of streams that had events in a cell and have none now, and of known streams over a gap."""
        written = {(one.stream, one.start_ms) for done in fresh for one in done.slices}
        for cell in (done.cell for done in fresh):
            for account, name in fetched.streams_with_slices(
                sql, cell.scope.region, cell.scope.log_group, cell.start_ms, cell.end_ms
            ):
                key = self._key(cell.scope, name)
                if account == self.account and cell.scope.holds(name) and (key, cell.start_ms) not in written:
                    yield self._empty(key, cell.start_ms, StoredState(cell.state))
        for gap in self._gaps:
            for account, name in fetched.known_streams(sql, gap.scope.region, gap.scope.log_group):
                if account == self.account and gap.scope.holds(name):
                    yield from self._gap_slices(sql, self._key(gap.scope, name), gap)

    def _gap_slices(self, sql: Sql, key: StreamKey, gap: Gap) -> Iterator[Slice]:
        """The gap, in cells that hold nothing of this stream; where something is kept, it stays."""
        kept = slices.starts_with_events(sql, key)
        for cell_ms in range(cell_start(gap.start_ms), gap.end_ms, CELL_MS):
            if cell_ms not in kept:
                yield self._empty(key, cell_ms, StoredState.OPEN, gaps=((cell_ms, min(cell_ms + CELL_MS, gap.end_ms)),))

    def _empty(self, key: StreamKey, cell_ms: int, state: StoredState, *, gaps: tuple[tuple[int, int], ...] = ()) -> Slice:
        reading = StreamReading(stream=key, gaps=gaps)
        return Slice(start_ms=cell_ms, end_ms=cell_ms + CELL_MS, state=state, packs_digest=self.packs_digest, reading=reading)

    def _kept(self, cell: CellRead) -> fetched.FetchedCell:
        return fetched.FetchedCell(
            region=cell.scope.region, log_group=cell.scope.log_group, selection=cell.scope.selection, start_ms=cell.start_ms,
            end_ms=cell.end_ms, state=StoredState(cell.state), packs_digest=self.packs_digest, events=cell.events, digest=f"{cell.digest:016x}",
        )  # fmt: skip

    def _fold(self, stretches: Sequence[StreamReading]) -> Reading:
        return Reading(parts={stretches[0].stream: tuple(stretches)}, reader=self.reader)


_SURER = [StoredState.OPEN, StoredState.SETTLED, StoredState.VERIFIED].index


def _in_state(done: _Done, state: StoredState) -> _Done:
    return _Done(replace(done.cell, state=SliceState(state)), [replace(one, state=state) for one in done.slices])


def _batch(waiting: Sequence[_Stretch]) -> Batch:
    """A batch of some streams' events, column by column: no `Event` is made but of what the rules look at. They come in order."""
    raw = StreamEvents()
    for stretch in waiting:
        raw.extend(stretch.waiting)
    lengths = np.fromiter(map(len, raw.texts), dtype=np.int64, count=len(raw))
    return Batch(
        data=b"\n".join((*raw.texts, b"")),
        ends=np.cumsum(lengths + 1) - 1,
        timestamps_ms=np.frombuffer(raw.times_ms, dtype=np.int64),
        streams=np.repeat(np.arange(len(waiting)), [len(stretch.waiting) for stretch in waiting]),
        keys=tuple(stretch.key for stretch in waiting),
        event_ids=raw.ids,
        ingestion_ms=np.frombuffer(raw.ingestions_ms, dtype=np.int64),
    )


def _waiting_bytes(fed: dict[str, _Stretch]) -> int:
    return sum(stretch.waiting_bytes for stretch in fed.values())


def _note_inside(stretch: _Stretch, inside: StreamEvents) -> None:
    """What a slice says of its events. `inside`: those of the cell itself."""
    if not inside:
        return
    stretch.events += len(inside)
    stretch.first_ms = inside.times_ms[0] if stretch.first_ms is None else stretch.first_ms
    stretch.last_ms = inside.times_ms[-1]
    ingested = inside.last_ingestion_ms
    if ingested is not None:
        stretch.last_ingestion_ms = max(ingested, stretch.last_ingestion_ms or 0)


def _between(around: StreamReading, cell: CellRead, stretch: _Stretch) -> StreamReading:
    """What begins within the cell. Cells begin and end at whole minutes, so minute counts are cut exactly."""
    end_ms = cell.start_ms + CELL_MS
    facts = tuple(fact for fact in around.facts if cell.start_ms <= fact.timestamp_ms < end_ms)
    counts = {key: number for key, number in around.counts.items() if cell.start_ms <= key[0] < end_ms}
    answered = sum(1 for fact in facts if fact.access is not None and not fact.access.framework and not fact.access.opening)
    return replace(
        around,
        facts=facts,
        counts=counts,
        openings=tuple(fact for fact in around.openings if cell.start_ms <= fact.timestamp_ms < end_ms),
        first_ms=stretch.first_ms,
        last_ms=stretch.last_ms,
        last_ingestion_ms=stretch.last_ingestion_ms,
        events=stretch.events,
        first_ms_events=around.first_ms_events if around.first_ms == stretch.first_ms else 0,
        last_ms_events=around.last_ms_events if around.last_ms == stretch.last_ms else 0,
        access_lines=sum(counts.values()) + answered,
        marked=any(match.mark is not None for fact in facts for match in fact.matches),
    )


def _gap_rows(gap: Gap) -> Iterator[fetched.FetchGap]:
    """A gap cell by cell, so that each closes by itself when it is read later."""
    for cell_ms in range(cell_start(gap.start_ms), gap.end_ms, CELL_MS):
        yield fetched.FetchGap(
            region=gap.scope.region, log_group=gap.scope.log_group, selection=gap.scope.selection,
            start_ms=max(cell_ms, gap.start_ms), end_ms=min(cell_ms + CELL_MS, gap.end_ms), reason=gap.reason,
        )  # fmt: skip


__all__ = ["SliceState", "StoreSink"]
