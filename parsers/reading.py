"""READ: events -> Reading, one pass over each stream.

A Reading merges (`a + b`, any order) and carries its open ends per stream: the events of an unclosed record, the
leading events that may belong to the record before, openings without an answer, marks of an unended run. So cutting a
stream anywhere and merging gives the reading of the whole.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import groupby
from operator import attrgetter

from parsers.access import parse_access
from parsers.classify import ERROR_LIKE, classify_record, reads_like_error, said_nothing
from parsers.formats import Payload, decode
from parsers.lifecycle import fold_lifecycle, is_lifecycle
from parsers.masks import Redactor
from parsers.migrations import Folded, fold_runs
from parsers.model import (
    Access,
    Coverage,
    Event,
    Fact,
    Finding,
    MigrationRun,
    RequestCount,
    StreamKey,
    UnexplainedGroup,
)
from parsers.records import HARD_START, MAX_SILENCE_MS, Block, Record, frame
from parsers.requests import count_key, fold_requests
from parsers.rules import RuleSet, load_packs, required_literals, shorten
from parsers.told import definitions_told, told_together

MAX_HEAD_EVENTS = 800  # a stretch without one sure boundary is cut here
MAX_OPENINGS = 10_000
CHATTER = 200  # plain records kept after a mark: the transcript's lines between the marks

CountKey = tuple[int, str, str, int, bool, bool]
OrderKey = tuple[int, int, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReading:
    """What one stretch of one stream said. `head` and `tail` are raw and live in memory only."""

    stream: StreamKey
    facts: tuple[Fact, ...] = ()
    counts: Mapping[CountKey, int] = field(default_factory=dict)
    openings: tuple[Fact, ...] = ()  # requests begun and not answered yet
    head: tuple[tuple[int, Event], ...] = ()  # leading events that may continue the record before
    tail: tuple[tuple[int, Event], ...] = ()  # the unclosed record at the end
    first_ms: int | None = None
    last_ms: int | None = None
    last_ingestion_ms: int | None = None
    events: int = 0
    undecodable: int = 0
    first_ms_events: int = 0
    last_ms_events: int = 0
    access_lines: int = 0
    marked: bool = False  # a mark was seen
    chatter_left: int = CHATTER  # plain records that the next stretch may still keep
    gaps: tuple[tuple[int, int], ...] = ()
    told: tuple[str, ...] = ()  # family:revision of the tasks that the records name themselves
    first_key: OrderKey = (0, 0, "", 0)  # of the first event: where the stretch stands in its stream


@dataclass(frozen=True, kw_only=True)
class Reader:
    """The rules, the redactor and the health paths of one reading."""

    rules: RuleSet
    redactor: Redactor
    health_paths: tuple[str, ...] = ()

    @cached_property
    def openers(self) -> Openers:
        return Openers(text for pack in self.rules.packs for text in pack.openers)

    def opens(self, text: str, payload: Payload) -> bool:
        """Whether an event may begin a record of several events: a rule, a pack's opener or an error-like line takes it."""
        if payload.fields is not None:
            return False  # a JSON event is a record of its own
        if parse_access(payload, health_paths=self.health_paths) is not None:
            return False
        return self.opens_record(text)

    def opens_record(self, text: str) -> bool:
        """The same of a plain text that is no access line."""
        seen = shorten(text)
        if ERROR_LIKE.search(seen) is not None or self.openers.take(seen):
            return True
        return any(rule.search(seen) is not None for rule in self.rules.candidates(seen))

    def classify(self, record: Record) -> Fact | None:
        return classify_record(record, self.rules, self.redactor, self.health_paths)


