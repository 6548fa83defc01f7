"""The fast path: the same Reading as parsers/reading.py, hit for hit, from big inputs.

A batch goes through one scan (parsers/scan.py) that names the events which can matter, and through one count of its sure
access lines (parsers/columns.py). What is left is handed, event by event and in each stream's order, to the very functions
that the reference reader uses: nothing here knows what a rule or an access line means. An event that neither holds a
needle nor looks like an access line has no effect on a reader whose last record is closed, but for the few lines kept
around marks ("chatter"); so it is passed over.

    reader = BulkReader(Reader(...))
    for batch in batches:                 # those of one stream in the stream's order
        reader.feed(batch)
    reading = reader.take()               # what was read so far; feeding may go on

`read` decides by size: small inputs take the reference reader and import neither Hyperscan nor Polars.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import TYPE_CHECKING, Any

import msgspec

from parsers.access import Parts, access_of_parts, access_of_record, access_of_text, alike, parse_access
from parsers.batch import Batch, in_batches
from parsers.classify import (
    ERROR_LIKE,
    Said,
    access_fact,
    fact_of,
    redacted_access,
    refused_fact,
    request_id_of,
    request_keys,
    say,
)
from parsers.formats import Payload, decode, payload_of, structured, structured_of
from parsers.forms import Forms
from parsers.masks import Redactor
from parsers.model import Access, Event, Match, StreamKey
from parsers.reading import (
    MAX_HEAD_EVENTS,
    Reader,
    Reading,
    StreamReader,
    StreamReading,
    in_order,
    order_key,
    sure_boundary,
)
from parsers.reading import read as read_by_reference
from parsers.records import MAX_SILENCE_MS, Framing, Record
from parsers.requests import count_key
from parsers.rules import Cache, Rule, RuleSet, load_packs
from parsers.shapes import Odd, Sayings, Shapes
from parsers.told import definitions_told
from parsers.written import Failures, Requests

if TYPE_CHECKING:
    from parsers.columns import Answer
    from parsers.scan import Marks, Scanner

ANY_RULE, ANY_PATTERN, FIRST_OPENER = -1, -2, -11  # parsers/scan.py's, which is imported for big inputs only
MAX_REMEMBERED = 4_096
MAX_PATH_CHARS = 200  # of a refused request that is remembered
MAX_LINES_KNOWN, MAX_CHARS_KNOWN = 8_192, 4 << 20  # of records of several lines
MAX_RECORD_BYTES = 16_384  # of a JSON record that is read by its class
MAX_SAYINGS, MAX_SAYING_BYTES = 2_048, 8_192  # of JSON records that a rule may take, and the size of one
_THE_ID = "\0"  # stands for a record's request id in what all records of its class say; no redacted id looks like it
NOT_KNOWN = object()
_NONE: frozenset[int] = frozenset()
_AND_ANY_PATTERN = frozenset((ANY_PATTERN,))
_LEVELS_LOOKED_AT = (None, "error", "fatal")  # of a JSON record without a needle of any rule
SMALL_BYTES = 8 << 20  # up to here the reference reader is as quick as the fast path's start (compiling its scan)


class _Wanted:
    """The rules as the reference code asks for them, narrowed to those whose needles stand in the event at hand."""

    def __init__(self, rules: RuleSet) -> None:
        self._all = rules
        self.packs, self.by_id, self.tools, self.digest, self.rules = (
            rules.packs,
            rules.by_id,
            rules.tools,
            rules.digest,
            rules.rules,
        )
        self.openers = list(dict.fromkeys(text for pack in rules.packs for text in pack.openers))
        self._openers = [re.compile(text) for text in self.openers]
        self.numbers: frozenset[int] | None = frozenset()  # None: any rule

    def candidates(self, text: str) -> list[Rule]:
        if self.numbers is None:
            return self._all.candidates(text)
        return [self.rules[number] for number in sorted(self.numbers) if number >= 0]

    def take(self, text: str) -> bool:
        """As reading.Openers: only the openers whose needles stand in the event are tried."""
        wanted = self._openers
        if self.numbers is not None and ANY_PATTERN not in self.numbers:
            wanted = [self._openers[FIRST_OPENER - number] for number in self.numbers if number <= FIRST_OPENER]
        return any(pattern.search(text) is not None for pattern in wanted)


@dataclass(slots=True)
class _Lines:
    """The first lines of records that begin alike: what may follow, and what such a record says if nothing does."""

    number: int
    payload: Payload  # of the last of them
    framing: Framing
    said: Any = NOT_KNOWN  # Said | None


class _KnownLines:
    """What follows what in the records that were seen: the frames of a stack trace come a thousand times in one order."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], _Lines] = {}  # by the number of the lines before (0: none) and the event's text
        self._numbers = count(1)
        self._chars = 0

    def after(self, lines: _Lines | None, text: str) -> _Lines | None:
        return self._known.get((lines.number if lines is not None else 0, text))

    def note(self, lines: _Lines | None, text: str, payload: Payload) -> _Lines:
        """The lines with one more. Forgets what it knows when that is too much; open records go on with what they hold."""
        if len(self._known) >= MAX_LINES_KNOWN or self._chars > MAX_CHARS_KNOWN:
            self._known.clear()
            self._chars = 0
        framing = copy(lines.framing) if lines is not None else Framing()
        framing.add(payload)
        longer = _Lines(number=next(self._numbers), payload=payload, framing=framing)
        self._known[lines.number if lines is not None else 0, text] = longer
        self._chars += len(text)
        return longer


