"""Migrations: is the schema what the code expects, on every task?"""

from __future__ import annotations

import streamlit as st

from dashboard import charts, tables, words
from dashboard.views import blocks, deployment
from dashboard.views.frame import Frame
from parsers import Confidence, MigrationRun, Outcome

TITLE, PATH, ICON = "Migrations", "migrations", ":material/database:"
PARTS = ("run",)


def page(frame: Frame) -> None:
    rows = frame.deployments()
    runs = [run for row in rows for run in row.runs]
    st.markdown("### Migrations")
    if not rows:
        blocks.empty("No deployment lies in this window. Widen it under View.")
        return
    if runs:
        blocks.plain(summary(runs))
    figure = frame.made("grid", lambda: charts.migration_grid(rows, frame.names(), dark=frame.dark))
    blocks.chart(figure, key="grid", alt="Outcome of the migrations by tool and deployment")
    if not runs:
        blocks.empty(
            "No migration run was seen: either this service does not migrate at start, or the start of its logs is missing."
        )
        return
    names = frame.names()
    listing = tables.migration_runs([(names[row.deployment.deployment_id], run) for row in rows for run in row.runs], frame.zone)
    picked = blocks.table(
        frame,
        listing,
        key="runs",
        alt="Migration runs, newest deployment first",
        opens=("outcome", "deployment", "tool", "code", "started"),
        ids=[run.id for run in runs],
    )
    blocks.download(listing, "migration-runs")
    _selected(frame, runs, picked)


def summary(runs: list[MigrationRun]) -> str:
    """One sentence: how many runs ended well, and how surely; how many failed, and in how many the application went on."""
    good = [run for run in runs if run.outcome in (Outcome.APPLIED, Outcome.NOTHING_TO_DO)]
    proven = sum(run.confidence in (Confidence.EXACT, Confidence.STRONG) for run in good)
    failed = [run for run in runs if run.outcome == Outcome.FAILED]
    masked = sum(run.application_continued for run in failed)
    counts = {
        "proven": proven, "inferred only": len(good) - proven, "failed": len(failed), "neither": len(runs) - len(good) - len(failed),
    }  # fmt: skip
    text = f"{words.several(len(runs), 'migration run')}: " + ", ".join(f"{n} {word}" for word, n in counts.items() if n)
    return text + (f"; after {masked} of the failed ones the application started all the same" if masked else "")


def _selected(frame: Frame, runs: list[MigrationRun], picked: str | None) -> None:
    """The chosen run's lines; without a choice those of the run that the URL names, else of the newest."""
    if picked is not None and picked != frame.state.run:
        st.query_params["run"] = picked
    run = next((one for one in runs if one.id == (picked or frame.state.run)), runs[0])
    started = words.moment(run.started_ms, frame.zone)
    st.markdown(f"#### Run of {started}")
    deployment.run_block(frame, run)
