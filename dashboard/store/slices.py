"""Writing. A slice (one log stream × [start, end) ms) is replaced whole, with everything derived from it, in one transaction.

So reading again is idempotent, late events heal what was read too early, and a process killed at any point loses nothing
that was acknowledged. A slice keeps its facts (redacted), so that its neighbours can be folded with it: a migration run or a
failed request that crosses the border of two slices is found whichever was read first.

A stream with few facts is folded whole. Of a stream with very many, what is near the new slice is folded again, minute by
minute, and of a slice with very many only the facts near its borders and those of migration runs are kept.
"""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from dashboard.store.database import Database
from dashboard.store.ecs import roll, tidy
from parsers import Coverage, Fact, Finding, MigrationRun, Reading, RequestCount, StoreError, StreamKey, StreamReading

T = TypeVar("T")
MINUTE_MS = 60_000
TOLD = "told "  # the kind of a sign that names a task definition; beside it, the first event that may have told it
EXAMPLES = 20  # newest findings kept whole, of each fingerprint and stream
CLIENTS = 500  # distinct clients counted, of each kind and stream
KEPT_WHOLE = 20_000  # facts of a slice up to which all of them are kept
FOLDED_WHOLE = 500  # facts of a stream up to which all of it is folded again
NEAR_MS = 10 * MINUTE_MS  # kept of a long slice, at either end; new slices that lie closer together are folded as one place
_BLOCK = 1_000  # facts of one row


class SliceState(StrEnum):
    OPEN = "open"  # events may still come
    SETTLED = "settled"  # older than the time that events need to arrive
    VERIFIED = "verified"  # settled, and read twice with the same result


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What one reading of [start_ms, end_ms) of a stream gave. `reading` is sealed: `parsers.sealed` took its raw ends."""

    start_ms: int
    end_ms: int
    state: SliceState
    packs_digest: str
    reading: StreamReading

    @property
    def stream(self) -> StreamKey:
        return self.reading.stream


Fold = Callable[[Sequence[StreamReading]], Reading]
"""Stretches of one stream, in order -> the reading of them together, as the parsers merge and fold them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceInfo:
    """A slice without its contents."""

    start_ms: int
    end_ms: int
    state: SliceState
    packs_digest: str
    read_ms: int


def origin_id(sql: sqlite3.Connection, name: str, read_ms: int) -> int:
    """The row of where something was read: `file:/path/of/a/scene`, `aws:account/region/cluster`."""
    sql.execute("INSERT OR IGNORE INTO origins (name, read_ms) VALUES (?, ?)", (name, read_ms))
    return int(sql.execute("SELECT id FROM origins WHERE name = ?", (name,)).fetchone()[0])


def slices_of(db: Database, key: StreamKey) -> list[SliceInfo]:
    """The slices of a stream, in order of time."""
    rows = db.ask(
        "SELECT start_ms, end_ms, state, packs_digest, read_ms FROM slices JOIN streams ON streams.id = slices.stream "
        "WHERE account = ? AND region = ? AND log_group = ? AND log_stream = ? ORDER BY start_ms",
        _names(key),
    )
    return [SliceInfo(start_ms=a, end_ms=b, state=SliceState(state), packs_digest=d, read_ms=r) for a, b, state, d, r in rows]


def whole(db: Database, key: StreamKey, start_ms: int, end_ms: int) -> tuple[int, int]:
    """The smallest stretch that holds [start, end) and cuts no slice: what has to be read to replace it."""
    for one in slices_of(db, key):
        if one.start_ms < end_ms and start_ms < one.end_ms:
            start_ms, end_ms = min(start_ms, one.start_ms), max(end_ms, one.end_ms)
    return start_ms, end_ms


def put(sql: sqlite3.Connection, origin: int, new: Slice, fold: Fold, *, read_ms: int) -> None:
    """Replaces every slice inside [start, end) by this one, and derives anew what depends on it. Inside `Database.write`.

    Raises StoreError when a slice would be cut in two: ask `whole` first.
    """
    put_all(sql, origin, [new], fold, read_ms=read_ms)


