"""What a page hands out as text: Markdown of a deployment or of a failure. Pure; log text stands only in fences and code spans.

A fence is longer than any run of backticks inside it, a code span likewise, so nothing from a log becomes a link, an
image, a mention or HTML where the text is pasted.
"""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING

from dashboard import tables, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.rows import DeploymentRow, FailureGroup
    from parsers import Finding

_LINES = 40


def span(text: str) -> str:
    """A Markdown code span that its text can't leave."""
    line = " ".join(words.visible(text).split())
    ticks = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{line}{pad}{ticks}" if line else "`?`"


def fence(text: str) -> str:
    """A Markdown fence that its text can't close."""
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}text\n{words.visible(text)}\n{ticks}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)


def deployment(row: DeploymentRow, url: str) -> str:
    """Verdict, reasons, requests and the guilty lines of one deployment."""
    this = row.deployment
    lines = [
        f"**{row.verdict.verdict}** deployment {this.revision} ({span(this.commit or '?')}) of {span(this.service)}, "
        f"started {words.moment(this.started_ms, UTC)}, ECS says {span(this.ecs_status)}",
        "",
        *(f"- {span(reason.text)}" for reason in row.verdict.reasons),
        *(f"- needed: {span(need)}" for need in row.verdict.needed),
        "",
        f"400s: {words.share(row.refused_400, row.requests, row.low_400, row.high_400)}. "
        f"Logs complete to {words.moment(row.verdict.complete_to_ms, UTC)}.",
    ]
    guilty = [
        f"{words.moment(line.timestamp_ms, UTC, millis=True)}  {line.text}"
        for run in row.runs
        for line in run.transcript
        if line.guilty
    ]
    if guilty:
        lines += ["", fence("\n".join(guilty[:_LINES]))]
    return "\n".join([*lines, "", f"<{url}>", ""])


def failure(group: FailureGroup, example: Finding | None, names: Mapping[str, str], url: str) -> str:
    """What it is, whom it hits, since when, and one redacted sample."""
    clients = f", {words.several(group.clients, 'client')}" if group.clients else ""
    lines = [
        f"{span(group.title)}",
        "",
        f"- {tables.counted(group)}{clients}, layer {group.layer or 'unknown'}, "
        f"severity {group.severity}, code {span(tables.code_of(group) or 'none')}",
        f"- deployments: {tables.deployments_of(group, names) or '?'}",
        f"- first seen {words.moment(group.first_ms, UTC)}, last seen {words.moment(group.last_ms, UTC)}",
        f"- fingerprint {span(group.fingerprint)}, rule {span(group.rule_id)}",
    ]
    if example is not None and example.evidence:
        said = [f"{words.moment(line.timestamp_ms, UTC, millis=True)}  {line.text}" for line in example.evidence[:_LINES]]
        lines += ["", fence("\n".join(said))]
    return "\n".join([*lines, "", f"<{url}>", ""])
