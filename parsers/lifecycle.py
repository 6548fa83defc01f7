"""Start-up and shut-down lines of one stream -> one finding for each start and each stop. Information, no failure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from parsers.model import Category, Fact, Finding, MarkKind, Match, Severity, StreamKey

_STOPS = (MarkKind.TERMINATED,)
_TELLING = (MarkKind.READY, MarkKind.TERMINATED)


def is_lifecycle(fact: Fact) -> bool:
    """A record that only says that the program starts, listens or ends."""
    return _said(fact) is not None


def _said(fact: Fact) -> Match | None:
    if not fact.matches:
        return None
    first = next((m for m in fact.matches if m.category is not None or m.mark is not None), None)
    quiet = first is not None and first.category is Category.STARTUP and first.severity in (None, Severity.INFO)
    return first if quiet else None


def fold_lifecycle(stream: StreamKey, facts: Iterable[Fact]) -> tuple[Finding, ...]:
    """`facts` in order; those that are no life-cycle lines are passed over."""
    groups: list[list[tuple[Fact, Match]]] = []
    stopping: bool | None = None
    for fact in facts:
        match = _said(fact)
        if match is None:
            continue
        stops = match.mark is not None and match.mark.kind in _STOPS
        if stops is not stopping:
            groups.append([])
            stopping = stops
        groups[-1].append((fact, match))
    return tuple(_finding(stream, group) for group in groups)


def _finding(stream: StreamKey, group: Sequence[tuple[Fact, Match]]) -> Finding:
    fact, match = next(((f, m) for f, m in group if m.mark is not None and m.mark.kind in _TELLING), group[0])
    first = group[0][0]
    where = first.event_ids[0] if first.event_ids else f"{first.timestamp_ms}.{first.seq}"
    digest = hashlib.sha256(f"startup\0{stream.log_group}\0{stream.log_stream}\0{where}".encode()).hexdigest()
    return Finding(
        id=f"s-{digest[:16]}",
        rule_id=match.rule_id,
        category=Category.STARTUP,
        system=match.system,
        code=match.code,
        db_code=None,
        implied_code=None,
        severity=Severity.INFO,
        outcome=None,
        layer=None,
        status=None,
        aborted=False,
        method=None,
        route=None,
        path=None,
        fields=(),
        title=match.title,
        evidence=tuple(e for f in (fact, *(other for other, _ in group if other is not fact)) for e in f.evidence)[:12],
        fingerprint="v1:" + hashlib.sha256(f"startup\0{match.rule_id}".encode()).hexdigest()[:12],
        stream=stream,
        timestamp_ms=fact.timestamp_ms,
        event_ids=tuple(i for f, _ in group for i in f.event_ids)[:100],
        request_id=None,
        client=None,
        cause_link=None,
        events=sum(f.events for f, _ in group),
    )
