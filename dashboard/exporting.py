"""`triage export`: what the store holds, as Hive-partitioned Parquet or JSON lines that DuckDB, Athena, Spark, Trino and pyarrow read.

    folder/findings/day=2025-11-19/3f9c01ab….parquet

A file holds the rows of one stream (or one deployment) and one day (UTC), and its name is made of that stream's name: a repeated
export replaces it, two stores may export into one folder, and what the store has dropped by age stays. Nothing is in a file that
was not in the store, which is redacted. Verdicts are those of the moment of the export.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dashboard.rows import DeploymentRow
from dashboard.store import exports, rollups
from dashboard.workspace import Workspace
from parsers import Finding, InputError, MigrationRun, rfc3339

DAY_MS = 86_400_000
NO_DAY = "__HIVE_DEFAULT_PARTITION__"
"""What Hive and its readers call a row without a partition value."""
FORMATS = {"parquet": "parquet", "json": "jsonl"}
_STREAM = {"account": "text", "region": "text", "log_group": "text", "log_stream": "text", "task_id": "text"}
_OWNER = {"deployment_id": "text", "task_definition": "text", "attribution": "text"}
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "findings": _STREAM | _OWNER | {
        "id": "text", "at": "time", "rule_id": "text", "category": "text", "system": "text", "code": "text", "db_code": "text",
        "implied_code": "text", "severity": "text", "outcome": "text", "layer": "text", "status": "number", "aborted": "flag",
        "method": "text", "route": "text", "path": "text", "fields": "texts", "title": "text", "evidence": "texts", "fingerprint": "text",
        "request_id": "text", "client": "text", "cause_link": "text", "run_id": "text", "table_name": "text",
    },
    "failure_counts": _STREAM | _OWNER | {
        "minute": "time", "fingerprint": "text", "category": "text", "layer": "text", "severity": "text", "method": "text", "route": "text",
        "status": "number", "count": "number", "first_at": "time", "last_at": "time",
    },
    "migration_runs": _STREAM | _OWNER | {
        "id": "text", "started_at": "time", "ended_at": "time", "tool": "text", "outcome": "text", "confidence": "text", "error_code": "text",
        "implied_code": "text", "db_code": "text", "migrations_found": "number", "applied_count": "number", "applied": "texts",
        "failed_migration": "text", "exit_code": "number", "application_continued": "flag", "transcript": "texts",
    },
    "request_counts": _STREAM | _OWNER | {
        "minute": "time", "method": "text", "route": "text", "status": "number", "aborted": "flag", "health_check": "flag", "count": "number",
    },
    "coverage": _STREAM | _OWNER | {
        "first_event_at": "time", "last_event_at": "time", "last_ingestion_at": "time", "events": "number", "undecodable": "number",
        "unexplained": "number", "has_access_lines": "flag", "gaps": "number", "packs_digest": "text",
    },
    "deployments": {
        "deployment_id": "text", "account": "text", "region": "text", "cluster": "text", "service": "text", "task_definition": "text",
        "revision": "number", "commit_id": "text", "image_digest": "text", "created_at": "time", "started_at": "time", "finished_at": "time",
        "ecs_status": "text", "tasks": "texts", "migration_outcome": "text", "migration_code": "text", "verdict": "text",
        "decided_at": "time", "reasons": "texts", "requests": "number", "refused_4xx": "number", "failed_5xx": "number",
    },
}  # fmt: skip
"""Table -> column -> text | texts | number | flag | time (UTC, milliseconds; in JSON RFC 3339). A table's columns are only added to."""

Row = dict[str, Any]


@dataclass(slots=True)
class ExportReport:
    """Rows and files by table, and how many files of an earlier export had to go because the store says otherwise now."""

    rows: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    removed: int = 0


