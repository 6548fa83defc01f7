"""The summary as Markdown, in the order the team's own document had."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dashboard.report.escaping import fenced, plain
from dashboard.report.summary import PastAttempt, Sentence, Summary, TaskStart, Verification
from parsers import Evidence, KindChange, Remedy, VerdictValue, counted, rfc3339

_SIGNS = {VerdictValue.PASS: "✔", VerdictValue.FAIL: "✖", VerdictValue.INCONCLUSIVE: "?"}


def to_markdown(summary: Summary) -> str:
    """The whole document, ending in a line end."""
    sections = (
        _head(summary), _root_cause(summary), _start_up(summary), _means(summary), _action(summary), _verification(summary), _attempts(summary),
        _changes(summary), _unknown(summary), _proofs(summary),
    )  # fmt: skip
    return "\n".join(line for section in sections for line in section).rstrip() + "\n"


def _head(summary: Summary) -> Iterable[str]:
    one, verdict = summary.deployment, summary.verdict
    yield f"# Deployment summary: {plain(one.task_definition)}"
    yield ""
    yield f"**{_SIGNS[verdict.verdict]} {verdict.verdict}**: {plain(summary.status)}"
    yield ""
    for name, value in (
        ("Service", f"{one.service} in {one.cluster}" if one.cluster else one.service), ("Commit", one.commit), ("Image", one.image),
        ("Digest", one.image_digest), ("Started", rfc3339(one.started_ms or one.created_ms)), ("Finished", rfc3339(one.finished_ms)),
        ("ECS says", one.ecs_status), ("Judged at", rfc3339(verdict.decided_at_ms)), ("Logs complete to", rfc3339(verdict.complete_to_ms)),
    ):  # fmt: skip
        yield f"- {name}: {plain(value) if value else 'not known'}"
    yield ""
    yield from _sentences(summary.headline)
    yield ""
    yield from (f"- {_SIGNS[check.result]} {plain(check.id.replace('_', ' '))}: {plain(check.text)}" for check in verdict.checks)
    yield ""


def _sentences(some: Sequence[Sentence]) -> Iterable[str]:
    for sentence in some:
        marks = "".join(f" [{number + 1}]" for number in sentence.proofs)
        yield f"- {plain(sentence.text)}{marks}"


def _section(title: str, lines: Iterable[str]) -> Iterable[str]:
    body = list(lines)
    if body:
        yield f"## {title}"
        yield ""
        yield from body
        yield ""


def _root_cause(summary: Summary) -> Iterable[str]:
    return _section("Root cause", _sentences(summary.root_cause))


def _start_up(summary: Summary) -> Iterable[str]:
    return _section("What happened at start-up", (line for start in summary.starts for line in _start(start)))


def _start(start: TaskStart) -> Iterable[str]:
    yield f"Task {plain(start.task_id or 'unknown')}: {plain(start.text)}"
    yield ""
    yield from fenced([f"{'>' if number in start.guilty else ' '} {_quoted(line)}" for number, line in enumerate(start.lines)])
    yield ""


def _quoted(line: Evidence) -> str:
    return f"{rfc3339(line.timestamp_ms)}  {line.text}"


def _means(summary: Summary) -> Iterable[str]:
    lines = list(_sentences(summary.meaning))
    if summary.next_start is not None:
        lines += [f"- The next start: {line.removeprefix('- ')}" for line in _sentences([summary.next_start])]
    return _section("What this means", lines)


def _action(summary: Summary) -> Iterable[str]:
    if summary.remedy is None:
        worst = summary.verdict.verdict is not VerdictValue.PASS
        text = "No remedy card fits what the logs show: read the start-up lines above." if worst and summary.starts else ""
        return _section("Required action", [text] if text else [])
    return _section("Required action", _card(summary.remedy))


def _card(card: Remedy) -> Iterable[str]:
    proven = "tried on the real tool and PostgreSQL" if card.status == "proven" else "from the tool's documents"
    yield f"**{plain(card.title)}** ({proven}; shown here, never run by this tool)"
    yield ""
    if card.before:
        yield "Before:"
        yield ""
        yield from (f"- {plain(text)}" for text in card.before)
        yield ""
    yield "In this order:"
    yield ""
    for number, step in enumerate(card.steps, 1):
        each = " (once for each)" if step.each else ""
        yield f"{number}. {plain(step.do)}{each}"
        if step.command:
            yield ""
            yield from (f"   {line}" for line in fenced(step.command.split("\n"), "sh"))
        yield ""
    yield "Do not:"
    yield ""
    for one in card.do_not:
        yield f"- {plain(one.what)}: {plain(one.reason)}"
        yield ""
        yield from (f"  {line}" for line in fenced(one.command.split("\n"), "sh"))
        yield ""
    if card.start_script:
        yield f"The start script: {plain(card.start_script)} `triage lint` finds what hid this failure."


def _verification(summary: Summary) -> Iterable[str]:
    return _section("Verification", (line for one in summary.verification for line in _check(one)))


def _check(one: Verification) -> Iterable[str]:
    yield f"{plain(one.title)}. Expected: {plain(one.expect)}"
    yield ""
    yield from fenced(one.text.split("\n"), {"sql": "sql", "command": "sh"}.get(one.kind, "text"))
    yield ""


def _attempts(summary: Summary) -> Iterable[str]:
    if len(summary.attempts) < 2:
        return ()
    rows = [
        "| Revision | Commit | Verdict | Migration | What refused requests | Changed |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    return _section("Previous attempts", [*rows, *(_row(one) for one in summary.attempts), "", *_ladder(summary)])


def _row(one: PastAttempt) -> str:
    commit = " ".join(part for part in (one.commit or "not known", one.subject or "") if part)
    refused = "; ".join(one.refused) or "nothing persistently"
    said = "FIX NOT EFFECTIVE. " if one.not_effective else ""
    cells = (
        str(one.revision),
        commit,
        f"{_SIGNS[one.verdict]} {one.verdict}",
        one.migration,
        said + refused,
        ", ".join(one.changes) or "not known",
    )
    return "| " + " | ".join(plain(cell) for cell in cells) + " |"


def _ladder(summary: Summary) -> Iterable[str]:
    if summary.symptom is None or len(summary.symptom.steps) < 2:
        return
    yield plain(summary.symptom.text) + "."
    yield ""
    for one in summary.attempts:
        if one.not_effective:
            yield f"- Revision {one.revision}: {plain(one.not_effective)}"


def _changes(summary: Summary) -> Iterable[str]:
    if summary.changes is None:
        return ()
    lines = []
    for name, some in (("New", summary.changes.new), ("Worse", summary.changes.worse), ("Gone", summary.changes.gone)):
        lines += [f"- {name}: {_kind(one)}" for one in some[:8]]
        lines += [f"- {name}: and {counted(len(some) - 8, 'more kind')}"] if len(some) > 8 else []
    lines.append(f"- As before: {counted(len(summary.changes.same), 'kind')}")
    return _section(f"Against revision {summary.compared_with}", lines)


def _kind(one: KindChange) -> str:
    shift = f", {plain(one.shift.text)}" if one.shift is not None and one.requests else ""
    return f"{plain(one.example.title)} ({one.requests} now, {one.before} before{shift})"


def _unknown(summary: Summary) -> Iterable[str]:
    return _section("Not known", (f"- {plain(text)}" for text in summary.unknown))


def _proofs(summary: Summary) -> Iterable[str]:
    lines: list[str] = []
    for number, proof in enumerate(summary.proofs, 1):
        ids = " · ".join(part for part in (proof.finding_id, proof.run_id) if part)
        lines += [f"[{number}] {plain(proof.stream.log_stream or 'stream not known')} {plain(ids)}", ""]
        lines += [*fenced([_quoted(line) for line in proof.lines]), ""]
    if summary.links:
        lines += ["Read them again:", ""]
        lines += fenced([command for _, command in summary.links], "sh")
    return _section("Proofs", lines)