@dataclass(slots=True)
class _Stream:
    """Where the reading of one stream stands."""

    worker: StreamReader
    heading: bool = True  # no sure boundary yet
    head: list[tuple[int, Event]] = field(default_factory=list)
    block: _Lines | None = None  # the open record
    block_events: list[tuple[int, Event]] = field(default_factory=list)
    block_payloads: list[Payload] = field(default_factory=list)
    block_rules: list[frozenset[int] | None] = field(default_factory=list)
    previous_ms: int | None = None
    seq: int = -1  # of the event before, among those of its millisecond
    first: Event | None = None
    first_ms_events: int = 0
    last_ingestion_ms: int | None = None
    events: int = 0
    undecodable: int = 0
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Saying:
    """What all JSON records of a class say (shapes.Sayings): the text that rules see of them, and what they make of it."""

    payload: Payload
    said: Said | None
    named: tuple[dict[str, Any], ...] = ()  # the matches' fields where they hold the request's id

    def of(self, request_id: str | None) -> Said | None:
        """What the record of the request with this redacted id says: the same, with its own id."""
        said = self.said
        if said is None or not self.named:
            return said
        matches = [
            Match(**{**match, "request_id": request_id if match["request_id"] == _THE_ID else match["request_id"]})
            for match in self.named
        ]
        return Said(matches=tuple(matches), unexplained=said.unexplained, deciding=said.deciding)


def scanner_for(rules: RuleSet, sample: bytes = b"", *, cache: Cache | None = None, engine: Any = None) -> Scanner:
    """The scan that a BulkReader wants: every rule, error-like lines, and the openers of records."""
    from parsers.scan import Scanner

    return Scanner(rules, look_at=[ERROR_LIKE.pattern, *_Wanted(rules).openers], sample=sample, cache=cache, engine=engine)


