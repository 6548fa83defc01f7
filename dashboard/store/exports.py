"""What leaves the store as rows: of one stream at a time, so that memory holds one stream's minutes and no more."""

from __future__ import annotations

import msgspec

from dashboard.store.database import Database
from dashboard.store.rollups import A_FAILURE
from dashboard.store.slices import unpack
from parsers import Finding, MigrationRun

RequestMinute = tuple[int, str, str, int, int, int, int]
"""minute (epoch ms), method, route, status, aborted, health check, count."""
FailureMinute = tuple[int, str, str, str | None, str, str | None, str | None, int | None, int, int, int]
"""minute, fingerprint, category, layer, severity, method, route, status, count, first and last (epoch ms)."""


def findings_of_stream(db: Database, stream: int) -> list[Finding]:
    """The newest kept findings of each kind, oldest first."""
    rows = db.ask("SELECT data FROM examples WHERE stream = ? ORDER BY timestamp_ms, id", (stream,))
    return [msgspec.json.decode(data, type=Finding) for (data,) in rows]


def runs_of_stream(db: Database, stream: int) -> list[MigrationRun]:
    """Oldest first."""
    rows = db.ask("SELECT data FROM runs WHERE stream = ? ORDER BY started_ms, id", (stream,))
    return [unpack(data, MigrationRun) for (data,) in rows]


def request_minutes(db: Database, stream: int) -> list[RequestMinute]:
    """In the order of time."""
    return db.ask(
        "SELECT minute_ms, method, route, status, aborted, health_check, n FROM request_cells JOIN answers ON answers.id = answer "
        "WHERE stream = ? ORDER BY 1, 2, 3, 4, 5, 6",
        (stream,),
    )


def failure_minutes(db: Database, stream: int) -> list[FailureMinute]:
    """How often each kind of failure came, examples or not; in the order of time. "Ready" and "told to stop" are none, as on the pages."""
    return db.ask(
        "SELECT minute_ms, fingerprint, category, layer, severity, method, route, status, n, first_ms, last_ms "
        f"FROM finding_cells JOIN kinds ON kinds.id = kind WHERE stream = ? AND {A_FAILURE} ORDER BY 1, 2, 4, 6, 7, 8",
        (stream,),
    )
