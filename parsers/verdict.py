"""JUDGE: deployments + Reading -> verdicts with reasons. Derived on every look, never stored.

Never green without evidence: PASS needs a rollout that won, start-up steps that are proven on every task that matters,
settled and attributed logs, and enough answered requests. Everything else is FAIL (something proves it) or INCONCLUSIVE
(with what is missing).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from parsers.attribution import EcsFacts, own_tasks
from parsers.comparison import (
    LAYER_WORDS,
    Claim,
    Refusal,
    Side,
    Symptom,
    compare_routes,
    judge_expectation,
    judge_fix,
    not_effective_text,
    still_refused_text,
    symptoms,
)
from parsers.model import (
    Attribution,
    Category,
    Check,
    CheckId,
    Confidence,
    Coverage,
    Deployment,
    DeploymentTask,
    Finding,
    JudgeSettings,
    Layer,
    MigrationRun,
    Outcome,
    Reason,
    ReasonCode,
    RequestCount,
    Severity,
    StreamKey,
    Verdict,
    VerdictValue,
)
from parsers.plural import counted
from parsers.statistics import needed_text

CRASHES = 2
ENOUGH_TO_END_A_SYMPTOM = 5
MOSTLY = 0.4  # a route whose answers are refusals to this share does not do its work
_REFUSING = frozenset((Layer.VALIDATION, Layer.BUSINESS_RULE, Layer.CONTROLLER, Layer.ORM, Layer.DATABASE, Layer.UNHANDLED))
_OURS = frozenset((Layer.ORM, Layer.DATABASE, Layer.UNHANDLED))
_JUDGED_CONTROLLERS = ("ECS", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentEvidence:
    """What is known about one deployment: its share of the Reading."""

    deployment: Deployment
    streams: frozenset[StreamKey]
    findings: tuple[Finding, ...]
    runs: tuple[MigrationRun, ...]
    counts: tuple[RequestCount, ...]
    coverage: tuple[Coverage, ...]
    attributions: tuple[Attribution, ...] = ()
    own_run: MigrationRun | None = None

    @property
    def side(self) -> Side:
        return Side(deployment=self.deployment, findings=self.findings, counts=self.counts)

    @property
    def answered(self) -> int:
        """Requests that count: health checks left out."""
        return sum(c.count for c in self.counts if not c.health_check)


@dataclass(slots=True)
class _Judgement:
    reasons: list[Reason] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    needed: list[str] = field(default_factory=list)

    def check(self, check: CheckId, result: VerdictValue, text: str) -> None:
        self.checks.append(Check(id=check, result=result, text=text))

    def reason(self, code: ReasonCode, text: str, **more: object) -> None:
        finding_id, run_id = more.pop("finding_id", None), more.pop("run_id", None)
        numbers = {key: value for key, value in more.items() if isinstance(value, int | float | str) or value is None}
        self.reasons.append(
            Reason(
                code=code,
                text=text,
                finding_id=finding_id if isinstance(finding_id, str) else None,
                run_id=run_id if isinstance(run_id, str) else None,
                numbers=numbers,
            )
        )


def judge(
    deployments: Sequence[Deployment],
    findings: Iterable[Finding],
    runs: Iterable[MigrationRun],
    counts: Iterable[RequestCount],
    coverage: Iterable[Coverage],
    attributions: Mapping[StreamKey, Attribution],
    *,
    facts: EcsFacts | None = None,
    as_of_ms: int,
    settings: JudgeSettings | None = None,
) -> list[Verdict]:
    """One verdict per deployment, in the order given (oldest first). `as_of_ms`: the scene's or the wall clock, epoch ms UTC."""
    settings = settings or JudgeSettings()
    parts = split_by_deployment(deployments, findings, runs, counts, coverage, attributions, facts)
    failing = [failing_routes(part, settings) for part in parts]
    chains = _chains(parts, failing)
    verdicts: list[Verdict] = []
    for number, part in enumerate(parts):
        case = Case(
            part=part,
            earlier=parts[:number],
            failing=failing[number],
            chains=chains,
            baseline=_baseline(part, parts[:number], verdicts, settings),
            settings=settings,
        )
        verdicts.append(_judge_one(case, as_of_ms))
    return verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One deployment before the judge: its evidence, what came earlier, and what it is compared with."""

    part: DeploymentEvidence
    earlier: Sequence[DeploymentEvidence]  # oldest first
    failing: Sequence[FailingRoute]
    chains: Sequence[Symptom]
    baseline: DeploymentEvidence | None  # the last healthy deployment, or the one that was named
    settings: JudgeSettings


def _chains(parts: Sequence[DeploymentEvidence], failing: Sequence[Sequence[FailingRoute]]) -> tuple[Symptom, ...]:
    """One symptom over several deployments of a service: the layer may change, the route stays refused."""
    found: list[Symptom] = []
    for service in dict.fromkeys(part.deployment.service for part in parts):
        mine = [(part, routes) for part, routes in zip(parts, failing, strict=True) if part.deployment.service == service]
        refusals = [[_refusal(part.deployment, route) for route in routes] for part, routes in mine]
        found.extend(symptoms(refusals, [_answered_well(part, routes) for part, routes in mine]))
    return tuple(found)


def _refusal(one: Deployment, route: FailingRoute) -> Refusal:
    return Refusal(
        deployment_id=one.deployment_id, revision=one.revision, commit=one.commit, method=route.method, route=route.route, layer=route.layer,
        codes=route.codes, fields=route.fields, refused=route.refused, answered=route.answered, finding_id=route.example.id,
    )  # fmt: skip


def _answered_well(part: DeploymentEvidence, failing: Sequence[FailingRoute]) -> frozenset[tuple[str, str]]:
    refused = {(route.method, route.route) for route in failing}
    routes = {(one.method, one.route) for one in part.counts if not one.health_check}
    return frozenset(key for key in routes - refused if part.side.answered(*key) >= ENOUGH_TO_END_A_SYMPTOM)


def _baseline(
    part: DeploymentEvidence, earlier: Sequence[DeploymentEvidence], verdicts: Sequence[Verdict], settings: JudgeSettings
) -> DeploymentEvidence | None:
    """What "worse" means: the last deployment of the service that passed, or the one that was named."""
    mine = [(e, v) for e, v in zip(earlier, verdicts, strict=True) if e.deployment.service == part.deployment.service]
    if settings.baseline == "last-healthy":
        return next((e for e, v in reversed(mine) if v.verdict is VerdictValue.PASS), None)
    return next((e for e, _ in reversed(mine) if is_named(e.deployment, settings.baseline)), None)


def is_named(one: Deployment, name: str) -> bool:
    """Whether `name` is this deployment: `family:50`, `:50`, `50`, its ARN or at least eight letters of the end of it."""
    revision = name.removeprefix(":")
    if revision.isascii() and revision.isdigit() and len(revision) < 8:
        return one.revision == int(revision)
    return one.task_definition == name or (len(name) >= 8 and one.deployment_id.endswith(name))


def split_by_deployment(
    deployments: Sequence[Deployment],
    findings: Iterable[Finding],
    runs: Iterable[MigrationRun],
    counts: Iterable[RequestCount],
    coverage: Iterable[Coverage],
    attributions: Mapping[StreamKey, Attribution],
    facts: EcsFacts | None = None,
) -> list[DeploymentEvidence]:
    """Each deployment's share. Attributed by task, never by time: old tasks drain while new ones start."""
    runs = tuple(runs)
    of_stream = {stream: a.deployment_id for stream, a in attributions.items()}
    pools: list[defaultdict[str | None, list[object]]] = []
    for items in (findings, runs, counts, coverage):
        pool: defaultdict[str | None, list[object]] = defaultdict(list)
        for item in items:
            pool[of_stream.get(item.stream)].append(item)
        pools.append(pool)
    own = own_tasks(facts, runs) if facts is not None else {}
    return [
        DeploymentEvidence(
            deployment=one,
            streams=frozenset(stream for stream, owner in of_stream.items() if owner == one.deployment_id),
            findings=tuple(pools[0][one.deployment_id]),  # type: ignore[arg-type]
            runs=tuple(pools[1][one.deployment_id]),  # type: ignore[arg-type]
            counts=tuple(pools[2][one.deployment_id]),  # type: ignore[arg-type]
            coverage=tuple(pools[3][one.deployment_id]),  # type: ignore[arg-type]
            attributions=tuple(
                a for a in attributions.values() if a.deployment_id == one.deployment_id or one.deployment_id in a.candidates
            ),
            own_run=own.get(one.deployment_id),
        )
        for one in deployments
    ]