def export(workspace: Workspace, folder: Path, form: str = "parquet") -> ExportReport:
    """Writes all that the store holds under `folder`; each file appears whole or not at all. Raises InputError when it cannot be written."""
    report = ExportReport()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writer = _Writer(folder, form, report, _there(folder, FORMATS[form]))
        with workspace.database.snapshot():
            for state in rollups.streams(workspace.database):
                for table, rows in _tables_of(workspace, state):
                    writer.put(table, _identity(*_names(state)), rows)
        for one in workspace.deployments():
            writer.put("deployments", _identity(one.deployment.deployment_id), [_deployment(one)])
    except OSError as error:
        raise InputError(f"{error.filename or folder}: {error.strerror}", hint="name a folder that can be written to") from error
    return report


# ---- rows ----
def _names(state: rollups.StreamState) -> tuple[str, ...]:
    key = state.stream
    return (key.account, key.region, key.log_group, key.log_stream)


def _tables_of(workspace: Workspace, state: rollups.StreamState) -> Iterator[tuple[str, list[tuple[int | None, Row]]]]:
    """(table, rows each with its time) of one stream."""
    db, said = workspace.database, _head(state)
    yield "findings", [(one.timestamp_ms, said | _finding(one)) for one in exports.findings_of_stream(db, state.id)]
    yield "migration_runs", [(one.started_ms, said | _run(one)) for one in exports.runs_of_stream(db, state.id)]
    yield "request_counts", [(row[0], said | _requests(row)) for row in exports.request_minutes(db, state.id)]
    yield "failure_counts", [(row[0], said | _failures(row)) for row in exports.failure_minutes(db, state.id)]
    yield "coverage", [(state.coverage.first_event_ms, said | _coverage(state))]


def _head(state: rollups.StreamState) -> Row:
    """Whose stream it is, and how sure we are."""
    key, owner = state.stream, state.attribution
    return {
        "account": key.account or None, "region": key.region or None, "log_group": key.log_group or None, "log_stream": key.log_stream or None,
        "task_id": key.task_id, "deployment_id": owner.deployment_id, "task_definition": owner.task_definition, "attribution": owner.confidence,
    }  # fmt: skip


def _finding(one: Finding) -> Row:
    return {
        "id": one.id, "at": one.timestamp_ms, "rule_id": one.rule_id, "category": one.category, "system": one.system, "code": one.code,
        "db_code": one.db_code, "implied_code": one.implied_code, "severity": one.severity, "outcome": one.outcome, "layer": one.layer,
        "status": one.status, "aborted": one.aborted, "method": one.method, "route": one.route, "path": one.path, "fields": list(one.fields),
        "title": one.title, "evidence": [line.text for line in one.evidence], "fingerprint": one.fingerprint, "request_id": one.request_id,
        "client": one.client, "cause_link": one.cause_link, "run_id": one.run_id, "table_name": one.table,
    }  # fmt: skip


def _run(one: MigrationRun) -> Row:
    return {
        "id": one.id, "started_at": one.started_ms, "ended_at": one.ended_ms, "tool": one.tool, "outcome": one.outcome,
        "confidence": one.confidence, "error_code": one.error_code, "implied_code": one.implied_code, "db_code": one.db_code,
        "migrations_found": one.migrations_found, "applied_count": one.applied_count, "applied": list(one.applied),
        "failed_migration": one.failed_migration, "exit_code": one.exit_code, "application_continued": one.application_continued,
        "transcript": [line.text for line in one.transcript],
    }  # fmt: skip


def _requests(row: exports.RequestMinute) -> Row:
    minute, method, route, status, aborted, health, count = row
    return {
        "minute": minute, "method": method or None, "route": route or None, "status": status or None, "aborted": bool(aborted),
        "health_check": bool(health), "count": count,
    }  # fmt: skip


def _failures(row: exports.FailureMinute) -> Row:
    names = (
        "minute",
        "fingerprint",
        "category",
        "layer",
        "severity",
        "method",
        "route",
        "status",
        "count",
        "first_at",
        "last_at",
    )
    return dict(zip(names, row, strict=True))


def _coverage(state: rollups.StreamState) -> Row:
    one = state.coverage
    return {
        "first_event_at": one.first_event_ms, "last_event_at": one.last_event_ms, "last_ingestion_at": one.last_ingestion_ms, "events": one.events,
        "undecodable": one.undecodable, "unexplained": one.unexplained, "has_access_lines": one.has_access_lines, "gaps": len(one.gaps),
        "packs_digest": state.packs_digest,
    }  # fmt: skip


