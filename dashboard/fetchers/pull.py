"""Pulling windows of log groups: many chains of pages at once, each cell handed over whole.

The work is cut into runs of cells. Workers in two lanes take them: FilterLogEvents reads a run for all streams at once,
GetLogEvents (an own quota) reads settled runs stream by stream. A worker with nothing left to do makes another give away
the far half of its run. The main thread sorts what arrives into cells and hands each finished cell to the sink, so
progress, Ctrl-C and the store live in one thread, and memory depends on what is under way, never on the window.
"""

from __future__ import annotations

import ctypes
import queue
import signal
import threading
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Protocol

from dashboard.fetchers.board import Api, Board, Run
from dashboard.fetchers.cloudwatch import ChainBroken, Chunk, LogStream, Tally, filter_chain, list_streams, stream_chain
from dashboard.fetchers.failures import AwsError, FetchStopped
from dashboard.fetchers.session import Aws, RawEvent
from dashboard.fetchers.slices import (
    CELL_MS,
    CONTEXT_MS,
    LISTING_LAG_MS,
    OVERLAP_MS,
    Gap,
    Scope,
    SliceState,
    Window,
    aligned,
    cell_start,
    midpoint,
    missing,
    split,
    state_at,
)
from dashboard.fetchers.stream_events import StreamEvents

MAX_ATTEMPTS = 4  # of one stretch that wins nothing, before it becomes a gap
MAX_READS_TO_AGREE = 5
STREAMS_WORTH_A_CHAIN = 64  # more streams than this: FilterLogEvents reads them together
STREAMS_WORTH_LISTING = 1_000
PAGES_BEFORE_HELP = 10  # so many pages of FilterLogEvents, then GetLogEvents joins
MAX_PAUSE_S = 20.0  # before another attempt
EVENTS_AT_ONCE = 400_000  # of cells that are read stream by stream
INBOX = 4  # chunks waiting for the main thread: what bounds memory
ARENAS = 2  # that the C library takes memory from: one for each of two dozen threads keeps what the others could use
_M_ARENA_MAX = -8
PACE_FROM = 0.2  # of the window covered: before it, the pace says nothing of the time left
PROGRESS_EVERY_S = 0.2
POLL_S = 0.05
_CALLS = {Api.FILTER: "FilterLogEvents", Api.GET: "GetLogEvents"}
STREAM_SILENT_MS = 24 * 3_600_000  # a stream whose last ingestion lies further back than this is not asked


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRead:
    """One cell of one scope, read to its end. `digest` does not depend on the order of events."""

    scope: Scope
    start_ms: int
    end_ms: int
    state: SliceState
    events: int
    digest: int
    streams: tuple[str, ...]


