"""Sources: what was read, whose it is, what nobody understood, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import tables
from dashboard.views import blocks
from dashboard.views.frame import Frame
from parsers import Confidence

if TYPE_CHECKING:
    from dashboard.rows import SourceRow

TITLE, PATH, ICON = "Sources", "sources", ":material/inventory_2:"


def page(frame: Frame) -> None:
    st.markdown("### Sources")
    rows = frame.sources()
    if not rows:
        blocks.empty(
            "Nothing was read yet.", "triage demo", "triage fetch --from ./logs", "triage fetch --cluster NAME --service NAME"
        )
        return
    for line in summary(rows, frame):
        blocks.plain(line)
    _last_reading(frame)
    listing = tables.sources(rows, frame.names(), frame.zone)
    blocks.table(frame, listing, key="sources", alt="Log streams with coverage and attribution")
    blocks.download(listing, "sources")
    _unexplained(frame)


def summary(rows: list[SourceRow], frame: Frame) -> list[str]:
    """How much was read, how sure its attribution is, what was left over."""
    events = sum(row.coverage.events for row in rows)
    sure = sum(row.attribution.confidence in (Confidence.EXACT, Confidence.STRONG) for row in rows)
    lost = sum(len(row.coverage.gaps) for row in rows)
    return [
        f"{events:,} events of {len(rows)} log streams, complete to {frame.moment(frame.freshness())}",
        f"{sure} of {len(rows)} streams are attributed to a deployment by proof (exact or strong); the others say how",
        f"{sum(row.coverage.unexplained for row in rows):,} records read like errors and no rule took them; "
        f"{sum(row.coverage.undecodable for row in rows):,} events could not be decoded; {lost} gaps",
    ]


def _last_reading(frame: Frame) -> None:
    """What this server's last reading did and could not do. The terminal's own readings tell it there."""
    for line in frame.refresh.progress.told if frame.refresh else ():
        blocks.plain(f"last Refresh: {line}")


def _unexplained(frame: Frame) -> None:
    groups = frame.unexplained()
    st.markdown("#### Unexplained: reads like an error, no rule took it")
    if not groups:
        blocks.plain("None: every record that reads like an error was taken by a rule.")
        return
    listing = tables.unexplained(groups, frame.zone)
    blocks.table(frame, listing, key="unexplained", alt="Unexplained records, grouped")
    blocks.download(listing, "unexplained")