def put_all(sql: sqlite3.Connection, origin: int, news: Iterable[Slice], fold: Fold, *, read_ms: int) -> None:
    """`put` of many slices: what depends on those of one stream is derived once, not once a slice."""
    by_stream: defaultdict[StreamKey, list[Slice]] = defaultdict(list)
    for new in news:
        if new.reading.head or new.reading.tail:
            raise ValueError("a slice must be sealed: raw events are never stored")
        by_stream[new.stream].append(new)
    for key, some in by_stream.items():
        stream = _stream_id(sql, key, origin)
        for new in some:
            _remove_inside(sql, stream, new)
            _insert(sql, stream, origin, new, read_ms)
        owner = int(sql.execute("SELECT owner FROM streams WHERE id = ?", (stream,)).fetchone()[0])
        fresh = {one.start_ms: one for one in some}
        for start, end in _reaches(sql, stream, some):
            _derive(sql, stream, owner, fold(list(_load(sql, stream, fresh, start, end))), start, end)
        _bounds(sql, stream)


def drop_streams(sql: sqlite3.Connection, streams: Iterable[int]) -> None:
    """Everything of these streams."""
    for stream in list(streams):
        owner = int(sql.execute("SELECT owner FROM streams WHERE id = ?", (stream,)).fetchone()[0])
        roll(sql, stream, owner, sign=-1)
        tidy(sql, owner)
        for table in (*_DERIVED, "facts", "slices", "attributions"):
            sql.execute(f"DELETE FROM {table} WHERE stream = ?", (stream,))
        sql.execute("DELETE FROM streams WHERE id = ?", (stream,))
    sql.execute("DELETE FROM kinds WHERE id NOT IN (SELECT kind FROM finding_cells)")


_DERIVED = ("runs", "signs", "request_cells", "finding_cells", "finding_streams", "examples", "unexplained_cells")


# ---- the slice itself --------------------------------------------------------------------------------------------------------


def _names(key: StreamKey) -> tuple[str, str, str, str]:
    return (key.account, key.region, key.log_group, key.log_stream)


def _stream_id(sql: sqlite3.Connection, key: StreamKey, origin: int) -> int:
    sql.execute(
        "INSERT OR IGNORE INTO streams (account, region, log_group, log_stream, origin) VALUES (?, ?, ?, ?, ?)",
        (*_names(key), origin),
    )
    row = sql.execute(
        "SELECT id FROM streams WHERE account = ? AND region = ? AND log_group = ? AND log_stream = ?", _names(key)
    ).fetchone()
    return int(row[0])


def _remove_inside(sql: sqlite3.Connection, stream: int, new: Slice) -> None:
    touched = sql.execute(
        "SELECT start_ms, end_ms FROM slices WHERE stream = ? AND start_ms < ? AND end_ms > ?", (stream, new.end_ms, new.start_ms)
    ).fetchall()
    for start, end in touched:
        if start < new.start_ms or end > new.end_ms:
            raise StoreError(
                f"a slice of {new.stream.log_stream} would be cut in two",
                hint="this is a mistake of the program: please report it",
            )
        sql.execute("DELETE FROM slices WHERE stream = ? AND start_ms = ?", (stream, start))
        sql.execute("DELETE FROM facts WHERE stream = ? AND slice_ms = ?", (stream, start))


class _Rest(msgspec.Struct):
    """What a slice holds beside its facts."""

    counts: list[tuple[int, str, str, int, bool, bool, int]]
    openings: list[Fact]
    first_ms_events: int
    last_ms_events: int
    marked: bool
    chatter_left: int
    told: tuple[str, ...] = ()  # slices of before 2026-11 don't say


def _insert(sql: sqlite3.Connection, stream: int, origin: int, new: Slice, read_ms: int) -> None:
    one = new.reading
    rest = _Rest(
        counts=[(*key, n) for key, n in sorted(one.counts.items())],
        openings=list(one.openings),
        first_ms_events=one.first_ms_events,
        last_ms_events=one.last_ms_events,
        marked=one.marked,
        chatter_left=one.chatter_left,
        told=one.told,
    )
    sql.execute(
        "INSERT INTO slices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            stream, new.start_ms, new.end_ms, new.state, origin, new.packs_digest, read_ms, one.first_ms, one.last_ms,
            one.last_ingestion_ms, one.events, one.undecodable, one.access_lines, len(one.facts),
            msgspec.json.encode(one.gaps).decode(), _pack(rest),
        ),
    )  # fmt: skip
    sql.executemany("INSERT INTO facts VALUES (?, ?, ?, ?, ?)", [(stream, new.start_ms, *block) for block in _blocks(new)])