class BulkReader:
    """Reads batches as a stream of them comes; `take` hands out what was read."""

    def __init__(self, reader: Reader, *, cache: Cache | None = None, scanner: Scanner | None = None) -> None:
        """`scanner`: one made for the same rules (`scanner_for`); made of the first batch when there is none."""
        self.reader = reader
        self._wanted = _Wanted(reader.rules)
        self._narrowed: Reader = replace(reader, rules=self._wanted)  # type: ignore[arg-type]  # asked for candidates only
        self._narrowed.__dict__["openers"] = self._wanted
        self._cache, self._scanner = cache, scanner
        self._unknown: re.Pattern[str] | None = None
        self._streams: dict[StreamKey, _Stream] = {}
        self._payloads: dict[str, Payload] = {}
        self._opens: dict[str, bool] = {}
        self._said: dict[tuple[str | None, ...], Any] = {}
        self.known_lines = _KnownLines()
        self._shapes = Shapes()
        self._refusals: dict[Hashable, Access] = {}
        self._classes_said = Sayings()
        self._sayings: dict[Hashable, _Saying] = {}
        self.failures: Failures[_Saying] = Failures(self._classes_said, reader.redactor)
        self._records: dict[Hashable, int] = {}  # number of a class of JSON records in _answers
        self._forms = Forms()
        self.requests = Requests(self._forms, reader.health_paths)
        self._written: dict[Hashable, int] = {}  # the same of a class of lines of one form
        self._answers: list[Answer] = []
        self._opened = False  # requests are logged when they begin, too

    # ---- in ----

    def feed(self, batch: Batch) -> None:
        """Reads one batch. Events of one stream come in the stream's order, within a batch and from batch to batch."""
        import numpy as np

        if not len(batch):
            return
        plan = self._plan(batch)
        streams = np.asarray(batch.streams)
        order = np.argsort(streams, kind="stable")
        bounds = np.flatnonzero(np.diff(streams[order])) + 1
        for numbers in np.split(order, bounds):
            self._feed_stream(batch, plan, numbers)

    def warm(self, sample: bytes) -> None:
        """Makes ready what the first batch would wait for (half a second). `sample`: some of the texts that will come."""
        from parsers import columns  # noqa: F401  its import is a good part of it

        if self._scanner is None:
            self._scanner = scanner_for(self.reader.rules, sample[: 1 << 20], cache=self._cache)

    def _scanner_for(self, batch: Batch) -> Scanner:
        if self._scanner is None:
            self.warm(batch.data)
        assert self._scanner is not None
        if self._unknown is None and self._scanner.unknown_when_escaped:
            self._unknown = re.compile("|".join(f"(?:{text})" for text in self._scanner.unknown_when_escaped))
        return self._scanner

    def _plan(self, batch: Batch) -> _Plan:
        """What is to be done with each event; sure access lines are counted already."""
        import numpy as np

        from parsers.columns import count_access, count_records

        marks = self._scanner_for(batch).mark(batch)
        kinds = np.zeros(len(batch), dtype=np.uint8)
        untrusted = [number for number, rules in marks.rules.items() if ANY_RULE in rules]
        plain = np.ones(len(batch), dtype=np.bool_) if marks.escaped is None else ~marks.escaped
        plain[untrusted] = False
        counted = count_access(batch, plain, self.reader.health_paths)
        candidates = counted.maybe
        unlike = plain & ~counted.maybe & ~counted.sure
        kinds[counted.maybe] = LIGHT
        if marks.escaped is not None:
            kinds[marks.escaped] = LIGHT
        kinds[list(marks.rules)] = HEAVY
        if marks.escaped is not None and self.may_class:
            self._note_openings(marks)
            marked = np.zeros(len(batch), dtype=np.bool_)
            marked[[number for number, rules in marks.rules.items() if max(rules) < ANY_RULE]] = True
            records = marks.escaped & ((kinds == LIGHT) | marked)
            numbers, classes = self._classes(batch, records, marked)
            for number, found in self._known_classes(batch, marks.escaped & ~records):
                numbers.append(number)
                classes.append(found)
            more = count_records(batch, records, numbers, classes, self._answers)
            kinds[records & ~more.maybe] = QUIET
            counted = counted + more
        kinds[counted.sure] = SURE
        return _Plan(
            kinds=kinds,
            unlike=unlike,
            candidates=candidates,
            refused=counted.refused,
            sure=counted.sure,
            rules=marks.rules,
            escaped=marks.escaped,
            counts=counted.counts,
        )

    @property
    def may_class(self) -> bool:
        """Whether JSON records may be read by class. Not where a probe's own path may look like an id."""
        return not any(char.isdigit() for path in self.reader.health_paths for char in path)

    def _note_openings(self, marks: Marks) -> None:
        """From the first batch on that holds requests' beginnings, the answers of records with a request id are no longer known."""
        if (marks.openings and not self._opened) or len(self._records) > MAX_REMEMBERED:
            self._opened |= marks.openings
            self._forget_records()

    def _forget_records(self) -> None:
        self._records.clear()
        self._written.clear()
        self._answers.clear()

    def _classes(self, batch: Batch, wanted: Any, marked: Any) -> tuple[list[int], list[int]]:
        """Numbers of the wanted JSON records, and of each the number of its class: what the reader of records says of it."""
        numbers: list[int] = []
        classes: list[int] = []
        written, marks, data = self._written, marked.tolist(), batch.data
        lines = self._forms.classes_of(data, batch.ends_list, wanted.nonzero()[0].tolist())
        for number, start, end, key in lines:
            mark = marks[number]
            found = written.get((key, mark))
            if found is None:
                try:
                    found = self._class_of(data[start:end], mark, formed=key is not None)
                except Odd:
                    continue
                if found is None:
                    continue
                if key is not None:
                    _remember(written, (key, mark), found)
            numbers.append(number)
            classes.append(found)
        return numbers, classes

    def _known_classes(self, batch: Batch, needled: Any) -> Iterator[tuple[int, int]]:
        """The classes of those whose form is known. A request that is only counted is, whatever needle stands in it: no rule is asked."""
        for number, _, _, key in self._forms.classes_of(batch.data, batch.ends_list, needled.nonzero()[0].tolist()):
            found = self._written.get((key, False))
            if found is not None:
                yield number, found

    def _class_of(self, line: bytes, mark: bool, *, formed: bool) -> int | None:
        """The number of a record's class. None: it is to be read by itself. `formed`: its line has a form. Raises Odd."""
        record = _decoded_record(line)
        if record is None:
            return None
        of_record = self._shapes.class_of(record)
        if not formed:
            self._forms.note(of_record[0], line, self._shapes.taken)
        key = of_record, mark
        found = self._records.get(key)
        if found is None:
            found = self._records[key] = len(self._answers)
            self._answers.append(self._answer(record, mark))
        return found

    def _answer(self, fields: dict[str, Any], marked: bool) -> Answer:
        """`marked`: the scan found no rule's needle in the event, but what asks for a look at its level."""
        record = structured_of(fields)
        if record is None:
            return True
        access = access_of_record(*record, health_paths=self.reader.health_paths)
        if access is None:
            return marked and record[1] in _LEVELS_LOOKED_AT
        # An answer may close an opening, which only the reading in order can tell.
        if not _is_counted(access) or (self._opened and access.request_id):
            return True
        assert access.method is not None
        assert access.route is not None
        assert access.status is not None
        return access.method, access.route, access.status, access.health_check

    def _feed_stream(self, batch: Batch, plan: _Plan, numbers: Any) -> None:
        key = batch.keys[int(batch.streams[int(numbers[0])])]
        state = self._streams.get(key)
        if state is None:
            state = self._streams[key] = _Stream(worker=StreamReader(self._narrowed, key))
        walk = _Walk(self, state, batch, plan, numbers)
        for cell, requests in plan.counts.get(int(batch.streams[int(numbers[0])]), {}).items():
            state.worker.counts[cell] += requests
        state.worker.access_lines += int(plan.sure[numbers].sum())
        walk.go()

    # ---- what is a function of the text alone, remembered ----

    def decoded(self, text: str) -> Payload:
        payload = self._payloads.get(text)
        if payload is None:
            payload = decode(text)
            _remember(self._payloads, text, payload)
        return payload

    def opens(self, payload: Payload) -> bool:
        """As Reader.opens, for an event that is no access line."""
        if payload.fields is not None:
            return False
        known = self._opens.get(payload.text)
        if known is None:
            known = self._narrowed.opens_record(payload.text)
            _remember(self._opens, payload.text, known)
        return known

    def said(self, payload: Payload, texts: tuple[str, ...]) -> Said | None:
        key = (payload.level, *texts)
        known: Any = self._said.get(key, NOT_KNOWN)
        if known is NOT_KNOWN:
            known = say(payload, texts, self._narrowed.rules, self.reader.redactor)
            _remember(self._said, key, known)
        said: Said | None = known
        return said

    def refusal(self, parts: Parts) -> Access:
        """The refused request of a plain line, redacted."""
        key = alike(parts)
        access = self._refusals.get(key)
        if access is None:
            access = redacted_access(access_of_parts(parts, health_paths=self.reader.health_paths), self.reader.redactor)
            if len(key[1]) <= MAX_PATH_CHARS:
                _remember(self._refusals, key, access)
        return access

    def saying(self, fields: dict[str, Any], rules: frozenset[int]) -> _Saying | Access | None:
        """What a JSON record says, read once for all that say the same; its request if it is an access line.

        None: it is to be opened first. `fields`: as `_decoded_record` gives them. `rules`: those whose needles stand in it; where
        records of one class differ in these, the needles stand in values that no rule sees.
        """
        try:
            key = self._classes_said.class_of(fields)
        except Odd:
            return None
        known = self._sayings.get(key)
        if known is not None:
            return known
        record = structured_of(fields)
        if record is None:
            return None
        access = access_of_record(*record, health_paths=self.reader.health_paths)
        if access is not None:
            return access
        if len(self._sayings) >= MAX_SAYINGS:
            self._sayings.clear()
        known = self._sayings[key] = self._new_saying(fields, rules)
        return known

    def _new_saying(self, fields: dict[str, Any], rules: frozenset[int]) -> _Saying:
        payload, redactor = payload_of(fields), self.reader.redactor
        self._wanted.numbers = rules
        keys = replace(request_keys(fields, payload.text, redactor), request_id=_THE_ID)
        said = say(payload, (payload.text,), self._narrowed.rules, redactor, keys)
        matches = said.matches if said is not None else ()
        named = any(match.request_id == _THE_ID for match in matches)
        return _Saying(
            payload=Payload(text=payload.text, level=payload.level),
            said=said,
            named=tuple([{one: getattr(match, one) for one in Match.__slots__} for match in matches]) if named else (),
        )

    # ---- out ----

    def take(self) -> Reading:
        """What was read since the last `take`. What is fed after it is a stretch of its own: readings add up (`+`)."""
        parts = {key: (_stream_reading(key, state),) for key, state in sorted(self._streams.items())}
        self._streams = {}
        return Reading(parts=parts, reader=self.reader)