class Openers:
    """The packs' patterns of lines that begin a record; each is tried only where one of its literals stands."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._some = [_opener(text) for text in dict.fromkeys(texts)]

    def take(self, text: str) -> bool:
        lowered = text.lower()
        return any(
            pattern.search(text) is not None
            for literals, pattern in self._some
            if not literals or any(literal in lowered for literal in literals)
        )


@cache
def _opener(text: str) -> tuple[tuple[str, ...], re.Pattern[str]]:
    """The literals of a pattern and the pattern, worked out once a process, not once a reading."""
    return required_literals(text), re.compile(text)


class StreamReader:
    """Reads one stream, events in order; `reading()` gives what was read so far."""

    def __init__(self, reader: Reader, stream: StreamKey) -> None:
        self.reader = reader
        self.stream = stream
        self.facts: list[Fact] = []
        self.counts: dict[CountKey, int] = defaultdict(int)
        self.openings: dict[str, Fact] = {}
        self.anonymous: list[Fact] = []
        self.access_lines = 0
        self.marked = False
        self.chatter_left = CHATTER

    def take(self, record: Record) -> None:
        self.keep(record, self.reader.classify(record))

    def keep(self, record: Record, fact: Fact | None) -> None:
        """Keeps or counts what a record said; None: it said nothing."""
        if fact is None:
            self.chatter(record)
        elif fact.access is not None and not fact.access.framework:
            self._access(fact, fact.access)
        else:
            if any(match.mark is not None for match in fact.matches):
                self.marked = True
                self.chatter_left = CHATTER
            self.facts.append(fact)

    def chatter(self, record: Record) -> None:
        if self.chatter_left <= 0:
            return
        self.chatter_left -= 1
        self.facts.append(said_nothing(record, self.reader.redactor))

    def _access(self, fact: Fact, access: Access) -> None:
        if access.opening:
            self._open_request(fact, access)
            return
        self.access_lines += 1
        fact = self._answered(fact, access)
        assert fact.access is not None
        if needs_keeping(fact.access):
            self.facts.append(fact)
        else:
            self.counts[count_key(fact.timestamp_ms, fact.access)] += 1

    def _open_request(self, fact: Fact, access: Access) -> None:
        if access.request_id:
            self.openings[access.request_id] = fact
            if len(self.openings) > MAX_OPENINGS:
                self.openings.pop(next(iter(self.openings)))
        else:
            self.anonymous = [*self.anonymous[-63:], fact]

    def _answered(self, fact: Fact, access: Access) -> Fact:
        if access.method is not None and access.path is not None:
            if access.request_id:
                self.openings.pop(access.request_id, None)
            return fact
        opening = (
            self.openings.pop(access.request_id, None) if access.request_id else self.anonymous.pop() if self.anonymous else None
        )
        return fact if opening is None or opening.access is None else replace(fact, access=complete(access, opening.access))


def needs_keeping(access: Access) -> bool:
    """Refused, aborted or incomplete: the folds need the line itself. Everything else is only counted."""
    return (access.status or 0) >= 400 or access.aborted or access.method is None or access.status is None


def complete(access: Access, opening: Access) -> Access:
    """An answer with what its opening line said of the request."""
    return replace(
        access,
        method=access.method or opening.method,
        path=access.path or opening.path,
        route=access.route or opening.route,
        client=access.client or opening.client,
        health_check=access.health_check or opening.health_check,
    )


def read_stream(reader: Reader, stream: StreamKey, events: Sequence[Event]) -> StreamReading:
    """One stretch of one stream. `events` in the stream's order."""
    numbered = list(_numbered(events))
    head = _head(numbered)
    worker = StreamReader(reader, stream)
    tail: tuple[tuple[int, Event], ...] = ()
    for item in frame(iter(numbered[len(head) :]), reader.opens):
        if isinstance(item, Block):
            tail = _numbered_block(numbered, item)
        else:
            worker.take(item)
    return StreamReading(
        stream=stream,
        facts=tuple(worker.facts),
        counts=dict(worker.counts),
        openings=(*worker.openings.values(), *worker.anonymous),
        head=tuple(head),
        tail=tail,
        first_ms=events[0].timestamp_ms if events else None,
        last_ms=events[-1].timestamp_ms if events else None,
        last_ingestion_ms=max((e.ingestion_ms for e in events if e.ingestion_ms is not None), default=None),
        events=len(events),
        undecodable=sum(1 for e in events if e.undecodable),
        first_ms_events=_count_at(events, events[0].timestamp_ms) if events else 0,
        last_ms_events=_count_at(reversed(events), events[-1].timestamp_ms) if events else 0,
        access_lines=worker.access_lines,
        marked=worker.marked,
        chatter_left=worker.chatter_left,
        told=definitions_told(event.text for event in events),
        first_key=order_key(events[0]) if events else (0, 0, "", 0),
    )


def _numbered(events: Iterable[Event]) -> Iterator[tuple[int, Event]]:
    """Each event with its ordinal among those of the same millisecond."""
    last, seq = None, 0
    for event in events:
        seq = seq + 1 if event.timestamp_ms == last else 0
        last = event.timestamp_ms
        yield seq, event


