"""Taking things out: what is too old, what somebody wants gone, what its source no longer has."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from dashboard.store.database import Database
from dashboard.store.slices import drop_streams
from parsers import StreamKey


def streams_but(sql: sqlite3.Connection, origin: int, keep: Sequence[StreamKey]) -> None:
    """Drops the streams of an origin that its latest reading no longer holds, and what others had read of those it holds."""
    wanted = {(key.account, key.region, key.log_group, key.log_stream) for key in keep}
    rows = sql.execute("SELECT id, origin, account, region, log_group, log_stream FROM streams").fetchall()
    drop_streams(sql, [row[0] for row in rows if (row[1] == origin) or tuple(row[2:]) in wanted])


def older_than(db: Database, age_ms: int) -> int:
    """Drops streams that ended so long before their origin was last read (by its own clock), files apart; how many.

    Deployments and sightings stay.
    """
    question = (
        "SELECT streams.id FROM streams JOIN origins ON origins.id = streams.origin "
        "WHERE last_event_ms < origins.as_of_ms - ? AND origins.name NOT LIKE 'file:%'"
    )
    if not db.ask(question, (age_ms,)):
        return 0
    with db.write() as sql:
        old = [number for (number,) in sql.execute(question, (age_ms,))]
        drop_streams(sql, old)
    return len(old)


def forget(db: Database, *, service: str | None, before_ms: int | None, everything: bool) -> int:
    """Drops a service's streams with its deployments, streams that ended before a time, or all; nothing of it stays on disk."""
    with db.write() as sql:
        if everything:
            chosen = [number for (number,) in sql.execute("SELECT id FROM streams")]
        else:
            chosen = [
                number
                for (number,) in sql.execute(
                    "SELECT streams.id FROM streams LEFT JOIN deployments ON deployments.id = streams.owner "
                    "WHERE (? IS NULL OR deployments.service = ?) AND (? IS NULL OR streams.last_event_ms < ?) "
                    "AND NOT (? IS NULL AND ? IS NULL)",
                    (service, service, before_ms, before_ms, service, before_ms),
                )
            ]
        drop_streams(sql, chosen)
        _forget_ecs(sql, service=service if before_ms is None else None, everything=everything)
        sql.execute("UPDATE origins SET digest = ''")  # whatever is collected again is read again
        sql.execute("DELETE FROM fetched")
        sql.execute("DELETE FROM fetch_gaps")
    db.scrub()
    return len(chosen)


def _forget_ecs(sql: sqlite3.Connection, *, service: str | None, everything: bool) -> None:
    if everything:
        for table in ("deployments", "definitions", "sightings", "answers", "kinds", "origins"):
            sql.execute(f"DELETE FROM {table}")
    elif service is not None:
        sql.execute("DELETE FROM deployments WHERE service = ?", (service,))
        sql.execute("DELETE FROM sightings WHERE json_extract(CAST(data AS TEXT), '$.group') = ?", (f"service:{service}",))