def _judge_one(case: Case, as_of_ms: int) -> Verdict:
    work = _Judgement()
    part = case.part
    if part.deployment.controller not in _JUDGED_CONTROLLERS:
        work.reason(
            ReasonCode.CONTROLLER_NOT_JUDGED,
            f"the service uses the {part.deployment.controller} deployment controller, whose rollouts this product does not judge",
        )
    _target_runs(work, part)
    _start_up(work, part, case.earlier, case.settings)
    _new_or_worse(work, case)
    _fix_effective(work, case)
    complete_to = _enough_evidence(work, part, as_of_ms, case.settings)
    return Verdict(
        deployment_id=part.deployment.deployment_id,
        verdict=_overall(work),
        decided_at_ms=as_of_ms,
        complete_to_ms=complete_to,
        checks=tuple(work.checks),
        reasons=tuple(sorted(work.reasons, key=lambda r: _RANK.get(r.code, 50))),
        needed=tuple(work.needed),
    )


_RANK = {
    code: number
    for number, code in enumerate(
        (
            ReasonCode.MIGRATION_FAILED_CONTINUED, ReasonCode.MIGRATION_FAILED, ReasonCode.NEVER_RAN, ReasonCode.CRASH_LOOP, ReasonCode.ROLLED_BACK,
            ReasonCode.WRONG_REVISION, ReasonCode.STARTUP_FAILED, ReasonCode.MIGRATION_STUCK, ReasonCode.MIGRATION_PENDING,
            ReasonCode.MIGRATION_SUSPECT,
            ReasonCode.FIX_NOT_EFFECTIVE, ReasonCode.STILL_FAILING, ReasonCode.NEW_FAILURE, ReasonCode.WORSE_RATE, ReasonCode.CONTRADICTION,
            ReasonCode.LOGS_MISSING, ReasonCode.MIGRATION_NOT_SEEN, ReasonCode.MIGRATION_UNPROVEN, ReasonCode.IN_PROGRESS, ReasonCode.NOT_SETTLED,
            ReasonCode.UNATTRIBUTED, ReasonCode.LINES_MAY_BE_LOST, ReasonCode.TOO_FEW_REQUESTS, ReasonCode.CONTROLLER_NOT_JUDGED,
        )
    )
}  # fmt: skip