def _count_at(events: Iterable[Event], timestamp_ms: int) -> int:
    count = 0
    for event in events:
        if event.timestamp_ms != timestamp_ms:
            break
        count += 1
    return count


def _head(numbered: Sequence[tuple[int, Event]]) -> Sequence[tuple[int, Event]]:
    """The leading events up to the first that begins a record whatever came before."""
    for number, (_, event) in enumerate(numbered):
        late = number > 0 and event.timestamp_ms - numbered[number - 1][1].timestamp_ms > MAX_SILENCE_MS
        if late or number >= MAX_HEAD_EVENTS or sure_boundary(event):
            return numbered[:number]
    return numbered


def sure_boundary(event: Event) -> bool:
    payload = decode(event.text)
    return payload.fields is not None or (HARD_START.match(payload.text) is not None and ":  " not in payload.text[:300])


def _numbered_block(numbered: Sequence[tuple[int, Event]], block: Block) -> tuple[tuple[int, Event], ...]:
    return tuple(numbered[len(numbered) - len(block.events) :])


def merge(reader: Reader, a: StreamReading, b: StreamReading) -> StreamReading:
    """Two neighbouring stretches of one stream, the earlier first."""
    if a.events == 0 or b.events == 0:
        return replace(a if b.events == 0 else b, gaps=tuple(sorted({*a.gaps, *b.gaps})))
    shift = a.last_ms_events if a.last_ms == b.first_ms else 0
    b = _shifted(b, shift) if shift else b
    joint = (*a.tail, *b.head)
    worker = StreamReader(reader, a.stream)
    worker.chatter_left, worker.marked = a.chatter_left, a.marked
    for fact in a.openings:
        if fact.access is not None:
            worker._open_request(fact, fact.access)  # noqa: SLF001  the same class's own state
    head: tuple[tuple[int, Event], ...] = a.head
    tail: tuple[tuple[int, Event], ...] = ()
    sealed = len(b.head) < b.events  # b has a sure boundary behind its head
    if (len(a.head) == a.events and not sealed) or len(a.head) == a.events:
        head = (*a.head, *b.head)
    else:
        for item in frame(iter(joint), reader.opens):
            if isinstance(item, Block) and not sealed:
                tail = joint[len(joint) - len(item.events) :]
            else:
                worker.take(item.record() if isinstance(item, Block) else item)
    b_facts = _continued(worker, b)
    counts = defaultdict(int, a.counts)
    for part in (worker.counts, b.counts):
        for key, count in part.items():
            counts[key] += count
    return StreamReading(
        stream=a.stream,
        facts=(*a.facts, *worker.facts, *b_facts),
        counts=dict(counts),
        openings=(*worker.openings.values(), *worker.anonymous, *b.openings),
        head=head,
        tail=tail if not sealed else b.tail,
        first_ms=a.first_ms,
        last_ms=max(a.last_ms or 0, b.last_ms or 0),
        last_ingestion_ms=max((t for t in (a.last_ingestion_ms, b.last_ingestion_ms) if t is not None), default=None),
        events=a.events + b.events,
        undecodable=a.undecodable + b.undecodable,
        first_ms_events=a.first_ms_events + (b.first_ms_events if a.first_ms == b.first_ms else 0),
        last_ms_events=b.last_ms_events + (shift if b.first_ms == b.last_ms else 0),
        access_lines=a.access_lines + worker.access_lines + b.access_lines,
        marked=worker.marked or b.marked,
        chatter_left=b.chatter_left if b.marked else worker.chatter_left,
        gaps=tuple(sorted({*a.gaps, *b.gaps})),
        told=told_together(a.told, b.told),
        first_key=a.first_key,
    )


def joined(reader: Reader, some: Iterable[StreamReading]) -> StreamReading:
    """The stretches of one stream (they must not overlap) as one."""
    first, *rest = sorted(some, key=lambda one: one.first_key)
    for one in rest:
        first = merge(reader, first, one)
    return first


