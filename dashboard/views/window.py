"""The window of a view: chosen with one click, kept in the address as absolute times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.state import ViewState, deployment_key
from dashboard.views import deployments
from parsers import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.rows import DeploymentRow
    from dashboard.views.frame import Frame

Span = tuple[int | None, int | None]
_HOUR_MS = 3_600_000
_LAST = {"last 1 h": 1, "last 6 h": 6, "last 24 h": 24, "last 7 d": 7 * 24}
EVERYTHING = "everything"


def choices(frame: Frame) -> None:
    """The spans that people ask for; what is chosen is written into `from` and `to`."""
    spans = offered(frame.state, frame.every_deployment(), frame.freshness())
    st.pills(
        "Window",
        list(spans),
        key="span",
        on_change=_choose,
        args=(spans,),
        help="Hours are counted back from where the logs end. The address keeps absolute times, so a link shows the same later",
    )


def offered(state: ViewState, rows: list[DeploymentRow], end_ms: int | None) -> dict[str, Span]:
    """Name -> (from, to). The last hours have no end: what is read later belongs to them, too."""
    spans: dict[str, Span] = {}
    if end_ms is not None:
        spans |= {name: (end_ms - hours * _HOUR_MS, None) for name, hours in _LAST.items()}
    row = _deployment_in_view(state, rows)
    if row is not None:
        this = row.deployment
        spans[f"deployment {this.revision}"] = (this.created_ms or this.started_ms, this.superseded_ms)
    return spans | {EVERYTHING: (None, None)}


def _deployment_in_view(state: ViewState, rows: list[DeploymentRow]) -> DeploymentRow | None:
    """The one that the page is about or filtered by, else the newest of the service to look at first."""
    rows = [row for row in rows if state.service in (None, row.deployment.service)]
    if state.deployment is not None:
        return next(
            (row for row in rows if deployment_key(row.deployment.deployment_id) == deployment_key(state.deployment)), None
        )
    if state.revision is not None:
        return next((row for row in rows if row.deployment.revision == state.revision), None)
    return deployments.by_urgency(rows)[0][0] if rows else None


def _choose(spans: Mapping[str, Span]) -> None:
    """Before anything is drawn anew. Nothing stays chosen: the times beside it say what is shown."""
    span = spans.get(st.session_state.get("span") or "")
    st.session_state["span"] = None
    if span is None:
        return
    given = {key: rfc3339(at_ms) or "" for key, at_ms in zip(("from", "to"), span, strict=True)}
    st.session_state.update(given)  # bound to the address by the boxes below
    st.session_state["window-chosen"] = given


def just_chosen() -> dict[str, str]:
    """What a click chose a moment ago: the address takes it up with the end of this run only."""
    given: dict[str, str] = st.session_state.pop("window-chosen", {})
    return given


def said(frame: Frame) -> str | None:
    """`Shown: from … to …`: no window works unseen. None where everything is shown."""
    start, end = frame.state.start_ms, frame.state.end_ms
    parts = [f"from {frame.moment(start)}" if start is not None else "", f"to {frame.moment(end)}" if end is not None else ""]
    return f"Shown: {' '.join(part for part in parts if part)}" if any(parts) else None
