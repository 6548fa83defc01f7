"""Failure: one fingerprint's own page. What is it, who is hit, since which deployment, and the lines that prove it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import sharing, tables, words
from dashboard.state import route_id
from dashboard.views import blocks, console
from dashboard.views.frame import Frame
from parsers import Evidence, Finding

if TYPE_CHECKING:
    from dashboard.rows import FailureGroup
    from dashboard.state import ViewState

TITLE, PATH, ICON = "Failure", "failure", ":material/bug_report:"
PARTS = ("fingerprint", "finding")
LONGEST_EVIDENCE = 500  # characters: longer lines were cut when they were read


def page(frame: Frame) -> None:
    fingerprint = frame.state.fingerprint
    group = frame.failure(fingerprint) if fingerprint else None
    if group is None:
        blocks.empty("No failure of this fingerprint is in the store. The list of failures has those that are.")
        frame.link("failures", frame.state.only_frame(), "All failures", icon=":material/arrow_back:")
        return
    example = sample(group, frame.state.finding)
    _head(frame, group, example)
    _where(frame, group)
    _sample(frame, group, example)
    _next(frame, group, example)


def sample(group: FailureGroup, finding_id: str | None) -> Finding | None:
    """The example that the URL names, else the newest."""
    named = next((one for one in group.examples if one.id == finding_id), None)
    return named or (group.examples[0] if group.examples else None)


def _head(frame: Frame, group: FailureGroup, example: Finding | None) -> None:
    state = frame.state.only_frame().with_(fingerprint=group.fingerprint, finding=frame.state.finding)
    refused = f"Refused by {group.layer}" if group.layer else str(group.category).replace("_", " ").capitalize()
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center"):
            blocks.badge(words.sign_of(words.SEVERITIES, group.severity))
            st.markdown(f"### {refused}")
            command, url = console.of_finding(frame, example)
            blocks.share(
                frame,
                state,
                markdown=sharing.failure(group, example, frame.names(group.by_deployment), frame.url(state)),
                key="failure",
                command=command,
                console=url,
            )
        blocks.plain(group.title)
        blocks.plain(summary(group, frame.names(group.by_deployment)))
        seen = f"first seen {frame.moment(group.first_ms)} · last seen {frame.moment(group.last_ms)}"
        st.caption(f"fingerprint {group.fingerprint} · {seen}")


def summary(group: FailureGroup, names: dict[str, str]) -> str:
    """`109 requests of 7 clients in deployments 49, 50 · P2011 / 23502`; what the title says is not said again."""
    seen = tables.deployments_of(group, names)
    several = "," in seen or ";" in seen
    who = f" of {words.several(group.clients, 'client')}" if group.clients else ""
    endpoint = f"{group.method or ''} {group.route or ''}".strip()
    unsaid = [field for field in group.fields if field not in group.title]
    parts = [
        tables.counted(group) + who if group.requests else None,
        f"in deployment{'s' if several else ''} {seen}" if seen else None,
        endpoint if endpoint and endpoint not in group.title else None,
        f"status {group.status}" if group.status and str(group.status) not in group.title else None,
        tables.code_of(group) or None,
        f"also fields {words.listed(unsaid)}" if unsaid else None,
    ]
    return " · ".join(part for part in parts if part)


def _where(frame: Frame, group: FailureGroup) -> None:
    st.markdown("#### By deployment")
    rows = pd.DataFrame(
        [
            {
                "deployment": name,
                "times": group.by_deployment.get(identifier, 0),
                **{
                    word: frame.moment(at_ms) if at_ms else "not seen"
                    for word, at_ms in zip(("first seen", "last seen"), group.seen.get(identifier, (None, None)), strict=True)
                },
            }
            for identifier, name in reversed(frame.names(group.by_deployment).items())
        ]
    )
    top = max(group.by_deployment.values(), default=1)
    blocks.table(
        frame,
        rows,
        key="where",
        alt="How often this failure came by deployment, and when first and last",
        config={"times": st.column_config.ProgressColumn("times", format="%d", min_value=0, max_value=max(1, top))},
    )
    if group.fields:
        st.markdown("#### Fields")
        blocks.plain(", ".join(group.fields[:40]))


def _sample(frame: Frame, group: FailureGroup, example: Finding | None) -> None:
    st.markdown("#### One redacted sample, all its records folded")
    if example is None:
        blocks.empty("No example is kept any more: counts outlive examples (the newest 20 of each kind and deployment are kept).")
        return
    blocks.log_text("\n".join(f"{words.clock(line.timestamp_ms, frame.zone)}  {kept(line)}" for line in example.evidence))
    blocks.plain(proof(example))
    state = frame.state.only_frame().with_(finding=example.id)
    frame.link("events", state, "The records around it", icon=":material/arrow_forward:")
    others = [one for one in group.examples if one.id != example.id][:5]
    if others:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            blocks.plain("Other samples:")
            for one in others:
                frame.link(
                    "failure", frame.state.with_(finding=one.id), frame.moment(one.timestamp_ms), icon=":material/history:"
                )


def kept(line: Evidence) -> str:
    """A line of evidence; where it was cut to its longest it says so."""
    return line.text + ("…" if len(line.text) >= LONGEST_EVIDENCE else "")


def proof(example: Finding) -> str:
    """How we know: which rule, how many log events, how the cause was tied to its request, on which task."""
    parts = [
        f"rule {example.rule_id}",
        f"{example.events} log events folded into this one"
        + (f", {len(example.evidence)} of their lines kept" if example.events > len(example.evidence) else ""),
        f"cause tied to its request by {example.cause_link}" if example.cause_link else None,
        f"task {example.stream.task_id or example.stream.log_stream or '?'}",
        f"request id {example.request_id}" if example.request_id else None,
    ]
    return " · ".join(part for part in parts if part)


def _next(frame: Frame, group: FailureGroup, example: Finding | None) -> None:
    del example
    base = frame.state.only_frame()
    with st.container(horizontal=True, gap="small"):
        frame.link("events", base.with_(fingerprint=group.fingerprint), "All its events", icon=":material/list_alt:")
        if group.route:
            same: ViewState = base.with_(route=route_id(group.method, group.route))
            frame.link("ladder", same, "This endpoint's ladder", icon=":material/stairs:")
            frame.link("requests", same, "This endpoint's requests", icon=":material/swap_vert:")
        frame.link("failures", base, "All failures", icon=":material/arrow_back:")
