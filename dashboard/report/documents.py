"""The summary as one JSON object (`kind: report`, schema in `dashboard/schemas/report.json`)."""

from __future__ import annotations

from typing import Any

from dashboard.report.summary import PastAttempt, Proof, Sentence, Summary
from parsers import SCHEMA_VERSION, Evidence, KindChange, Remedy, StreamKey, deployment_document, rfc3339, verdict_document

Document = dict[str, Any]


def report_document(summary: Summary) -> Document:
    """Every key is always present; texts are redacted and not escaped (JSON does that)."""
    return {
        "schema_version": SCHEMA_VERSION, "kind": "report", "status": summary.status, "deployment": deployment_document(summary.deployment),
        "verdict": verdict_document(summary.verdict), "headline": _sentences(summary.headline), "root_cause": _sentences(summary.root_cause),
        "start_up": [
            {
                "task_id": start.task_id, "outcome": start.outcome, "text": start.text, "log_stream": start.stream.log_stream or None,
                "lines": [{**_line(line), "guilty": number in start.guilty} for number, line in enumerate(start.lines)],
            }
            for start in summary.starts
        ],
        "meaning": _sentences(summary.meaning), "next_start": _sentence(summary.next_start) if summary.next_start else None,
        "remedy": _remedy(summary.remedy) if summary.remedy else None,
        "verification": [{"title": one.title, "kind": one.kind, "text": one.text, "expect": one.expect} for one in summary.verification],
        "previous_attempts": [_attempt(one) for one in summary.attempts],
        "symptom": None if summary.symptom is None else {"text": summary.symptom.text, "moved_down": summary.symptom.moved_down},
        "changes": None if summary.changes is None else {
            "compared_with": summary.compared_with, "new": _kinds(summary.changes.new), "worse": _kinds(summary.changes.worse),
            "gone": _kinds(summary.changes.gone), "same": _kinds(summary.changes.same),
        },
        "not_known": list(summary.unknown), "proofs": [_proof(proof) for proof in summary.proofs],
        "links": [{"title": title, "command": command} for title, command in summary.links],
    }  # fmt: skip


def _sentences(some: list[Sentence]) -> list[Document]:
    return [_sentence(one) for one in some]


def _sentence(one: Sentence) -> Document:
    return {"text": one.text, "basis": one.basis, "proofs": list(one.proofs)}


def _line(line: Evidence) -> Document:
    return {"timestamp": rfc3339(line.timestamp_ms), "text": line.text, "event_id": line.event_id}


def _stream(stream: StreamKey) -> Document:
    return {"log_group": stream.log_group or None, "log_stream": stream.log_stream or None}


def _proof(one: Proof) -> Document:
    return {
        **_stream(one.stream),
        "finding_id": one.finding_id,
        "run_id": one.run_id,
        "lines": [_line(line) for line in one.lines],
    }


def _remedy(card: Remedy) -> Document:
    return {
        "id": card.id, "title": card.title, "tool": card.tool, "status": card.status, "means": card.means, "next_start": card.next_start,
        "before": list(card.before), "steps": [{"do": s.do, "command": s.command or None, "each": s.each or None} for s in card.steps],
        "check": [{"do": s.do, "command": s.command or None, "each": s.each or None} for s in card.check],
        "do_not": [{"what": d.what, "command": d.command, "reason": d.reason} for d in card.do_not], "start_script": card.start_script or None,
        "placeholders": card.open_placeholders, "references": list(card.references),
    }  # fmt: skip


def _attempt(one: PastAttempt) -> Document:
    return {
        "deployment_id": one.deployment_id, "revision": one.revision, "commit": one.commit, "subject": one.subject, "image": one.image,
        "started_at": rfc3339(one.started_ms), "verdict": one.verdict, "migration": one.migration, "changes": list(one.changes),
        "refused": list(one.refused), "not_effective": one.not_effective,
    }  # fmt: skip


def _kinds(some: tuple[KindChange, ...]) -> list[Document]:
    return [
        {
            "fingerprint": one.fingerprint, "title": one.example.title, "layer": one.example.layer, "severity": one.example.severity,
            "requests": one.requests, "before": one.before, "worse": None if one.shift is None else one.shift.numbers,
        }
        for one in some
    ]  # fmt: skip