def _shifted(b: StreamReading, shift: int) -> StreamReading:
    """b's ordinals within its first millisecond go on where the stretch before ended."""

    def fact_at(fact: Fact) -> Fact:
        return replace(fact, seq=fact.seq + shift) if fact.timestamp_ms == b.first_ms else fact

    def event_at(item: tuple[int, Event]) -> tuple[int, Event]:
        return (item[0] + shift, item[1]) if item[1].timestamp_ms == b.first_ms else item

    return replace(
        b,
        facts=tuple(map(fact_at, b.facts)),
        openings=tuple(map(fact_at, b.openings)),
        head=tuple(map(event_at, b.head)),
        tail=tuple(map(event_at, b.tail)),
    )


def _continued(worker: StreamReader, b: StreamReading) -> list[Fact]:
    """b's facts as a reader that had come from before would have kept them: openings resolved, chatter within what was left."""
    kept: list[Fact] = []
    leading = True
    for fact in b.facts:
        if leading and any(m.mark is not None for m in fact.matches):
            leading = False
        if leading and is_chatter(fact):
            if worker.chatter_left <= 0:
                continue
            worker.chatter_left -= 1
        access = fact.access
        if access is not None and access.method is None and not access.framework and not access.opening:
            fact = worker._answered(fact, access)  # noqa: SLF001
            assert fact.access is not None
            if not needs_keeping(fact.access):
                worker.counts[count_key(fact.timestamp_ms, fact.access)] += 1
                continue
        kept.append(fact)
    return kept


def is_chatter(fact: Fact) -> bool:
    """A plain record, kept only for a transcript."""
    return not fact.matches and fact.access is None and not fact.unexplained


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFold:
    """What the folds made of one stream."""

    runs: Folded
    findings: tuple[Finding, ...]
    unexplained: tuple[Fact, ...]
    counts: Mapping[CountKey, int]
    access_lines: int


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was read of all streams. Findings, runs, counts and coverage are folded from it, never stored in it."""

    parts: Mapping[StreamKey, tuple[StreamReading, ...]]
    reader: Reader

    def __add__(self, other: Reading) -> Reading:
        """Both readings, in any order: the stretches of a stream are joined in their own order when they are looked at."""
        parts = dict(self.parts)
        for stream, some in other.parts.items():
            parts[stream] = (*parts.get(stream, ()), *some)
        return Reading(parts=parts, reader=self.reader)

    @cached_property
    def streams(self) -> Mapping[StreamKey, StreamReading]:
        return {stream: joined(self.reader, some) for stream, some in sorted(self.parts.items())}

    @cached_property
    def folds(self) -> Mapping[StreamKey, StreamFold]:
        return {stream: fold_stream(self.reader, one) for stream, one in sorted(self.streams.items())}

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Sorted by stream, time, id."""
        folds = self.folds.values()  # sorted by stream
        return tuple([f for fold in folds for f in sorted((*fold.runs.findings, *fold.findings), key=_by_time)])

    @cached_property
    def migration_runs(self) -> tuple[MigrationRun, ...]:
        return tuple(run for fold in self.folds.values() for run in fold.runs.runs)

    @cached_property
    def request_counts(self) -> tuple[RequestCount, ...]:
        """By stream, minute, method, route and status."""
        return tuple(
            sorted(
                RequestCount(
                    stream=s, minute_ms=k[0], method=k[1], route=k[2], status=k[3], aborted=k[4], health_check=k[5], count=n
                )
                for s, fold in self.folds.items()
                for k, n in fold.counts.items()
            )
        )

    @cached_property
    def coverage(self) -> tuple[Coverage, ...]:
        return tuple(_coverage(self.streams[stream], fold) for stream, fold in self.folds.items())

    @cached_property
    def unexplained(self) -> tuple[UnexplainedGroup, ...]:
        groups: dict[tuple[StreamKey, str], list[Fact]] = defaultdict(list)
        for stream, fold in self.folds.items():
            for fact in fold.unexplained:
                groups[stream, fact.fingerprint].append(fact)
        return tuple(
            UnexplainedGroup(
                fingerprint=fp,
                stream=stream,
                count=len(facts),
                first_ms=facts[0].timestamp_ms,
                last_ms=facts[-1].timestamp_ms,
                example=facts[-1].evidence[0],
            )
            for (stream, fp), facts in groups.items()
        )


def _by_time(finding: Finding) -> tuple[int, str]:
    return finding.timestamp_ms, finding.id


