"""Deployments, the landing page: which deployment, how bad, since when?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import charts, tables, words
from dashboard.state import CHARTS, deployment_key
from dashboard.views import blocks
from dashboard.views.frame import Frame
from parsers import VerdictValue

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from dashboard.rows import DeploymentRow

TITLE, PATH, ICON = "Deployments", "deployments", ":material/rocket_launch:"
PARTS = ("chart",)


def page(frame: Frame) -> None:
    rows = frame.deployments()
    if not rows:
        blocks.empty("No deployment lies in this window. Widen it under View, or read more logs with Refresh.")
        return
    first, *others = by_urgency(rows)
    words_side, picture_side = st.columns([2, 3], gap="medium")
    with words_side:
        below = _headline(frame, first)
    with picture_side:
        _charts(frame, rows, first[0].deployment.service)
    with below:
        _open_link(frame, first[0], f"Open deployment {first[0].deployment.revision}")
    if others:  # below both: in the column of words they would be a tower beside nothing
        with st.container(border=True, gap="small"):
            for mine in others:
                _one_line(frame, mine[0])
    _table(frame, rows, first)


def most_urgent(rows: list[DeploymentRow]) -> str | None:
    """The service to look at first, where none is chosen."""
    return by_urgency(rows)[0][0].deployment.service if rows else None


def by_urgency(rows: list[DeploymentRow]) -> list[list[DeploymentRow]]:
    """The rows of each service, newest first; the service whose newest deployment is worst, and refuses most, comes first."""
    services: dict[str, list[DeploymentRow]] = {}
    for row in rows:
        services.setdefault(row.deployment.service, []).append(row)
    order = [VerdictValue.FAIL, VerdictValue.INCONCLUSIVE, VerdictValue.PASS]
    return sorted(
        services.values(),
        key=lambda mine: (
            order.index(mine[0].verdict.verdict),
            -mine[0].refused_4xx - mine[0].failed_5xx,
            mine[0].deployment.service,
        ),
    )


def _headline(frame: Frame, rows: list[DeploymentRow]) -> DeltaGenerator:
    """One service in words: its newest deployment's verdict, since when, and why. Returns the place for what comes below."""
    newest = rows[0].deployment
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center"):
            blocks.badge(words.sign_of(words.VERDICTS, rows[0].verdict.verdict))
            st.markdown(f"### Deployment {newest.revision}")
        blocks.plain(f"{newest.service} · {since(rows, frame)}")
        blocks.reasons(rows[0].verdict, most=3)
        return st.container()


def _one_line(frame: Frame, row: DeploymentRow) -> None:
    """Another service's newest deployment: its verdict, its first reason, the way there."""
    this, verdict = row.deployment, row.verdict
    said = verdict.reasons[0].text if verdict.reasons else verdict.needed[0] if verdict.needed else "no reason to doubt it"
    with blocks.line():
        blocks.badge(words.sign_of(words.VERDICTS, verdict.verdict))
        blocks.plain(f"{this.service} {this.revision}: {said}", fill=True)
    _open_link(frame, row, f"Open {this.service} {this.revision}")


def _open_link(frame: Frame, row: DeploymentRow, text: str) -> None:
    state = frame.state.only_frame().with_(deployment=deployment_key(row.deployment.deployment_id))
    frame.link("deployment", state, text, icon=":material/arrow_forward:")


def since(rows: list[DeploymentRow], frame: Frame) -> str:
    """`commit c3a7950, started …; FAIL since deployment 46 (…), 5 in a row`: since when is it as bad as now?"""
    newest = rows[0]
    text = f"commit {newest.deployment.commit or '?'}, started {frame.moment(newest.deployment.started_ms)}"
    streak = 0
    while streak < len(rows) and rows[streak].verdict.verdict == newest.verdict.verdict:
        streak += 1
    if streak < 2 or newest.verdict.verdict == VerdictValue.PASS:
        return text
    first = rows[streak - 1].deployment
    since_then = f"since deployment {first.revision} ({frame.moment(first.started_ms)}), {streak} in a row"
    return f"{text}; {newest.verdict.verdict} {since_then}"