def _overall(work: _Judgement) -> VerdictValue:
    results = {check.result for check in work.checks}
    if VerdictValue.FAIL in results:
        return VerdictValue.FAIL
    blocked = any(r.code is ReasonCode.CONTROLLER_NOT_JUDGED for r in work.reasons)
    return VerdictValue.PASS if results == {VerdictValue.PASS} and not blocked else VerdictValue.INCONCLUSIVE


def _target_runs(work: _Judgement, part: DeploymentEvidence) -> None:
    """(a) What was deployed won: no rollback, no crash loop."""
    one = part.deployment
    status = one.ecs_status.upper()
    loops = _crashed(one.tasks)
    if len(loops) >= CRASHES and not any(task.ready for task in one.tasks[-1:]):
        reasons = Counter(task.stopped_reason or f"exit code {task.exit_code}" for task in loops)
        text = f"{len(loops)} tasks of revision {one.revision} ended before or soon after they listened ({reasons.most_common(1)[0][0]})"
        work.reason(ReasonCode.CRASH_LOOP, text, tasks=len(loops))
        work.check(CheckId.TARGET_RUNS, VerdictValue.FAIL, f"crash loop: {text}")
    elif "ROLLBACK" in status or one.rollback_reason:
        text = f"ECS rolled the deployment back ({one.ecs_status}{': ' + one.rollback_reason if one.rollback_reason else ''})"
        work.reason(ReasonCode.ROLLED_BACK, text)
        work.check(CheckId.TARGET_RUNS, VerdictValue.FAIL, text)
    elif status in ("STOPPED", "STOP_REQUESTED", "FAILED"):
        work.reason(ReasonCode.ROLLED_BACK, f"the deployment was stopped before it completed ({one.ecs_status})")
        work.check(CheckId.TARGET_RUNS, VerdictValue.FAIL, f"ECS: {one.ecs_status}")
    elif status == "SUCCESSFUL":
        work.check(CheckId.TARGET_RUNS, VerdictValue.PASS, f"ECS: SUCCESSFUL with revision {one.revision}")
    else:
        work.reason(ReasonCode.IN_PROGRESS, f"the rollout has not ended (ECS: {one.ecs_status})")
        work.check(CheckId.TARGET_RUNS, VerdictValue.INCONCLUSIVE, f"ECS: {one.ecs_status}")
        work.needed.append("the end of the rollout")


_REPLACED = "Scaling activity initiated by"  # ECS stopped the task itself: a later rollout, or fewer tasks wanted


def _crashed(tasks: Iterable[DeploymentTask]) -> list[DeploymentTask]:
    """Tasks that ended by themselves. One that ECS stopped may leave any code: npm says 1 to SIGTERM, a slow one is killed (137)."""
    return [
        t
        for t in tasks
        if t.exit_code not in (None, 0, 143)
        and not (t.stopped_reason or "").startswith(_REPLACED)
        and not (t.ready and t.exit_code == 137 and t.stopped_reason is None)
    ]


def _start_up(work: _Judgement, part: DeploymentEvidence, earlier: Sequence[DeploymentEvidence], settings: JudgeSettings) -> None:
    """(b) The start-up steps succeeded on every task that matters."""
    one = part.deployment
    failures = [t for t in one.tasks if t.migration_outcome in (Outcome.FAILED, Outcome.NEVER_RAN)]
    own_failed = part.own_run is not None and part.own_run.outcome in (Outcome.FAILED, Outcome.NEVER_RAN)
    if own_failed and part.own_run is not None:
        _own_task_failed(work, part, part.own_run)
        return
    cured = _cured(one.tasks)
    if failures and not cured:
        _migration_failed(work, part, failures)
        return
    if cured and failures:
        work.needed.append(f"nothing: {counted(len(failures), 'earlier task')} failed to migrate, a later one succeeded")
    _not_failed(work, part, earlier, settings)


