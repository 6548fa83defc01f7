"""Deployment: what changed, and what was the first bad thing?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import sharing, tables, words
from dashboard.state import deployment_key
from dashboard.views import blocks, console, deployments, remedy
from dashboard.views.frame import Frame
from parsers import DeploymentTask, MigrationRun, Reason, Verdict, VerdictValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dashboard.rows import Comparison, DeploymentRow, TimelineStep
    from dashboard.state import ViewState

TITLE, PATH, ICON = "Deployment", "deployment", ":material/deployed_code:"
PARTS = ("deployment",)

_STEP_ICONS = {
    "registered": "description",
    "created": "add_circle",
    "started": "play_circle",
    "migrate": "database",
    "listening": "hearing",
    "healthy": "monitor_heart",
    "first_failure": "error",
    "finished": "flag",
    "superseded": "skip_next",
}


def page(frame: Frame) -> None:
    row = chosen(frame)
    if row is None:
        blocks.empty(
            "This deployment is not in the store, or not in this window. Read its logs with Refresh, "
            "or widen the window under View."
        )
        return
    state = frame.state.only_frame().with_(deployment=deployment_key(row.deployment.deployment_id))
    _choice(frame, row)
    _verdict(frame, row, state)
    _timeline(frame, row)
    _migrations(frame, row)
    _changes(frame, row, state)


def chosen(frame: Frame) -> DeploymentRow | None:
    """The deployment that the URL names; when it names none the one that the landing page is about."""
    if frame.state.deployment is None:
        rows = frame.deployments()
        return deployments.by_urgency(rows)[0][0] if rows else None
    return next((row for row in frame.every_deployment() if frame.state.deployment in names_of(row)), None)


def names_of(row: DeploymentRow) -> tuple[str, str]:
    """A link may name a deployment in full or by the last part of its ARN."""
    return row.deployment.deployment_id, deployment_key(row.deployment.deployment_id)


def _choice(frame: Frame, row: DeploymentRow) -> None:
    """The service's other deployments in view, one click away."""
    rows = [other for other in frame.deployments() if other.deployment.service == row.deployment.service]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for other in rows[:12]:
            sign = words.sign_of(words.VERDICTS, other.verdict.verdict)
            state = frame.state.only_frame().with_(deployment=deployment_key(other.deployment.deployment_id))
            here = other.deployment.deployment_id == row.deployment.deployment_id
            if here:
                blocks.badge(sign, f" {other.deployment.revision}")
            else:
                frame.link("deployment", state, f"{other.deployment.revision}", icon=sign.icon)


def _verdict(frame: Frame, row: DeploymentRow, state: ViewState) -> None:
    this = row.deployment
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center"):
            blocks.badge(words.sign_of(words.VERDICTS, row.verdict.verdict))
            st.markdown(f"### Deployment {this.revision}")
            blocks.plain(
                f"commit {this.commit or '?'} · started {frame.moment(this.started_ms)} · "
                f"ECS says {this.ecs_status or '?'} · {this.service}"
            )
            command, url = console.of_run(row, row.runs[0] if row.runs else None)
            markdown = sharing.deployment(row, frame.url(state))
            blocks.share(frame, state, markdown=markdown, key="deployment", command=command, console=url)
        for reason in row.verdict.reasons:
            _reason(frame, reason)
        for need in row.verdict.needed:
            with blocks.line():
                blocks.badge(blocks.NEEDED)
                blocks.plain(need, fill=True)
        if row.verdict.verdict == VerdictValue.PASS:
            _checks(row.verdict)
        for task in this.tasks:
            blocks.plain(task_words(task))
        st.caption(
            f"400s: {words.share(row.refused_400, row.requests, row.low_400, row.high_400)} · other 4xx: "
            f"{max(0, row.refused_4xx - row.refused_400)} · 5xx: {row.failed_5xx} · aborted: {row.aborted} · "
            f"judged on logs complete to {frame.moment(row.verdict.complete_to_ms)}"
        )


def _checks(verdict: Verdict) -> None:
    """What a PASS stands on: never green without evidence."""
    for check in verdict.checks:
        with blocks.line():
            blocks.badge(words.sign_of(words.VERDICTS, check.result))
            blocks.plain(f"{check.id.replace('_', ' ')}: {check.text}", fill=True)


def _reason(frame: Frame, reason: Reason) -> None:
    with blocks.line():
        blocks.badge(blocks.severity_of(reason))
        blocks.plain(reason.text, fill=True)
    finding = frame.finding(reason.finding_id) if reason.finding_id else None
    if finding is not None and reason.run_id is None:
        state = frame.state.only_frame().with_(fingerprint=finding.fingerprint)
        frame.link("failure", state, "the lines that prove it", icon=":material/arrow_forward:")


def task_words(task: DeploymentTask) -> str:
    """`task d64f… · migration failed P3005, the application continued · ready · attribution exact`."""
    continued = ", the application continued" if task.application_continued else ""
    ready = {True: "ready", False: "never ready", None: "ready: ?"}[task.ready]
    parts = [
        f"task {task.task_id}",
        f"migration {words.sign_of(words.OUTCOMES, task.migration_outcome).word} {task.error_code or ''}".strip() + continued,
        ready,
        None if task.exit_code is None else f"exit code {task.exit_code}",
        task.stopped_reason,
        f"attribution {task.confidence}",
    ]
    return " · ".join(part for part in parts if part)


