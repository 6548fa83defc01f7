"""Sources: what was read, whose it is, what nobody understood, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import tables, words
from dashboard.fetchers.permissions import ACTIONS
from dashboard.views import blocks
from dashboard.views.frame import Frame
from parsers import Confidence, counted

if TYPE_CHECKING:
    from dashboard.rows import AwsAccount, SourceRow

TITLE, PATH, ICON = "Sources", "sources", ":material/inventory_2:"
PARTS: tuple[str, ...] = ()
LOST = {action.name: f"{action.purpose}; without it {action.without}" for action in ACTIONS}


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
    _aws(frame)
    listing = tables.sources(rows, frame.names(), frame.zone)
    blocks.table(frame, listing, key="sources", alt="Log streams with coverage and attribution")
    blocks.download(listing, "sources")
    _standalone(frame)
    _unexplained(frame)


def summary(rows: list[SourceRow], frame: Frame) -> list[str]:
    """How much was read, how sure its attribution is, what was left over."""
    events = sum(row.coverage.events for row in rows)
    sure = sum(row.attribution.confidence in (Confidence.EXACT, Confidence.STRONG) for row in rows)
    rest = len(rows) - sure
    return [
        f"{counted(events, 'event')} of {counted(len(rows), 'log stream')}, complete to {frame.moment(frame.freshness())}",
        f"{sure} of {len(rows)} streams are proven to be a deployment's (exact or strong)"
        + (f"; the other {rest} say below what they stand on" if rest else ""),
        f"unexplained: {sum(row.coverage.unexplained for row in rows):,} records · "
        f"undecodable: {sum(row.coverage.undecodable for row in rows):,} events · "
        f"gaps: {sum(len(row.coverage.gaps) for row in rows):,}",
    ]


def _last_reading(frame: Frame) -> None:
    """What this server's last reading did and could not do. The terminal's own readings tell it there."""
    for line in frame.refresh.progress.told if frame.refresh else ():
        blocks.plain(f"last Refresh: {line}")


def _aws(frame: Frame) -> None:
    """The calls of the last fetch, what they cost, and which permission was missing with what is lost without it."""
    account = frame.aws_account()
    if account is None:
        blocks.plain("AWS: no call was made for this store; files cost nothing.")
        return
    asked = sum(account.calls.values())
    blocks.plain(f"AWS, last fetch {frame.moment(account.read_ms)}: {asked:,} calls, {cost(account)}")
    for action in account.denied:
        with blocks.line():
            blocks.badge(words.Sign(word="permission missing", glyph="?", icon=":material/lock:", hue="orange"))
            blocks.plain(f"{action}: {LOST.get(action, 'what it would have told is missing')}", fill=True)
    if account.denied:
        blocks.log_text("triage doctor --iam-policy")
    blocks.as_table(frame, tables.aws_calls(account), key="aws-calls", alt="AWS calls of the last fetch, by API")


def cost(account: AwsAccount) -> str:
    """Reading logs and descriptions is free of charge by call; metrics are charged by metric, bytes when they leave AWS.

    https://aws.amazon.com/cloudwatch/pricing/
    """
    metrics = account.calls.get("cloudwatch:GetMetricData", 0)
    paid = f"; GetMetricData ({metrics:,}) is charged by metric asked for" if metrics else ""
    size = f"{account.response_bytes / 1e6:,.1f} MB of log pages were received, charged as data transfer where they leave AWS"
    return (
        f"which AWS does not charge by call{paid}; {size}"
        if account.response_bytes
        else f"which AWS does not charge by call{paid}"
    )


def _standalone(frame: Frame) -> None:
    """What a schedule, a pipeline or a person ran beside the services. Silent where nothing did."""
    tasks = frame.standalone_tasks()
    if not tasks:
        return
    st.markdown("#### Tasks of no service")
    blocks.plain(
        "Nothing was rolled out by them, so there is nothing to judge. Their lines are in Events and Failures like all others."
    )
    listing = tables.standalone(tasks, frame.zone)
    blocks.table(frame, listing, key="standalone", alt="Tasks of no service, by definition and what started them")


def _unexplained(frame: Frame) -> None:
    groups = frame.unexplained()
    st.markdown("#### Unexplained: reads like an error, no rule took it")
    if not groups:
        blocks.plain("None: every record that reads like an error was taken by a rule.")
        return
    listing = tables.unexplained(groups, frame.zone)
    blocks.table(frame, listing, key="unexplained", alt="Unexplained records, grouped")
    blocks.download(listing, "unexplained")
