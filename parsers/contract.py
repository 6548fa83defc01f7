"""Nouns -> the JSON of the contract (DESIGN: contracts). Every key is always present; times are RFC 3339 UTC with milliseconds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from parsers.model import (
    SCHEMA_VERSION,
    Coverage,
    Deployment,
    Evidence,
    Finding,
    MigrationRun,
    RequestCount,
    StreamKey,
    TranscriptLine,
    Verdict,
    rfc3339,
)
from parsers.reading import Reading

Document = dict[str, Any]


def _head(kind: str) -> Document:
    return {"schema_version": SCHEMA_VERSION, "kind": kind}


def evidence_document(one: Evidence) -> Document:
    return {
        "timestamp": rfc3339(one.timestamp_ms),
        "text": one.text,
        "event_id": one.event_id,
        "file": one.file,
        "line": one.line,
    }


def finding_document(one: Finding) -> Document:
    """`kind: finding`."""
    return _head("finding") | {
        "id": one.id, "rule_id": one.rule_id, "category": one.category, "system": one.system, "code": one.code, "db_code": one.db_code,
        "implied_code": one.implied_code, "severity": one.severity, "outcome": one.outcome, "layer": one.layer, "status": one.status,
        "aborted": one.aborted, "method": one.method, "route": one.route, "path": one.path, "fields": list(one.fields), "title": one.title,
        "evidence": [evidence_document(e) for e in one.evidence], "fingerprint": one.fingerprint, "log_group": one.stream.log_group or None,
        "log_stream": one.stream.log_stream or None, "task_id": one.stream.task_id, "timestamp": rfc3339(one.timestamp_ms),
        "event_ids": list(one.event_ids), "request_id": one.request_id, "client": one.client, "cause_link": one.cause_link, "run_id": one.run_id,
    }  # fmt: skip


def transcript_document(one: TranscriptLine) -> Document:
    return {
        "timestamp": rfc3339(one.timestamp_ms),
        "text": one.text,
        "mark": one.mark,
        "guilty": one.guilty,
        "event_id": one.event_id,
    }


def run_document(one: MigrationRun) -> Document:
    """`kind: migration_run`."""
    return _head("migration_run") | {
        "id": one.id, "tool": one.tool, "outcome": one.outcome, "confidence": one.confidence, "error_code": one.error_code,
        "implied_code": one.implied_code, "db_code": one.db_code, "migrations_found": one.migrations_found, "applied_count": one.applied_count,
        "applied": list(one.applied), "failed_migration": one.failed_migration, "exit_code": one.exit_code,
        "application_continued": one.application_continued, "log_group": one.stream.log_group or None, "log_stream": one.stream.log_stream or None,
        "task_id": one.stream.task_id, "started_at": rfc3339(one.started_ms), "ended_at": rfc3339(one.ended_ms), "event_ids": list(one.event_ids),
        "transcript": [transcript_document(line) for line in one.transcript],
    }  # fmt: skip


def count_documents(counts: Iterable[RequestCount], *, by_minute: bool = False) -> Iterator[tuple[StreamKey, Document]]:
    """`kind: request_count`, over the whole input, or one per minute, each with its stream."""
    sums: defaultdict[tuple[Any, ...], int] = defaultdict(int)
    for c in counts:
        key = (c.stream, c.minute_ms if by_minute else None, c.method, c.route, c.status, c.aborted, c.health_check)
        sums[key] += c.count
    for key in sorted(sums, key=lambda k: (k[0], k[1] or 0, *k[2:])):
        stream, minute, method, route, status, aborted, health = key
        document = _head("request_count") | {
            "log_group": stream.log_group or None, "log_stream": stream.log_stream or None, **({"minute": rfc3339(minute)} if by_minute else {}),
            "method": method or None, "route": route or None, "status": status or None, "aborted": aborted, "health_check": health,
            "count": sums[key],
        }  # fmt: skip
        yield stream, document


def coverage_document(one: Coverage) -> Document:
    """`kind: coverage`."""
    return _head("coverage") | {
        "log_group": one.stream.log_group or None, "log_stream": one.stream.log_stream or None, "task_id": one.stream.task_id,
        "first_event": rfc3339(one.first_event_ms), "last_event": rfc3339(one.last_event_ms), "events": one.events,
        "undecodable": one.undecodable, "unexplained": one.unexplained,
    }  # fmt: skip


def reading_documents(reading: Reading, *, by_minute: bool = False) -> Iterator[Document]:
    """All documents of a reading, sorted by stream, time, kind: the same input in any order gives the same documents."""
    last = float("inf")
    counted = count_documents(reading.request_counts, by_minute=by_minute)
    rows: list[tuple[tuple[Any, ...], Document]] = [
        *(((one.stream, one.timestamp_ms, "finding", one.id), finding_document(one)) for one in reading.findings),
        *(((one.stream, one.started_ms, "migration_run", one.id), run_document(one)) for one in reading.migration_runs),
        *(((stream, last, "request_count", f"{number:09d}"), document) for number, (stream, document) in enumerate(counted)),
        *(((one.stream, last, "coverage", ""), coverage_document(one)) for one in reading.coverage),
    ]
    rows.sort(key=lambda row: row[0])
    yield from (document for _, document in rows)


def deployment_document(one: Deployment) -> Document:
    """`kind: deployment`."""
    return _head("deployment") | {
        "deployment_id": one.deployment_id, "account": one.account or None, "region": one.region or None, "cluster": one.cluster or None,
        "service": one.service or None, "task_definition": one.task_definition, "revision": one.revision, "commit": one.commit,
        "image_digest": one.image_digest, "created_at": rfc3339(one.created_ms), "started_at": rfc3339(one.started_ms),
        "finished_at": rfc3339(one.finished_ms), "ecs_status": one.ecs_status,
        "tasks": [
            {
                "task_id": t.task_id, "log_stream": t.log_stream, "confidence": t.confidence, "migration_outcome": t.migration_outcome,
                "ready": t.ready, "exit_code": t.exit_code, "stopped_reason": t.stopped_reason,
            }
            for t in one.tasks
        ],
    }  # fmt: skip


def verdict_document(one: Verdict) -> Document:
    """`kind: verdict`."""
    return _head("verdict") | {
        "deployment_id": one.deployment_id, "verdict": one.verdict, "decided_at": rfc3339(one.decided_at_ms),
        "complete_to": rfc3339(one.complete_to_ms), "checks": [{"id": c.id, "result": c.result, "text": c.text} for c in one.checks],
        "reasons": [
            {"code": r.code, "text": r.text, "finding_id": r.finding_id, "run_id": r.run_id, "numbers": _numbers(r.numbers)} for r in one.reasons
        ],
        "needed": list(one.needed),
    }  # fmt: skip


def _numbers(numbers: Mapping[str, int | float | str | None]) -> Document:
    return {key: value for key, value in numbers.items() if value is not None}
