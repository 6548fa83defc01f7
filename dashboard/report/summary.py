"""The deployment summary as data: what a team used to write by hand, every sentence with the evidence it stands on.

`summarise` takes nouns and gives a `Summary`; the other files of this folder write it down (Markdown, JSON, JUnit, GitHub).
What is not known is listed as not known; nothing is guessed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from parsers import (
    LAYER_WORDS,
    CheckId,
    Deployment,
    Evidence,
    Finding,
    KindChanges,
    Layer,
    MigrationRun,
    Outcome,
    Reason,
    Refusal,
    Remedy,
    RequestCount,
    Side,
    StreamKey,
    Symptom,
    TaskDefinition,
    Verdict,
    VerdictValue,
    bound_text,
    compare_kinds,
    counted,
    forecast,
    not_effective_text,
    remedy_for,
    share_text,
    symptoms,
    wilson,
)

QUOTED_LINES = 12
_REFUSING = (Layer.VALIDATION, Layer.BUSINESS_RULE, Layer.CONTROLLER, Layer.ORM, Layer.DATABASE, Layer.UNHANDLED)
_NOT_NULL = ("P2011", "P2012", "23502", "1048")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_MIN_REFUSED, _MIN_SHARE = 5, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One deployment with its share of the reading. `definition`: what ECS said of its revision, when it was asked."""

    deployment: Deployment
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    runs: tuple[MigrationRun, ...] = ()
    counts: tuple[RequestCount, ...] = ()
    definition: TaskDefinition | None = None

    @property
    def side(self) -> Side:
        return Side(deployment=self.deployment, findings=self.findings, counts=self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A place in the logs: quoted where it is needed, and enough to find it again."""

    stream: StreamKey
    lines: tuple[Evidence, ...]
    finding_id: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One statement. `basis`: log | ecs | counts | rule | git, never empty. `proofs`: numbers into `Summary.proofs`, 0-based."""

    text: str
    basis: str
    proofs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStart:
    """What happened when one task started."""

    task_id: str | None
    outcome: Outcome
    text: str
    lines: tuple[Evidence, ...]
    guilty: frozenset[int]  # numbers into `lines`
    stream: StreamKey


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAttempt:
    """One row of the table of attempts."""

    deployment_id: str
    revision: int
    commit: str | None
    subject: str | None  # of the commit, when a repository was given
    image: str | None
    started_ms: int | None
    verdict: VerdictValue
    migration: str
    changes: tuple[str, ...]  # against the attempt before: names only
    refused: tuple[str, ...]
    not_effective: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """How to see that it works: a command, SQL or a query, and what must come out."""

    title: str
    kind: str  # sql | command | query
    text: str
    expect: str


@dataclass(slots=True)
class Summary:
    """Everything the writers need. Texts may hold log text: redacted, not yet escaped."""

    deployment: Deployment
    verdict: Verdict
    status: str
    headline: list[Sentence] = field(default_factory=list)
    root_cause: list[Sentence] = field(default_factory=list)
    starts: list[TaskStart] = field(default_factory=list)
    meaning: list[Sentence] = field(default_factory=list)
    next_start: Sentence | None = None
    remedy: Remedy | None = None
    verification: list[Verification] = field(default_factory=list)
    attempts: list[PastAttempt] = field(default_factory=list)
    symptom: Symptom | None = None
    changes: KindChanges | None = None
    compared_with: int | None = None
    unknown: list[str] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)

    def cite(self, proof: Proof) -> int:
        """The number of a proof; the same proof gets the same number."""
        if proof not in self.proofs:
            self.proofs.append(proof)
        return self.proofs.index(proof)