def _timeline(frame: Frame, row: DeploymentRow) -> None:
    steps = sorted(
        (step for step in frame.timeline(row.deployment.deployment_id) if step.at_ms is not None),
        key=lambda step: step.at_ms or 0,
    )
    if not steps:
        return
    st.markdown("#### Timeline")
    with st.grid(columns="auto", min_column_width=122, gap="xsmall"):
        for before, step in zip([None, *steps], steps, strict=False):
            _step(frame, step, before)
    first = next((step for step in steps if step.kind == "first_failure"), None)
    if first is not None and first.fingerprint:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            blocks.plain(f"first failure: {first.text}")
            state = frame.state.only_frame().with_(fingerprint=first.fingerprint)
            frame.link("failure", state, "this kind of failure", icon=":material/arrow_forward:")


def _step(frame: Frame, step: TimelineStep, before: TimelineStep | None) -> None:
    icon = _STEP_ICONS.get(step.kind, "circle")
    bad = step.kind == "first_failure" or "failed" in step.text.lower()
    with st.container(border=True, gap="xxsmall", height="stretch"):
        st.badge(step.kind.replace("_", " "), icon=f":material/{icon}:", color="red" if bad else "gray")
        blocks.plain(words.clock(step.at_ms, frame.zone))
        later = "" if before is None else f"+{words.gap((step.at_ms or 0) - (before.at_ms or 0))}"
        st.caption(later or words.moment(step.at_ms, frame.zone)[:10])


def _migrations(frame: Frame, row: DeploymentRow) -> None:
    st.markdown("#### Migration")
    if not row.runs:
        sign = words.sign_of(words.OUTCOMES, row.migration_outcome)
        blocks.badge(sign)
        blocks.plain("No migration run was seen in the logs of this deployment's tasks.")
        return
    for first, *others in alike(row.runs):
        run_block(frame, first)
        if others:
            _same(frame, first, others)


def alike(runs: Iterable[MigrationRun]) -> list[list[MigrationRun]]:
    """Runs that ended in the same way for the same reason stand together: a crash loop repeats one transcript at each start."""
    together: dict[tuple[object, ...], list[MigrationRun]] = {}
    for run in runs:
        code = run.code
        how = (run.tool, run.outcome, code, run.exit_code, run.application_continued, run.failed_migration, run.text)
        together.setdefault(how, []).append(run)
    return list(together.values())


def _same(frame: Frame, first: MigrationRun, others: Sequence[MigrationRun]) -> None:
    """The other tasks that met the same, their transcripts behind one click."""
    label = f"The same on {words.several(len(others), 'other start')}"
    drawer = st.expander(label, key=f"same-{first.id}", on_change="rerun", icon=":material/content_copy:")
    if drawer.open:
        with drawer:
            for run in others:
                blocks.run_headline(run)
                blocks.transcript(run, frame)


def run_block(frame: Frame, run: MigrationRun) -> None:
    """One run: what happened, the lines, and what to do."""
    blocks.run_headline(run)
    blocks.transcript(run, frame)
    remedy.card(run, frame.workspace.rule_of(run), key=run.id)


def _changes(frame: Frame, row: DeploymentRow, state: ViewState) -> None:
    change = frame.comparison(row.deployment.deployment_id)
    st.markdown("#### Against the deployment before")
    if change is None:
        _no_deployment_before(frame, row)
        return
    if not any((change.new, change.worse, change.gone, change.same)):
        blocks.empty("Nothing to compare: no failure was seen in this deployment nor in the one before.")
        return
    st.caption(change_words(change))
    rows, groups = tables.comparison(change, row.deployment.deployment_id)
    picked = blocks.table(
        frame,
        rows,
        key="changes",
        alt="Kinds of failure, new, worse, gone and same",
        opens=("change", "severity", "what"),
        ids=[group.fingerprint for group in groups],
        config=blocks.what_column(rows),
    )
    if picked is not None:
        frame.go("failure", state.with_(deployment=None, fingerprint=picked))


def _no_deployment_before(frame: Frame, row: DeploymentRow) -> None:
    blocks.empty(
        f"This is the first deployment of {words.visible(row.deployment.service)} in the store: there is none before it to "
        "compare with. Logs of an earlier time would fill this (`triage fetch --since 7d`)."
    )
    state = frame.state.only_frame().with_(service=row.deployment.service, revision=row.deployment.revision)
    frame.link("failures", state, f"What fails in deployment {row.deployment.revision}", icon=":material/arrow_forward:")


def change_words(change: Comparison) -> str:
    """`0 new · 0 worse · 1 gone · 4 same`; what is gone is no success by itself."""
    text = f"{len(change.new)} new · {len(change.worse)} worse · {len(change.gone)} gone · {len(change.same)} same"
    return text + ("; gone means not seen any more, not proven fixed" if change.gone else "")