def _cured(tasks: Sequence[DeploymentTask]) -> bool:
    """A later task of the same deployment proved its migration: the earlier failure was of that moment (the database was away)."""
    good = [t for t in tasks if t.migration_outcome in (Outcome.APPLIED, Outcome.NOTHING_TO_DO)]
    bad = [t for t in tasks if t.migration_outcome in (Outcome.FAILED, Outcome.NEVER_RAN)]
    return (
        bool(good)
        and bool(bad)
        and max(t.started_ms or 0 for t in good) > max(t.started_ms or 0 for t in bad)
        and not any(t.application_continued and t.ready for t in bad)
    )


def _run_of(part: DeploymentEvidence, task: DeploymentTask) -> MigrationRun | None:
    return next((run for run in part.runs if run.id == task.run_id), None)


def _finding_of(part: DeploymentEvidence, run: MigrationRun | None) -> Finding | None:
    return next((f for f in part.findings if run is not None and f.run_id == run.id), None)


def _migration_failed(work: _Judgement, part: DeploymentEvidence, failures: Sequence[DeploymentTask]) -> None:
    """The worst that matters first: a task that runs on although its migration failed, before one that never came up."""
    ordered = sorted(
        failures, key=lambda t: (not (t.application_continued and t.ready), not t.application_continued, -(t.started_ms or 0))
    )
    worst = ordered[0]
    codes = ", ".join(dict.fromkeys(t.error_code or "no code" for t in ordered))
    same: defaultdict[tuple[object, ...], list[DeploymentTask]] = defaultdict(list)
    for task in ordered:
        same[task.migration_outcome, task.error_code, task.application_continued, bool(task.ready)].append(task)
    for number, tasks in enumerate(same.values()):
        task = tasks[0]
        run = _run_of(part, task)
        finding = _finding_of(part, run)
        work.reason(
            _failure_code(task),
            _failure_text(tasks, run),
            finding_id=finding.id if finding is not None else None,
            run_id=task.run_id,
            task_id=task.task_id,
            task_ids=", ".join(t.task_id for t in tasks),
            error_code=task.error_code,
            exit_code=run.exit_code if run is not None else None,
            codes=codes if number == 0 else None,
            tasks=len(failures) if number == 0 else None,
        )
    state = "failed and was masked" if worst.application_continued else "failed"
    work.check(
        CheckId.START_UP,
        VerdictValue.FAIL,
        f"the migration {state} on {len(failures)} of {counted(len(part.deployment.tasks), 'task')}: {codes}",
    )


def _failure_code(task: DeploymentTask) -> ReasonCode:
    if task.application_continued:
        return ReasonCode.MIGRATION_FAILED_CONTINUED
    return ReasonCode.NEVER_RAN if task.migration_outcome is Outcome.NEVER_RAN else ReasonCode.MIGRATION_FAILED


def _failure_text(tasks: Sequence[DeploymentTask], run: MigrationRun | None) -> str:
    task = tasks[0]
    said = _clean(run.text if run is not None else "")
    if task.error_code and task.error_code not in said:
        said = f"{task.error_code}: {said}" if said else task.error_code
    verb = "the migration never ran" if task.migration_outcome is Outcome.NEVER_RAN else "the migration failed"
    where = f"task {task.task_id}" if len(tasks) == 1 else f"tasks {', '.join(t.task_id for t in tasks)}"
    fate = (
        "; the application continued and listens"
        if task.ready
        else "; the start script continued, the application never listened"
    )
    return f"{verb} on {where}: {said or 'no reason printed'}{fate if task.application_continued else ''}"


def _clean(text: str) -> str:
    return text.removesuffix("; the application continued").rstrip(". ")


def _own_task_failed(work: _Judgement, part: DeploymentEvidence, run: MigrationRun) -> None:
    finding = _finding_of(part, run)
    text = f"the one-off migration task {run.stream.task_id} failed: {run.error_code or run.text or 'exit code ' + str(run.exit_code)}"
    work.reason(
        ReasonCode.MIGRATION_FAILED, text, finding_id=finding.id if finding else None, run_id=run.id, task_id=run.stream.task_id
    )
    work.check(CheckId.START_UP, VerdictValue.FAIL, text)