def _table(frame: Frame, rows: list[DeploymentRow], urgent: list[DeploymentRow]) -> None:
    """All deployments; below, those of the most urgent service one click away (the other services have their links above)."""
    frame_of_rows = tables.deployments(rows, frame.zone)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.markdown("#### All deployments")
        blocks.download(frame_of_rows, "deployments")
    chosen = blocks.table(
        frame,
        frame_of_rows,
        key="deployments",
        alt="Deployments, newest first, with verdict, migrations and requests",
        opens=("verdict", "service", "revision", "commit", "started"),
        ids=[deployment_key(row.deployment.deployment_id) for row in rows],
    )
    if chosen is not None:
        frame.go("deployment", frame.state.only_frame().with_(deployment=chosen))
    names = frame.names()
    with st.container(horizontal=True, gap="small"):
        for row in urgent[:12]:
            state = frame.state.only_frame().with_(deployment=deployment_key(row.deployment.deployment_id))
            sign = words.sign_of(words.VERDICTS, row.verdict.verdict)
            frame.link("deployment", state, f"{names.get(row.deployment.deployment_id, '?')} {sign.word}", icon=sign.icon)


def _charts(frame: Frame, rows: list[DeploymentRow], service: str) -> None:
    """The chart, and after it the box that chooses it: what is looked at first is sent first."""
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.markdown("#### Failures")
        choice = st.container(width="content")
    shown = st.session_state.get("chart") or frame.state.chart or CHARTS[0]  # the box is drawn after what it chose
    if shown == "over time":
        _over_time(frame, [row for row in rows if row.deployment.service == service], service)
    elif shown == "400s with interval":
        _rate(frame, rows)
    else:
        _by_deployment(frame)
    with choice:
        st.segmented_control(
            "Failures chart",
            CHARTS,
            default=CHARTS[0],
            required=True,
            key="chart",
            bind="query-params",
            label_visibility="collapsed",
        )


def _rate(frame: Frame, rows: list[DeploymentRow]) -> None:
    blocks.chart(
        frame.made("rate", lambda: charts.rate_by_deployment(rows, frame.names(), dark=frame.dark)),
        key="rate",
        alt="Share of requests answered 400 by deployment, with its 95 percent interval",
    )
    frame.let_draw()
    st.caption("A point is the measured share, the bar its 95 % interval: few requests make a long bar.")


def _by_deployment(frame: Frame) -> None:
    cells = frame.ladder(frame.filters())
    if not cells:
        blocks.empty("No refused or failed request in this window: nothing to draw.")
        return
    figure = frame.made(
        "by-deployment", lambda: charts.failures_by_deployment(cells, frame.names(), dark=frame.dark), frame.filters()
    )
    blocks.chart(figure, key="by-deployment", alt="Refused and failed requests by deployment, stacked by the layer that refused")
    frame.let_draw()
    if len({cell.deployment_id for cell in cells}) > charts.MOST_COLUMNS:
        st.caption(f"The newest {charts.MOST_COLUMNS} deployments; all of them in the table. Choose a service above for its own.")
    blocks.as_table(
        frame,
        tables.layers_by_deployment(cells, frame.names()),
        key="layers",
        alt="Refused and failed requests by deployment and layer",
    )


def _over_time(frame: Frame, rows: list[DeploymentRow], service: str) -> None:
    """Of one service: several services' deployments may lie months apart."""
    cells = frame.failures_over_time(frame.filters(service=service))
    if not cells:
        blocks.empty("No failure in this window: nothing to draw.")
        return
    marks = [
        (start, str(row.deployment.revision)) for row in rows if (start := row.deployment.started_ms or row.deployment.created_ms)
    ]
    figure = frame.made("over-time", lambda: charts.failures_over_time(cells, marks, frame.zone, dark=frame.dark), service)
    blocks.chart(figure, key="over-time", alt="Failures over time, stacked by layer, with the deployments as dotted lines")
    frame.let_draw()
    blocks.plain(f"{service}, the deployments as dotted lines")
    blocks.as_table(frame, tables.over_time(cells, frame.zone), key="times", alt="Failures over time by layer or category")