def _deployment(row: DeploymentRow) -> tuple[int | None, Row]:
    one, verdict = row.deployment, row.verdict
    return one.created_ms or one.started_ms, {
        "deployment_id": one.deployment_id, "account": one.account or None, "region": one.region or None, "cluster": one.cluster or None,
        "service": one.service or None, "task_definition": one.task_definition, "revision": one.revision, "commit_id": one.commit,
        "image_digest": one.image_digest, "created_at": one.created_ms, "started_at": one.started_ms, "finished_at": one.finished_ms,
        "ecs_status": one.ecs_status, "tasks": [task.task_id for task in one.tasks], "migration_outcome": row.migration_outcome,
        "migration_code": row.migration_code, "verdict": verdict.verdict, "decided_at": verdict.decided_at_ms,
        "reasons": [str(reason.code) for reason in verdict.reasons], "requests": row.requests, "refused_4xx": row.refused_4xx,
        "failed_5xx": row.failed_5xx,
    }  # fmt: skip


# ---- files ----
def _identity(*names: str) -> str:
    """The name of a file: what its rows belong to."""
    return hashlib.sha256("\0".join(names).encode()).hexdigest()[:24]


def _there(folder: Path, suffix: str) -> dict[tuple[str, str], set[Path]]:
    """(table, identity) -> the files of earlier exports."""
    found: defaultdict[tuple[str, str], set[Path]] = defaultdict(set)
    for path in folder.glob(f"*/day=*/*.{suffix}"):
        if path.parent.parent.name in COLUMNS:
            found[path.parent.parent.name, path.stem].add(path)
    return found


@dataclass(slots=True)
class _Writer:
    folder: Path
    form: str
    report: ExportReport
    earlier: Mapping[tuple[str, str], set[Path]]

    def put(self, table: str, identity: str, rows: Iterable[tuple[int | None, Row]]) -> None:
        """One file a day; files of days that the identity no longer has go."""
        days: defaultdict[str, list[Row]] = defaultdict(list)
        for at_ms, row in rows:
            days[_day(at_ms)].append(row)
        written = set()
        for day, some in sorted(days.items()):
            path = self.folder / table / f"day={day}" / f"{identity}.{FORMATS[self.form]}"
            self._replace(path, table, some)
            written.add(path)
            self.report.rows[table] += len(some)
            self.report.files[table] += 1
        for path in self.earlier.get((table, identity), set()) - written:
            path.unlink(missing_ok=True)
            self.report.removed += 1

    def _replace(self, path: Path, table: str, rows: Sequence[Row]) -> None:
        """Beside it first: a reader sees the old file or the new one, never half of one. A name with a dot is no data to any reader."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            _WRITERS[self.form](temporary, COLUMNS[table], rows)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _day(at_ms: int | None) -> str:
    return NO_DAY if at_ms is None else datetime.fromtimestamp(at_ms // DAY_MS * 86_400, UTC).strftime("%Y-%m-%d")


def _write_parquet(path: Path, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
    import polars as pl

    kinds: Mapping[str, Any] = {
        "text": pl.String, "texts": pl.List(pl.String), "number": pl.Int64, "flag": pl.Boolean, "time": pl.Datetime("ms", "UTC"),
    }  # fmt: skip
    series = [
        pl.Series(name, [row[name] for row in rows], dtype=pl.Int64 if kind == "time" else kinds[kind]).cast(kinds[kind])
        for name, kind in columns.items()
    ]
    pl.DataFrame(series).write_parquet(path, compression="zstd")


def _write_json(path: Path, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            values = {name: rfc3339(row[name]) if kind == "time" else row[name] for name, kind in columns.items()}
            file.write(json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n")


_WRITERS: Mapping[str, Callable[[Path, Mapping[str, str], Sequence[Row]], None]] = {
    "parquet": _write_parquet,
    "json": _write_json,
}
