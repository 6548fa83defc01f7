"""The script that page tests run in place of `dashboard/app.py`: the same pages over a fake workspace.

`TRIAGE_FAKE` is read from Streamlit's secrets, not from the environment: `hostile` or `empty` choose what the fake holds.
"""

import streamlit as st

from dashboard import app
from dashboard.refresh import Refresh
from tests.dashboard.fake_workspace import HOSTILE, FakeWorkspace


@st.cache_resource
def _workspace(kind: str) -> FakeWorkspace:
    return FakeWorkspace(hostile=HOSTILE.get(kind), empty=kind == "empty")


@st.cache_resource
def _refresh() -> Refresh:
    return Refresh()


kind = st.query_params.get("fake") or st.session_state.get("fake", "story")
st.session_state["fake"] = kind
app.main(_workspace(kind), lambda: _workspace(kind), _refresh(), identity=kind)
