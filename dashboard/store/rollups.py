"""Asking: what screens need, from roll-ups, never from single events. Every answer is of the store as it is now."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from dashboard.rows import FailureGroup, FieldRow, Filters, LadderCell, RouteRow, TimeCell, Window
from dashboard.store.database import Database
from dashboard.store.slices import EXAMPLES, TOLD, KindData, unpack
from parsers import (
    Attribution,
    Category,
    Confidence,
    Coverage,
    Evidence,
    Finding,
    Layer,
    MigrationRun,
    RequestCount,
    Severity,
    StreamKey,
    UnexplainedGroup,
)

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
MOST_GROUPS = 500
TOLD_BY_MINUTE = 5  # newest deployments of a service that the judge is told of by the minute
MOST_BY_MINUTE = 200_000  # requests of a deployment up to which; above it by the hour
_FEW = 8  # of a smaller part of the deployments findings are looked up by stream, of a greater one from the newest on
_STEPS_MIN = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 43_200, 129_600, 525_600)
_SEVERITIES = (Severity.CRITICAL, Severity.ERROR, Severity.WARNING, Severity.INFO)
A_FAILURE = "NOT (kinds.category = 'startup' AND kinds.severity = 'info')"  # "ready", "told to stop": events, no failures


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A deployment as roll-ups know it."""

    id: int
    deployment_id: str
    service: str
    revision: int


def owners(db: Database) -> dict[int, Owner]:
    rows = db.ask("SELECT id, deployment_id, service, revision FROM deployments")
    return {
        number: Owner(id=number, deployment_id=name, service=service, revision=revision)
        for number, name, service, revision in rows
    }


def services(db: Database) -> list[str]:
    return [name for (name,) in db.ask("SELECT DISTINCT service FROM deployments ORDER BY service")]


# ---- filters as SQL ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Where:
    """Conditions and their values; every value is bound, never written into the statement."""

    parts: list[str]
    values: list[Any]

    def add(self, part: str, *values: Any) -> None:
        self.parts.append(part)
        self.values.extend(values)

    def __str__(self) -> str:
        return " AND ".join(self.parts) or "1"


def _owner_ids(filters: Filters, known: Mapping[int, Owner]) -> list[int] | None:
    """The owners that a filter leaves; None: all, streams of no deployment too."""
    if filters.service is None and filters.revision is None and filters.deployment_id is None:
        return None
    return [
        one.id
        for one in known.values()
        if filters.service in (None, one.service)
        and filters.revision in (None, one.revision)
        and filters.deployment_id in (None, one.deployment_id)
    ]


def _where_owner(where: _Where, column: str, ids: Sequence[int] | None) -> None:
    if ids is not None:
        where.add(f"{column} IN ({','.join('?' * len(ids))})", *ids)


def _where_kind(where: _Where, filters: Filters) -> None:
    for column in ("category", "layer", "severity", "method", "route", "status", "fingerprint"):
        value = getattr(filters, column)
        if value is not None:
            where.add(f"kinds.{column} = ?", value)