def _not_failed(
    work: _Judgement, part: DeploymentEvidence, earlier: Sequence[DeploymentEvidence], settings: JudgeSettings
) -> None:
    """No failure was seen: is success proven, on each task whose log should hold it?"""
    one = part.deployment
    logged = [t for t in one.tasks if t.log_stream is not None]
    expectation = _expected(part, earlier, settings)
    if not logged:
        work.check(CheckId.START_UP, VerdictValue.INCONCLUSIVE, "no log of any task of this deployment")
        return
    unready = [t for t in logged if t.ready is False]
    if expectation == "none":
        _ready_only(work, part, logged, unready)
        return
    outcomes = [_task_outcome(part, t, expectation) for t in logged]
    doubtful = [(t, o, c) for t, (o, c) in zip(logged, outcomes, strict=True) if not _proven(o, c)]
    if not doubtful:
        suspect = _suspect(part, earlier)
        if suspect is None:
            words = Counter(str(o) for o, _ in outcomes)
            said = ", ".join(f"{name.replace('_', ' ')} on {counted(n, 'task')}" for name, n in words.items())
            if unready and not part.answered:
                _never_listened(work, unready)
                return
            work.check(CheckId.START_UP, VerdictValue.PASS, f"migrations: {said}")
            return
        work.reason(ReasonCode.MIGRATION_SUSPECT, suspect)
        work.check(CheckId.START_UP, VerdictValue.INCONCLUSIVE, suspect)
        return
    for task, outcome, _ in doubtful:
        _doubt(work, part, earlier, task, outcome)
    bad = any(outcome in (Outcome.PENDING, Outcome.ROLLED_BACK, Outcome.STUCK, Outcome.DRIFT) for _, outcome, _ in doubtful)
    listed = ", ".join(f"{o.replace('_', ' ')} on task {t.task_id}" for t, o, _ in doubtful[:4])
    work.check(CheckId.START_UP, VerdictValue.FAIL if bad else VerdictValue.INCONCLUSIVE, f"migrations: {listed}")


def _proven(outcome: Outcome, confidence: Confidence) -> bool:
    return outcome in (Outcome.APPLIED, Outcome.NOTHING_TO_DO) and confidence in (
        Confidence.EXACT,
        Confidence.STRONG,
        Confidence.INFERRED,
    )


def _expected(part: DeploymentEvidence, earlier: Sequence[DeploymentEvidence], settings: JudgeSettings) -> str:
    if settings.migrations != "auto":
        return settings.migrations
    if part.own_run is not None or any(e.own_run is not None for e in earlier):
        return "own_task"
    seen = part.runs or any(e.runs for e in earlier if e.deployment.service == part.deployment.service)
    return "at_start" if seen else "none"


def _task_outcome(part: DeploymentEvidence, task: DeploymentTask, expectation: str) -> tuple[Outcome, Confidence]:
    if expectation == "own_task":
        return (
            (part.own_run.outcome, part.own_run.confidence)
            if part.own_run is not None
            else (Outcome.NOT_SEEN, Confidence.UNKNOWN)
        )
    run = _run_of(part, task)
    return (task.migration_outcome, run.confidence) if run is not None else (Outcome.NOT_SEEN, Confidence.UNKNOWN)


def _ready_only(
    work: _Judgement, part: DeploymentEvidence, logged: Sequence[DeploymentTask], unready: Sequence[DeploymentTask]
) -> None:
    if unready and len(unready) == len(logged) and not part.answered:
        _never_listened(work, unready)
        return
    work.check(CheckId.START_UP, VerdictValue.PASS, "no migration expected; the application answers")


def _never_listened(work: _Judgement, unready: Sequence[DeploymentTask]) -> None:
    dead = [t for t in unready if t.exit_code not in (None, 0)]
    text = f"task {unready[0].task_id} never said that it listens" + (
        f" and ended with exit code {dead[0].exit_code}" if dead else ""
    )
    work.reason(ReasonCode.STARTUP_FAILED, text, task_id=unready[0].task_id)
    work.check(CheckId.START_UP, VerdictValue.FAIL if dead else VerdictValue.INCONCLUSIVE, text)


def _doubt(
    work: _Judgement, part: DeploymentEvidence, earlier: Sequence[DeploymentEvidence], task: DeploymentTask, outcome: Outcome
) -> None:
    where = f"task {task.task_id}"
    texts = {
        Outcome.PENDING: (ReasonCode.MIGRATION_PENDING, f"{where}: migrations are pending and were not applied"),
        Outcome.ROLLED_BACK: (ReasonCode.MIGRATION_FAILED, f"{where}: migrations were rolled back"),
        Outcome.STUCK: (ReasonCode.MIGRATION_STUCK, f"{where}: the migration waits for a lock"),
        Outcome.DRIFT: (ReasonCode.CONTRADICTION, f"{where}: the tool reports that schema and migrations differ"),
        Outcome.RESOLVED: (
            ReasonCode.MIGRATION_SUSPECT,
            f"{where}: a migration was marked by hand; nothing shows that its SQL ran",
        ),
        Outcome.RUNNING: (ReasonCode.MIGRATION_UNPROVEN, f"{where}: the migration began and no result is in the log"),
        Outcome.UNKNOWN: (ReasonCode.MIGRATION_UNPROVEN, f"{where}: the log does not say how the migration ended"),
        Outcome.NOT_SEEN: (ReasonCode.MIGRATION_NOT_SEEN, f"{where}: a migration is expected at start and none is in the log"),
    }
    code, text = texts.get(
        outcome,
        (ReasonCode.MIGRATION_UNPROVEN, f"{where}: {outcome.replace('_', ' ')}, but nothing proves that the tool ended well"),
    )
    suspect = _suspect(part, earlier)
    if suspect is not None and outcome in (Outcome.RESOLVED, Outcome.UNKNOWN, Outcome.NOT_SEEN):
        code, text = ReasonCode.MIGRATION_SUSPECT, suspect
    work.reason(code, text, run_id=task.run_id, task_id=task.task_id)
    work.needed.append(f"the migration's result on {where}")