class Sink(Protocol):
    """Where cells go. All calls come from one thread."""

    def finished(self, scope: Scope, window: Window) -> Iterable[int]:
        """Starts of the cells that need no reading any more."""

    def feed(self, scope: Scope, cell_ms: int, stream: str, events: StreamEvents) -> None:
        """The next events of a stream for a cell, in order; up to `CONTEXT_MS` around the cell belongs to its neighbours."""

    def discard(self, scope: Scope, cell_ms: int, stream: str | None) -> None:
        """Forget what was fed for this cell (of this stream, or of all): it will be fed again."""

    def commit(self, cell: CellRead) -> None:
        """The cell is complete: keep what was fed, in place of what was kept before, in one step."""

    def confirm(self, cell: CellRead) -> None:
        """A second reading of a kept cell agreed."""

    def gap(self, gap: Gap) -> None:
        """This stretch was asked for and could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a pull is, from the first second on. Bytes are those of the answers."""

    elapsed_s: float
    pages: int
    empty_pages: int
    events: int
    response_bytes: int
    throttles: int
    calls: dict[str, int]
    covered_ms: int
    window_ms: int
    newest_ms: int | None  # the newest instant that is covered
    eta_s: float | None
    gaps: int
    doing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReport:
    """What a pull did. `interrupted`: it was stopped; what it had is kept."""

    events: int
    cells: int
    settled: int
    verified: int
    open: int
    gaps: tuple[Gap, ...]
    notices: tuple[str, ...]
    tally: Tally
    interrupted: bool
    elapsed_s: float

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for was read."""
        return not self.gaps and not self.interrupted


@dataclass(frozen=True, slots=True, kw_only=True)
class PullOptions:
    """How to pull. `verify`: read everything twice and compare; what is younger than `overlap_ms` stays open.

    `planned_s`: what the whole window takes by its plan, None where that could not be asked.
    """

    api: Api = Api.AUTO
    newest_first: bool = True
    verify: bool = False
    overlap_ms: int = OVERLAP_MS
    again: bool = False  # read what is settled too
    planned_s: float | None = None


@dataclass(slots=True)
class _Part:
    """What a chain brought, in columns by stream: the worker makes them, so that nobody holds the events of a page twice."""

    run: Run
    end_ms: int
    cut_ms: int
    asked_ms: int
    streams: dict[str, StreamEvents] = field(default_factory=dict)


@dataclass(slots=True)
class _Shares:
    """A run is read stream by stream from now on: the new group and how many runs must pass each of its cells."""

    group: int
    scope: Scope
    streams: int


@dataclass(slots=True)
class _Ended:
    run: Run
    error: Exception | None = None


@dataclass(slots=True)
class _Group:
    scope: Scope
    shares: int = 1


@dataclass(slots=True)
class _Cell:
    """A cell under way: events and digest by stream, how many shares have passed, when the first was asked for."""

    passed: int = 0
    asked_ms: int | None = None
    holed: bool = False  # a stream of it could not be read
    by_stream: dict[str, tuple[int, int]] = field(default_factory=lambda: defaultdict(lambda: (0, 0)))


class Pull:
    """One pull of a window over some scopes into a sink.

    Args:
        aws: the session; its `stop` event ends the pull (Ctrl-C sets it).
        sink: takes the finished cells.
        progress: called from this thread a few times a second.
        monotonic: seconds, for pace and ETA.
        pause: waits before another attempt.
    """

    def __init__(
        self,
        aws: Aws,
        sink: Sink,
        options: PullOptions | None = None,
        *,
        progress: Callable[[Progress], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self.aws = aws
        self.sink = sink
        self._pause = pause or aws.wait
        self.options = options or PullOptions()
        self.tally = Tally()
        self.gaps: list[Gap] = []
        self.notices: list[str] = []
        self._progress = progress
        self._monotonic = monotonic
        self._began = monotonic()
        self._said = float("-inf")
        self._inbox: queue.Queue[_Part | _Shares | _Ended] = queue.Queue(INBOX)
        self._numbers = count(1)
        self._groups: dict[int, _Group] = {}
        self._cells: dict[tuple[int, int], _Cell] = {}
        self._reads: dict[tuple[Scope, int], list[tuple[int, int]]] = defaultdict(list)
        self._kept: dict[tuple[Scope, int], CellRead] = {}
        self._wanted_again: set[tuple[Scope, int]] = set()  # a later reading held more: to be read and kept
        self._listings: dict[Scope, list[LogStream] | None] = {}
        self._listing_lock = threading.Lock()
        self._denied: dict[Api, AwsError] = {}
        self._get_proven = False
        self._passing: list[tuple[Scope, Gap]] = []  # gaps that may be gone at a second look, with the scope they are of
        self._filling = False
        self._filled: set[tuple[Scope, int]] = set()
        self._fatal: AwsError | None = None
        self._interrupted = False
        self._verifying = False
        self.broken = False
        self._window_ms = self._covered_ms = self._end_ms = self._events = 0
        self._newest_ms: int | None = None
        self._planned_s: float | None = None
        self._board = Board((), newest_first=self.options.newest_first)

    # ---- the whole ----
    def run(self, scopes: Sequence[Scope], window: Window) -> PullReport:
        """Read the window, but for the cells that the sink has finished.

        Raises:
            AwsError: nothing more can be read (credentials, every API denied). What was read is kept.
        """
        window = aligned(window)
        self._end_ms = window.end_ms
        try:
            runs = [run for scope in scopes for run in self._runs_of(scope, window)]
            if self.options.planned_s is not None and scopes:  # by what is still missing of it
                self._planned_s = self.options.planned_s * self._window_ms / (window.length_ms * len(scopes))
            self._pump(runs)
            self._fill_gaps()
            if self.options.verify:
                self._verify()
        finally:
            if not self.broken:
                for gap in self.gaps:
                    self.sink.gap(gap)
        self._say(done=True)
        if self._fatal:
            raise self._fatal
        return self._report()

    def _report(self) -> PullReport:
        states = [read.state for read in self._kept.values()]
        return PullReport(
            events=sum(read.events for read in self._kept.values()), cells=len(states),
            settled=states.count(SliceState.SETTLED), verified=states.count(SliceState.VERIFIED),
            open=states.count(SliceState.OPEN), gaps=tuple(self.gaps), notices=tuple(dict.fromkeys(self.notices)), tally=self.tally,
            interrupted=self._interrupted, elapsed_s=self._monotonic() - self._began,
        )  # fmt: skip

    def _runs_of(self, scope: Scope, window: Window) -> Iterator[Run]:
        finished = self.sink.finished(scope, window)
        for stretch in missing(window, () if self.options.again else finished):
            self._window_ms += stretch.length_ms
            yield from self._new_runs(scope, stretch)

    def _new_runs(self, scope: Scope, stretch: Window) -> Iterator[Run]:
        """Two runs, the newest cell alone so that it is there at once. More come when workers are idle: a small window
        needs few calls, a big one has every worker busy after a few pages."""
        for piece in split(stretch, 2):
            group = next(self._numbers)
            self._groups[group] = _Group(scope)
            yield Run(scope=scope, start_ms=piece.start_ms, end_ms=piece.end_ms, group=group)

    # ---- the main thread ----
    def _pump(self, runs: Iterable[Run]) -> None:
        """Start the workers and take in what they bring until all of them have ended."""
        lanes = Counter(self._lanes())
        self._board = Board(runs, newest_first=self.options.newest_first, left_to_get=self._left_to_get(lanes[Api.FILTER]))
        for lane in {*self._denied, *({Api.FILTER, Api.GET} - lanes.keys())}:
            self._board.close(lane)
        workers = [threading.Thread(target=self._work, args=(lane,), daemon=True) for lane in lanes.elements()]
        _few_arenas()
        for worker in workers:
            worker.start()
        try:
            with stop_on_ctrl_c(self.aws.stop):
                self._take_in(workers)
        except BaseException as error:
            # An interrupt that was not asked for politely may have hit anywhere: what is half done is not to be trusted.
            self.broken = isinstance(error, KeyboardInterrupt)
            self._halt()
            self._drain(workers)
            raise
        finally:
            self._forget_unfinished()

    def _lanes(self) -> Iterator[Api]:
        """A lane for each worker: enough chains to keep a quota busy at half a second a page."""
        for lane in _CALLS:
            if self.options.api in (lane, Api.AUTO):
                yield from [lane] * max(2, min(int(self._rate(lane) * 0.6) + 1, self.aws.settings.chains // 2))

    def _left_to_get(self, chains: int) -> int:
        """Cells that GetLogEvents reads while all chains of FilterLogEvents read one each; it needs some more calls a cell."""
        return int(chains * self._rate(Api.GET) / self._rate(Api.FILTER) * 0.7)

    def _rate(self, lane: Api) -> float:
        return self.aws.settings.pace.rate(_CALLS[lane], self.aws.region)

    def _halt(self) -> None:
        self._interrupted = True
        self.aws.stop.set()
        self._board.stop()

    def _forget_unfinished(self) -> None:
        """After a stop: cells that were under way are not kept."""
        for group, cell_ms in self._cells:
            self.sink.discard(self._groups[group].scope, cell_ms, None)
        self._cells.clear()

    def _drain(self, workers: Sequence[threading.Thread]) -> None:
        while any(worker.is_alive() for worker in workers):
            try:
                self._inbox.get(timeout=POLL_S)
            except queue.Empty:
                continue

    def _take_in(self, workers: Sequence[threading.Thread]) -> None:
        while True:
            try:
                message = self._inbox.get(timeout=POLL_S)
            except queue.Empty:
                if not any(worker.is_alive() for worker in workers) and self._inbox.empty():
                    return
                for run in self._board.unreadable(self._convertible):
                    self._leave_gap(run, "no API that may be called can read it")
            else:
                self._handle(message)
            if self.aws.stop.is_set() and not self._board.stopped:
                self._halt()
            self._say()

    def _handle(self, message: _Part | _Shares | _Ended) -> None:
        if isinstance(message, _Part):
            self._take_part(message)
        elif isinstance(message, _Shares):
            self._groups[message.group] = _Group(message.scope, message.streams)
        else:
            try:
                self._take_end(message.run, message.error)
            finally:
                self._board.done()

    # ---- cells ----
    def _take_part(self, part: _Part) -> None:
        """Sort the events of a chunk into the cells of its run, and pass the cells that the chain has left behind."""
        run = part.run
        for stream, events in part.streams.items():
            self._feed(run, part, stream, events)
        while run.start_ms < part.end_ms:
            cell_end = min(run.start_ms + CELL_MS, part.end_ms)
            needed = cell_end if cell_end >= self._end_ms else cell_end + CONTEXT_MS
            if part.cut_ms < needed:
                return
            self._pass(run, cell_end, part)
            run.start_ms += CELL_MS

    def _feed(self, run: Run, part: _Part, stream: str, events: StreamEvents) -> None:
        times = events.times_ms
        first = max(run.start_ms, cell_start(times[0] - CONTEXT_MS))
        for cell_ms in range(first, min(part.end_ms, times[-1] + CONTEXT_MS + 1), CELL_MS):
            edge = min(cell_ms + CELL_MS, part.end_ms)
            around = events.between(cell_ms - CONTEXT_MS, edge + CONTEXT_MS)
            if around:
                self._count(self._cell(run, cell_ms, part), stream, around.between(cell_ms, edge))
                scope = self._groups[run.group].scope
                if not self._verifying or (scope, cell_ms) in self._wanted_again:
                    self.sink.feed(scope, cell_ms, stream, around)

    def _cell(self, run: Run, cell_ms: int, part: _Part) -> _Cell:
        cell = self._cells.setdefault((run.group, cell_ms), _Cell())
        cell.asked_ms = part.asked_ms if cell.asked_ms is None else min(cell.asked_ms, part.asked_ms)
        return cell

    @staticmethod
    def _count(cell: _Cell, stream: str, events: StreamEvents) -> None:
        if events:
            counted, digest = cell.by_stream[stream]
            cell.by_stream[stream] = (counted + len(events), (digest + events.digest()) & _SIXTY_FOUR_BITS)

    def _pass(self, run: Run, cell_end: int, part: _Part) -> None:
        cell = self._cell(run, run.start_ms, part)
        cell.passed += 1
        group = self._groups[run.group]
        if cell.passed >= group.shares:
            del self._cells[run.group, run.start_ms]
            read = _cell_read(group.scope, run.start_ms, cell_end, cell, self.options.overlap_ms)
            if cell.holed and (self._verifying or self._filling):
                self.sink.discard(read.scope, read.start_ms, None)  # a reading with a hole agrees with nothing and fills nothing
            else:
                self._close(read)

    def _close(self, read: CellRead) -> None:
        if self._verifying:
            self._compare(read)
            return
        if self._filling:
            self._filled.add((read.scope, read.start_ms))
        before = self._kept.get((read.scope, read.start_ms))
        self._keep(read)
        self._reads[read.scope, read.start_ms] = [(read.events, read.digest)]
        self._covered_ms += 0 if before else read.end_ms - read.start_ms
        self._events += read.events - (before.events if before else 0)
        self._newest_ms = max(read.end_ms, self._newest_ms or 0)

    def _keep(self, read: CellRead) -> None:
        self._kept[read.scope, read.start_ms] = read
        self.sink.commit(read)

    # ---- a second look at what could not be read ----
    def _fill_gaps(self) -> None:
        """Read the cells of passing gaps once more: bad minutes of a service end, and others of the pull went well meanwhile."""
        if not self._passing or not self._kept or self._interrupted or self._fatal:
            return
        cells = {(scope, cell_ms) for scope, gap in self._passing for cell_ms in _cells_of(gap)}
        self._filling = True
        self._pump([run for scope, stretch in _stretches(list(cells), self._end_ms) for run in self._new_runs(scope, stretch)])
        self._filling = False
        passing = [gap for _, gap in self._passing]
        self.gaps = [gap for gap in self.gaps if gap not in passing]
        self.gaps += [left for scope, gap in self._passing for left in self._unfilled(scope, gap)]

    def _unfilled(self, scope: Scope, gap: Gap) -> Iterator[Gap]:
        filled = [cell_ms for cell_ms in _cells_of(gap) if (scope, cell_ms) in self._filled]
        for left in missing(Window(start_ms=gap.start_ms, end_ms=gap.end_ms), filled):
            yield replace(gap, start_ms=max(left.start_ms, gap.start_ms), end_ms=left.end_ms)

    # ---- two reads agree ----
    def _verify(self) -> None:
        """Read everything settled again until two reads of each cell agree, or say that they don't."""
        self._verifying = True
        for _ in range(MAX_READS_TO_AGREE - 1):
            doubtful = self._doubtful()
            if not doubtful or self._interrupted or self._fatal:
                return
            self._pump([run for scope, stretch in _stretches(doubtful, self._end_ms) for run in self._new_runs(scope, stretch)])
        for scope, stretch in _stretches(self._doubtful(), self._end_ms):
            reads = len(self._reads[scope, stretch.start_ms])
            reason = "repeated readings disagree" if reads > 1 else "could not be read a second time"
            self.gaps.append(Gap(scope=scope, start_ms=stretch.start_ms, end_ms=stretch.end_ms, reason=reason))

    def _doubtful(self) -> list[tuple[Scope, int]]:
        """Settled cells whose fullest reading is not kept, or was not yet read twice: all but the verified ones."""
        return [key for key, read in self._kept.items() if read.state is SliceState.SETTLED]

    def _compare(self, read: CellRead) -> None:
        """A second reading only counts; when it holds more than the first, the cell is read once more to be kept."""
        key = (read.scope, read.start_ms)
        kept, found = self._kept[key], (read.events, read.digest)
        self._reads[key].append(found)
        agreed = self._reads[key].count(found) > 1 and found == max(self._reads[key])
        if found > (kept.events, kept.digest) and key in self._wanted_again:
            self._keep(replace(read, state=SliceState.VERIFIED if agreed else kept.state))
            return
        self.sink.discard(read.scope, read.start_ms, None)
        if found > (kept.events, kept.digest):
            self._wanted_again.add(key)
        elif found == (kept.events, kept.digest) and agreed:
            self._kept[key] = replace(kept, state=SliceState.VERIFIED)
            self.sink.confirm(self._kept[key])

    # ---- ends, good and bad ----
    def _take_end(self, run: Run, error: Exception | None) -> None:
        if error is None or isinstance(error, FetchStopped):
            return
        if isinstance(error, AwsError):
            self._answer(error, run)
        elif isinstance(error, ChainBroken):
            self._try_again(run, str(error))
        else:
            raise error

    def _answer(self, error: AwsError, run: Run) -> None:
        """What to do about a refusal: another API, another attempt, a gap, or the end."""
        if error.denied and self._other_api_works(error):
            self.notices.append(f"{error}; the other API reads alone. {error.hint}")
            self._hand_over(run)
        elif error.denied or error.credentials:
            self._fatal = self._fatal or error
            self._discard(run)
            self._board.stop()
        elif error.not_found and run.stream is not None:
            # A stream that expired or was deleted since it was listed holds nothing any more.
            self.notices.append(str(error))
            self._discard(run)
            self._take_part(_Part(run, run.end_ms, run.end_ms + CONTEXT_MS, self.aws.now_ms()))
        elif error.transient or error.code == "InvalidParameterException":
            self._try_again(run, str(error))
        else:
            self._leave_gap(run, str(error))

    def _other_api_works(self, error: AwsError) -> bool:
        lane = Api.GET if error.api == "GetLogEvents" else Api.FILTER
        self._denied.setdefault(lane, error)
        return self.options.api is not lane and len(self._denied) == 1

    def _hand_over(self, run: Run) -> None:
        """An API is denied: its lane closes, its runs go to the other one."""
        self._discard(run)
        for lane in self._denied:
            left = self._board.close(lane)
            self._board.give([replace(share, lane=Api.FILTER, may_get=False) for share in left])
        self._board.give([replace(run.again(), lane=Api.FILTER, attempt=1, may_get=Api.FILTER in self._denied)])

    def _try_again(self, run: Run, reason: str) -> None:
        self._discard(run)
        following = run.again()
        if following.attempt > MAX_ATTEMPTS:
            self._leave_gap(run, reason, passing=True)
        elif run.start_ms < run.end_ms:
            self._board.give([following])

    def _discard(self, run: Run) -> None:
        """Forget the unfinished cells of a run that broke off."""
        group = self._groups[run.group]
        for cell_ms in [at for number, at in self._cells if number == run.group and run.start_ms <= at < run.end_ms]:
            if run.stream is None:
                del self._cells[run.group, cell_ms]
            else:
                self._cells[run.group, cell_ms].by_stream.pop(run.stream, None)
            self.sink.discard(group.scope, cell_ms, run.stream)

    def _leave_gap(self, run: Run, reason: str, *, passing: bool = False) -> None:
        """Give up a stretch, and say so. The other streams of its cells are kept, and the cells stay open."""
        self._discard(run)
        if not (self._verifying or self._filling):
            gap = Gap(scope=run.chain_scope, start_ms=run.start_ms, end_ms=run.end_ms, reason=reason)
            self.gaps.append(gap)
            if passing:
                self._passing.append((run.scope, gap))
        if run.stream is not None:
            for cell_ms in range(run.start_ms, run.end_ms, CELL_MS):
                self._cells.setdefault((run.group, cell_ms), _Cell()).holed = True
            self._take_part(_Part(run, run.end_ms, run.end_ms + CONTEXT_MS, asked_ms=0))

    # ---- the workers ----
    def _work(self, lane: Api) -> None:
        while (run := self._board.take(lane, self._convertible)) is not None:
            try:
                if lane is Api.GET and run.stream is None:
                    self._share_out(run)
                else:
                    self._follow(run)
            except Exception as error:  # noqa: BLE001 -- every error goes to the main thread, which knows what to do with it
                self._inbox.put(_Ended(run, error))
            else:
                self._inbox.put(_Ended(run))

    def _convertible(self, run: Run) -> bool:
        """Whether GetLogEvents may take this run: settled long enough that every stream is listed, and few enough of them."""
        if Api.GET in self._denied or not run.may_get or self._listings.get(run.scope, ()) is None:
            return False
        if self.options.api is Api.GET or Api.FILTER in self._denied:
            return True
        old = run.end_ms <= self.aws.now_ms() - LISTING_LAG_MS
        return old and self.tally.pages >= PAGES_BEFORE_HELP

    def _share_out(self, run: Run) -> None:
        """Turn a run of all streams into runs of one stream each; back with it where that is not possible."""
        self._shorten(run)
        streams = self._streams_for(run)
        if streams is None:
            self._board.give([replace(run, may_get=False)])
        elif streams:
            group = next(self._numbers)
            self._inbox.put(_Shares(group, run.scope, len(streams)))
            self._board.give([replace(run, stream=name, lane=Api.GET, group=group) for name in streams])
        else:
            self._inbox.put(_Part(run, run.end_ms, run.end_ms + CONTEXT_MS, self.aws.now_ms()))

    def _shorten(self, run: Run) -> None:
        """Give back what lies beyond the cells that may be under way: a cell waits in memory for the last of its streams."""
        a_cell = self._events * CELL_MS / self._covered_ms if self._covered_ms else EVENTS_AT_ONCE / 6
        cut_ms = run.start_ms + max(2, int(EVENTS_AT_ONCE / max(a_cell, 1))) * CELL_MS
        if cut_ms < run.end_ms:
            far = replace(run, start_ms=cut_ms)
            run.end_ms = cut_ms
            self._board.give([far])

    def _streams_for(self, run: Run) -> list[str] | None:
        """The streams that may hold events in a run; None when this run is none for GetLogEvents."""
        forced = self.options.api is Api.GET or Api.FILTER in self._denied
        try:
            listed = self._listed(run.scope, at_most=10**9 if forced else STREAMS_WORTH_LISTING)
            alive = [stream.name for stream in listed or () if _may_hold(stream, run)]
            if listed is None or (len(alive) > STREAMS_WORTH_A_CHAIN and not forced):
                return None
            self._prove_get(run.scope, alive)
        except AwsError as error:
            if forced or not error.denied:
                raise
            self._listings[run.scope] = None
            self.notices.append(f"{error}; FilterLogEvents reads alone. {error.hint}")
            return None
        return alive

    def _listed(self, scope: Scope, *, at_most: int) -> list[LogStream] | None:
        with self._listing_lock:
            if scope not in self._listings:
                self._listings[scope] = list_streams(self.aws, scope, at_most=at_most)
            return self._listings[scope]

    def _prove_get(self, scope: Scope, streams: Sequence[str]) -> None:
        """One small call before a run is cut into many: a denied GetLogEvents shall not cost one call a stream."""
        if streams and not self._get_proven:
            where = {"logGroupName": scope.log_group, "logStreamName": streams[0], "limit": 1}
            try:
                self.aws.page("get_log_events", region=scope.region, about=f"{scope.log_group} {streams[0]}", **where)
            except AwsError as error:
                if not error.not_found:
                    raise
            self._get_proven = True

    def _follow(self, run: Run) -> None:
        """Run one chain and send what it brings; give half away when somebody has nothing to do."""
        if run.attempt > 1:
            self._pause(min(2.0**run.attempt, MAX_PAUSE_S))
        asked = self.aws.now_ms()
        before_ms = run.start_ms
        for chunk in self._chain(run):
            if chunk.disturbed_ms is not None:
                raise ChainBroken(f"an event turned up behind what was read already, at {chunk.disturbed_ms}")
            self._inbox.put(_part(run, chunk, asked))
            chunk.events.clear()
            if self._board.stopped or chunk.cut_ms >= run.end_ms + CONTEXT_MS:
                return
            # Less left than this page covered: half of it is not worth a chain of its own.
            worth_it = run.end_ms - chunk.cut_ms > chunk.cut_ms - before_ms
            if worth_it and self._board.hungry(run, get_may_help=self._convertible(run)):
                self._give_half(run, chunk.cut_ms)
            before_ms = chunk.cut_ms

    def _chain(self, run: Run) -> Iterator[Chunk]:
        after = CONTEXT_MS if run.end_ms < self._end_ms else 0
        window = Window(start_ms=max(0, run.start_ms - CONTEXT_MS), end_ms=run.end_ms + after)
        if run.lane is Api.GET and run.stream is not None:
            return stream_chain(self.aws, run.scope, run.stream, window, self.tally)
        return filter_chain(self.aws, run.chain_scope, window, self.tally)

    def _give_half(self, run: Run, reached_ms: int) -> None:
        middle = midpoint(max(reached_ms, run.start_ms), run.end_ms)
        if middle is not None:
            far = replace(run, start_ms=middle, attempt=1, attempt_start_ms=-1)
            run.end_ms = middle
            self._board.give([far])

    # ---- progress ----
    def _say(self, *, done: bool = False) -> None:
        now = self._monotonic()
        if self._progress is None or (now - self._said < PROGRESS_EVERY_S and not done):
            return
        self._said = now
        elapsed = now - self._began
        share = self._covered_ms / self._window_ms if self._window_ms else 1.0
        self._progress(Progress(
            elapsed_s=elapsed, pages=self.tally.pages, empty_pages=self.tally.empty_pages, events=self._events,
            response_bytes=self.tally.response_bytes, throttles=self.aws.throttles, calls=dict(self.aws.calls),
            covered_ms=self._covered_ms, window_ms=self._window_ms, newest_ms=self._newest_ms,
            # A second reading begins when the whole window is covered: nothing tells how long it takes.
            eta_s=None if self._verifying and not done else seconds_left(elapsed, share, self._planned_s), gaps=len(self.gaps),
            doing="done" if done else "comparing" if self._verifying else "reading",
        ))  # fmt: skip


