"""What `triage verify` does beyond judging what is there: fetch and look again (`--wait`), ask the database (`--probe-db`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dashboard.attempts import attempts_of
from dashboard.fetching import FetchRequest, run_fetch
from dashboard.judgement import Judgement, judge_store
from dashboard.probe import contradictions, probe, probe_url, told
from dashboard.settings import Settings
from dashboard.verifying import Clock, Look, SystemClock, watch
from dashboard.workspace import Workspace
from parsers import Check, CheckId, Deployment, JudgeSettings, NotSeenError, UsageError, Verdict, VerdictValue

Choose = Callable[[Judgement], Deployment]


@dataclass(slots=True)
class _Seen:
    judgement: Judgement | None = None


def wait_for_verdict(
    settings: Settings,
    judge_as: JudgeSettings,
    choose: Choose,
    *,
    wait_ms: int,
    since_ms: int | None = None,
    say: Callable[[str], None],
    clock: Clock | None = None,
    fetch: Callable[[Workspace], object] | None = None,
    check: Callable[[Judgement], None] = lambda _: None,
) -> tuple[Judgement, Deployment]:
    """Fetches and judges until the verdict is certain or the time is over; the last judgement and its deployment.

    Fetched are the last `since_ms` (two hours when None). `choose` names the deployment and raises UsageError while it is not
    there; `check` raises it at the first look at deployments for what no waiting mends (a baseline nobody knows).
    Raises NotSeenError (exit 4) when AWS cannot be asked, or the deployment never came.
    """
    kept = _Seen()
    with Workspace.open(settings) as workspace:

        def look() -> Look:
            if fetch is not None:
                fetch(workspace)
            else:
                run_fetch(settings, FetchRequest(since_ms=since_ms), workspace)
            kept.judgement = judge_store(workspace, judge_as)
            if kept.judgement.deployments:
                check(kept.judgement)
            try:
                target = choose(kept.judgement)
            except UsageError:
                return Look(deployment=None, verdict=None)
            return Look(deployment=target, verdict=kept.judgement.verdict_of(target.deployment_id))

        end = watch(look, wait_ms=wait_ms, clock=clock or SystemClock(), say=say)
    if end.look.deployment is None or kept.judgement is None:
        raise NotSeenError(
            "the deployment did not appear in the time given", hint="is the service named right? `triage deployments`"
        )
    return kept.judgement, end.look.deployment


def probed(judgement: Judgement, target: Deployment, variable: str, say: Callable[[str], None]) -> Judgement:
    """The judgement with what the database itself says. A contradiction is a reason, and no PASS stands beside one."""
    url = probe_url(variable)
    attempt = attempts_of(judgement, target)[-1]
    run = attempt.runs[-1] if attempt.runs else None
    seen = probe(url, run, attempt.findings)
    for line in told(seen):
        say(line)
    reasons = contradictions(seen, run)
    if not reasons:
        return judgement
    changed = _contradicted(attempt.verdict, reasons[0].text)
    changed = replace(changed, reasons=(*changed.reasons, *reasons))
    verdicts = tuple(changed if one.deployment_id == target.deployment_id else one for one in judgement.verdicts)
    return replace(judgement, verdicts=verdicts)


def _contradicted(verdict: Verdict, text: str) -> Verdict:
    checks = tuple(
        Check(id=check.id, result=VerdictValue.FAIL, text=f"the database contradicts the log: {text}")
        if check.id is CheckId.START_UP and check.result is not VerdictValue.FAIL
        else check
        for check in verdict.checks
    )
    return replace(verdict, verdict=VerdictValue.FAIL, checks=checks)
