"""The pages that `pages.py` measures: over a fake workspace that answers with as much as a page ever shows."""

from dataclasses import replace

import streamlit as st

from dashboard import app, charts
from dashboard.refresh import Refresh
from dashboard.state import ZONES
from dashboard.views import blocks
from dashboard.views.frame import browser_zone
from dashboard.words import LADDER, moment
from parsers import Category, Layer
from tests.dashboard.fake_workspace import COMPLETE_TO, FakeWorkspace, TimeCell


class FullWorkspace(FakeWorkspace):
    """Two hundred kinds of failure, sixty buckets of every layer."""

    def failures(self, filters):
        kinds = super().failures(filters)
        return [
            replace(kinds[n % len(kinds)], fingerprint=f"v1:{n:012x}", title=f"{kinds[n % len(kinds)].title} #{n}")
            for n in range(200)
        ]

    def failures_over_time(self, filters, buckets=60):
        return [
            TimeCell(bucket_ms=COMPLETE_TO - 60_000 * n, deployment_id=None, revision=50, layer=Layer(layer),
                     category=Category.VALIDATION, requests=1 + (n * 7 + k) % 13)
            for n in range(buckets) for k, layer in enumerate(LADDER)
        ]  # fmt: skip


@st.cache_resource
def _workspace() -> FullWorkspace:
    return FullWorkspace()


def _small(chart: bool) -> None:
    st.segmented_control("Time zone", ZONES, default="UTC", required=True, key="tz", bind="query-params")
    zone = browser_zone(st.session_state["tz"])
    st.text(f"Logs complete to {moment(COMPLETE_TO, zone)}")
    if chart:
        cells = _workspace().failures_over_time(None)
        blocks.chart(
            charts.failures_over_time(cells, [(COMPLETE_TO - 600_000, "50")], zone, dark=False), key="chart", alt="chart"
        )


kind = st.session_state.setdefault("bench", st.query_params.get("bench", "empty"))
if kind in ("empty", "chart"):
    _small(kind == "chart")
else:
    app.main(_workspace(), _workspace, Refresh(), identity="bench")