def _where_window(where: _Where, column: str, window: Window, *, width_ms: int = MINUTE_MS) -> None:
    """Whole minutes (or hours): a cell that the window's border cuts is in."""
    if window.start_ms is not None:
        where.add(f"{column} >= ?", window.start_ms // width_ms * width_ms)
    if window.end_ms is not None:
        where.add(f"{column} < ?", window.end_ms)


def _is_open(window: Window) -> bool:
    return window.start_ms is None and window.end_ms is None


# ---- failures ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCount:
    """How often one kind came in one deployment (`owner` 0: in none)."""

    kind: int
    owner: int
    n: int
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One way to fail: a fingerprint as one layer, status and route have it."""

    id: int
    fingerprint: str
    category: Category
    layer: Layer | None
    severity: Severity
    method: str | None
    route: str | None
    status: int | None
    data: KindData


def kinds(db: Database, ids: Iterable[int] | None = None) -> dict[int, Kind]:
    columns = "SELECT id, fingerprint, category, layer, severity, method, route, status, data FROM kinds"
    wanted = None if ids is None else sorted(set(ids))
    if wanted is None or len(wanted) > 5000:
        rows = db.ask(columns)
    else:
        rows = db.ask(f"{columns} WHERE id IN ({','.join('?' * len(wanted))})", wanted)
    return {
        row[0]: Kind(
            id=row[0],
            fingerprint=row[1],
            category=Category(row[2]),
            layer=Layer(row[3]) if row[3] else None,
            severity=Severity(row[4]),
            method=row[5],
            route=row[6],
            status=row[7],
            data=msgspec.json.decode(row[8], type=KindData),
        )
        for row in rows
    }


def kind_counts(db: Database, filters: Filters, known: Mapping[int, Owner]) -> list[KindCount]:
    where = _Where([], [])
    _where_owner(where, "streams.owner", _owner_ids(filters, known))
    _where_kind(where, filters)
    source, values = _finding_source(filters.window)
    rows = db.ask(
        f"SELECT cells.kind, streams.owner, sum(cells.n), min(cells.first_ms), max(cells.last_ms) FROM {source} AS cells "
        f"JOIN streams ON streams.id = cells.stream JOIN kinds ON kinds.id = cells.kind WHERE {where} GROUP BY 1, 2",
        (*values, *where.values),
    )
    return [KindCount(kind=kind, owner=owner, n=n, first_ms=first, last_ms=last) for kind, owner, n, first, last in rows]


def _finding_source(window: Window) -> tuple[str, list[int]]:
    """Findings by stream and kind: of streams that lie inside the window in one sum, of those that its borders cut by minute."""
    if _is_open(window):
        return "finding_streams", []
    start = 0 if window.start_ms is None else window.start_ms // MINUTE_MS * MINUTE_MS
    end = 1 << 62 if window.end_ms is None else window.end_ms
    columns = "f.stream, f.kind, f.n, f.first_ms, f.last_ms, f.clients"
    inside = "s.first_event_ms >= ? AND s.last_event_ms < ?"
    return (
        f"(SELECT {columns} FROM streams AS s CROSS JOIN finding_streams AS f ON f.stream = s.id WHERE {inside} "
        f"UNION ALL SELECT {columns} FROM streams AS s CROSS JOIN finding_cells AS f ON f.stream = s.id "
        f"WHERE s.last_event_ms >= ? AND s.first_event_ms < ? AND NOT ({inside}) AND f.minute_ms >= ? AND f.minute_ms < ?)",
        [start, end, start, end, start, end, start, end],
    )


def failures(db: Database, filters: Filters, *, examples: int = 0) -> list[FailureGroup]:
    """Every fingerprint that fits, worst and most frequent first; at most 500. `examples`: newest findings of each, a query each."""
    known = owners(db)
    counts = kind_counts(db, filters, known)
    described = kinds(db, (one.kind for one in counts))
    by_fingerprint: defaultdict[str, list[KindCount]] = defaultdict(list)
    for one in counts:
        kind = described[one.kind]
        if kind.category is not Category.STARTUP or kind.severity is not Severity.INFO:
            by_fingerprint[kind.fingerprint].append(one)
    groups = [_group(fingerprint, some, described, known) for fingerprint, some in by_fingerprint.items()]
    groups.sort(key=lambda one: (_SEVERITIES.index(one.severity), -one.requests, one.fingerprint))
    del groups[MOST_GROUPS:]
    shown = _examples(db, filters, known, [one.fingerprint for one in groups], examples) if examples else {}
    clients = _clients(db, filters, known, described)
    return [replace(one, examples=tuple(shown.get(one.fingerprint, ())), clients=len(clients[one.fingerprint])) for one in groups]


def _group(
    fingerprint: str, some: Sequence[KindCount], described: Mapping[int, Kind], known: Mapping[int, Owner]
) -> FailureGroup:
    often = Counter[int]()
    by_deployment = Counter[str]()
    seen: dict[str, tuple[int, int]] = {}
    for one in some:
        often[one.kind] += one.n
        if one.owner in known:
            deployment_id = known[one.owner].deployment_id
            by_deployment[deployment_id] += one.n
            first, last = seen.get(deployment_id, (one.first_ms, one.last_ms))
            seen[deployment_id] = (min(first, one.first_ms), max(last, one.last_ms))
    main = described[often.most_common(1)[0][0]]
    fields = dict.fromkeys(name for kind, _ in often.most_common() for name in described[kind].data.fields)
    return FailureGroup(
        fingerprint=fingerprint,
        title=main.data.title,
        rule_id=main.data.rule_id,
        category=main.category,
        layer=main.layer,
        severity=min((described[one.kind].severity for one in some), key=_SEVERITIES.index),
        system=main.data.system,
        code=main.data.code,
        db_code=main.data.db_code,
        implied_code=main.data.implied_code,
        method=main.method,
        route=main.route,
        status=main.status,
        fields=tuple(fields),
        requests=sum(often.values()),
        first_ms=min(one.first_ms for one in some),
        last_ms=max(one.last_ms for one in some),
        by_deployment=dict(by_deployment),
        seen=seen,
    )


def _examples(
    db: Database, filters: Filters, known: Mapping[int, Owner], fingerprints: Iterable[str], most: int
) -> dict[str, list[Finding]]:
    """The newest findings of each fingerprint that fit the filters."""
    where = _Where([], [])
    _where_owner(where, "streams.owner", _owner_ids(filters, known))
    _where_kind(where, filters)
    _where_window(where, "examples.timestamp_ms", filters.window, width_ms=1)
    found: dict[str, list[Finding]] = {}
    for fingerprint in fingerprints:
        rows = db.ask(
            "SELECT examples.data FROM examples JOIN streams ON streams.id = examples.stream JOIN kinds ON "
            "kinds.id = examples.kind "
            f"WHERE examples.fingerprint = ? AND {where} ORDER BY examples.timestamp_ms DESC, examples.id LIMIT ?",
            (fingerprint, *where.values, most),
        )
        found[fingerprint] = [msgspec.json.decode(data, type=Finding) for (data,) in rows]
    return found


def _clients(db: Database, filters: Filters, known: Mapping[int, Owner], described: Mapping[int, Kind]) -> dict[str, set[str]]:
    """Distinct clients of each fingerprint among these kinds."""
    where = _Where([f"cells.kind IN ({','.join(str(number) for number in described)})"], [])
    _where_owner(where, "streams.owner", _owner_ids(filters, known))
    source, values = _finding_source(filters.window)
    rows = db.ask(
        f"SELECT cells.kind, cells.clients FROM {source} AS cells JOIN streams ON streams.id = cells.stream WHERE {where}",
        (*values, *where.values),
    )
    found: defaultdict[str, set[str]] = defaultdict(set)
    for kind, clients in rows:
        if clients:
            found[described[kind].fingerprint].update(clients.split("\n"))
    return found


def failure(db: Database, fingerprint: str) -> FailureGroup | None:
    """One fingerprint with its newest 20 findings."""
    found = failures(db, Filters(fingerprint=fingerprint), examples=EXAMPLES)
    return found[0] if found else None


def findings(db: Database, filters: Filters, limit: int) -> list[Finding]:
    """The newest kept findings that fit."""
    known = owners(db)
    ids = _owner_ids(filters, known)
    where = _Where([], [])
    _where_owner(where, "streams.owner", ids)
    _where_kind(where, filters)
    _where_window(where, "e.timestamp_ms", filters.window, width_ms=1)
    many = ids is None or len(ids) * _FEW >= len(known)
    newest_first, join = ("INDEXED BY examples_time", "CROSS JOIN") if many else ("", "JOIN")
    rows = db.ask(
        "SELECT data FROM examples WHERE rowid IN ("
        f"SELECT e.rowid FROM examples AS e {newest_first} {join} streams ON streams.id = e.stream "
        f"{join} kinds ON kinds.id = e.kind WHERE {where} ORDER BY e.timestamp_ms DESC, e.id LIMIT ?) "
        "ORDER BY timestamp_ms DESC, id",
        (*where.values, limit),
    )
    return [msgspec.json.decode(data, type=Finding) for (data,) in rows]


def finding(db: Database, identifier: str) -> Finding | None:
    rows = db.ask("SELECT data FROM examples WHERE id = ?", (identifier,))
    return msgspec.json.decode(rows[0][0], type=Finding) if rows else None


def fields(db: Database, filters: Filters) -> list[FieldRow]:
    """Fields that refused requests name, most requests first."""
    known = owners(db)
    counts = kind_counts(db, filters, known)
    described = kinds(db, (one.kind for one in counts))
    total: defaultdict[tuple[str, str | None, Layer | None, str | None, str | None], Counter[int]] = defaultdict(Counter)
    for one in counts:
        kind = described[one.kind]
        code = kind.data.db_code or kind.data.code or kind.data.implied_code
        for name in kind.data.fields:
            total[name, code, kind.layer, kind.method, kind.route][one.owner] += one.n
    rows = [
        FieldRow(
            field=name, code=code, layer=layer, method=method, route=route, requests=sum(by_owner.values()),
            by_deployment={known[owner].deployment_id: n for owner, n in by_owner.items() if owner in known},
        )
        for (name, code, layer, method, route), by_owner in total.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-row.requests, row.field, row.route or "", row.code or ""))


def failures_over_time(db: Database, filters: Filters, buckets: int) -> list[TimeCell]:
    """At most `buckets` equal steps of time, each split by deployment, layer and category."""
    known = owners(db)
    span = _span(db, filters, known)
    if span is None:
        return []
    steps = [minutes * MINUTE_MS for minutes in _STEPS_MIN]
    step = next((one for one in steps if span[1] // one - span[0] // one < buckets), steps[-1])
    where = _Where([], [])
    _where_kind(where, filters)
    if step >= HOUR_MS:
        _where_owner(where, "cells.owner", _owner_ids(filters, known))
        _where_window(where, "cells.hour_ms", filters.window, width_ms=HOUR_MS)
        source, at, owner = "finding_hours AS cells", "cells.hour_ms", "cells.owner"
    else:
        _where_owner(where, "streams.owner", _owner_ids(filters, known))
        _where_window(where, "cells.minute_ms", filters.window)
        source, at, owner = "finding_cells AS cells JOIN streams ON streams.id = cells.stream", "cells.minute_ms", "streams.owner"
    rows = db.ask(
        f"SELECT {at} / {step} * {step}, {owner}, kinds.layer, kinds.category, sum(cells.n) FROM {source} "
        f"JOIN kinds ON kinds.id = cells.kind WHERE {where} AND {A_FAILURE} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
        where.values,
    )
    return [
        TimeCell(
            bucket_ms=at,
            deployment_id=known[owner].deployment_id if owner in known else None,
            revision=known[owner].revision if owner in known else None,
            layer=Layer(layer) if layer else None,
            category=Category(category),
            requests=n,
        )
        for at, owner, layer, category, n in rows
    ]


def _span(db: Database, filters: Filters, known: Mapping[int, Owner]) -> tuple[int, int] | None:
    """First and last time of what fits; the window's own borders where it has them."""
    where = _Where([], [])
    _where_owner(where, "streams.owner", _owner_ids(filters, known))
    _where_kind(where, filters)
    rows = db.ask(
        "SELECT min(cells.first_ms), max(cells.last_ms) FROM finding_streams AS cells JOIN streams ON streams.id = cells.stream "
        f"JOIN kinds ON kinds.id = cells.kind WHERE {where}",
        where.values,
    )
    first, last = rows[0]
    if first is None:
        return None
    low = max(first, filters.window.start_ms if filters.window.start_ms is not None else first)
    high = min(last, filters.window.end_ms if filters.window.end_ms is not None else last)
    return (low, high) if low <= high else None


# ---- requests ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCount:
    owner: int
    method: str
    route: str
    status: int
    aborted: bool
    n: int


def answer_counts(db: Database, filters: Filters, known: Mapping[int, Owner]) -> list[AnswerCount]:
    """Requests by deployment and answer, health checks left out. A window counts whole minutes."""
    where = _Where(["answers.health_check = 0"], [])
    _where_owner(where, "cells.owner", _owner_ids(filters, known))
    for column in ("method", "route", "status"):
        value = getattr(filters, column)
        if value is not None:
            where.add(f"answers.{column} = ?", value)
    source, values = ("request_totals", []) if _is_open(filters.window) else _requests_within(db, filters.window)
    rows = db.ask(
        f"SELECT cells.owner, answers.method, answers.route, answers.status, answers.aborted, sum(cells.n) FROM "
        f"{source} AS cells "
        f"JOIN answers ON answers.id = cells.answer WHERE {where} GROUP BY 1, 2, 3, 4, 5",
        (*values, *where.values),
    )
    return [
        AnswerCount(owner=owner, method=method, route=route, status=status, aborted=bool(aborted), n=n)
        for owner, method, route, status, aborted, n in rows
        if n
    ]


def _requests_within(db: Database, window: Window) -> tuple[str, list[Any]]:
    """The cells of a window: whole hours from the hours, the rest from the minutes."""
    bounds = db.ask("SELECT min(first_event_ms), max(last_event_ms) FROM streams")[0]
    start = max(window.start_ms if window.start_ms is not None else 0, bounds[0] or 0) // MINUTE_MS * MINUTE_MS
    end = min(window.end_ms if window.end_ms is not None else 1 << 62, (bounds[1] or 0) + 1)
    first_hour, last_hour = -(-start // HOUR_MS) * HOUR_MS, end // HOUR_MS * HOUR_MS
    minutes = (
        "SELECT streams.owner, c.answer, c.n FROM request_cells AS c JOIN streams ON streams.id = c.stream "
        "WHERE streams.last_event_ms >= ? AND streams.first_event_ms < ? AND c.minute_ms >= ? AND c.minute_ms < ?"
    )
    if first_hour >= last_hour:
        return f"({minutes})", [start, end, start, end]
    hours = "SELECT owner, answer, n FROM request_hours WHERE hour_ms >= ? AND hour_ms < ?"
    return (
        f"({hours} UNION ALL {minutes} UNION ALL {minutes})",
        [first_hour, last_hour, start, first_hour, start, first_hour, last_hour, end, last_hour, end],
    )


def requests(db: Database, filters: Filters) -> list[RouteRow]:
    """Routes by deployment, most requests first. `status` and `by_status` 0: none was sent, or none is known."""
    known = owners(db)
    total: defaultdict[tuple[str, str, int], Counter[int]] = defaultdict(Counter)
    aborted = Counter[tuple[str, str, int]]()
    for one in answer_counts(db, filters, known):
        if one.owner not in known:
            continue
        key = (one.method, one.route, one.owner)
        total[key][one.status] += one.n
        aborted[key] += one.n if one.aborted else 0
    rows = [
        RouteRow(
            method=method or None, route=route or None, deployment_id=known[owner].deployment_id, revision=known[owner].revision,
            requests=sum(by_status.values()), by_status=dict(sorted(by_status.items())), aborted=aborted[method, route, owner],
        )
        for (method, route, owner), by_status in total.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-row.requests, row.route or "", row.method or "", row.revision))


def ladder(db: Database, filters: Filters) -> list[LadderCell]:
    """Which layer refused, by route and deployment."""
    known = owners(db)
    counts = kind_counts(db, filters, known)
    described = kinds(db, (one.kind for one in counts))
    refused = Counter[tuple[str | None, str | None, int, Layer]]()
    for one in counts:
        kind = described[one.kind]
        if kind.layer is not None and kind.route is not None and one.owner in known:
            refused[kind.method, kind.route, one.owner, kind.layer] += one.n
    answered = Counter[tuple[str, str, int]]()
    for answer in answer_counts(db, replace(filters, status=None), known):
        answered[answer.method, answer.route, answer.owner] += answer.n
    cells = [
        LadderCell(
            method=method, route=route, revision=known[owner].revision, deployment_id=known[owner].deployment_id,
            layer=layer, requests=n, answered=answered[method or "", route or "", owner],
        )
        for (method, route, owner, layer), n in refused.items()
    ]  # fmt: skip
    return sorted(cells, key=lambda cell: (-cell.requests, cell.route or "", cell.method or "", cell.revision, cell.layer))


def request_totals(db: Database, known: Mapping[int, Owner]) -> dict[int, list[AnswerCount]]:
    """Every deployment's answers over all time."""
    found: defaultdict[int, list[AnswerCount]] = defaultdict(list)
    for one in answer_counts(db, Filters(), known):
        found[one.owner].append(one)
    return found


def health_seen(db: Database, owner: int) -> int | None:
    """Start of the first minute in which a health check was answered well."""
    rows = db.ask(
        "SELECT min(c.minute_ms) FROM request_cells AS c JOIN streams ON streams.id = c.stream JOIN answers ON "
        "answers.id = c.answer "
        "WHERE streams.owner = ? AND answers.health_check AND answers.status BETWEEN 200 AND 299",
        (owner,),
    )
    return rows[0][0] if rows else None


# ---- runs, streams, coverage -------------------------------------------------------------------------------------------------


def migration_runs(db: Database, filters: Filters) -> list[MigrationRun]:
    """Runs that fit, newest first."""
    where = _Where([], [])
    _where_owner(where, "streams.owner", _owner_ids(filters, owners(db)))
    if filters.window.start_ms is not None:
        where.add("(runs.ended_ms >= ? OR runs.is_open)", filters.window.start_ms)
    if filters.window.end_ms is not None:
        where.add("runs.started_ms < ?", filters.window.end_ms)
    rows = db.ask(
        f"SELECT runs.data FROM runs JOIN streams ON streams.id = runs.stream WHERE {where} ORDER BY "
        f"runs.started_ms DESC, runs.id",
        where.values,
    )
    return [unpack(data, MigrationRun) for (data,) in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """A stream with what is known of its reading."""

    id: int
    owner: int
    origin: int
    coverage: Coverage
    attribution: Attribution
    states: Mapping[str, int]
    packs_digest: str
    read_ms: int | None

    @property
    def stream(self) -> StreamKey:
        return self.coverage.stream


def streams(db: Database, *, origin: int | None = None) -> list[StreamState]:
    """Every stream with its coverage, in the order of their names."""
    where = _Where([], [])
    if origin is not None:
        where.add("streams.origin = ?", origin)
    rows = db.ask(
        "SELECT streams.id, account, region, log_group, log_stream, owner, streams.origin, attributions.data, "
        "min(slices.first_event_ms), max(slices.last_event_ms), max(last_ingestion_ms), sum(events), "
        "sum(undecodable), sum(access_lines), "
        "sum(state = 'open'), sum(state = 'settled'), sum(state = 'verified'), max(packs_digest), max(read_ms) "
        "FROM streams JOIN slices ON slices.stream = streams.id LEFT JOIN attributions ON attributions.stream = streams.id "
        f"WHERE {where} GROUP BY streams.id ORDER BY account, region, log_group, log_stream",
        where.values,
    )
    signs: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    told: defaultdict[int, set[str]] = defaultdict(set)
    for stream, kind, at in db.ask("SELECT stream, kind, at_ms FROM signs ORDER BY at_ms"):
        signs[stream, kind].append(at)
        if kind.startswith(TOLD):
            told[stream].add(kind.removeprefix(TOLD))
    unexplained = dict(db.ask("SELECT stream, sum(n) FROM unexplained_cells GROUP BY stream"))
    gaps: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for stream, some in db.ask("SELECT stream, gaps FROM slices WHERE gaps != '[]' ORDER BY start_ms"):
        gaps[stream].extend(msgspec.json.decode(some, type=list[tuple[int, int]]))
    return [_state(row, signs, int(unexplained.get(row[0], 0)), gaps.get(row[0], []), told.get(row[0], ())) for row in rows]


def _state(
    row: Sequence[Any],
    signs: Mapping[tuple[int, str], list[int]],
    unexplained: int,
    gaps: Sequence[tuple[int, int]],
    told: Iterable[str],
) -> StreamState:
    number, account, region, group, name, owner, origin, attribution = row[:8]
    first, last, ingestion, events, undecodable, access_lines, opened, settled, verified, digest, read_ms = row[8:]
    key = StreamKey(account=account, region=region, log_group=group, log_stream=name)
    unknown = Attribution(
        stream=key, task_id=key.task_id, task_definition=None, deployment_id=None, confidence=Confidence.UNKNOWN, rung="unknown"
    )
    coverage = Coverage(
        stream=key,
        first_event_ms=first,
        last_event_ms=last,
        events=events,
        undecodable=undecodable,
        unexplained=unexplained,
        last_ingestion_ms=ingestion,
        has_access_lines=access_lines > 0,
        ready_ms=tuple(signs.get((number, "ready"), ())),
        terminated_ms=tuple(signs.get((number, "terminated"), ())),
        crashed_ms=tuple(signs.get((number, "crashed"), ())),
        gaps=tuple(gaps),
        told=tuple(sorted(told)),
    )
    return StreamState(
        id=number,
        owner=owner,
        origin=origin,
        coverage=coverage,
        attribution=msgspec.json.decode(attribution, type=Attribution) if attribution else unknown,
        states={"open": opened, "settled": settled, "verified": verified},
        packs_digest=digest,
        read_ms=read_ms,
    )


def unexplained(db: Database) -> list[UnexplainedGroup]:
    """Errors that no rule took, by stream and fingerprint, most frequent first."""
    rows = db.ask(
        "SELECT account, region, log_group, log_stream, fingerprint, sum(n), min(first_ms), max(last_ms), "
        "example, max(minute_ms) "
        "FROM unexplained_cells JOIN streams ON streams.id = unexplained_cells.stream GROUP BY streams.id, fingerprint "
        "ORDER BY 6 DESC, 5, log_stream LIMIT ?",
        (MOST_GROUPS,),
    )
    return [
        UnexplainedGroup(
            fingerprint=fingerprint,
            stream=StreamKey(account=account, region=region, log_group=group, log_stream=name),
            count=n,
            first_ms=first,
            last_ms=last,
            example=msgspec.json.decode(example, type=Evidence),
        )
        for account, region, group, name, fingerprint, n, first, last, example, _ in rows
    ]


# ---- for the judge -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Which deployments the judge is told of, and of which by the minute (the others in sums)."""

    owners: tuple[int, ...]
    by_minute: frozenset[int]


def told(db: Database, origin: int) -> Told:
    """Of each service the newest deployments by the minute."""
    rows = db.ask("SELECT id, service FROM deployments WHERE origin = ? ORDER BY created_ms DESC, id DESC", (origin,))
    seen = Counter[str]()
    by_minute = set()
    for number, service in rows:
        seen[service] += 1
        if seen[service] <= TOLD_BY_MINUTE:
            by_minute.add(number)
    return Told(owners=(0, *(number for number, _ in rows)), by_minute=frozenset(by_minute))


def findings_of(db: Database, origin: int, those: Told) -> list[Finding]:
    """A finding for every one that was counted: the newest of each kind, and as many like it as there were.

    Of deployments told by the minute, each stands in its own minute. Those of migration runs are all there, each its own.
    """
    described = kinds(db)
    of_kind: dict[tuple[int, int], Finding] = {}
    of_fingerprint: dict[tuple[int, str], Finding] = {}
    for owner, kind, data in _newest_of_kind(db, origin):
        one = msgspec.json.decode(data, type=Finding)
        of_kind[owner, kind] = of_fingerprint[owner, one.fingerprint] = one
    found = _of_runs(db, origin)
    for owner, number, at, n in _finding_counts(db, origin, those):
        told_as = described[number]
        if told_as.category is Category.MIGRATION:
            continue
        like = of_kind.get((owner, number)) or _as_kind(of_fingerprint[owner, told_as.fingerprint], told_as)
        found.extend([like if like.timestamp_ms == at else replace(like, timestamp_ms=at)] * n)
    return found


def _newest_of_kind(db: Database, origin: int) -> list[tuple[int, int, bytes]]:
    return db.ask(
        "SELECT newest.owner, newest.kind, examples.data FROM (SELECT s.owner, e.kind, e.rowid AS number, max(e.timestamp_ms) "
        "FROM examples AS e JOIN streams AS s ON s.id = e.stream WHERE s.origin = ? GROUP BY s.owner, e.kind) AS newest "
        "JOIN examples ON examples.rowid = newest.number",
        (origin,),
    )


def _of_runs(db: Database, origin: int) -> list[Finding]:
    rows = db.ask(
        "SELECT e.data FROM examples AS e JOIN streams AS s ON s.id = e.stream JOIN kinds ON kinds.id = e.kind "
        "WHERE s.origin = ? AND kinds.category = 'migration' ORDER BY e.timestamp_ms, e.id",
        (origin,),
    )
    return [msgspec.json.decode(data, type=Finding) for (data,) in rows]


def _finding_counts(db: Database, origin: int, those: Told) -> list[tuple[int, int, int, int]]:
    """(owner, kind, when, how many), by minute or in one sum."""
    by_minute = ",".join(str(number) for number in sorted(those.by_minute))
    return db.ask(
        "SELECT s.owner, f.kind, min(f.first_ms), sum(f.n) FROM streams AS s CROSS JOIN finding_cells AS f ON f.stream = s.id "
        f"WHERE s.origin = ? AND s.owner IN ({by_minute}) GROUP BY s.owner, f.kind, f.minute_ms UNION ALL "
        "SELECT s.owner, f.kind, min(f.first_ms), sum(f.n) FROM streams AS s CROSS JOIN finding_streams AS f ON f.stream = s.id "
        f"WHERE s.origin = ? AND s.owner NOT IN ({by_minute}) GROUP BY s.owner, f.kind ORDER BY 1, 3, 2",
        (origin, origin),
    )


def _as_kind(one: Finding, kind: Kind) -> Finding:
    return replace(
        one, layer=kind.layer, severity=kind.severity, category=kind.category, method=kind.method, route=kind.route,
        status=kind.status, fields=tuple(kind.data.fields),
    )  # fmt: skip


def counts_of(db: Database, those: Told, representative: Mapping[int, StreamKey]) -> list[RequestCount]:
    """Each deployment's requests, told of one of its streams: the judge asks by deployment. By minute, hour, or in one sum."""
    marks = ",".join("?" * len(those.owners))
    rows = db.ask(f"SELECT owner, sum(n) FROM request_hours WHERE owner IN ({marks}) GROUP BY owner", those.owners)
    found: list[RequestCount] = []
    for owner, n in rows:
        if owner not in representative:
            continue
        source = "SELECT owner, 0 AS at, answer, n FROM request_totals WHERE owner = ?"
        if owner in those.by_minute:
            source = "SELECT owner, hour_ms AS at, answer, n FROM request_hours WHERE owner = ?"
        if owner in those.by_minute and n <= MOST_BY_MINUTE:
            source = (
                "SELECT streams.owner, minute_ms AS at, answer, sum(n) AS n FROM request_cells AS c "
                "JOIN streams ON streams.id = c.stream WHERE streams.owner = ? GROUP BY 2, 3"
            )
        found.extend(_counts(db, source, owner, representative[owner]))
    return found


def _counts(db: Database, source: str, owner: int, stream: StreamKey) -> list[RequestCount]:
    rows = db.ask(
        "SELECT cells.at, method, route, status, aborted, health_check, cells.n "
        f"FROM ({source}) AS cells JOIN answers ON answers.id = cells.answer ORDER BY 1, 2, 3, 4, 5, 6",
        (owner,),
    )
    return [
        RequestCount(
            stream=stream, minute_ms=at, method=method, route=route, status=status, aborted=bool(aborted),
            health_check=bool(health), count=n,
        )
        for at, method, route, status, aborted, health, n in rows
    ]  # fmt: skip


# ---- origins -----------------------------------------------------------------------------------------------------------------


def origins(db: Database) -> list[tuple[int, int | None]]:
    """(row, its clock when it was read last) of every origin."""
    return [(number, as_of) for number, as_of in db.ask("SELECT id, as_of_ms FROM origins ORDER BY id")]


def origin_digest(db: Database, name: str) -> str | None:
    rows = db.ask("SELECT digest FROM origins WHERE name = ?", (name,))
    return rows[0][0] if rows else None


def origin_of(db: Database, key: StreamKey) -> str | None:
    """The name of where a stream was read."""
    rows = db.ask(
        "SELECT name FROM streams JOIN origins ON origins.id = streams.origin "
        "WHERE account = ? AND region = ? AND log_group = ? AND log_stream = ?",
        (key.account, key.region, key.log_group, key.log_stream),
    )
    return rows[0][0] if rows else None


def complete_to(db: Database, names: str = "%") -> int | None:
    """Up to when the logs of the newest origin (whose name is like `names`) are complete."""
    rows = db.ask("SELECT max(complete_to_ms) FROM origins WHERE name LIKE ?", (names,))
    return rows[0][0] if rows else None


def complete_to_by_service(db: Database) -> dict[str, int]:
    """Up to when the logs of each service are complete: those of its newest origin."""
    return dict(
        db.ask(
            "SELECT deployments.service, max(origins.complete_to_ms) FROM deployments JOIN origins ON origins.id = deployments.origin "
            "WHERE origins.complete_to_ms IS NOT NULL GROUP BY 1 ORDER BY 1"
        )
    )


def runs_of_origin(db: Database, origin: int) -> list[MigrationRun]:
    """Every migration run of an origin's streams, oldest first."""
    rows = db.ask(
        "SELECT runs.data FROM runs JOIN streams ON streams.id = runs.stream WHERE streams.origin = ? ORDER BY "
        "started_ms, runs.id",
        (origin,),
    )
    return [unpack(data, MigrationRun) for (data,) in rows]