def _blocks(new: Slice) -> Iterator[tuple[int, int, bytes]]:
    """(first ms, last ms, facts) of each row; of a very long slice only those near its borders and those of runs."""
    facts = new.reading.facts
    spare = len(facts) > KEPT_WHOLE
    for at in range(0, len(facts), _BLOCK):
        block = facts[at : at + _BLOCK]
        first, last = block[0].timestamp_ms, block[-1].timestamp_ms
        inside = first > new.start_ms + NEAR_MS and last < new.end_ms - NEAR_MS
        if spare and inside and not any(match.mark is not None for fact in block for match in fact.matches):
            continue
        yield first, last, _pack(list(block))


def _pack(value: Any) -> bytes:
    return zlib.compress(msgspec.json.encode(value), 3)


def unpack(data: bytes, kind: type[T]) -> T:
    return msgspec.json.decode(zlib.decompress(data), type=kind)


# ---- what has to be folded again ---------------------------------------------------------------------------------------------


def _reaches(sql: sqlite3.Connection, stream: int, news: Sequence[Slice]) -> list[tuple[int | None, int | None]]:
    """The stretches that new slices may change: the whole stream (None), or one around all those that stand close together.

    A fetch reads at several places of its window at once: what lies between them has not changed.
    """
    facts = sql.execute("SELECT sum(facts) FROM slices WHERE stream = ?", (stream,)).fetchone()[0]
    if facts <= FOLDED_WHOLE:
        return [(None, None)]
    places: list[tuple[int, int]] = []
    for start, end in sorted((one.start_ms, one.end_ms) for one in news):
        if places and start - places[-1][1] < NEAR_MS:
            places[-1] = places[-1][0], max(end, places[-1][1])
        else:
            places.append((start, end))
    return [_reach(sql, stream, *place) for place in places]