def _suspect(part: DeploymentEvidence, earlier: Sequence[DeploymentEvidence]) -> str | None:
    """An error that vanished without a success: the deployment before failed, and this one only has nothing to do, or was marked by hand."""
    before = next((e for e in reversed(earlier) if e.deployment.service == part.deployment.service and e.deployment.tasks), None)
    if before is None:
        return None
    failed = next((t for t in before.deployment.tasks if t.migration_outcome in (Outcome.FAILED, Outcome.NEVER_RAN)), None)
    now = {t.migration_outcome for t in part.deployment.tasks if t.log_stream is not None}
    if failed is None or Outcome.APPLIED in now or Outcome.FAILED in now:
        return None
    return (
        f"{failed.error_code or 'the failure'} of revision {before.deployment.revision} is gone without a migration having been applied: "
        "somebody may have marked it as applied"
    )


def _new_or_worse(work: _Judgement, case: Case) -> None:
    """(c) Routes that are persistently refused, rates worse than the last healthy deployment's, kinds of failure nobody had before."""
    for route in case.failing:
        _refused_route(work, case, route)
    worse = _worse_rates(work, case)
    known = {f.fingerprint for e in case.earlier for f in e.findings}
    new = _new_kinds(case.part, known) if case.earlier else []
    told = {(route.method, route.route) for route in case.failing}
    for group in new:
        if (group[0].method, group[0].route) not in told:
            work.reason(
                ReasonCode.NEW_FAILURE,
                f"new: {group[0].title} ({counted(len(group), 'request')})",
                finding_id=group[0].id,
                requests=len(group),
            )
    ours = [route for route in case.failing if route.ours]
    if ours or new or worse:
        text = (
            _route_text(ours[0])
            if ours
            else f"{counted(len(new), 'new kind')} of failure"
            if new
            else f"{counted(worse, 'rate')} worse than before"
        )
        work.check(CheckId.NEW_OR_WORSE, VerdictValue.FAIL, text)
    elif case.failing:
        _ask_for_a_word(work, case.failing[0])
    elif case.baseline is not None:
        revision = case.baseline.deployment.revision
        work.check(CheckId.NEW_OR_WORSE, VerdictValue.PASS, f"nothing new, nothing worse than revision {revision}")
    else:
        text = "no healthy deployment to compare with; no route is persistently refused"
        work.check(CheckId.NEW_OR_WORSE, VerdictValue.PASS, text)


def _refused_route(work: _Judgement, case: Case, route: FailingRoute) -> None:
    """What refuses a route now; where an earlier deployment refused it too, that it still is, or that a fix is not effective."""
    here = case.part.deployment.deployment_id
    chain = next((c for c in case.chains if (c.method, c.route) == (route.method, route.route) and here in _steps(c)), None)
    again = not_effective_text(chain, here) if chain is not None else None
    still = still_refused_text(chain, here) if chain is not None else None
    new = case.earlier and not still
    code = ReasonCode.FIX_NOT_EFFECTIVE if again else ReasonCode.NEW_FAILURE if new else ReasonCode.STILL_FAILING
    work.reason(
        code, again or still or route.text, finding_id=route.example.id, route=route.route, method=route.method, layer=str(route.layer),
        requests=route.refused, answered=route.answered, fields=", ".join(route.fields), refused_by_layer=route.requests,
        deployments=len(chain.steps) if chain is not None else None,
    )  # fmt: skip


def _steps(chain: Symptom) -> set[str]:
    return {step.deployment_id for step in chain.steps}


def _worse_rates(work: _Judgement, case: Case) -> int:
    if case.baseline is None:
        return 0
    shifts = [shift for shift in compare_routes(case.part.side, case.baseline.side) if shift.worse]
    for shift in shifts[:3]:
        what = " ".join(str(part) for part in shift.key)
        work.reason(ReasonCode.WORSE_RATE, f"{what}: {shift.text}", **shift.numbers)
    return len(shifts)


def _route_text(route: FailingRoute) -> str:
    return f"{route.method} {route.route}: {route.refused} of {route.answered} refused"


def _ask_for_a_word(work: _Judgement, route: FailingRoute) -> None:
    """Refused by what judges the client's input: a broken schema or bad requests, the logs alone cannot tell."""
    work.check(CheckId.NEW_OR_WORSE, VerdictValue.INCONCLUSIVE, _route_text(route))
    request = f"{route.method} {route.route}"
    work.needed.append(f"a word on {request}: is it meant to refuse these requests? (--expect '{request} 201')")


