"""The newcomer's first screen: no data yet, and which of three things to do."""

from __future__ import annotations

import streamlit as st

from dashboard.views import blocks

_WAYS = (
    (
        "Look at the sample",
        "Five captured deployments of one bug; nothing leaves this machine.",
        "triage demo",
        ":material/science:",
    ),
    (
        "Read log files",
        "JSON lines, `aws logs tail` text, exports, plain text; a folder with ecs.json beside them is best.",
        "triage fetch --from ./logs",
        ":material/folder_open:",
    ),
    (
        "Read from AWS",
        "Read-only: log events and ECS descriptions, with your own credentials and profile.",
        "triage fetch --cluster NAME --service NAME --profile NAME --since 1d",
        ":material/cloud:",
    ),
)


def page(*, reading: bool) -> None:
    """While logs are being read there is nothing to choose, only to wait; the header shows how far it is."""
    if reading:
        st.markdown("### Reading logs")
        blocks.plain("Deployments appear here as soon as their logs are read; this page fills by itself.")
        return
    st.markdown("### Nothing was read yet")
    blocks.plain(
        "Each deployment of an ECS service gets a verdict from its logs alone. "
        "Choose where logs come from; this page fills by itself."
    )
    for column, (title, text, command, icon) in zip(st.columns(3, gap="medium"), _WAYS, strict=True):
        with column.container(border=True):
            st.markdown(f"#### {icon} {title}")
            st.markdown(text)
            st.code(command, language=None, wrap_lines=True)
    st.markdown(
        "No credentials yet? `aws sso login --profile NAME` or `aws configure`, then `triage doctor` says what is missing."
    )
