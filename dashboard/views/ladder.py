"""Layer ladder: which layer refuses which endpoint, under which revision? Five deployments of one bug at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import charts, tables, words
from dashboard.state import route_id
from dashboard.views import blocks, deployments
from dashboard.views.frame import Frame

if TYPE_CHECKING:
    from dashboard.rows import LadderCell

TITLE, PATH, ICON = "Layer ladder", "ladder", ":material/stairs:"
PARTS = ("route",)


def page(frame: Frame) -> None:
    st.markdown("### Layer ladder")
    rows = frame.deployments()
    service = frame.state.service or deployments.most_urgent(rows)
    if len({row.deployment.service for row in rows}) > 1:
        blocks.plain(f"{service}, the most urgent service; another can be chosen above")
    cells = frame.ladder(frame.filters(service=service))
    if not cells:
        blocks.empty("No request was refused in this window: the ladder has no rung to show.")
        return
    routes = charts.worst_routes(cells)
    endpoint = frame.endpoint(sorted({(cell.method or "", cell.route or "") for cell in cells}))
    if endpoint is None:
        _overview(frame, cells, routes)
    else:
        _one(frame, [cell for cell in cells if (cell.method or "", cell.route or "") == endpoint], endpoint)


def _overview(frame: Frame, cells: list[LadderCell], routes: list[tuple[str, str]]) -> None:
    worst = [cell for cell in cells if (cell.method or "", cell.route or "") == routes[0]]
    blocks.plain(story(worst, routes[0], _names(frame, cells)))
    blocks.chart(
        frame.made("map", lambda: charts.ladder_map(cells, _names(frame, cells), dark=frame.dark)),
        key="ladder-map",
        alt="Endpoints by deployment; each cell names the layer that refused most requests there",
    )
    st.caption("A cell names the layer that refused most; refused of answered. Choose an endpoint for all its rungs.")
    endpoints = _endpoints(cells, routes)
    picked = blocks.table(
        frame,
        tables.endpoints(cells, endpoints),
        key="ladder",
        alt="Endpoints with refused requests by layer",
        opens=("endpoint",),
        ids=[route_id(*endpoint) for endpoint in endpoints],
    )
    if picked is not None:
        frame.go("ladder", frame.state.with_(route=picked))


def _endpoints(cells: list[LadderCell], first: list[tuple[str, str]]) -> list[tuple[str, str]]:
    rest = {(cell.method or "", cell.route or "") for cell in cells} - set(first)
    return (first + sorted(rest))[: tables.MOST_ROWS]


def _one(frame: Frame, cells: list[LadderCell], endpoint: tuple[str, str]) -> None:
    frame.link("ladder", frame.state.with_(route=None), "All endpoints", icon=":material/arrow_back:")
    blocks.plain(story(cells, endpoint, _names(frame, cells)))
    blocks.chart(
        frame.made("rungs", lambda: charts.ladder_rungs(cells, _names(frame, cells), dark=frame.dark), endpoint),
        key="rungs",
        alt="Refused requests of one endpoint: layers from the door to the database, by deployment",
    )
    listing = tables.ladder(cells, _names(frame, cells))
    blocks.table(
        frame, listing.drop(columns="endpoint"), key="rungs", alt="Refused requests of this endpoint by deployment and layer"
    )
    blocks.download(listing, "ladder")


def story(cells: list[LadderCell], endpoint: tuple[str, str], names: dict[str, str]) -> str:
    """`POST /…: 46 validation (48) → 47 business_rule (63) → …`: which layer refuses most, deployment by deployment."""
    steps = []
    for identifier, name in names.items():
        inside = [cell for cell in cells if cell.deployment_id == identifier]
        if inside:
            most = max(inside, key=lambda cell: (cell.requests, words.LADDER.index(str(cell.layer))))
            steps.append(f"{name} {most.layer} ({most.requests})")
    return f"{' '.join(endpoint).strip()}: " + " → ".join(steps)


def _names(frame: Frame, cells: list[LadderCell]) -> dict[str, str]:
    """Columns of one service need no service's name: the revisions alone, where they differ."""
    present = {cell.deployment_id: str(cell.revision) for cell in cells}
    names = {identifier: name for identifier, name in frame.names().items() if identifier in present}
    short = {identifier: present[identifier] for identifier in names}
    return short if len(set(short.values())) == len(short) else names