def _new_kinds(part: DeploymentEvidence, known: set[str]) -> list[list[Finding]]:
    """Kinds at error level that are new, with at least two requests (one when critical)."""
    groups: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in part.findings:
        if (
            finding.fingerprint not in known
            and finding.category is not Category.MIGRATION
            and finding.severity in (Severity.ERROR, Severity.CRITICAL)
        ):
            groups[finding.fingerprint].append(finding)
    return [g for g in groups.values() if len(g) >= 2 or g[0].severity is Severity.CRITICAL]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingRoute:
    """A route that a deployment persistently refuses, and which layer does most of it."""

    method: str
    route: str
    layer: Layer
    fields: tuple[str, ...]
    codes: tuple[str, ...]
    requests: int  # refused by that layer
    refused: int  # refused by any of the layers that speak of our code
    answered: int
    example: Finding
    text: str
    ours: bool  # refused by our own layers under the schema, not by one that judges the client's input


def failing_routes(part: DeploymentEvidence, settings: JudgeSettings) -> list[FailingRoute]:
    """Routes that are persistently refused, worst first.

    By our own layers under the schema (ORM, database, unhandled): at least `persistent_requests` times and in
    `persistent_share` of the route's answers. By any layer that judges the request: twice as often and in most answers,
    since some refusals of bad input are what a schema is for.
    """
    answered: Counter[tuple[str, str]] = Counter()
    for count in part.counts:
        if not count.health_check:
            answered[count.method, count.route] += count.count
    groups: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in part.findings:
        if finding.layer in _REFUSING and finding.status is not None and finding.route:
            groups[finding.method or "", finding.route].append(finding)
    found = []
    for key, some in groups.items():
        ours = _ours(some, answered[key], settings)
        if ours or _mostly_refused(some, answered[key], settings):
            found.append(_failing_route(key, some, answered[key], ours=ours))
    return sorted(found, key=lambda r: (-r.refused, r.route))


def _ours(some: Sequence[Finding], answered: int, settings: JudgeSettings) -> bool:
    ours = sum(1 for f in some if f.layer in _OURS or (f.status or 0) >= 500)
    return ours >= settings.persistent_requests and (not answered or ours / answered >= settings.persistent_share)


def _mostly_refused(some: Sequence[Finding], answered: int, settings: JudgeSettings) -> bool:
    return len(some) >= 2 * settings.persistent_requests and answered > 0 and len(some) / answered >= MOSTLY


def _failing_route(key: tuple[str, str], some: Sequence[Finding], answered: int, *, ours: bool) -> FailingRoute:
    by_layer = Counter(f.layer for f in some)
    layer, requests = by_layer.most_common(1)[0]
    assert layer is not None
    mine = [f for f in some if f.layer is layer]
    fields = tuple(name for name, _ in Counter(n for f in mine for n in f.fields).most_common(6))
    example = next((f for f in reversed(mine) if f.fields), mine[-1])
    by_code = Counter(c for f in mine for c in (f.code, f.db_code) if c)
    codes = tuple(code for code, _ in by_code.most_common(2))
    said = f" ({', '.join(codes)})" if codes else ""
    rest = ", ".join(
        f"{n} by {LAYER_WORDS[other]}" for other, n in by_layer.most_common() if other is not None and other is not layer
    )
    text = (
        f"{key[0]} {key[1]} is refused by {LAYER_WORDS[layer]}{said}: {', '.join(fields) or 'no field named'}"
        f" — {requests} of {counted(answered, 'request') if answered else 'an unknown number of requests'}{'; also ' + rest if rest else ''}"
    )
    return FailingRoute(
        method=key[0],
        route=key[1],
        layer=layer,
        fields=fields,
        codes=codes,
        requests=requests,
        refused=len(some),
        answered=answered,
        example=example,
        text=text,
        ours=ours,
    )


def _fix_effective(work: _Judgement, case: Case) -> None:
    """(d) A claim that was made: a named fingerprint is gone, or a route now answers as expected. Unclaimed, a refusal that only moved."""
    settings, side = case.settings, case.part.side
    if not settings.fixes and not settings.expect:
        moved = next((one for one in work.reasons if one.code is ReasonCode.FIX_NOT_EFFECTIVE), None)
        if moved is None:
            work.check(CheckId.FIX_EFFECTIVE, VerdictValue.PASS, "no fix was claimed")
        else:
            # As sure as the refusal itself: one by what judges the client's input may be meant.
            refused = next(check.result for check in work.checks if check.id is CheckId.NEW_OR_WORSE)
            request = f"{moved.numbers['method']} {moved.numbers['route']}"
            work.check(CheckId.FIX_EFFECTIVE, refused, f"no fix was claimed, and the refusal of {request} has only moved")
        return
    refusals = [_refusal(case.part.deployment, route) for route in case.failing]
    judged = [finding for finding in case.part.findings if finding.layer in _REFUSING and (finding.status or 0) >= 400]
    earlier = [one.side for one in case.earlier]
    claims = [judge_fix(name, side, earlier, refusals) for name in settings.fixes]
    claims += [judge_expectation(text, side, judged) for text in settings.expect]
    for claim in claims:
        _claim(work, claim)
    results = [claim.result for claim in claims]
    worst = next((v for v in (VerdictValue.FAIL, VerdictValue.INCONCLUSIVE) if v in results), VerdictValue.PASS)
    work.check(CheckId.FIX_EFFECTIVE, worst, next(claim.text for claim in claims if claim.result is worst))


