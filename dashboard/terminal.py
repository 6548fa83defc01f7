"""What commands say in a terminal: text at 80 columns, coloured on a terminal, plain when piped.

Log text is hostile: whatever comes from a log passes `show` and is printed as plain text, never as markup.
"""

from __future__ import annotations

import io
import os
import re
import sys
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from dashboard.judgement import Judgement
from dashboard.rows import ContextLine
from parsers import (
    Coverage,
    Deployment,
    Finding,
    MigrationRun,
    Outcome,
    RequestCount,
    Rule,
    Severity,
    StandaloneTasks,
    StreamKey,
    Verdict,
    VerdictValue,
    counted,
    rfc3339,
    show,
)

if TYPE_CHECKING:
    from parsers import Explanation

WIDTH = 80
_STYLES = {
    "FAIL": "1;31", "PASS": "1;32", "INCONCLUSIVE": "1;33", "critical": "1;31", "error": "31", "warning": "33", "info": "2", "dim": "2", "bold": "1",
    "guilty": "31",
}  # fmt: skip
_SIGNS = {VerdictValue.FAIL: "✖", VerdictValue.PASS: "✔", VerdictValue.INCONCLUSIVE: "?"}
_SEVERITY_SIGNS = {Severity.CRITICAL: "✖", Severity.ERROR: "✖", Severity.WARNING: "!", Severity.INFO: "·"}