# ---- what is to be done with each event of a batch ----

QUIET, SURE, LIGHT, HEAVY = range(4)


@dataclass(slots=True)
class _Plan:
    """`kinds`: of each event QUIET (nothing in it), SURE (an access line that is counted), LIGHT (may be an access line), HEAVY.

    `unlike`: the plain events that can't be access lines. `candidates`: those that hold what access lines hold.
    `refused`: the parts of those that are refused requests without doubt.
    """

    kinds: Any
    unlike: Any
    candidates: Any
    refused: dict[int, Parts]
    sure: Any
    rules: dict[int, frozenset[int]]
    escaped: Any
    counts: dict[int, dict[tuple[int, str, str, int, bool, bool], int]]


_DECODER: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder()


def _decoded_record(line: bytes) -> dict[str, Any] | None:
    """A JSON record as formats.decode decodes it; None where that does more than to decode it."""
    if line[:1] != b"{" or line[-1:] != b"}" or len(line) > MAX_RECORD_BYTES:
        return None
    if b"\\" in line and (b"\\ud" in line or b"\\uD" in line):  # to look for one byte costs a tenth
        return None
    try:
        return _DECODER.decode(line)
    except (ValueError, RecursionError):
        return None


def _is_counted(access: Access) -> bool:
    """An answered request that nobody asks more of than how many there were."""
    return (
        not access.framework
        and (access.status or 0) < 400
        and not access.aborted
        and not access.opening
        and access.method is not None
        and access.path is not None
        and access.status is not None
    )


