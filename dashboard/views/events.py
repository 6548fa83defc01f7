"""Events: the redacted records around a finding, with the deployments inside the list."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import sharing, tables, words
from dashboard.state import LINES, ViewState, route_id
from dashboard.views import blocks, console, failures
from dashboard.views.frame import Frame
from parsers import Finding, StreamKey, errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.rows import ContextLine, Filters

TITLE, PATH, ICON = "Events", "events", ":material/list_alt:"
PARTS = (
    "revision",
    "category",
    "layer",
    "severity",
    "status",
    "route",
    "fingerprint",
    "finding",
    "excluded",
    "lines",
)


def page(frame: Frame) -> None:
    finding = frame.finding(frame.state.finding) if frame.state.finding else None
    if frame.state.finding and finding is None:
        blocks.empty(
            "This event is not kept any more (the newest 20 of each kind and deployment are). Its kind may still be listed."
        )
    if finding is not None:
        _around(frame, finding)
    else:
        _listing(frame)


def _listing(frame: Frame) -> None:
    st.markdown("### Events that matter")
    state = failures.filters(frame)
    _excluded(frame, state)
    found = [one for one in frame.findings(_wanted(frame, state), _asked(state)) if _shown(one, state)][: tables.MOST_ROWS]
    if not found:
        blocks.empty("No event matches. Take a filter away, or widen the window under View.")
        return
    if len(found) == tables.MOST_ROWS:
        st.caption(f"The newest {tables.MOST_ROWS}; older ones with a filter, or with a window under View that ends earlier.")
    listing, order = tables.findings_with_marks(found, marks(frame), frame.zone, owners(frame))
    kinds = [one.fingerprint if one else "" for one in order]
    pressable = listing.assign(**{word: [word if kind else "" for kind in kinds] for word in ("only", "without")})
    picked = blocks.table(
        frame,
        pressable[["only", "without", *listing.columns]],
        key="events",
        alt="Events that matter, newest first, with deployments between them",
        opens=("severity", "time", "what"),
        ids=[one.id if one else "" for one in order],
        config=blocks.what_column(listing),
        buttons={"only": partial(_only, kinds), "without": partial(_without, kinds)},
    )
    blocks.download(listing, "events")
    if picked is not None:
        frame.go("events", frame.state.only_frame().with_(finding=picked, excluded=state.excluded))


def _only(kinds: Sequence[str], row: int) -> None:
    """Filter for the kind of this row."""
    if kinds[row]:
        st.query_params["fp"] = kinds[row]


def _without(kinds: Sequence[str], row: int) -> None:
    """Exclude the kind of this row, beside those that are excluded already."""
    if kinds[row]:
        st.query_params["not"] = list(dict.fromkeys([*st.query_params.get_all("not"), kinds[row]]))


def owners(frame: Frame) -> dict[StreamKey, str]:
    """Which deployment each log stream is attributed to, by its label; a stream of unknown owner is not in there."""
    names = frame.names()
    rows = ((row.stream, names.get(row.attribution.deployment_id or "")) for row in frame.sources())
    return {stream: name for stream, name in rows if name}


def marks(frame: Frame) -> list[tuple[int, str]]:
    """(started ms, `deployment 50 of backend (c3a7950) started`) of every deployment in view."""
    return [
        (start, f"deployment {row.deployment.revision} of {row.deployment.service} ({row.deployment.commit or '?'}) started")
        for row in frame.deployments()
        if (start := row.deployment.started_ms or row.deployment.created_ms)
    ]


def _wanted(frame: Frame, state: ViewState) -> Filters:
    """Every filter of the state, the endpoint by its words where its digest is known here."""
    wanted = replace(failures.wanted(frame, state), fingerprint=state.fingerprint)
    if state.route is None:
        return wanted
    every = ((group.method or "", group.route or "") for group in frame.failures(wanted))
    endpoint = frame.endpoint(sorted(set(every)))
    return wanted if endpoint is None else replace(wanted, method=endpoint[0] or None, route=endpoint[1] or None)


def _asked(state: ViewState) -> int:
    """How many of the newest to ask for: what is left out must not leave the page empty."""
    return tables.MOST_ROWS * (5 if state.excluded else 1)


def _shown(one: Finding, state: ViewState) -> bool:
    same_route = state.route is None or state.route == route_id(one.method, one.route)
    return one.fingerprint not in state.excluded and same_route


def _excluded(frame: Frame, state: ViewState) -> None:
    """The filters that no widget shows, each with a way out."""
    with st.container(horizontal=True, gap="small"):
        for fingerprint in state.excluded:
            rest = tuple(one for one in state.excluded if one != fingerprint)
            frame.link("events", state.with_(excluded=rest), f"without {fingerprint}", icon=":material/close:")
        if state.route:
            frame.link("events", state.with_(route=None), "one endpoint only", icon=":material/close:")
        if state.status is not None:
            frame.link("events", state.with_(status=None), f"status {state.status} only", icon=":material/close:")
        if state.fingerprint:
            frame.link("events", state.with_(fingerprint=None), f"only {state.fingerprint}", icon=":material/close:")


def _around(frame: Frame, finding: Finding) -> None:
    state = frame.state
    back = state.with_(finding=None)
    with st.container(horizontal=True, vertical_alignment="center"):
        frame.link("events", back, "All events", icon=":material/arrow_back:")
        blocks.badge(words.sign_of(words.SEVERITIES, finding.severity))
        st.markdown(f"**{frame.moment(finding.timestamp_ms, millis=True)}**")
        command, url = console.of_finding(frame, finding)
        lines = [f"{frame.moment(line.timestamp_ms, millis=True)}  {line.text}" for line in finding.evidence]
        blocks.share(frame, state, markdown=sharing.fence("\n".join(lines)), key="event", command=command, console=url)
    blocks.plain(finding.title)
    _one_click(frame, finding)
    size = st.segmented_control(
        "records around it",
        LINES,
        default=LINES[0],
        required=True,
        key="lines",
        bind="query-params",
    )
    around = _read_again(frame, finding, int(size or LINES[0]))
    if not around:
        blocks.empty("The records around it can't be read again: their source is not at hand. What was kept of this event:")
        blocks.log_text("\n".join(lines))
        return
    st.caption("▶ marks the records that were folded into this event; a line between ━━ is a deployment")
    blocks.log_text("\n".join(context_line(line, frame) for line in around))


def context_line(line: ContextLine, frame: Frame) -> str:
    """One record, its mark on each of its lines so that none can pretend to be another; a deployment is a line of its own."""
    if line.deployment_mark:
        return f"━━ {words.visible(line.deployment_mark)} · {frame.moment(line.timestamp_ms)} ━━"
    mark = "▶" if line.is_evidence else " "
    text = words.visible(line.text).replace("\n", f"\n{mark}                ")
    return f"{mark} {words.clock(line.timestamp_ms, frame.zone, millis=True)}  {text}"


def _read_again(frame: Frame, finding: Finding, lines: int) -> list[ContextLine]:
    """The records around a finding, from where they came from; none when that is gone."""
    try:
        return frame.context(finding.id, lines)
    except errors.TriageError as error:
        blocks.plain(str(error))
        return []


def _one_click(frame: Frame, finding: Finding) -> None:
    """Filter for, exclude: one click each."""
    base = frame.state.with_(finding=None)
    with st.container(horizontal=True, gap="small"):
        frame.link("events", base.with_(fingerprint=finding.fingerprint), "Only this kind", icon=":material/filter_alt:")
        without = (*base.excluded, finding.fingerprint)
        frame.link("events", base.with_(excluded=without), "Without this kind", icon=":material/filter_alt_off:")
        if finding.route:
            route = route_id(finding.method, finding.route)
            frame.link("events", base.with_(route=route), "Only this endpoint", icon=":material/filter_alt:")
        if finding.layer:
            frame.link("events", base.with_(layer=finding.layer), "Only this layer", icon=":material/filter_alt:")
        frame.link(
            "failure", base.only_frame().with_(fingerprint=finding.fingerprint), "This kind's page", icon=":material/bug_report:"
        )