@dataclass(slots=True)
class Paper:
    """Where text goes. `colour`: a terminal that wants it (NO_COLOR and TERM=dumb honoured)."""

    out: TextIO
    colour: bool = False
    width: int = WIDTH

    @staticmethod
    def of(stream: TextIO, colour: str = "auto") -> Paper:
        wants = colour == "always" or (
            colour == "auto" and stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )
        width = min(max(_columns(stream), 60), 160) if stream.isatty() else WIDTH
        return Paper(out=stream, colour=wants, width=width)

    def paint(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.colour and style in _STYLES else text

    def line(self, text: str = "") -> None:
        self.out.write(text + "\n")

    def wrapped(self, text: str, *, indent: str = "", first: str = "", style: str = "") -> None:
        """Words wrapped at the width; `first` stands before the first line, `indent` before the others."""
        room = self.width - max(len(indent), len(_COLOUR.sub("", first)))
        for number, part in enumerate(wrap(text, room)):
            self.line((first if number == 0 else indent) + self.paint(part, style))


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError, io.UnsupportedOperation):
        return WIDTH


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns, broken at blanks; a word longer than a line stays whole (ids are for copying)."""
    lines, current = [], ""
    for word in text.split():
        if current and len(current) + 1 + len(word) > width:
            lines.append(current)
            current = word
        else:
            current = f"{current} {word}" if current else word
    return [*lines, current] if current or not lines else lines


def fit(text: str, width: int) -> str:
    """`text` in exactly `width` columns, cut with an ellipsis."""
    return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_NO_TIME_MS = 86_400_000  # plain text without times stands at the beginning of 1970: that is no time to show


def clock(timestamp_ms: int | None) -> str:
    """`02:57:56Z`, or `-` in the same width."""
    text = _told(timestamp_ms)
    return f"{text[11:19]}Z" if text else f"{'-':<9}"


def _told(timestamp_ms: int | None) -> str | None:
    return None if timestamp_ms is not None and timestamp_ms < _NO_TIME_MS else rfc3339(timestamp_ms)


def moment(timestamp_ms: int | None) -> str:
    """`2025-11-19 02:57:56Z`, or `-`."""
    text = _told(timestamp_ms)
    return f"{text[:10]} {text[11:19]}Z" if text else "-"


def outcome_words(outcome: Outcome, *, code: str | None = None, continued: bool = False) -> str:
    if outcome in (Outcome.FAILED, Outcome.NEVER_RAN):
        word = "NEVER RAN" if outcome is Outcome.NEVER_RAN else "FAILED, masked" if continued else "FAILED"
        return f"{word} ({code})" if code else word
    return outcome.replace("_", " ")


def deployments_text(paper: Paper, judgement: Judgement) -> None:
    """One block a deployment, newest first: what ECS thinks, what happened, why."""
    if not judgement.deployments:
        _standalone(paper, judgement.standalone)
        paper.wrapped(
            "No deployments: a scene without ecs.json, or logs fetched without --cluster and --service. "
            "`triage classify` and `triage findings` need none."
        )
        return
    paper.line(paper.paint(f"{'REV':>4}  {'COMMIT':<9}{'STARTED':<22}{'ECS':<12}{'MIGRATIONS':<24}VERDICT", "bold"))
    for one in reversed(judgement.deployments):
        verdict = judgement.verdict_of(one.deployment_id)
        if verdict is None:
            continue
        sign = paper.paint(f"{_SIGNS[verdict.verdict]} {verdict.verdict}", verdict.verdict)
        began = moment(one.started_ms or one.created_ms)
        row = f"{one.revision:>4}  {fit(one.commit or '-', 9)}{began:<22}{fit(one.ecs_status, 12)}{fit(_worst(one), 24)}"
        paper.line(row + sign)
        for reason in verdict.reasons[:3]:
            paper.wrapped(show(reason.text), first="      · ", indent="        ")
    _standalone(paper, judgement.standalone)
    _notices(paper, judgement.notices)


def _standalone(paper: Paper, tasks: Sequence[StandaloneTasks]) -> None:
    """Tasks of no service: a line or two each."""
    if not tasks:
        return
    paper.line(paper.paint("Tasks of no service: nothing was rolled out, so there is nothing to judge", "bold"))
    for one in tasks:
        sign = paper.paint(f"{_SIGNS[one.verdict]} {one.verdict}", one.verdict)
        ran = f"{counted(one.tasks, 'task')}, {one.who}; the newest {moment(one.newest_ms)}, {one.end}"
        migrated = f"migrations: {outcome_words(one.migration_outcome, code=one.error_code)}"
        paper.wrapped(show(f"{one.task_definition}: {ran}; {migrated}"), first=f"  {sign}  ", indent="      ")


def _worst(one: Deployment) -> str:
    order = [
        Outcome.FAILED,
        Outcome.NEVER_RAN,
        Outcome.STUCK,
        Outcome.PENDING,
        Outcome.SUSPECT,
        Outcome.UNKNOWN,
        Outcome.NOT_SEEN,
    ]
    tasks = sorted(
        one.tasks,
        key=lambda t: (
            order.index(t.migration_outcome) if t.migration_outcome in order else 99,
            not (t.application_continued and t.ready),
        ),
    )
    if not tasks:
        return "no task seen"
    return outcome_words(tasks[0].migration_outcome, code=tasks[0].error_code, continued=tasks[0].application_continued)


def verdict_text(paper: Paper, deployment: Deployment, verdict: Verdict, judgement: Judgement, source: str = "") -> None:
    """The five checks, then the verdict with its reasons and the lines that prove them. `source`: where `triage show` finds them again."""
    paper.line(
        f"{deployment.task_definition}  {deployment.commit or ''}  started {moment(deployment.started_ms)}  ECS {deployment.ecs_status}"
    )
    for check in verdict.checks:
        sign = paper.paint(f"{_SIGNS[check.result]} {check.id.replace('_', ' '):<16}", check.result)
        paper.wrapped(show(check.text), first=f"  {sign} ", indent=" " * 21)
    paper.line()
    paper.line(
        paper.paint(f"{_SIGNS[verdict.verdict]} {verdict.verdict}", verdict.verdict)
        + f"  logs complete to {moment(verdict.complete_to_ms)}"
    )
    for reason in verdict.reasons:
        paper.wrapped(show(reason.text), first="  · ", indent="    ")
        finding = next((f for f in judgement.findings if f.id == reason.finding_id), None)
        if finding is not None:
            _proof(paper, finding)
            paper.line(paper.paint(f"      triage show {finding.id}{source}", "dim"))
    for need in verdict.needed if verdict.verdict is VerdictValue.INCONCLUSIVE else ():
        paper.wrapped(show(need), first="  needed: ", indent="          ")


def _proof(paper: Paper, finding: Finding) -> None:
    """The deciding line whole, as far as three lines hold it; what stands around it on a line each."""
    for number, evidence in enumerate(finding.evidence[:3]):
        at = f"      {clock(evidence.timestamp_ms)}  "
        room = paper.width - len(at)
        if number == 0:
            for part in textwrap.wrap(without_middle(evidence.text, 3 * room - 40), room, break_on_hyphens=False):
                paper.line(at + part)
                at = " " * len(at)
        else:
            paper.line(at + fit_log(evidence.text, room))


def without_middle(text: str, most: int) -> str:
    """A log line made safe, on one line, at most `most` characters: a statement is long, and what was wrong with it stands at its end."""
    safe = show(text.replace("\n", " ⏎ "))
    if len(safe) <= most:
        return safe
    head = most * 2 // 5
    return f"{safe[:head].rstrip()} … {safe[-(most - head - 3) :].lstrip()}"


def fit_log(text: str, width: int) -> str:
    """A log line made safe, on one line, at most `width` columns."""
    safe = show(text.replace("\n", " ⏎ "))
    return safe if len(safe) <= width else safe[: max(1, width - 1)] + "…"


def classify_text(paper: Paper, judgement: Judgement) -> None:
    """What was read, what it means: migration runs, failures by kind, requests, what nobody could explain."""
    reading = judgement.reading
    assert reading is not None
    total = sum(c.events for c in reading.coverage)
    first = min((c.first_event_ms for c in reading.coverage if c.first_event_ms is not None), default=None)
    last = max((c.last_event_ms for c in reading.coverage if c.last_event_ms is not None), default=None)
    span = f"{moment(first)} to {moment(last)}" if _told(first) else "without times" if total else "nothing to read"
    paper.line(f"{counted(total, 'event')} in {counted(len(reading.coverage), 'stream')}, {span}")
    if reading.migration_runs:
        paper.line()
        paper.line(paper.paint("Migrations", "bold"))
        for run in reading.migration_runs:
            _run_line(paper, run)
    _failures(paper, reading.findings)
    _requests(paper, reading.request_counts)
    _coverage_lines(paper, reading.coverage)
    if reading.unexplained:
        paper.line()
        paper.line(paper.paint("Errors that no rule knows", "bold"))
        for group in sorted(reading.unexplained, key=lambda g: -g.count)[:10]:
            paper.line(f"  {group.count:>5} × {fit_log(group.example.text, paper.width - 10)}")
    _notices(paper, judgement.notices)


def _run_line(paper: Paper, run: MigrationRun) -> None:
    bad = run.outcome in (Outcome.FAILED, Outcome.NEVER_RAN)
    words = outcome_words(run.outcome, code=run.code, continued=run.application_continued)
    where = f"task {run.stream.task_id}" if run.stream.task_id else f"in {run.stream.log_stream or '(no stream)'}"
    paper.line(
        f"  {clock(run.started_ms)}  {fit(run.tool or 'start script', 14)} {paper.paint(words, 'FAIL' if bad else 'bold')}"
    )
    details = [
        where,
        f"{run.migrations_found} found" if run.migrations_found is not None else "",
        f"{run.applied_count} applied" if run.applied_count is not None else "",
        f"failed: {show(run.failed_migration)}" if run.failed_migration else "",
        f"exit code {run.exit_code}" if run.exit_code is not None else "",
        "the application continued" if run.application_continued else "",
        f"confidence {run.confidence}" if not bad else "",
    ]
    paper.wrapped(" · ".join(d for d in details if d), first="             ", indent="             ")


def _failures(paper: Paper, findings: Iterable[Finding]) -> None:
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.severity is not Severity.INFO:
            groups[finding.fingerprint].append(finding)
    if not groups:
        return
    paper.line()
    paper.line(paper.paint("Failures", "bold") + "  (requests or findings × kind, layer, first seen)")
    for some in sorted(groups.values(), key=lambda g: (_order(g[0]), -len(g))):
        finding = some[-1]
        fields = [name for name, _ in Counter(n for f in some for n in f.fields).most_common(5)]
        head = f"  {len(some):>5} × {paper.paint(_SEVERITY_SIGNS[finding.severity], finding.severity)} "
        text = show(finding.title) + (f" [{', '.join(map(show, fields))}]" if fields else "")
        paper.wrapped(text, first=head, indent=" " * 12)
        paper.line(
            paper.paint(
                f"{'':12}{finding.category} · {finding.layer or '-'} · {clock(some[0].timestamp_ms).strip()} · {finding.id} · {finding.fingerprint}",
                "dim",
            )
        )


def _order(finding: Finding) -> int:
    return list(Severity).index(finding.severity)


def _requests(paper: Paper, counts: Iterable[RequestCount]) -> None:
    routes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    health = 0
    for count in counts:
        if count.health_check:
            health += count.count
            continue
        routes[count.method, count.route]["aborted" if count.aborted else str(count.status or "?")] += count.count
    if not routes:
        return
    paper.line()
    paper.line(paper.paint("Requests", "bold") + (f"  ({health:,} health checks left out)" if health else ""))
    ranked = sorted(routes.items(), key=lambda item: -sum(item[1].values()))
    for (method, route), statuses in ranked[:15]:
        name = fit(f"{method} {show(route)}".strip() or "(unknown route)", 44)
        paper.line(f"  {sum(statuses.values()):>7,}  {name}  " + "  ".join(f"{s}: {n}" for s, n in sorted(statuses.items())))
    if len(ranked) > 15:
        paper.line(f"           … and {len(ranked) - 15} more routes (--format json)")


def _coverage_lines(paper: Paper, coverage: Iterable[Coverage]) -> None:
    undecodable = sum(c.undecodable for c in coverage)
    unexplained = sum(c.unexplained for c in coverage)
    if undecodable or unexplained:
        paper.line()
        paper.line(f"  {counted(undecodable, 'event')} could not be decoded, {counted(unexplained, 'error')} no rule explains")


def _notices(paper: Paper, notices: Sequence[str]) -> None:
    for notice in notices:
        paper.wrapped(show(notice), first="note: ", indent="      ")


def findings_text(paper: Paper, findings: Sequence[Finding], revisions: Mapping[StreamKey, int | None]) -> None:
    if not findings:
        paper.line("No findings with these filters.")
    for finding in findings:
        revision = revisions.get(finding.stream)
        sign = paper.paint(f"{_SEVERITY_SIGNS[finding.severity]} {finding.severity:<8}", finding.severity)
        head = f"{clock(finding.timestamp_ms)} {sign} {f'rev {revision} ' if revision else ''}"
        paper.wrapped(
            show(finding.title) + (f" [{', '.join(map(show, finding.fields[:5]))}]" if finding.fields else ""),
            first=head,
            indent=" " * 21,
        )
        paper.line(paper.paint(f"{'':21}{finding.layer or finding.category} · {finding.id}", "dim"))


def finding_text(paper: Paper, finding: Finding, run: MigrationRun | None, rule: Rule | None) -> None:
    """One finding with everything that proves it, and what its rule says."""
    paper.wrapped(show(finding.title), style="bold")
    facts = [
        ("category", finding.category), ("layer", finding.layer), ("severity", finding.severity), ("code", finding.code),
        ("database", finding.db_code), ("implied", finding.implied_code),
        ("request", f"{finding.method or ''} {finding.route or ''}".strip()), ("status", finding.status),
        ("fields", ", ".join(finding.fields)), ("table", finding.table), ("task", finding.stream.task_id), ("stream", finding.stream.log_stream),
        ("time", rfc3339(finding.timestamp_ms)), ("cause link", finding.cause_link), ("events", finding.events), ("grouped as", finding.fingerprint),
    ]  # fmt: skip
    for name, value in facts:
        if value not in (None, ""):
            paper.line(f"  {name:<11} {show(str(value))}")
    paper.line()
    paper.line(paper.paint("Evidence", "bold"))
    for evidence in finding.evidence:
        paper.line(f"  {clock(evidence.timestamp_ms)}  {show(evidence.text)}")
    if run is not None:
        transcript_text(paper, run)
    if rule is not None and (rule.why or rule.next):
        paper.line()
        rule_text(paper, rule, examples=False)


def elsewhere_text(paper: Paper, ways: Iterable[tuple[str, str | None]]) -> None:
    """Where else the lines can be read: console links and commands to copy, each on a line of its own."""
    told = [(name, way) for name, way in ways if way]
    if told:
        paper.line()
        paper.line(paper.paint("Elsewhere", "bold"))
    for name, way in told:
        paper.line(f"  {name}")
        paper.line(f"    {show(way)}")


def transcript_text(paper: Paper, run: MigrationRun) -> None:
    paper.line()
    paper.line(paper.paint("Transcript", "bold") + "  (> marks the guilty lines)")
    for line in run.transcript:
        mark = ">" if line.guilty else " "
        text = f"{mark} {clock(line.timestamp_ms)}  {fit_log(line.text, paper.width - 14)}"
        paper.line(paper.paint(text, "guilty") if line.guilty else text)


def rule_text(paper: Paper, rule: Rule, *, examples: bool = True) -> None:
    paper.line(
        paper.paint(rule.id, "bold")
        + f"  {rule.category or 'mark'}{f' · {rule.mark}' if rule.mark else ''} · {rule.status_of_facts}"
    )
    for name, text in (("", rule.title), ("why", rule.why), ("next", rule.next), ("wrong when", rule.wrong_when)):
        if text:
            paper.wrapped(text, first=f"  {name + ': ' if name else ''}", indent="    ")
    for reference in rule.references:
        paper.line(f"  {reference}")
    if examples:
        paper.line("  takes:")
        for example in rule.examples[:5]:
            paper.line(f"    {fit_log(example.text, paper.width - 4)}")


def rules_text(paper: Paper, rules: Sequence[Rule]) -> None:
    for rule in rules:
        paper.line(
            f"{fit(rule.id, 34)} {fit(str(rule.category or rule.mark or '-'), 11)} {fit(rule.title, max(20, paper.width - 48))}".rstrip()
        )


NO_MATCH = "its pattern does not match"


def explanation_text(paper: Paper, one: Explanation) -> None:
    """crowdsec's `explain`: which rule took the line, and why the others did not."""
    paper.line(
        f"read as     {'structured record' if one.structured else 'plain text'}{f', level {one.level}' if one.level else ''}"
    )
    for number, line in enumerate(one.text.split("\n")[:20]):
        paper.line(f"{'rules see' if number == 0 else '':<11} {fit_log(line, paper.width - 12)}")
    if one.access is not None:
        access = one.access
        answer = "aborted" if access.aborted else access.status
        extra = ", health check" if access.health_check else ""
        paper.line(
            f"access line {access.method or '?'} {show(access.route or '?')} → {answer if answer is not None else '(no status yet)'}{extra}"
        )
    for match in one.matches:
        words = [
            match.category or f"mark {match.mark.kind if match.mark else '-'}",
            match.layer,
            match.code,
            match.db_code,
            ", ".join(match.fields),
        ]
        paper.line(paper.paint(f"taken by    {match.rule_id}", "bold") + "  " + " · ".join(show(str(w)) for w in words if w))
        if match.title:
            paper.wrapped(show(match.title), first=" " * 12, indent=" " * 12)
    for attempt in one.attempts:
        if attempt.why_not and (attempt.matched or attempt.why_not != NO_MATCH):
            first = "set aside   " if attempt.matched else "not taken   "
            paper.wrapped(f"{attempt.rule_id}: {attempt.why_not}", first=first, indent=" " * 12)
    if elsewhere := [attempt.rule_id for attempt in one.attempts if attempt.why_not == NO_MATCH]:
        paper.wrapped(f"{', '.join(elsewhere)}: {NO_MATCH}", first="not taken   ", indent=" " * 12)
    if not one.attempts:
        paper.line(f"no rule's words occur in it ({one.rules} rules)")
    if one.unexplained:
        paper.line("it reads like an error that no rule decides: counted as unexplained, grouped, never lost")
    elif not one.matches and one.access is None:
        paper.line("ordinary: counted in coverage, nothing else")


def stderr_line(text: str) -> None:
    """Talk goes to stderr; data to stdout."""
    sys.stderr.write(text + "\n")


def context_text(paper: Paper, lines: Sequence[ContextLine]) -> None:
    """The lines around a finding; > marks what proves it."""
    paper.line()
    paper.line(paper.paint("Context", "bold") + "  (read again from the stream, redacted)")
    for line in lines:
        mark = ">" if line.is_evidence else " "
        paper.line(f"{mark} {clock(line.timestamp_ms)}  {fit_log(line.deployment_mark or line.text, paper.width - 14)}")