def _is_indented(text: str) -> bool:
    """A plain indented line, most often of a stack trace: decoding gives its text again, and a level that nobody asks for."""
    return text[:1] == " " and "=" not in text and text.isprintable() and not text.lstrip().startswith("{")


def _remember(known: dict[Any, Any], key: Any, value: Any) -> None:
    """Forgets everything when there is too much of it: what comes often is soon known again."""
    if len(known) >= MAX_REMEMBERED:
        known.clear()
    known[key] = value


class _Stops:
    """Numbers of events to stop at, asked for in rising order. Made when they are first asked for."""

    def __init__(self, wanted: Any) -> None:
        self._wanted = wanted
        self._stops: list[int] | None = None
        self._next = 0

    def first_from(self, at: int) -> int | None:
        """The first of them that is not before `at`."""
        if self._stops is None:
            self._stops = self._wanted.nonzero()[0].tolist()
        self._next = bisect_left(self._stops, at, self._next)
        return self._stops[self._next] if self._next < len(self._stops) else None


class _Walk:
    """One stream's events of one batch, in order: from one event that matters to the next."""

    def __init__(self, bulk: BulkReader, state: _Stream, batch: Batch, plan: _Plan, numbers: Any) -> None:
        import numpy as np

        self.bulk, self.state, self.batch, self.plan = bulk, state, batch, plan
        self.worker, self.wanted = state.worker, bulk._wanted  # noqa: SLF001  the reader's own hands
        self.numbers: list[int] = numbers.tolist()
        times = np.asarray(batch.timestamps_ms, dtype=np.int64)[numbers]
        self.times: list[int] = times.tolist()
        self.seqs = _ordinals(times, state)
        kinds = plan.kinds[numbers]
        self.kinds: list[int] = kinds.tolist()
        self.stops = _Stops(kinds >= LIGHT)
        self.chatty = _Stops(kinds != SURE)  # where the lines around a mark are kept, each that is no access line counts
        self._decoded: tuple[int, dict[str, Any] | None] = (-1, None)
        _note_stretch(state, batch, self.numbers, times, self.seqs)

    def go(self) -> None:
        at, end = 0, len(self.numbers)
        state, worker = self.state, self.worker
        while at < end:
            if state.heading:
                if self.is_head(at):
                    at += 1
                    continue
                state.heading = False
            if state.block is not None:
                if self.goes_on(at):
                    at += 1
                    continue
                self.close()
            stop = (self.stops if worker.chatter_left <= 0 else self.chatty).first_from(at)
            if stop is None:
                break
            self.visit(stop)
            at = stop + 1

    # ---- one event ----

    def visit(self, at: int) -> None:
        kind = self.kinds[at]
        if kind == HEAVY and self.is_heavy(at):
            self.heavy(at)
        elif kind == QUIET:
            self.chatter(at)
        elif kind != SURE:
            self.light(at)

    def is_heavy(self, at: int) -> bool:
        """A JSON record without a needle of any rule can only matter by its level."""
        number = self.numbers[at]
        if self.plan.escaped is None or not self.plan.escaped[number] or max(self.plan.rules[number]) >= ANY_RULE:
            return True
        fields = self.fields(at)
        record = structured(self.batch.text(number)) if fields is None else structured_of(fields)
        return record is None or record[1] in _LEVELS_LOOKED_AT

    def fields(self, at: int) -> dict[str, Any] | None:
        """The event's JSON record, None where decoding it takes more than `_decoded_record`; asked for several times in a row."""
        if at != self._decoded[0]:
            self._decoded = at, _decoded_record(self.batch.line(self.numbers[at]))
        return self._decoded[1]

    def heavy(self, at: int) -> None:
        if self.is_record(at):
            return
        event = self.event(at)
        rules = self.rules_of(at)
        begun = self.bulk.known_lines.after(None, event.text)
        if begun is not None:  # as it began before
            self.begin(at, event, begun, rules)
            return
        payload = self.bulk.decoded(event.text)
        self.wanted.numbers = rules
        access = self.access_in(self.numbers[at], payload)
        if access is not None:
            self.keep_access(at, event, access, payload)
        elif self.bulk.opens(payload):
            self.begin(at, event, self.bulk.known_lines.note(None, event.text, payload), rules)
        else:
            self.say(Record(events=(event,), payload=payload, texts=(payload.text,), seq=self.seqs[at]))

    def begin(self, at: int, event: Event, lines: _Lines, rules: frozenset[int] | None) -> None:
        state = self.state
        state.block, state.block_payloads, state.block_rules = lines, [lines.payload], [rules]
        state.block_events = [(self.seqs[at], event)]

    def is_record(self, at: int) -> bool:
        """Whether the event is a JSON record that needs no opening; it is kept then, with what all records of its class say."""
        number, bulk = self.numbers[at], self.bulk
        rules = self.plan.rules.get(number, _NONE)
        if self.plan.escaped is None or not self.plan.escaped[number] or ANY_RULE in rules:
            return False
        if self.batch.size(number) > MAX_SAYING_BYTES:
            return False
        start, end = self.batch.start(number), self.batch.ends_list[number]
        known = bulk.failures.find(self.batch.data, start, end)
        if known is not None:
            self.keep_saying(at, *known)
            return True
        access = self.request(number)
        if access is None:
            fields = self.fields(at)
            saying = bulk.saying(fields, rules) if fields is not None else None
            if fields is None or saying is None:
                return False
            if isinstance(saying, _Saying):
                self.keep_saying(at, saying, request_id_of(fields, bulk.reader.redactor))
                bulk.failures.note(self.batch.line(number), fields, saying)
                return True
            access = saying
        # As in `access`: where no rule's needle stands, none is asked for a cause on the same line.
        asked = self.fields(at) if max(rules) >= 0 and (access.status or 0) >= 400 else None
        self.wanted.numbers = rules
        event = self.event(at)
        self.keep_access(at, event, access, payload_of(asked) if asked is not None else Payload(text=event.text))
        return True

    def request(self, number: int) -> Access | None:
        """The request of a JSON record by the form of its line; None: that doesn't tell it."""
        if not self.bulk.may_class:
            return None
        return self.bulk.requests.access(self.batch.data, self.batch.start(number), self.batch.ends_list[number])

    def keep_saying(self, at: int, saying: _Saying, request_id: str | None) -> None:
        record = Record(events=(self.event(at),), payload=saying.payload, texts=(saying.payload.text,), seq=self.seqs[at])
        said = saying.of(request_id)
        self.worker.keep(record, fact_of(record, said, self.bulk.reader.redactor) if said is not None else None)

    def keep_access(self, at: int, event: Event, access: Access, payload: Payload) -> None:
        record = Record(events=(event,), payload=payload, texts=(payload.text,), seq=self.seqs[at])
        self.worker.keep(record, access_fact(record, access, self.bulk._narrowed.rules, self.bulk.reader.redactor))  # noqa: SLF001

    def access_in(self, number: int, payload: Payload) -> Access | None:
        """As parse_access, with what the columns know of the event already."""
        if self.plan.unlike[number]:
            return None
        health_paths = self.bulk.reader.health_paths
        if payload.fields is None:
            return access_of_text(payload.text, health_paths=health_paths, candidate=bool(self.plan.candidates[number]))
        return parse_access(payload, health_paths=health_paths)

    def say(self, record: Record) -> None:
        """What a record without an access line says; equal texts say the same, and stack traces are full of them."""
        bulk = self.bulk
        if record.payload.fields is not None:
            said = say(record.payload, record.texts, bulk._narrowed.rules, bulk.reader.redactor)  # noqa: SLF001
        else:
            said = bulk.said(record.payload, record.texts)
        self.worker.keep(record, fact_of(record, said, bulk.reader.redactor) if said is not None else None)

    def light(self, at: int) -> None:
        """An event without a needle: an access line, or nothing."""
        number = self.numbers[at]
        parts = self.plan.refused.get(number)
        if parts is not None and self.refused(at, parts):
            return
        escaped = self.plan.escaped is not None and self.plan.escaped[number]
        written = self.request(number) if escaped else None
        if written is not None:
            self.access(at, written, None)
            return
        text = self.batch.text(number)
        health_paths = self.bulk.reader.health_paths
        record = structured(text) if escaped else None
        payload = None
        if record is not None:
            fields, level, message = record
            access = access_of_record(fields, level, message, health_paths=health_paths)
        else:
            payload = decode(text)
            unknown = self.bulk._unknown  # noqa: SLF001
            if payload.fields is None and unknown is not None and unknown.search(payload.text) is not None:
                self.heavy(at)
                return
            access = self.access_in(number, payload)
        if access is None:
            self.chatter(at)
        else:
            self.access(at, access, payload)

    def refused(self, at: int, parts: Parts) -> bool:
        """Keeps a refused request that the columns have told apart. False: controls stand in it, which its text is read without."""
        event = self.event(at)
        if not event.text.isprintable():
            return False
        access, redactor = self.bulk.refusal(parts), self.bulk.reader.redactor
        record = Record(events=(event,), payload=Payload(text=event.text), texts=(event.text,), seq=self.seqs[at])
        self.worker.keep(record, refused_fact(record, access, redactor))
        return True

    def access(self, at: int, access: Access, payload: Payload | None) -> None:
        """As StreamReader does with the fact of such a record, without making a record of what is only counted."""
        worker = self.worker
        if _is_counted(access):
            worker.access_lines += 1
            if access.request_id and worker.openings:
                worker.openings.pop(self.bulk.reader.redactor.request_id(access.request_id) or "", None)
            worker.counts[count_key(self.times[at], access)] += 1
            return
        event = self.event(at)
        self.wanted.numbers = self.rules_of(at)
        # Without a needle no rule is asked for a cause on the same line: what a record's text would be does not matter.
        self.keep_access(at, event, access, payload or Payload(text=event.text))

    def chatter(self, at: int) -> None:
        if self.worker.chatter_left > 0:
            event = self.event(at)
            payload = Payload(text=event.text)
            self.worker.chatter(Record(events=(event,), payload=payload, texts=(event.text,), seq=self.seqs[at]))

    # ---- records of several events ----

    def goes_on(self, at: int) -> bool:
        """Whether the event continues the open record; it is taken into it then."""
        state = self.state
        assert state.block is not None
        if self.times[at] - state.block_events[-1][1].timestamp_ms > MAX_SILENCE_MS:
            return False
        event = self.event(at)
        lines = self.bulk.known_lines.after(state.block, event.text)
        if lines is None:
            payload = Payload(text=event.text) if _is_indented(event.text) else self.bulk.decoded(event.text)
            if not state.block.framing.takes(payload):
                return False
            lines = self.bulk.known_lines.note(state.block, event.text, payload)
        state.block = lines
        state.block_payloads.append(lines.payload)
        state.block_events.append((self.seqs[at], event))
        state.block_rules.append(self.rules_of(at))
        self.uncount(at)
        return True

    def close(self) -> None:
        state = self.state
        assert state.block is not None
        lines, redactor = state.block, self.bulk.reader.redactor
        payloads = state.block_payloads
        record = Record(
            events=tuple([event for _, event in state.block_events]),
            payload=payloads[0],
            texts=tuple([payload.text for payload in payloads]),
            seq=state.block_events[0][0],
            cut=lines.framing.full,
        )
        if lines.said is NOT_KNOWN:
            some = [rules for rules in state.block_rules if rules is not None]
            self.wanted.numbers = _NONE.union(*some) if len(some) == len(state.block_rules) else None
            lines.said = say(record.payload, record.texts, self.bulk._narrowed.rules, redactor)  # noqa: SLF001
        self.worker.keep(record, fact_of(record, lines.said, redactor) if lines.said is not None else None)
        state.block, state.block_events, state.block_payloads, state.block_rules = None, [], [], []

    def is_head(self, at: int) -> bool:
        """The leading events up to the first sure boundary are kept as they are: they may belong to the record before."""
        state = self.state
        event = self.event(at)
        late = bool(state.head) and event.timestamp_ms - state.head[-1][1].timestamp_ms > MAX_SILENCE_MS
        if late or len(state.head) >= MAX_HEAD_EVENTS or sure_boundary(event):
            return False
        state.head.append((self.seqs[at], event))
        self.uncount(at)
        return True

    def uncount(self, at: int) -> None:
        """An access line that turned out to be part of a record is no request."""
        if self.kinds[at] != SURE:
            return
        access = parse_access(decode(self.batch.text(self.numbers[at])), health_paths=self.bulk.reader.health_paths)
        assert access is not None
        key = count_key(self.times[at], access)
        counts = self.worker.counts
        counts[key] -= 1
        if not counts[key]:
            del counts[key]
        self.worker.access_lines -= 1

    def event(self, at: int) -> Event:
        return self.batch.event(self.numbers[at], stream=self.worker.stream, timestamp_ms=self.times[at])

    def rules_of(self, at: int) -> frozenset[int] | None:
        number = self.numbers[at]
        rules = self.plan.rules.get(number, _NONE)
        if ANY_RULE in rules:
            return None
        # Behind a wrapper an opener may stand that no needle is known of.
        return rules | _AND_ANY_PATTERN if self.plan.escaped is not None and self.plan.escaped[number] else rules