def summarise(attempts: Sequence[Attempt], *, subjects: Mapping[str, str] | None = None) -> Summary:
    """The summary of the last of `attempts` (deployments of one service, oldest first); the others are its past.

    `subjects`: commit -> its subject line. Raises ValueError without an attempt.
    """
    if not attempts:
        raise ValueError("no deployment to summarise")
    target = attempts[-1]
    summary = Summary(deployment=target.deployment, verdict=target.verdict, status=_status(target))
    refusals = [refused_routes(one) for one in attempts]
    chain = symptoms(refusals, [_well_answered(one, mine) for one, mine in zip(attempts, refusals, strict=True)])
    lasting = {(one.method, one.route): one for one in chain if one.steps[-1].deployment_id == target.deployment.deployment_id}
    summary.symptom = next((lasting[one.method, one.route] for one in refusals[-1]), None)  # of the route refused most
    _headline(summary, target)
    _starts(summary, target)
    _root_cause(summary, target, refusals[-1])
    _meaning(summary, target)
    _verification(summary, target, refusals[-1])
    _past(summary, attempts, refusals, chain, subjects or {})
    _compare(summary, attempts)
    _not_known(summary, target, subjects)
    _links(summary)
    return summary


# ---- status ----
def _status(one: Attempt) -> str:
    """`DEPLOYED, MIGRATION FAILED AND MASKED`: what ECS says, then what the logs say."""
    ecs = {"SUCCESSFUL": "DEPLOYED", "IN_PROGRESS": "ROLLING OUT"}.get(
        one.deployment.ecs_status.upper(), one.deployment.ecs_status or "UNKNOWN"
    )
    return f"{ecs}, {_migration_words(one).upper()}"


def _migration_words(one: Attempt) -> str:
    outcomes = [task.migration_outcome for task in one.deployment.tasks]
    worst = next((o for o in _WORST_FIRST if o in outcomes), None)
    if worst is None:
        return "no migration seen"
    masked = any(task.application_continued for task in one.deployment.tasks if task.migration_outcome is worst)
    codes = ", ".join(dict.fromkeys(t.error_code for t in one.deployment.tasks if t.migration_outcome is worst and t.error_code))
    words = f"migration {worst.replace('_', ' ')}" + (" and masked" if masked else "")
    return f"{words} ({codes})" if codes else words


_WORST_FIRST = (
    Outcome.FAILED, Outcome.NEVER_RAN, Outcome.STUCK, Outcome.DRIFT, Outcome.PENDING, Outcome.ROLLED_BACK, Outcome.SUSPECT,
    Outcome.RESOLVED, Outcome.RUNNING, Outcome.UNKNOWN, Outcome.NOT_SEEN, Outcome.APPLIED, Outcome.NOTHING_TO_DO,
)  # fmt: skip


def _headline(summary: Summary, one: Attempt) -> None:
    for reason in one.verdict.reasons[:4]:
        summary.headline.append(
            Sentence(text=_sentence(reason.text), basis=_basis(reason), proofs=_proofs_of(summary, one, reason))
        )
    if not one.verdict.reasons:
        for check in one.verdict.checks:
            summary.headline.append(Sentence(text=_sentence(f"{check.id.replace('_', ' ')}: {check.text}"), basis="log"))


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


def _basis(reason: Reason) -> str:
    return (
        "log"
        if reason.finding_id or reason.run_id
        else "ecs"
        if reason.code in ("crash_loop", "rolled_back", "in_progress")
        else "counts"
    )


def _proofs_of(summary: Summary, one: Attempt, reason: Reason) -> tuple[int, ...]:
    finding = next((found for found in one.findings if found.id == reason.finding_id), None)
    if finding is not None:
        return (summary.cite(_proof(finding)),)
    run = next((found for found in one.runs if found.id == reason.run_id), None)
    return (summary.cite(_run_proof(run)),) if run is not None else ()


def _proof(finding: Finding) -> Proof:
    return Proof(stream=finding.stream, lines=finding.evidence, finding_id=finding.id, run_id=finding.run_id)


def _run_proof(run: MigrationRun) -> Proof:
    guilty = [line for line in run.transcript if line.guilty] or list(run.transcript[-3:])
    lines = tuple(
        Evidence(timestamp_ms=line.timestamp_ms, text=line.text, event_id=line.event_id) for line in guilty[:QUOTED_LINES]
    )
    return Proof(stream=run.stream, lines=lines, run_id=run.id)


