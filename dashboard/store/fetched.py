"""Which stretches of which log groups were fetched, how sure they are, and which could not be read.

A scope (region, log group, selection of streams) times a cell of time. Written in the same transaction as the slices of
that cell, and it says so for cells without one event too: silence that was looked at is not silence that was not.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dashboard.store.database import Database
from dashboard.store.slices import SliceState


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedCell:
    """One cell of one scope as it was read. `digest` does not depend on the order of events."""

    region: str
    log_group: str
    selection: str
    start_ms: int
    end_ms: int
    state: SliceState
    packs_digest: str
    events: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchGap:
    """A stretch that was asked for and could not be read."""

    region: str
    log_group: str
    selection: str
    start_ms: int
    end_ms: int
    reason: str


def keep_cells(sql: sqlite3.Connection, origin: int, cells: Iterable[FetchedCell], *, read_ms: int) -> None:
    """Replace what was known of these cells; a gap that they lie in is closed as far as they reach."""
    rows = [
        (
            origin,
            one.region,
            one.log_group,
            one.selection,
            one.start_ms,
            one.end_ms,
            one.state,
            one.packs_digest,
            one.events,
            one.digest,
            read_ms,
        )
        for one in cells
    ]
    sql.executemany("INSERT OR REPLACE INTO fetched VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def keep_gaps(sql: sqlite3.Connection, origin: int, gaps: Iterable[FetchGap], *, read_ms: int) -> None:
    """Note stretches that could not be read."""
    sql.executemany(
        "INSERT OR REPLACE INTO fetch_gaps VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(origin, one.region, one.log_group, one.selection, one.start_ms, one.end_ms, one.reason, read_ms) for one in gaps],
    )


def drop_gaps(sql: sqlite3.Connection, origin: int, region: str, log_group: str, start_ms: int, end_ms: int) -> None:
    """Forget the gaps of a group that begin in [start, end): it is being read again."""
    sql.execute(
        "DELETE FROM fetch_gaps WHERE origin = ? AND region = ? AND log_group = ? AND start_ms >= ? AND start_ms < ?",
        (origin, region, log_group, start_ms, end_ms),
    )


def confirm(sql: sqlite3.Connection, origin: int, cell: FetchedCell) -> None:
    """A second reading agreed: the cell and its slices are verified."""
    where = (origin, cell.region, cell.log_group, cell.selection, cell.start_ms)
    sql.execute(
        "UPDATE fetched SET state = ? WHERE origin = ? AND region = ? AND log_group = ? AND selection = ? AND start_ms = ?",
        (SliceState.VERIFIED, *where),
    )
    sql.execute(
        "UPDATE slices SET state = ? WHERE origin = ? AND start_ms = ? AND stream IN "
        "(SELECT id FROM streams WHERE region = ? AND log_group = ?)",
        (SliceState.VERIFIED, origin, cell.start_ms, cell.region, cell.log_group),
    )


def cells_of(
    db: Database, origin: str, region: str, log_group: str, selection: str, start_ms: int, end_ms: int
) -> list[FetchedCell]:
    """The cells of a scope that were fetched within [start, end), oldest first."""
    rows = db.ask(
        "SELECT start_ms, end_ms, state, packs_digest, events, fetched.digest FROM fetched JOIN origins ON origins.id = fetched.origin "
        "WHERE origins.name = ? AND region = ? AND log_group = ? AND selection = ? AND start_ms >= ? AND start_ms < ? ORDER BY start_ms",
        (origin, region, log_group, selection, start_ms, end_ms),
    )
    return [
        FetchedCell(
            region=region, log_group=log_group, selection=selection, start_ms=start, end_ms=end, state=SliceState(state),
            packs_digest=packs, events=events, digest=digest,
        )
        for start, end, state, packs, events, digest in rows
    ]  # fmt: skip


def gaps_of(db: Database, origin: str) -> list[FetchGap]:
    """What could not be read, oldest first, neighbours of one reason joined."""
    rows = db.ask(
        "SELECT region, log_group, selection, start_ms, end_ms, reason FROM fetch_gaps JOIN origins ON origins.id = fetch_gaps.origin "
        "WHERE origins.name = ? ORDER BY region, log_group, selection, start_ms",
        (origin,),
    )
    gaps: list[FetchGap] = []
    for region, group, selection, start, end, reason in rows:
        one = FetchGap(region=region, log_group=group, selection=selection, start_ms=start, end_ms=end, reason=reason)
        if gaps and replace(gaps[-1], end_ms=end) == replace(one, start_ms=gaps[-1].start_ms) and gaps[-1].end_ms == start:
            gaps[-1] = replace(gaps[-1], end_ms=end)
        else:
            gaps.append(one)
    return sorted(gaps, key=lambda gap: gap.start_ms)


def streams_with_slices(
    sql: sqlite3.Connection, region: str, log_group: str, start_ms: int, end_ms: int
) -> Sequence[tuple[str, str]]:
    """(account, log stream) of the streams that have a slice inside [start, end)."""
    rows = sql.execute(
        "SELECT DISTINCT account, log_stream FROM streams JOIN slices ON slices.stream = streams.id "
        "WHERE region = ? AND log_group = ? AND start_ms >= ? AND start_ms < ?",
        (region, log_group, start_ms, end_ms),
    ).fetchall()
    return [(str(account), str(stream)) for account, stream in rows]


def known_streams(sql: sqlite3.Connection, region: str, log_group: str) -> Sequence[tuple[str, str]]:
    """(account, log stream) of every stream of a group."""
    rows = sql.execute(
        "SELECT account, log_stream FROM streams WHERE region = ? AND log_group = ?", (region, log_group)
    ).fetchall()
    return [(str(account), str(stream)) for account, stream in rows]


def keep_account(sql: sqlite3.Connection, account: Mapping[str, Any]) -> None:
    """What the last fetch took (calls, refused permissions, bytes): one JSON document, replaced by the next fetch."""
    sql.execute("INSERT OR REPLACE INTO meta VALUES ('aws_account', ?)", (json.dumps(account, sort_keys=True),))


def account(database: Database) -> dict[str, Any] | None:
    """As it was kept; None when nothing was ever fetched from AWS into this store."""
    rows = database.ask("SELECT value FROM meta WHERE key = 'aws_account'")
    return dict(json.loads(rows[0][0])) if rows else None