def _ordinals(times: Any, state: _Stream) -> list[int]:
    """Of each event its ordinal among the stream's events of the same millisecond; the stretch before is counted in."""
    import numpy as np

    count = len(times)
    changes = np.flatnonzero(np.diff(times)) + 1
    starts = np.zeros(count, dtype=np.int64)
    starts[changes] = changes
    seqs = np.arange(count) - np.maximum.accumulate(starts)
    if state.previous_ms is not None and int(times[0]) == state.previous_ms:
        run = int(changes[0]) if len(changes) else count
        seqs[:run] += state.seq + 1
    ordinals: list[int] = seqs.tolist()
    return ordinals


def _note_stretch(state: _Stream, batch: Batch, numbers: Sequence[int], times: Any, seqs: Sequence[int]) -> None:
    import numpy as np

    if state.first is None:
        state.first = batch.event(numbers[0])
    if state.first_ms_events == state.events:  # all of them so far in the first millisecond
        same = times == state.first.timestamp_ms
        state.first_ms_events += len(times) if bool(same.all()) else int((~same).argmax())
    if batch.names_tasks:
        state.told = definitions_told(map(batch.text, numbers), state.told)
    state.events += len(numbers)
    state.previous_ms, state.seq = int(times[-1]), seqs[-1]
    if batch.events is not None:
        events = [batch.events[number] for number in numbers]
        state.undecodable += sum(1 for event in events if event.undecodable)
        ingested = max((event.ingestion_ms for event in events if event.ingestion_ms is not None), default=-1)
    else:
        state.undecodable += len(batch.undecodable.intersection(numbers)) if batch.undecodable else 0
        ingested = int(np.asarray(batch.ingestion_ms)[numbers].max()) if batch.ingestion_ms is not None else -1
    if ingested >= 0:
        state.last_ingestion_ms = max(ingested, state.last_ingestion_ms or 0)


