"""Requests: how many, by route and status, and how sure is that rate?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import tables
from dashboard.state import route_id
from dashboard.views import blocks
from dashboard.views.frame import Frame

if TYPE_CHECKING:
    from dashboard.rows import RouteRow

TITLE, PATH, ICON = "Requests", "requests", ":material/swap_vert:"
PARTS = ("route",)


def page(frame: Frame) -> None:
    st.markdown("### Requests")
    rows = frame.requests(frame.filters())
    if not rows and frame.narrowed():
        blocks.empty("No request was answered in this window or service. Widen the window under View.")
        return
    if not rows:
        blocks.empty(
            "No access line was read: rates are unknown, only failures are counted. "
            "A request logger (morgan, pino-http, nginx …) would fill this."
        )
        return
    names = frame.names()
    listing, endpoints = tables.routes(rows, list(names))
    endpoint = frame.endpoint(endpoints)
    if endpoint is not None:
        _one(frame, [row for row in rows if (row.method or "", row.route or "") == endpoint], endpoint, names)
        return
    total = sum(row.requests for row in rows)
    blocks.plain(f"{total:,} requests on {len(endpoints)} endpoints; health checks are left out; ids in paths are folded to :id")
    picked = blocks.table(
        frame,
        listing,
        key="routes",
        alt="Requests by endpoint, the most failures first",
        opens=("endpoint", "failed (95 % interval)"),
        ids=[route_id(*one) for one in endpoints],
        config={
            "failed % by deployment": blocks.sparkline(
                "failed % by deployment", "Share of 4xx and 5xx, oldest deployment first", top=100
            ),
            "requests by deployment": blocks.sparkline("requests by deployment", "Answered requests, oldest deployment first"),
        },
    )
    blocks.download(listing, "requests")
    if picked is not None:
        frame.go("requests", frame.state.with_(route=picked))


def _one(frame: Frame, rows: list[RouteRow], endpoint: tuple[str, str], names: dict[str, str]) -> None:
    frame.link("requests", frame.state.with_(route=None), "All endpoints", icon=":material/arrow_back:")
    blocks.plain(" ".join(endpoint).strip())
    listing = tables.statuses(rows, names)
    blocks.table(frame, listing, key="statuses", alt="Answers of this endpoint by deployment and status")
    blocks.download(listing, "endpoint")
    state = frame.state.only_frame().with_(route=frame.state.route)
    frame.link("ladder", state, "Which layer refuses it", icon=":material/stairs:")
