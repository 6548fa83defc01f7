"""What ECS said, kept for ever: it forgets stopped tasks after about an hour, and deployments after 90 days."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from dashboard.store.database import Database
from parsers import Attribution, Deployment, EcsFacts, StreamKey, TaskDefinition, TaskSighting

_HOUR_MS = 3_600_000


def keep_facts(sql: sqlite3.Connection, origin: int, facts: EcsFacts) -> None:
    """Adds what ECS said now to what it said before. Every sighting stays."""
    sql.executemany(
        "INSERT INTO deployments (deployment_id, origin, service, revision, created_ms, data) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET origin = excluded.origin, service = excluded.service, revision = excluded.revision, "
        "created_ms = excluded.created_ms, data = excluded.data",
        [
            (one.deployment_id, origin, one.service, one.revision, one.created_ms or one.started_ms, msgspec.json.encode(one))
            for one in facts.deployments
        ],
    )
    sql.executemany(
        "INSERT OR REPLACE INTO definitions VALUES (?, ?, ?)",
        [(one.name, origin, msgspec.json.encode(one)) for one in facts.task_definitions],
    )
    sql.executemany(
        "INSERT OR REPLACE INTO sightings VALUES (?, ?, ?, ?)",
        [(one.task_id, one.seen_ms or facts.as_of_ms or 0, origin, msgspec.json.encode(one)) for one in facts.sightings],
    )


def facts_of(db: Database, origin: int) -> EcsFacts:
    """Everything ECS ever said in this origin; of each task the latest sighting."""
    deployments = db.ask("SELECT data FROM deployments WHERE origin = ? ORDER BY created_ms, id", (origin,))
    definitions = db.ask("SELECT data FROM definitions WHERE origin = ? ORDER BY name", (origin,))
    sightings = db.ask("SELECT data, max(seen_ms) FROM sightings WHERE origin = ? GROUP BY task_id ORDER BY task_id", (origin,))
    as_of = db.ask("SELECT as_of_ms FROM origins WHERE id = ?", (origin,))
    every = tuple(msgspec.json.decode(data, type=TaskSighting) for data, _ in sightings)
    return EcsFacts(
        deployments=tuple(msgspec.json.decode(data, type=Deployment) for (data,) in deployments),
        task_definitions=tuple(msgspec.json.decode(data, type=TaskDefinition) for (data,) in definitions),
        sightings=tuple(sorted(every, key=lambda one: (one.created_ms or 0, one.task_id))),
        as_of_ms=as_of[0][0] if as_of else None,
    )


def sightings_of(db: Database, task_id: str) -> list[TaskSighting]:
    """Every sighting of one task, oldest first."""
    rows = db.ask("SELECT data FROM sightings WHERE task_id = ? ORDER BY seen_ms", (task_id,))
    return [msgspec.json.decode(data, type=TaskSighting) for (data,) in rows]


def keep_attributions(sql: sqlite3.Connection, attributions: Mapping[StreamKey, Attribution]) -> None:
    """Who each stream belongs to; a stream that changes hands takes its counts along."""
    owners = dict(sql.execute("SELECT deployment_id, id FROM deployments").fetchall())
    for key, one in attributions.items():
        row = sql.execute(
            "SELECT id, owner FROM streams WHERE account = ? AND region = ? AND log_group = ? AND log_stream = ?",
            (key.account, key.region, key.log_group, key.log_stream),
        ).fetchone()
        if row is None:
            continue
        stream, before = row
        owner = owners.get(one.deployment_id, 0)
        sql.execute("INSERT OR REPLACE INTO attributions VALUES (?, ?)", (stream, msgspec.json.encode(one)))
        if owner != before:
            roll(sql, stream, before, sign=-1)
            sql.execute("UPDATE streams SET owner = ? WHERE id = ?", (owner, stream))
            roll(sql, stream, owner, sign=1)
            tidy(sql, before)


def roll(
    sql: sqlite3.Connection, stream: int, owner: int, *, sign: int, start_ms: int | None = None, end_ms: int | None = None
) -> None:
    """Adds (sign 1) or takes away (-1) a stream's cells of [start, end), whole minutes, in its owner's roll-ups."""
    low = -(1 << 62) if start_ms is None else start_ms
    high = 1 << 62 if end_ms is None else end_ms
    within = "FROM {} WHERE stream = ? AND minute_ms >= ? AND minute_ms < ? GROUP BY 2, 3"
    hour = f"minute_ms / {_HOUR_MS} * {_HOUR_MS}"
    for table, cells, what in (("request_hours", "request_cells", "answer"), ("finding_hours", "finding_cells", "kind")):
        sql.execute(
            f"INSERT INTO {table} SELECT ?, {hour}, {what}, ? * sum(n) {within.format(cells)} "
            "ON CONFLICT DO UPDATE SET n = n + excluded.n",
            (owner, sign, stream, low, high),
        )
    sql.execute(
        "INSERT INTO request_totals SELECT ?, answer, ? * sum(n) FROM request_cells "
        "WHERE stream = ? AND minute_ms >= ? AND minute_ms < ? GROUP BY answer ON CONFLICT DO UPDATE SET n = n + excluded.n",
        (owner, sign, stream, low, high),
    )


def tidy(sql: sqlite3.Connection, owner: int, start_ms: int | None = None, end_ms: int | None = None) -> None:
    """Roll-up rows that came down to nothing, in the hours that [start, end) touches."""
    low = -(1 << 62) if start_ms is None else start_ms // _HOUR_MS * _HOUR_MS
    high = 1 << 62 if end_ms is None else end_ms
    for table in ("request_hours", "finding_hours"):
        sql.execute(
            f"DELETE FROM {table} WHERE owner = ? AND hour_ms >= ? AND hour_ms < ? AND n = 0",
            (owner, low, high),
        )
    sql.execute("DELETE FROM request_totals WHERE owner = ? AND n = 0", (owner,))


def facts_of_name(database: Database, origin: str) -> EcsFacts:
    """What ECS said in the origin of that name; nothing when it was never read."""
    rows = database.ask("SELECT id FROM origins WHERE name = ?", (origin,))
    return facts_of(database, rows[0][0]) if rows else EcsFacts()