def _claim(work: _Judgement, claim: Claim) -> None:
    if claim.result is VerdictValue.FAIL:
        work.reason(ReasonCode.FIX_NOT_EFFECTIVE, claim.text, finding_id=claim.finding_id, **claim.numbers)
    if claim.needed is not None:
        work.needed.append(claim.needed)


def _enough_evidence(work: _Judgement, part: DeploymentEvidence, as_of_ms: int, settings: JudgeSettings) -> int | None:
    """(e) Logs of the deployment's tasks, settled and attributed, and enough answered requests. Returns how far logs are complete."""
    one = part.deployment
    result = VerdictValue.PASS
    texts = []
    unlogged = [t for t in one.tasks if t.log_stream is None]
    if not part.streams:
        work.reason(ReasonCode.LOGS_MISSING, f"no log stream of revision {one.revision}'s tasks was read")
        work.needed.append("the logs of this deployment's tasks")
        result = VerdictValue.INCONCLUSIVE
        texts.append("no logs")
    elif unlogged:
        work.reason(
            ReasonCode.LOGS_MISSING,
            f"{len(unlogged)} of {counted(len(one.tasks), 'task')} {'has' if len(unlogged) == 1 else 'have'} no log here",
            tasks=len(unlogged),
        )
        result = VerdictValue.INCONCLUSIVE
        texts.append(f"{counted(len(unlogged), 'task')} without logs")
    gaps = [gap for c in part.coverage for gap in c.gaps]
    if gaps:
        work.reason(
            ReasonCode.LOGS_MISSING,
            f"{counted(len(gaps), 'stretch')} of the logs {'was' if len(gaps) == 1 else 'were'} not seen",
            gaps=len(gaps),
        )
        result = VerdictValue.INCONCLUSIVE
    weak = [a for a in part.attributions if a.confidence in (Confidence.WEAK, Confidence.UNKNOWN)]
    if weak:
        work.reason(
            ReasonCode.UNATTRIBUTED, f"{counted(len(weak), 'stream')} may or may not belong to this deployment", streams=len(weak)
        )
        result = VerdictValue.INCONCLUSIVE
    clashes = Counter(a.contradiction for a in part.attributions if a.contradiction)
    for text, streams in clashes.most_common(3):
        work.reason(
            ReasonCode.UNATTRIBUTED, f"who wrote {counted(streams, 'stream')} is told in two ways: {text}", streams=streams
        )
        result = VerdictValue.INCONCLUSIVE
    complete_to = max((c.last_event_ms for c in part.coverage if c.last_event_ms is not None), default=None)
    settled_to = as_of_ms - settings.settle_ms
    begun = min((c.first_event_ms for c in part.coverage if c.first_event_ms is not None), default=None)
    if begun is not None and begun > settled_to:
        work.reason(ReasonCode.NOT_SETTLED, "the deployment's first log lines are younger than the time logs need to settle")
        work.needed.append(f"{counted(max(1, (begun - settled_to) // 60_000), 'more minute')} until its logs have settled")
        result = VerdictValue.INCONCLUSIVE
        texts.append("not settled")
    has_access = any(c.has_access_lines for c in part.coverage)
    if part.streams and has_access and part.answered < settings.min_requests:
        missing = settings.min_requests - part.answered
        work.reason(
            ReasonCode.TOO_FEW_REQUESTS,
            f"{counted(part.answered, 'answered request')}; {settings.min_requests} are needed to judge",
            requests=part.answered,
        )
        work.needed.append(needed_text(missing, _pace(part, as_of_ms)))
        result = VerdictValue.INCONCLUSIVE
    elif part.streams and not has_access:
        work.reason(ReasonCode.TOO_FEW_REQUESTS, "no access lines in these logs: requests cannot be counted", requests=0)
        work.needed.append("access lines (one line per answered request)")
        result = VerdictValue.INCONCLUSIVE
    if one.log_mode == "non-blocking":
        work.reason(ReasonCode.LINES_MAY_BE_LOST, "the log driver is non-blocking: lines may be lost when its buffer is full")
    texts.append(f"{counted(part.answered, 'request')} on {counted(len(part.streams), 'stream')}")
    work.check(CheckId.ENOUGH_EVIDENCE, result, "; ".join(texts))
    return min(complete_to, as_of_ms) if complete_to is not None else None


def _pace(part: DeploymentEvidence, as_of_ms: int) -> float:
    """Answered requests a minute since the first of them."""
    first = min((count.minute_ms for count in part.counts if not count.health_check), default=as_of_ms)
    return part.answered / max(1.0, (as_of_ms - first) / 60_000)