def _stream_reading(key: StreamKey, state: _Stream) -> StreamReading:
    worker = state.worker
    assert state.first is not None
    return StreamReading(
        stream=key,
        facts=tuple(worker.facts),
        counts=dict(worker.counts),
        openings=(*worker.openings.values(), *worker.anonymous),
        head=tuple(state.head),
        tail=tuple(state.block_events),
        first_ms=state.first.timestamp_ms,
        last_ms=state.previous_ms,
        last_ingestion_ms=state.last_ingestion_ms,
        events=state.events,
        undecodable=state.undecodable,
        first_ms_events=state.first_ms_events,
        last_ms_events=state.seq + 1,
        access_lines=worker.access_lines,
        marked=worker.marked,
        chatter_left=worker.chatter_left,
        told=state.told,
        first_key=order_key(state.first),
    )


def read(
    source: Iterable[Event | Batch],
    *,
    rules: RuleSet | None = None,
    redactor: Redactor | None = None,
    health_paths: Sequence[str] = (),
    cache: Cache | None = None,
) -> Reading:
    """Reads events (of any streams, in any order) and batches (each stream's events in their order). The size decides how.

    A batch is read as it comes and let go; events are held until all are there. Those of a batch's stream come after it.
    `cache`: where what the fast path derives from the rules may be kept between runs.
    """
    loaded, redactor = rules or load_packs(), redactor or Redactor()
    bulk: BulkReader | None = None  # made for the first batch: small inputs do without
    events: list[Event] = []
    for piece in source:
        if isinstance(piece, Event):
            events.append(piece)
        else:
            bulk = bulk or _bulk_reader(loaded, redactor, health_paths, cache)
            bulk.feed(piece)
    if bulk is None and sum(len(event.text) for event in events) < SMALL_BYTES:
        return read_by_reference(events, rules=loaded, redactor=redactor, health_paths=health_paths)
    bulk = bulk or _bulk_reader(loaded, redactor, health_paths, cache)
    for batch in _sorted_batches(events):
        bulk.feed(batch)
    return bulk.take()


def _bulk_reader(rules: RuleSet, redactor: Redactor, health_paths: Sequence[str], cache: Cache | None) -> BulkReader:
    return BulkReader(Reader(rules=rules, redactor=redactor, health_paths=tuple(health_paths)), cache=cache)


def _sorted_batches(events: Sequence[Event]) -> Iterator[Batch]:
    """Events in any order as batches: stream by stream, each in its own order."""
    by_stream: dict[StreamKey, list[Event]] = defaultdict(list)
    for event in events:
        by_stream[event.stream].append(event)
    return in_batches(chain.from_iterable(in_order(some) for _, some in sorted(by_stream.items())))