def _reach(sql: sqlite3.Connection, stream: int, start_ms: int, end_ms: int) -> tuple[int, int]:
    """What new slices within [start_ms, end_ms) may change: whole minutes around it and the runs there."""
    start = (start_ms // MINUTE_MS - 1) * MINUTE_MS
    end = (-(-end_ms // MINUTE_MS) + 1) * MINUTE_MS
    first, last = sql.execute(
        "SELECT min(started_ms), max(ended_ms) FROM runs WHERE stream = ? AND started_ms < ? AND (ended_ms >= ? OR is_open)",
        (stream, end + MINUTE_MS, start - MINUTE_MS),
    ).fetchone()
    start = min(start, start if first is None else first // MINUTE_MS * MINUTE_MS)
    end = max(end, end if last is None else (last // MINUTE_MS + 1) * MINUTE_MS)
    return start, end


def _load(
    sql: sqlite3.Connection, stream: int, fresh: Mapping[int, Slice], start: int | None, end: int | None
) -> Iterator[StreamReading]:
    """The stretches of a stream, a minute further than [start, end) to either side, so that its borders are folded right."""
    low = None if start is None else start - MINUTE_MS
    high = None if end is None else end + MINUTE_MS
    key = next(iter(fresh.values())).stream
    rows = sql.execute(
        "SELECT start_ms, first_event_ms, last_event_ms, last_ingestion_ms, events, undecodable, access_lines, rest FROM slices "
        "WHERE stream = ? AND end_ms > ? AND start_ms < ? ORDER BY start_ms",
        (stream, _floor(low), _ceiling(high)),
    ).fetchall()
    for start_ms, first, last, ingestion, events, undecodable, access_lines, rest in rows:
        if start_ms in fresh:
            yield _within(replace(fresh[start_ms].reading, first_key=(start_ms, 0, "", 0)), low, high)
            continue
        kept = unpack(rest, _Rest)
        blocks = sql.execute(
            "SELECT data FROM facts WHERE stream = ? AND slice_ms = ? AND last_ms >= ? AND first_ms < ? ORDER BY first_ms, rowid",
            (stream, start_ms, _floor(low), _ceiling(high)),
        )
        reading = StreamReading(
            stream=key,
            facts=tuple(fact for (data,) in blocks for fact in unpack(data, list[Fact])),
            counts={row[:6]: row[6] for row in kept.counts},
            openings=tuple(kept.openings),
            first_ms=first,
            last_ms=last,
            last_ingestion_ms=ingestion,
            events=events,
            undecodable=undecodable,
            first_ms_events=kept.first_ms_events,
            last_ms_events=kept.last_ms_events,
            access_lines=access_lines,
            marked=kept.marked,
            chatter_left=kept.chatter_left,
            told=kept.told,
            first_key=(start_ms, 0, "", 0),
        )
        yield _within(reading, low, high)


def _floor(value: int | None) -> int:
    return -(1 << 62) if value is None else value


def _ceiling(value: int | None) -> int:
    return 1 << 62 if value is None else value


def _within(one: StreamReading, low: int | None, high: int | None) -> StreamReading:
    if low is None and high is None:
        return one
    return replace(
        one,
        facts=tuple(fact for fact in one.facts if _floor(low) <= fact.timestamp_ms < _ceiling(high)),
        counts={key: n for key, n in one.counts.items() if _floor(low) <= key[0] < _ceiling(high)},
    )


# ---- what follows from it ----------------------------------------------------------------------------------------------------


def _derive(sql: sqlite3.Connection, stream: int, owner: int, reading: Reading, start: int | None, end: int | None) -> None:
    """Replaces what is derived of [start, end) of a stream, and mends the roll-ups by the difference."""
    low, high = _floor(start), _ceiling(end)
    roll(sql, stream, owner, sign=-1, start_ms=start, end_ms=end)
    fold = next(iter(reading.folds.values()))
    _replace_runs(sql, stream, fold.runs.runs, low, high)
    _replace_signs(sql, stream, fold.runs, low, high)
    _replace_told(sql, stream, next(iter(reading.coverage)), low, high)
    _replace_requests(sql, stream, reading.request_counts, low, high)
    _replace_findings(sql, stream, [one for one in reading.findings if low <= one.timestamp_ms < high], low, high)
    _replace_unexplained(sql, stream, [one for one in fold.unexplained if low <= one.timestamp_ms < high], low, high)
    roll(sql, stream, owner, sign=1, start_ms=start, end_ms=end)
    tidy(sql, owner, start, end)


def _replace_runs(sql: sqlite3.Connection, stream: int, runs: Sequence[MigrationRun], low: int, high: int) -> None:
    sql.execute("DELETE FROM runs WHERE stream = ? AND started_ms < ? AND (ended_ms >= ? OR is_open)", (stream, high, low))
    sql.executemany(
        "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)",
        [
            (stream, run.id, run.started_ms, run.ended_ms, run.open, _pack(run))
            for run in runs
            if run.started_ms < high and (run.ended_ms >= low or run.open)
        ],
    )


def _replace_told(sql: sqlite3.Connection, stream: int, seen: Coverage, low: int, high: int) -> None:
    at = min(max(seen.first_event_ms or 0, low), high - 1)
    sql.executemany("INSERT OR IGNORE INTO signs VALUES (?, ?, ?)", [(stream, TOLD + name, at) for name in seen.told])


def _replace_signs(sql: sqlite3.Connection, stream: int, folded: Any, low: int, high: int) -> None:
    sql.execute("DELETE FROM signs WHERE stream = ? AND at_ms >= ? AND at_ms < ?", (stream, low, high))
    signs = (("ready", folded.ready_ms), ("terminated", folded.terminated_ms), ("crashed", folded.crashed_ms))
    sql.executemany(
        "INSERT OR IGNORE INTO signs VALUES (?, ?, ?)",
        [(stream, kind, at) for kind, times in signs for at in times if low <= at < high],
    )


def _replace_requests(sql: sqlite3.Connection, stream: int, counts: Sequence[RequestCount], low: int, high: int) -> None:
    sql.execute("DELETE FROM request_cells WHERE stream = ? AND minute_ms >= ? AND minute_ms < ?", (stream, low, high))
    answers = _Answers(sql)
    sql.executemany(
        "INSERT INTO request_cells VALUES (?, ?, ?, ?)",
        [(stream, one.minute_ms, answers.id_of(one), one.count) for one in counts if low <= one.minute_ms < high],
    )


class _Answers:
    """Numbers of ways to be answered, as this transaction comes to know them."""

    def __init__(self, sql: sqlite3.Connection) -> None:
        self._sql = sql
        self._known: dict[tuple[str, str, int, bool, bool], int] = {}

    def id_of(self, one: RequestCount) -> int:
        key = (one.method, one.route, one.status, one.aborted, one.health_check)
        if key not in self._known:
            self._sql.execute(
                "INSERT OR IGNORE INTO answers (method, route, status, aborted, health_check) VALUES (?, ?, ?, ?, ?)", key
            )
            row = self._sql.execute(
                "SELECT id FROM answers WHERE method = ? AND route = ? AND status = ? AND aborted = ? AND health_check = ?", key
            ).fetchone()
            self._known[key] = int(row[0])
        return self._known[key]


class KindData(msgspec.Struct):
    """What a kind says beside its columns."""

    title: str
    rule_id: str
    system: str | None
    code: str | None
    db_code: str | None
    implied_code: str | None
    fields: list[str]


def _kind_id(sql: sqlite3.Connection, one: Finding) -> int:
    data = msgspec.json.encode(
        KindData(one.title, one.rule_id, one.system, one.code, one.db_code, one.implied_code, list(one.fields[:20]))
    )
    columns = (one.fingerprint, one.category, one.layer, one.severity, one.method, one.route, one.status)
    material = "\0".join(str(part) for part in columns).encode() + b"\0" + "\0".join(one.fields[:20]).encode()
    digest = hashlib.sha256(material).hexdigest()[:24]
    sql.execute(
        "INSERT OR IGNORE INTO kinds (digest, fingerprint, category, layer, severity, method, route, status, data) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (digest, *columns, data),
    )
    return int(sql.execute("SELECT id FROM kinds WHERE digest = ?", (digest,)).fetchone()[0])


def _replace_findings(sql: sqlite3.Connection, stream: int, findings: Sequence[Finding], low: int, high: int) -> None:
    gone = sql.execute(
        "SELECT DISTINCT kind FROM finding_cells WHERE stream = ? AND minute_ms >= ? AND minute_ms < ?", (stream, low, high)
    ).fetchall()
    sql.execute("DELETE FROM finding_cells WHERE stream = ? AND minute_ms >= ? AND minute_ms < ?", (stream, low, high))
    # A plus sign before a column keeps its index out: the rows of one stream are few, those of one instant may be of 100,000 streams.
    sql.execute("DELETE FROM examples WHERE stream = ? AND +timestamp_ms >= ? AND +timestamp_ms < ?", (stream, low, high))
    cells: defaultdict[tuple[int, int], list[Finding]] = defaultdict(list)
    kinds: dict[tuple[Any, ...], int] = {}
    newest: defaultdict[str, list[tuple[int, Finding]]] = defaultdict(list)
    for one in findings:
        key = (one.fingerprint, one.category, one.layer, one.severity, one.method, one.route, one.status, one.fields[:20])
        kind = kinds.get(key)
        if kind is None:
            kind = kinds[key] = _kind_id(sql, one)
        cells[kind, one.timestamp_ms // MINUTE_MS * MINUTE_MS].append(one)
        newest[one.fingerprint].append((kind, one))
    sql.executemany(
        "INSERT INTO finding_cells VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(stream, kind, minute, *_cell(some)) for (kind, minute), some in cells.items()],
    )
    _keep_examples(sql, stream, newest)
    for kind in {kind for (kind,) in gone} | set(kinds.values()):
        _total(sql, stream, kind)


def _cell(some: Sequence[Finding]) -> tuple[int, int, int, str]:
    times = [one.timestamp_ms for one in some]
    clients = sorted({one.client for one in some if one.client})[:CLIENTS]
    return len(some), min(times), max(times), "\n".join(clients)


def _keep_examples(sql: sqlite3.Connection, stream: int, newest: dict[str, list[tuple[int, Finding]]]) -> None:
    rows = [
        (stream, one.id, kind, one.fingerprint, one.timestamp_ms, msgspec.json.encode(one))
        for some in newest.values()
        for kind, one in some[-EXAMPLES:]
    ]
    sql.executemany("INSERT OR REPLACE INTO examples VALUES (?, ?, ?, ?, ?, ?)", rows)
    for fingerprint in newest:
        sql.execute(
            "DELETE FROM examples WHERE stream = ? AND +fingerprint = ? AND id NOT IN (SELECT id FROM examples "
            "WHERE stream = ? AND +fingerprint = ? ORDER BY +timestamp_ms DESC, id LIMIT ?)",
            (stream, fingerprint, stream, fingerprint, EXAMPLES),
        )


def _total(sql: sqlite3.Connection, stream: int, kind: int) -> None:
    """One kind of one stream, over all its minutes."""
    rows = sql.execute(
        "SELECT n, first_ms, last_ms, clients FROM finding_cells WHERE stream = ? AND kind = ?", (stream, kind)
    ).fetchall()
    if not rows:
        sql.execute("DELETE FROM finding_streams WHERE stream = ? AND kind = ?", (stream, kind))
        return
    clients: set[str] = set()
    for row in rows:
        if len(clients) < CLIENTS:
            clients.update(row[3].split("\n") if row[3] else ())
    sql.execute(
        "INSERT OR REPLACE INTO finding_streams VALUES (?, ?, ?, ?, ?, ?)",
        (
            stream,
            kind,
            sum(row[0] for row in rows),
            min(row[1] for row in rows),
            max(row[2] for row in rows),
            "\n".join(sorted(clients)[:CLIENTS]),
        ),
    )


def _replace_unexplained(sql: sqlite3.Connection, stream: int, facts: Sequence[Fact], low: int, high: int) -> None:
    sql.execute("DELETE FROM unexplained_cells WHERE stream = ? AND minute_ms >= ? AND minute_ms < ?", (stream, low, high))
    cells: defaultdict[tuple[str, int], list[Fact]] = defaultdict(list)
    for fact in facts:
        cells[fact.fingerprint, fact.timestamp_ms // MINUTE_MS * MINUTE_MS].append(fact)
    sql.executemany(
        "INSERT INTO unexplained_cells VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                stream,
                fingerprint,
                minute,
                len(some),
                some[0].timestamp_ms,
                some[-1].timestamp_ms,
                msgspec.json.encode(some[-1].evidence[0]),
            )
            for (fingerprint, minute), some in cells.items()
            if some[-1].evidence
        ],
    )


def _bounds(sql: sqlite3.Connection, stream: int) -> None:
    sql.execute(
        "UPDATE streams SET (first_event_ms, last_event_ms) = (SELECT min(first_event_ms), max(last_event_ms) FROM slices "
        "WHERE stream = streams.id) WHERE id = ?",
        (stream,),
    )


def origin_read(
    sql: sqlite3.Connection, origin: int, *, as_of_ms: int | None, complete_to_ms: int | None, read_ms: int, digest: str = ""
) -> None:
    """An origin was read: its clock then, how far its logs are complete, and what it looked like."""
    sql.execute(
        "UPDATE origins SET as_of_ms = ?, complete_to_ms = ?, read_ms = ?, digest = ? WHERE id = ?",
        (as_of_ms, complete_to_ms, read_ms, digest, origin),
    )


def starts_with_events(sql: sqlite3.Connection, key: StreamKey) -> set[int]:
    """Where the slices of a stream begin that hold something."""
    rows = sql.execute(
        "SELECT start_ms FROM slices JOIN streams ON streams.id = slices.stream WHERE account = ? AND region = ? "
        "AND log_group = ? AND log_stream = ? AND events > 0",
        (key.account, key.region, key.log_group, key.log_stream),
    )
    return {start for (start,) in rows}