# ---- start-up ----
def _starts(summary: Summary, one: Attempt) -> None:
    by_id = {run.id: run for run in one.runs}
    for task in one.deployment.tasks:
        run = by_id.get(task.run_id or "")
        if run is None:
            continue
        first = next((number for number, line in enumerate(run.transcript) if line.guilty), 0)
        begin = max(0, min(first - 3, len(run.transcript) - QUOTED_LINES))
        part = run.transcript[begin : begin + QUOTED_LINES]
        ready = (
            "the application listens"
            if task.ready
            else "the application never said that it listens"
            if task.ready is False
            else ""
        )
        outcome = task.migration_outcome.replace("_", " ")
        words = [f"{run.tool or 'the start script'}: {outcome}", run.error_code or run.implied_code or ""]
        words += ["the start script continued" if run.application_continued else "", ready]
        summary.starts.append(
            TaskStart(
                task_id=task.task_id, outcome=task.migration_outcome, text=", ".join(word for word in words if word), stream=run.stream,
                lines=tuple(Evidence(timestamp_ms=line.timestamp_ms, text=line.text, event_id=line.event_id) for line in part),
                guilty=frozenset(number for number, line in enumerate(part) if line.guilty),
            )
        )  # fmt: skip


# ---- what refuses requests ----
def refused_routes(one: Attempt) -> list[Refusal]:
    """Routes that this deployment persistently refuses, most refused first: at least 5 times and a tenth of the answers."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in one.findings:
        if finding.layer in _REFUSING and finding.route and finding.status is not None:
            groups.setdefault((finding.method or "", finding.route), []).append(finding)
    found = []
    for (method, route), some in groups.items():
        answered = one.side.answered(method, route)
        if len(some) >= _MIN_REFUSED and (not answered or len(some) >= _MIN_SHARE * answered):
            found.append(_refusal(one.deployment, method, route, some, answered))
    return sorted(found, key=lambda refusal: (-refusal.refused, refusal.route))


def _refusal(deployment: Deployment, method: str, route: str, some: Sequence[Finding], answered: int) -> Refusal:
    layer = Counter(finding.layer for finding in some).most_common(1)[0][0] or Layer.UNKNOWN
    mine = [finding for finding in some if finding.layer is layer]
    codes = Counter(code for finding in mine for code in (finding.code, finding.db_code) if code)
    fields = Counter(name for finding in mine for name in finding.fields)
    example = next((finding for finding in reversed(mine) if finding.fields), mine[-1])
    return Refusal(
        deployment_id=deployment.deployment_id, revision=deployment.revision, commit=deployment.commit, method=method, route=route,
        layer=layer, codes=tuple(code for code, _ in codes.most_common(2)), fields=tuple(name for name, _ in fields.most_common(5)),
        refused=len(some), answered=answered, finding_id=example.id,
    )  # fmt: skip


def _well_answered(one: Attempt, refusals: Sequence[Refusal]) -> frozenset[tuple[str, str]]:
    refused = {(refusal.method, refusal.route) for refusal in refusals}
    routes = {(count.method, count.route) for count in one.counts if not count.health_check}
    return frozenset(route for route in routes - refused if one.side.answered(*route) >= _MIN_REFUSED)


def _root_cause(summary: Summary, one: Attempt, refusals: Sequence[Refusal]) -> None:
    failed = [run for run in one.runs if run.outcome in (Outcome.FAILED, Outcome.NEVER_RAN)]
    for refusal in refusals[:3]:
        example = next(finding for finding in one.findings if finding.id == refusal.finding_id)
        rate = (
            share_text(refusal.refused, refusal.answered)
            if refusal.answered
            else f"{counted(refusal.refused, 'request')}, rate unknown"
        )
        text = f"{refusal.method} {refusal.route} is refused by {refusal.by}: {rate}."
        summary.root_cause.append(Sentence(text=text, basis="log", proofs=(summary.cite(_proof(example)),)))
        if failed and _needs_the_schema(example):
            text = (
                f"{LAYER_WORDS[refusal.layer].capitalize()} refuses what the code now sends, and the migration of this deployment did not "
                "succeed: the schema is still the old one."
            )
            proofs = (summary.cite(_run_proof(failed[-1])), summary.cite(_proof(example)))
            summary.root_cause.append(Sentence(text=text, basis="log", proofs=proofs))
    if summary.symptom is not None and len(summary.symptom.steps) > 1:
        text = f"It is not new: {summary.symptom.text}."
        summary.root_cause.append(Sentence(text=text, basis="log"))
        mine = not_effective_text(summary.symptom, one.deployment.deployment_id)
        if mine is not None:
            summary.root_cause.append(Sentence(text=_sentence(mine), basis="log"))
    if failed and not refusals:
        text = "No route is persistently refused in these logs; what the missing migration breaks has not been asked for, or not yet."
        summary.root_cause.append(Sentence(text=text, basis="counts"))


def _needs_the_schema(finding: Finding) -> bool:
    codes = {finding.code, finding.db_code, finding.implied_code}
    return bool(codes & {"P2011", "P2021", "P2022", "23502", "42703", "42P01", "1048", "1054", "1146"})


# ---- what it means, what to do ----
def _meaning(summary: Summary, one: Attempt) -> None:
    run = _deciding_run(one)
    if run is None:
        return
    finding = next((found for found in one.findings if found.run_id == run.id), None)
    summary.remedy = remedy_for(run, finding.rule_id if finding else None)
    proof = (summary.cite(_proof(finding) if finding else _run_proof(run)),)
    if summary.remedy is not None:
        summary.meaning.append(Sentence(text=_sentence(summary.remedy.means), basis="rule", proofs=proof))
    said = forecast(run, summary.remedy)
    if said is not None:
        summary.next_start = Sentence(text=_sentence(said), basis="rule", proofs=proof)
    continued = [task for task in one.deployment.tasks if task.application_continued and task.ready]
    if continued and run.outcome in (Outcome.FAILED, Outcome.NEVER_RAN):
        listen = f"{counted(len(continued), 'task')} {'listens and looks' if len(continued) == 1 else 'listen and look'} healthy to ECS"
        text = f"The start script went on after the failure: {listen} although the migration did not succeed."
        summary.meaning.append(Sentence(text=text, basis="log", proofs=proof))


def _deciding_run(one: Attempt) -> MigrationRun | None:
    """The run that matters: the worst of the tasks that went on, else the worst, newest first."""
    order = {outcome: rank for rank, outcome in enumerate(_WORST_FIRST)}
    runs = sorted(
        one.runs, key=lambda run: (order.get(run.outcome, 99), not (run.application_continued and run.ready), -run.started_ms)
    )
    return runs[0] if runs else None


def _verification(summary: Summary, one: Attempt, refusals: Sequence[Refusal]) -> None:
    columns = [finding for finding in one.findings if {finding.code, finding.db_code} & set(_NOT_NULL) and finding.fields]
    names = [name for name in dict.fromkeys(name for finding in columns for name in finding.fields) if _NAME.fullmatch(name)]
    tables = [name for name in dict.fromkeys(finding.table for finding in columns if finding.table) if _NAME.fullmatch(name)]
    if names:
        where = f"table_name = '{tables[0]}'" if len(tables) == 1 else "table_schema NOT IN ('pg_catalog', 'information_schema')"
        listed = ", ".join(f"'{name}'" for name in names[:10])
        sql = f"SELECT table_name, column_name, is_nullable\nFROM information_schema.columns\nWHERE {where}\nAND column_name IN ({listed});"
        summary.verification.append(
            Verification(
                title="The columns take NULL", kind="sql", text=sql, expect=f"is_nullable = YES for {', '.join(names[:10])}"
            )
        )
        if not tables:
            summary.unknown.append("The table of the refused columns is not named in the log; the SQL looks in every table.")
    if summary.remedy is not None:
        for step in summary.remedy.check:
            if step.command:
                summary.verification.append(Verification(title="The ledger", kind="command", text=step.command, expect=step.do))
    for refusal in refusals[:2]:
        good = _usual_success(one, refusal)
        command = (
            f"triage verify --service {_word(one.deployment.service)} --expect '{refusal.method} {_word(refusal.route)} {good}'"
        )
        expect = f"PASS: {refusal.method} {refusal.route} answers {good} and is not refused any more"
        summary.verification.append(
            Verification(title="The requests that are refused now", kind="command", text=command, expect=expect)
        )
        query = _log_query(refusal)
        expect = f"no line of {refusal.method} {refusal.route} with status 400 or above after the repair"
        summary.verification.append(
            Verification(title="The logs (CloudWatch Logs Insights)", kind="query", text=query, expect=expect)
        )


def _usual_success(one: Attempt, refusal: Refusal) -> int:
    good: Counter[int] = Counter()
    for count in one.counts:
        if (count.method, count.route) == (refusal.method, refusal.route) and 200 <= count.status < 300:
            good[count.status] += count.count
    return good.most_common(1)[0][0] if good else 201 if refusal.method == "POST" else 200


def _word(text: str) -> str:
    """Log text inside a shell word: letters, digits and what routes are made of; the rest becomes `_`."""
    return re.sub(r"[^A-Za-z0-9_.:/@{}*-]", "_", text) or "_"


def _log_query(refusal: Refusal) -> str:
    path = re.sub(r"[^A-Za-z0-9_/.-].*", "", refusal.route.split(":", 1)[0]).rstrip("/")
    pattern = path.replace(".", "\\.").replace("/", "\\/")
    return f"fields @timestamp, @logStream, @message\n| filter @message like /{pattern}/\n| sort @timestamp desc\n| limit 100"


# ---- the past ----
def _past(
    summary: Summary,
    attempts: Sequence[Attempt],
    refusals: Sequence[Sequence[Refusal]],
    chain: Sequence[Symptom],
    subjects: Mapping[str, str],
) -> None:
    before: Attempt | None = None
    for one, mine in zip(attempts, refusals, strict=True):
        key = one.deployment.deployment_id
        said = next((text for symptom in chain if (text := not_effective_text(symptom, key)) is not None), None)
        summary.attempts.append(
            PastAttempt(
                deployment_id=key, revision=one.deployment.revision, commit=one.deployment.commit,
                subject=subjects.get(one.deployment.commit or ""), image=one.deployment.image, started_ms=one.deployment.started_ms,
                verdict=one.verdict.verdict, migration=_migration_words(one), changes=_definition_changes(before, one),
                refused=tuple(f"{r.method} {r.route} by {r.by} ({share_text(r.refused, r.answered)})" for r in mine[:3]), not_effective=said,
            )
        )  # fmt: skip
        before = one


def _definition_changes(before: Attempt | None, now: Attempt) -> tuple[str, ...]:
    """What the revision changed against the attempt before: names only, never a value of the environment."""
    if before is None or before.definition is None or now.definition is None:
        return ()
    old, new = before.definition, now.definition
    changes = []
    if old.image != new.image:
        changes.append("image")
    for what, mine, theirs in (
        ("environment", new.environment_names, old.environment_names),
        ("secret", new.secret_names, old.secret_names),
    ):
        changes += [f"+{what} {name}" for name in sorted(set(mine) - set(theirs))]
        changes += [f"-{what} {name}" for name in sorted(set(theirs) - set(mine))]
    for what, is_new in (
        ("command", old.command != new.command),
        ("log driver", old.log_driver != new.log_driver),
        ("log mode", old.log_mode != new.log_mode),
    ):
        changes += [what] if is_new else []
    return tuple(changes)


def last_healthy(attempts: Sequence[Attempt]) -> Attempt | None:
    """The newest earlier deployment that passed."""
    return next((one for one in reversed(attempts[:-1]) if one.verdict.verdict is VerdictValue.PASS), None)


def _compare(summary: Summary, attempts: Sequence[Attempt]) -> None:
    baseline = last_healthy(attempts) or (attempts[-2] if len(attempts) > 1 else None)
    if baseline is None:
        summary.unknown.append("There is no earlier deployment in these logs: nothing can be called new or worse.")
        return
    if baseline.verdict.verdict is not VerdictValue.PASS:
        told = f"revision {baseline.deployment.revision}, which was {baseline.verdict.verdict}"
        summary.unknown.append(f"No earlier deployment passed: new and gone are told against {told}.")
    summary.compared_with = baseline.deployment.revision
    summary.changes = compare_kinds(attempts[-1].side, baseline.side)


# ---- what is not known ----
def _not_known(summary: Summary, one: Attempt, subjects: Mapping[str, str] | None) -> None:
    deployment = one.deployment
    facts = {
        "commit": deployment.commit, "image digest": deployment.image_digest, "time of the deployment's end": deployment.finished_ms,
        "time of the deployment's beginning": deployment.started_ms or deployment.created_ms,
    }  # fmt: skip
    summary.unknown += [f"The {name} is not known." for name, value in facts.items() if value is None]
    if subjects is not None and deployment.commit and deployment.commit not in subjects:
        summary.unknown.append("The repository that was given does not know this commit.")
    if not any(not count.health_check for count in one.counts):
        summary.unknown.append(
            "There are no access lines: how many requests were answered is not known, only how many failures were printed."
        )
    unlogged = [task.task_id for task in deployment.tasks if task.log_stream is None]
    if unlogged:
        summary.unknown.append(
            f"{counted(len(unlogged), 'task')} {'has' if len(unlogged) == 1 else 'have'} no log here: what happened on them is not known."
        )
    weak = [
        check
        for check in one.verdict.checks
        if check.result is VerdictValue.INCONCLUSIVE and check.id is not CheckId.ENOUGH_EVIDENCE
    ]
    summary.unknown += [f"{check.id.replace('_', ' ').capitalize()}: {check.text}." for check in weak]
    summary.unknown += [f"Needed for a verdict: {need}." for need in one.verdict.needed]
    if summary.remedy is not None and summary.remedy.open_placeholders:
        for name, what in summary.remedy.open_placeholders.items():
            summary.unknown.append(f"<{name}> in the commands is for you to fill in: {what}.")


def _links(summary: Summary) -> None:
    for proof in summary.proofs[:6]:
        command = tail_command(proof.stream, proof.lines)
        if command is not None:
            summary.links.append((f"the lines of proof {summary.proofs.index(proof) + 1}", command))


def tail_command(stream: StreamKey, lines: Sequence[Evidence]) -> str | None:
    """The AWS CLI command that reads the same lines; None where the input does not name the group."""
    if not stream.log_group or not stream.log_stream or not lines:
        return None
    start, end = lines[0].timestamp_ms - 5_000, lines[-1].timestamp_ms + 5_000
    region = f" --region {_word(stream.region)}" if stream.region else ""
    return (
        f"aws logs get-log-events --log-group-name '{_word(stream.log_group)}' --log-stream-name '{_word(stream.log_stream)}' "
        f"--start-time {start} --end-time {end} --start-from-head{region}"
    )


def traffic_text(one: Attempt) -> str:
    """`212 requests, 31 refused (15 %; 95 %: 10 % to 20 %)`, or the bound of clean traffic."""
    answered = one.side.answered()
    bad = sum(
        c.count for c in one.counts if not c.health_check and not c.aborted and c.status >= 400 and c.status not in (401, 404)
    )
    if not answered:
        return "no requests counted"
    if not bad:
        return f"{counted(answered, 'request')}, none refused ({bound_text(0, answered)})"
    return f"{share_text(bad, answered, wilson(bad, answered))} of the requests refused or failed, health checks, 401 and 404 left out"
