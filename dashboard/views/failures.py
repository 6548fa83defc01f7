"""Failures: by fingerprint, by layer, by deployment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import charts, tables, words
from dashboard.state import ViewState
from dashboard.views import blocks
from dashboard.views.frame import Frame
from parsers import Category, Layer, Severity

if TYPE_CHECKING:
    from dashboard.rows import FailureGroup, Filters

TITLE, PATH, ICON = "Failures", "failures", ":material/error:"
PARTS = ("revision", "category", "layer", "severity")


def page(frame: Frame) -> None:
    st.markdown("### Failures")
    state = filters(frame)
    groups = [group for group in frame.failures(wanted(frame, state)) if group.fingerprint not in state.excluded]
    if not groups:
        blocks.empty("No failure matches. Take a filter away, or widen the window under View.")
        return
    groups = ranked(groups)
    kinds = words.several(len(groups), "kind")
    blocks.plain(f"{kinds} of failure: {tables.counted_together(groups)}; a request that printed seventy lines is counted once")
    _chart(frame, state)
    shown = groups[: tables.MOST_ROWS]
    listing = frame.made("failures", lambda: tables.failures(shown, frame.names(), frame.zone), state)
    picked = blocks.table(
        frame,
        listing,
        key="failures",
        alt="Kinds of failure, the most severe first",
        opens=("severity", "what", "in"),
        ids=[group.fingerprint for group in shown],
        config=blocks.what_column(listing) | blocks.times_columns(),
    )
    blocks.download(listing, "failures")
    if picked is not None:
        frame.go("failure", frame.state.only_frame().with_(fingerprint=picked))


def filters(frame: Frame) -> ViewState:
    """The filter row; its words live in the URL."""
    with st.container(horizontal=True, gap="small"):
        deployment = _deployment(frame)
        layer = blocks.choose("layer", words.LADDER, key="layer")
        category = blocks.choose("category", [str(one) for one in Category], key="cat")
        severity = blocks.choose("severity", [str(one) for one in Severity], key="sev")
    return frame.state.with_(
        revision=deployment,
        layer=Layer(layer) if layer else None,
        category=Category(category) if category else None,
        severity=Severity(severity) if severity else None,
    )


def _deployment(frame: Frame) -> int | None:
    revisions = sorted({row.deployment.revision for row in frame.deployments()}, reverse=True)
    choice = blocks.choose("revision", [str(revision) for revision in revisions], key="rev")
    return int(choice) if choice else None


def wanted(frame: Frame, state: ViewState) -> Filters:
    """The filter row's words as the store takes them."""
    return frame.filters(revision=state.revision, layer=state.layer, category=state.category, severity=state.severity)


def ranked(groups: Sequence[FailureGroup]) -> list[FailureGroup]:
    """The most severe first, then the most requests; of equal ones the oldest fingerprint order."""
    order = [str(one) for one in Severity]
    return sorted(groups, key=lambda group: (order.index(str(group.severity)), -group.requests, group.fingerprint))


def _chart(frame: Frame, state: ViewState) -> None:
    cells = frame.ladder(wanted(frame, state))
    if cells:
        figure = frame.made(
            "by-deployment", lambda: charts.failures_by_deployment(cells, frame.names(), dark=frame.dark), wanted(frame, state)
        )
        blocks.chart(figure, key="failures-by-deployment", alt="Refused and failed requests by deployment, stacked by layer")
