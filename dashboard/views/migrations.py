"""Migrations: is the schema what the code expects, on every task?"""

from __future__ import annotations

import streamlit as st

from dashboard import charts, tables, words
from dashboard.views import blocks, deployment
from dashboard.views.frame import Frame
from parsers import MigrationRun, Outcome

TITLE, PATH, ICON = "Migrations", "migrations", ":material/database:"


def page(frame: Frame) -> None:
    rows = frame.deployments()
    runs = [run for row in rows for run in row.runs]
    st.markdown("### Migrations")
    if not rows:
        blocks.empty("No deployment lies in this window. Widen it under View.")
        return
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
    picked = blocks.table(frame, listing, key="runs", alt="Migration runs, newest deployment first", opens=True)
    blocks.download(listing, "migration-runs")
    _selected(frame, runs, picked)


def summary(runs: list[MigrationRun]) -> str:
    """One sentence: how many runs proved the schema, how many did not, what nobody knows."""
    proven = sum(run.outcome in (Outcome.APPLIED, Outcome.NOTHING_TO_DO) for run in runs)
    masked = sum(run.outcome == Outcome.FAILED and run.application_continued for run in runs)
    failed = sum(run.outcome == Outcome.FAILED for run in runs)
    text = f"{len(runs)} migration runs: {proven} proven, {failed} failed"
    return text + (f", in {masked} of them the application continued all the same" if masked else "")


def _selected(frame: Frame, runs: list[MigrationRun], picked: int | None) -> None:
    """The chosen run's lines; without a choice those of the run that the URL names, else of the newest."""
    if picked is not None and runs[picked].id != frame.state.run:
        st.query_params["run"] = runs[picked].id
    wanted = runs[picked].id if picked is not None else frame.state.run
    run = next((one for one in runs if one.id == wanted), runs[0])
    started = words.moment(run.started_ms, frame.zone)
    st.markdown(f"#### Run of {started}")
    deployment.run_block(frame, run)