def seconds_left(elapsed_s: float, share: float, planned_s: float | None) -> float | None:
    """Of a pull that has covered a share of its window. None: too early to say.

    A stretch counts as covered when the last of its streams is read, so a pull's own pace says far too much in the beginning:
    the plan speaks first, and the pace in the measure of what it stands on.
    """
    by_pace = elapsed_s * (1 - share) / share if share else None
    if planned_s is None:
        return by_pace if share >= PACE_FROM else None
    return (1 - share) * planned_s * (1 - share) + share * (by_pace or 0.0)


_SIXTY_FOUR_BITS = 2**64 - 1


def _few_arenas() -> None:
    """Ask the C library not to take an arena for each thread. Only glibc knows how; elsewhere nothing happens."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS)


@contextmanager
def stop_on_ctrl_c(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C sets `stop` and breaks nothing off in the middle; the second one interrupts as usual.

    Outside the main thread (the dashboard's worker) signals don't come, and nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def once(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, once)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _part(run: Run, chunk: Chunk, asked_ms: int) -> _Part:
    named = {run.stream: chunk.events} if run.stream is not None else _by_stream(chunk.events)
    streams = {stream: StreamEvents.of(events) for stream, events in named.items() if events}
    return _Part(run, run.end_ms, chunk.cut_ms, asked_ms, streams)


def _by_stream(events: list[RawEvent]) -> dict[str, list[RawEvent]]:
    grouped: dict[str, list[RawEvent]] = defaultdict(list)
    for event in events:
        grouped[event.stream].append(event)
    return grouped


def _cell_read(scope: Scope, start_ms: int, end_ms: int, cell: _Cell, overlap_ms: int) -> CellRead:
    digest = sum(digest * (zlib.crc32(name.encode()) | 1) for name, (_, digest) in cell.by_stream.items())
    return CellRead(
        scope=scope, start_ms=start_ms, end_ms=end_ms, state=state_at(end_ms, cell.asked_ms or 0, overlap_ms),
        events=sum(counted for counted, _ in cell.by_stream.values()), digest=digest & _SIXTY_FOUR_BITS, streams=tuple(sorted(cell.by_stream)),
    )  # fmt: skip


def _cells_of(gap: Gap) -> range:
    return range(cell_start(gap.start_ms), gap.end_ms, CELL_MS)


def _stretches(keys: Sequence[tuple[Scope, int]], end_ms: int) -> Iterator[tuple[Scope, Window]]:
    """Cells joined to stretches, by scope."""
    start = previous = None
    for scope, cell in sorted(keys):
        if start is None or previous != (scope, cell - CELL_MS):
            if start is not None and previous is not None:
                yield start[0], Window(start_ms=start[1], end_ms=min(previous[1] + CELL_MS, end_ms))
            start = (scope, cell)
        previous = (scope, cell)
    if start is not None and previous is not None:
        yield start[0], Window(start_ms=start[1], end_ms=min(previous[1] + CELL_MS, end_ms))


def _may_hold(stream: LogStream, run: Run) -> bool:
    """Whether a listed stream can have events in a run. Its last event time lags: only a day of silence leaves it out."""
    born = stream.born_ms()
    if born is not None and born - LISTING_LAG_MS > run.end_ms:
        return False
    last = max((time for time in (stream.last_event_ms, stream.last_ingestion_ms) if time is not None), default=None)
    return last is None or last + STREAM_SILENT_MS >= run.start_ms