def sealed(reader: Reader, one: StreamReading) -> StreamReading:
    """The stretch with its raw ends read as if nothing came before or after: redacted throughout, so it may be stored."""
    if not one.head and not one.tail:
        return one
    worker = StreamReader(reader, one.stream)
    for part in (one.head, one.tail):
        for item in frame(iter(part), reader.opens):
            worker.take(item.record() if isinstance(item, Block) else item)
    counts: dict[CountKey, int] = defaultdict(int, one.counts)
    for key, count in worker.counts.items():
        counts[key] += count
    return replace(
        one,
        facts=tuple(sorted((*one.facts, *worker.facts), key=lambda fact: (fact.timestamp_ms, fact.seq))),
        counts=dict(counts),
        openings=(*one.openings, *worker.openings.values(), *worker.anonymous),
        head=(),
        tail=(),
        access_lines=one.access_lines + worker.access_lines,
        marked=one.marked or worker.marked,
    )


def fold_stream(reader: Reader, one: StreamReading) -> StreamFold:
    """Runs and failed requests of one stream; its open ends are read as if nothing came before or after."""
    one = sealed(reader, one)
    facts, access_lines = one.facts, one.access_lines
    counts: dict[CountKey, int] = defaultdict(int, one.counts)
    for fact in facts:
        if fact.access is not None and not fact.access.framework and not fact.access.opening:
            counts[count_key(fact.timestamp_ms, fact.access)] += 1
    runs = fold_runs(one.stream, facts, reader.rules)
    left = [fact for fact in facts if (fact.timestamp_ms, fact.seq) not in runs.used]
    requests = [fact for fact in left if fact.access is not None or (_is_cause(fact) and not is_lifecycle(fact))]
    return StreamFold(
        runs=runs,
        findings=(*fold_requests(one.stream, requests, has_access_lines=access_lines > 0), *fold_lifecycle(one.stream, facts)),
        unexplained=tuple(fact for fact in left if fact.unexplained),
        counts=dict(counts),
        access_lines=access_lines,
    )


def _is_cause(fact: Fact) -> bool:
    return any((match.category is not None or match.framework) and match.in_run is not True for match in fact.matches)


def _coverage(one: StreamReading, fold: StreamFold) -> Coverage:
    return Coverage(
        stream=one.stream,
        first_event_ms=one.first_ms,
        last_event_ms=one.last_ms,
        events=one.events,
        undecodable=one.undecodable,
        unexplained=sum(fact.events if fact.events == 1 else 1 for fact in fold.unexplained),
        last_ingestion_ms=one.last_ingestion_ms,
        has_access_lines=fold.access_lines > 0,
        ready_ms=fold.runs.ready_ms,
        terminated_ms=fold.runs.terminated_ms,
        crashed_ms=fold.runs.crashed_ms,
        gaps=one.gaps,
        told=one.told,
    )


def order_key(event: Event) -> OrderKey:
    """A stream's own order: time, then event id (its numeric order is the API's), then place in its file."""
    event_id = event.event_id or ""
    return (
        event.timestamp_ms,
        int(event_id) if event_id.isascii() and event_id.isdigit() else 0,
        event.file or "",
        event.line or 0,
    )


_BY_TIME = attrgetter("timestamp_ms")


def in_order(events: Iterable[Event]) -> list[Event]:
    """The events of one stream, sorted; those that nothing orders stay as given."""
    ordered: list[Event] = []
    for _, same in groupby(sorted(events, key=_BY_TIME), key=_BY_TIME):
        run = list(same)
        ordered.extend(run if len(run) == 1 else sorted(run, key=order_key))  # ids are looked at where times are equal only
    return ordered


def read(
    events: Iterable[Event], *, rules: RuleSet | None = None, redactor: Redactor | None = None, health_paths: Sequence[str] = ()
) -> Reading:
    """Reads events of any streams in any order. The obvious reader: every fast path must agree with it, hit for hit."""
    reader = Reader(rules=rules or load_packs(), redactor=redactor or Redactor(), health_paths=tuple(health_paths))
    by_stream: dict[StreamKey, list[Event]] = defaultdict(list)
    for event in events:
        by_stream[event.stream].append(event)
    return Reading(
        parts={stream: (read_stream(reader, stream, in_order(some)),) for stream, some in sorted(by_stream.items())},
        reader=reader,
    )


__all__ = ["Reader", "Reading", "StreamReading", "in_order", "merge", "read", "read_stream", "reads_like_error", "sealed"]
