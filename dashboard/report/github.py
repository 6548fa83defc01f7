"""GitHub: a step summary and annotations, within their limits and with nothing of a log becoming a workflow command.

Limits: a step's summary 1 MiB (above it nothing is shown), 10 errors, 10 warnings and 10 notices a step.
https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Iterable

from dashboard.report.escaping import command_property, command_value
from dashboard.report.summary import Summary
from parsers import LintFinding, VerdictValue

SUMMARY_BYTES = 1_000_000
"""Kept below GitHub's 1,048,576: what other steps' tools append counts too."""
PER_KIND = 10
_TITLE, _MESSAGE = 120, 1_000


def step_summary(markdown: str, limit: int = SUMMARY_BYTES) -> str:
    """The document within `limit` bytes: cut between lines, an open fence closed, the cut said."""
    if len(markdown.encode()) <= limit:
        return markdown
    kept, size, fence = [], 0, ""
    for line in markdown.split("\n"):
        size += len(line.encode()) + 1
        if size > limit - 300:
            break
        kept.append(line)
        bare = line.strip()
        if bare.startswith("```"):
            ticks = bare[: len(bare) - len(bare.lstrip("`"))]
            fence = "" if fence and ticks == fence else fence or ticks
    return "\n".join([*kept, *([fence] if fence else []), "", "_Cut here: the whole report is longer than GitHub shows._", ""])


def verdict_annotations(summary: Summary) -> list[str]:
    """Workflow commands, worst first: at most 10 of a kind, the last one saying how many are left out."""
    verdict = summary.verdict
    level = {VerdictValue.FAIL: "error", VerdictValue.INCONCLUSIVE: "warning"}.get(verdict.verdict)
    if level is None:
        return [_command("notice", f"triage: {summary.deployment.task_definition}", summary.status)]
    title = f"{verdict.verdict}: {summary.deployment.task_definition}"
    texts = [reason.text for reason in verdict.reasons] or [summary.status]
    texts += [f"needed: {need}" for need in verdict.needed] if level == "warning" else []
    return _limited(level, [(title, text, {}) for text in texts])


def lint_annotations(findings: Iterable[LintFinding]) -> list[str]:
    """The lint's findings on their lines."""
    by_level: dict[str, list[tuple[str, str, dict[str, str]]]] = {"error": [], "warning": [], "notice": []}
    for one in findings:
        kind = {"error": "error", "warning": "warning"}.get(one.level, "notice")
        by_level[kind].append((f"triage lint: {one.rule}", f"{one.text}. {one.mend}", {"file": one.path, "line": str(one.line)}))
    return [line for kind, some in by_level.items() for line in _limited(kind, some)]


def _limited(kind: str, some: list[tuple[str, str, dict[str, str]]]) -> list[str]:
    shown = some if len(some) <= PER_KIND else some[: PER_KIND - 1]
    lines = [_command(kind, title, text, **where) for title, text, where in shown]
    if len(some) > PER_KIND:
        lines.append(_command(kind, "triage", f"and {len(some) - len(shown)} more"))
    return lines


def _command(kind: str, title: str, text: str, **where: str) -> str:
    places = "".join(f"{key}={command_property(value)}," for key, value in where.items())
    return f"::{kind} {places}title={command_property(title[:_TITLE])}::{command_value(text[:_MESSAGE])}"
