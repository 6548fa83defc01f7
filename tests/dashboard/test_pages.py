"""Each page over a fake workspace: the facts in words, the empty states, and log text that stays text."""

from dataclasses import replace
from datetime import UTC

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.state import ViewState, route_id
from dashboard.views import blocks, console, deployment, failure, window
from dashboard.views.frame import Frame
from parsers import Evidence, VerdictValue
from tests.dashboard.fake_workspace import HOSTILE, ID, TASK_50, FakeWorkspace, finding

VIEWS = ["deployments", "deployment", "migrations", "failures", "failure", "ladder", "requests", "fields", "events", "sources"]
STATE = {"failure": {"fp": "v1:50dddddddddd"}, "deployment": {"dep": ID[50]}}


def _script(view: str, hostile: str | None, empty: bool, window_end: int | None) -> None:
    import importlib
    import uuid
    from dataclasses import replace
    from datetime import UTC

    import streamlit as st

    from dashboard.state import read_state
    from dashboard.views.frame import Frame
    from parsers import VerdictValue
    from tests.dashboard.fake_workspace import FakeWorkspace

    workspace = FakeWorkspace(hostile=hostile, empty=empty)
    if "runs" in st.query_params:
        bare = [replace(row, runs=()) for row in workspace.deployments()]
        workspace.deployments = lambda *_: bare
    if "first" in st.query_params:
        workspace.comparison = lambda _: None
    if "other" in st.query_params:
        mine = workspace.deployments()
        others = [
            replace(row, deployment=replace(row.deployment, service="other", deployment_id=f"o{n}")) for n, row in enumerate(mine)
        ]
        workspace.deployments = lambda *_: [*mine, *others]
    if "passing" in st.query_params:
        rows = [replace(row, verdict=replace(row.verdict, verdict=VerdictValue.PASS)) for row in workspace.deployments()]
        workspace.deployments = lambda *_: rows
    state = read_state({key: st.query_params.get_all(key) for key in st.query_params}).with_(end_ms=window_end)
    frame = Frame(workspace=workspace, state=state, zone=UTC, dark=False, version=1, identity=uuid.uuid4().hex)
    importlib.import_module(f"dashboard.views.{view}").page(frame)


def drawn(view: str, *, hostile: str | None = None, empty: bool = False, end_ms: int | None = None, **query: str) -> AppTest:
    app = AppTest.from_function(
        _script, default_timeout=30, kwargs={"view": view, "hostile": hostile, "empty": empty, "window_end": end_ms}
    )
    for key, value in (STATE.get(view, {}) | query).items():
        app.query_params[key] = value
    app.run()
    assert not app.exception, app.exception[0].stack_trace
    return app


def words_of(app: AppTest) -> str:
    """Everything that stands on the page as text."""
    return "\n".join(str(element.value) for kind in ("text", "code", "markdown", "caption", "info") for element in app.get(kind))


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_draws_the_story(view):
    """No page raises, each says something."""
    assert words_of(drawn(view))


@pytest.mark.parametrize("view", VIEWS)
def test_an_empty_page_says_what_would_fill_it(view):
    """Without any data each page has words in place of a blank."""
    app = drawn(view, empty=True)

    assert app.info or "Unexplained" in words_of(app)


def test_an_empty_window_is_not_blamed_on_the_logs():
    """What a window or a filter left out is no missing logger."""
    narrow = words_of(drawn("requests", empty=True, end_ms=1)) + words_of(drawn("fields", empty=True, layer="orm"))
    wide = words_of(drawn("requests", empty=True)) + words_of(drawn("fields", empty=True))

    assert "would fill this" not in narrow
    assert wide.count("would fill this") == 2


def test_without_runs_no_runs_are_counted():
    """`0 migration runs:` would be half a sentence."""
    assert "0 migration runs" not in words_of(drawn("migrations", runs="none"))


def test_the_facts_of_deployment_50_stand_on_one_page():
    """FAIL, P3005, that the application continued, the task, and the refused save with its field and count."""
    said = words_of(drawn("deployment"))

    for fact in ("P3005: no migration history; the application continued", TASK_50,
                 "POST /api/v1/clinical-notes refused by database: appointmentId (43 requests)", "▶ 02:57:56Z  Error: P3005"):  # fmt: skip
        assert fact in said
    assert "FAIL" in said


def test_the_landing_page_says_since_when():
    """Five in a row, since deployment 46."""
    assert "FAIL since deployment 46 (2025-11-18 15:02:04Z), 5 in a row" in words_of(drawn("deployments"))


def test_only_guilty_lines_are_marked():
    """The line that counts migrations is no proof of the failure."""
    said = words_of(drawn("deployment"))

    assert "  02:57:54Z  34 migrations found" in said
    assert "▶ 02:57:54Z" not in said


def test_a_window_before_the_deployments_shows_none():
    """The window of the URL holds on every page."""
    assert "No deployment lies in this window" in words_of(drawn("deployments", end_ms=1))


def test_a_failures_page_says_who_is_hit_since_when():
    """Requests and clients, deployments, codes, fields, the rule, and how the cause was tied to the request."""
    said = words_of(drawn("failure"))

    for fact in ("109 requests of 7 clients", "in deployments 49, 50", "P2011 / 23502", "appointmentId must not be null", "rule prisma.p2011",
                 "34 log events folded into this one", "cause tied to its request by request_id"):  # fmt: skip
        assert fact in said


def test_a_failure_says_when_each_deployment_had_it():
    """First and last seen by deployment; where it was not seen, that is said; a line that was cut when it was read ends with …"""
    table = drawn("failure").dataframe[0].value.set_index("deployment")

    assert list(table.loc["50", ["first seen", "last seen"]]) == ["2025-11-19 02:58:54Z", "2025-11-19 03:06:05Z"]
    assert set(table.loc["46", ["first seen", "last seen"]]) == {"not seen"}
    assert failure.kept(Evidence(timestamp_ms=0, text="x" * 500)).endswith("x…")
    assert failure.kept(Evidence(timestamp_ms=0, text="x" * 499)).endswith("x")


def test_the_first_failure_of_a_deployment_is_named():
    """The timeline says what the first failed request was, not only when."""
    assert "first failure: POST /api/v1/clinical-notes 400" in words_of(drawn("deployment"))


def test_a_start_that_repeats_is_told_once():
    """Three tasks that failed alike are one transcript, one forecast and a word on the others; another code stands by itself."""
    run = FakeWorkspace().deployments()[0].runs[0]
    loop = [replace(run, id=str(n), started_ms=run.started_ms + n) for n in range(3)]
    other = replace(run, id="other", error_code="P1001")

    assert deployment.alike([*loop, other]) == [loop, [other]]


def test_a_pass_says_what_it_stands_on():
    """Never green without evidence, on the page too: each check with its words."""
    said = words_of(drawn("deployment", passing="yes"))

    assert "target runs: revision 50 runs" in said
    assert "enough evidence: 222 requests" in said


def test_the_first_deployment_is_not_called_free_of_failures():
    """Without a deployment before it there is nothing to compare with: that is said, and what would fill it."""
    said = words_of(drawn("deployment", first="yes"))

    assert "there is none before it to compare with" in said
    assert "no failure was seen" not in said


def test_a_phones_table_begins_with_what_happened(monkeypatch):
    """Titles come first and are broken into lines; elsewhere the column is as wide as the longest title needs."""
    rows = pd.DataFrame({"task": ["t"], "time": ["t"], "severity": ["✖ error"], "what": ["x" * 104]})
    wide = blocks.what_column(rows)["what"]["width"]
    monkeypatch.setattr(blocks, "is_phone", lambda: True)
    phone = blocks._rows_of_a_phone(rows)

    assert wide > 600
    assert phone["column_order"] == ["what", "severity", "time", "task"]
    assert phone["row_height"] > 64  # Streamlit breaks text into lines in rows higher than that
    assert blocks.what_column(rows)["what"]["width"] < 260


def test_the_windows_offered_are_absolute():
    """Hours back from where the logs end; the deployment that the page is about, until the next one; everything."""
    rows = FakeWorkspace().deployments()
    spans = window.offered(ViewState(deployment=ID[49]), rows, 1_763_521_800_000)

    assert spans["last 6 h"] == (1_763_521_800_000 - 6 * 3_600_000, None)
    assert spans["deployment 49"] == (rows[1].deployment.created_ms, rows[0].deployment.created_ms)
    assert spans["everything"] == (None, None)
    assert "deployment 50" in window.offered(ViewState(), rows, None)


def test_an_unknown_fingerprint_is_said():
    """A link to a failure that is not in this store explains itself."""
    assert "No failure of this fingerprint" in words_of(drawn("failure", fp="v1:ffffffffffff"))


def test_an_excluded_kind_is_left_out():
    """`not` in the URL takes a kind out of the list of events."""
    with_it = drawn("events").dataframe[0].value
    without = drawn("events", **{"not": "v1:50dddddddddd"}).dataframe[0].value

    assert len(without[without["severity"] != ""]) == len(with_it[with_it["severity"] != ""]) - 2


def test_only_this_kind_leaves_no_other():
    """`fp` in the URL of the events is a filter; so is `route`, and each stands there with a way out."""
    kind = drawn("events", fp="v1:50dddddddddd").dataframe[0].value
    endpoint = drawn("events", route=route_id("GET", "/nowhere"))

    assert set(kind["what"][kind["severity"] != ""]) == {finding(50).title}
    assert "No event matches" in words_of(endpoint)


def test_without_a_name_the_deployment_is_the_most_urgent_one():
    """The page of one deployment opens what the landing page is about, not what another service deployed last."""
    rows = FakeWorkspace().deployments()
    quiet = replace(rows[0].verdict, verdict=VerdictValue.INCONCLUSIVE)
    newer = replace(rows[0], verdict=quiet, deployment=replace(rows[0].deployment, service="web", deployment_id="w-1"))
    frame = Frame(
        workspace=FakeWorkspace(rows=lambda _: [newer, *rows]),
        state=ViewState(),
        zone=UTC,
        dark=False,
        version=1,
        identity="urgent",
    )

    assert deployment.chosen(frame) == rows[0]


def test_the_filter_words_come_from_the_url():
    """`layer=orm` shows the one kind that the ORM refused."""
    assert list(drawn("failures", layer="orm").dataframe[0].value["layer"]) == ["orm"]


def test_the_ladder_tells_its_story_in_words():
    """What the picture shows stands beside it as a sentence."""
    said = "46 validation (48) → 47 business_rule (63) → 48 orm (49) → 49 database (66) → 50 database (43)"

    assert said in words_of(drawn("ladder"))


@pytest.mark.parametrize("view", VIEWS)
def test_log_text_is_never_markdown(view):
    """A hostile line reaches text, code and table cells only: no Markdown, caption, badge, label or HTML element holds it."""
    app = drawn(view, hostile=HOSTILE["all"])
    probes = [one[:12] for one in HOSTILE.values()]

    for element_kind in ("markdown", "caption", "info", "header", "subheader", "title", "html", "badge", "button", "expander"):
        for element in app.get(element_kind):
            held = str(getattr(element, "value", "")) + str(getattr(element, "label", ""))
            assert [probe for probe in probes if probe in held] == []


def test_the_share_box_leads_to_the_same_lines_in_aws():
    """Console link and command name the stream and a minute around the run; a region that is none leads nowhere."""
    row = FakeWorkspace().deployments()[0]
    command, url = console.of_run(row, row.runs[0])
    strange = replace(row.runs[0], stream=replace(row.runs[0].stream, region="evil.example/#"))

    assert f"--log-stream-name ecs/mentalspace-backend/{TASK_50}" in command
    assert url.startswith("https://us-east-1.console.aws.amazon.com/cloudwatch/")
    assert TASK_50 in url
    assert console.of_run(row, strange) == (None, None)


def _changing_table() -> None:
    """A table whose rows are in another order at each run, as while logs are read."""
    import uuid
    from datetime import UTC

    import pandas as pd
    import streamlit as st

    from dashboard.state import ViewState
    from dashboard.views import blocks
    from dashboard.views.frame import Frame
    from tests.dashboard.fake_workspace import FakeWorkspace

    run = st.session_state["run"] = st.session_state.get("run", 0) + 1
    frame = Frame(workspace=FakeWorkspace(), state=ViewState(), zone=UTC, dark=False, version=run, identity=uuid.uuid4().hex)
    names = ["a", "b", ""] if run % 2 else ["", "b", "a"]
    chosen = blocks.table(frame, pd.DataFrame({"what": names}), key="t", alt="t", opens=("what",), ids=names)
    st.text(f"chosen: {chosen}")


def test_a_click_opens_the_row_it_was_on():
    """The store changed since the table was drawn: what opens is the row that was seen, not the one that stands there now."""
    app = AppTest.from_function(_changing_table, default_timeout=30).run()
    box = app.selectbox[0]
    offered = list(box.options)
    box.set_value(0).run()

    assert offered == ["1. a", "2. b"]  # a row without an id can't be opened
    assert app.text[0].value == "chosen: a"
    assert app.run().text[0].value == "chosen: None"


def _refused() -> None:
    import streamlit as st

    from dashboard import app
    from dashboard.refresh import Refresh
    from parsers import errors
    from tests.dashboard.fake_workspace import FakeWorkspace

    def expired() -> FakeWorkspace:
        hint = "aws configure   (or: aws sso login --profile NAME)"
        raise errors.NotSeenError("sts:GetCallerIdentity: the credentials have expired", hint=hint)

    refresh = st.session_state.setdefault("reading", Refresh())
    workspace = FakeWorkspace()
    app.main(workspace, expired, refresh, identity="refused")
    refresh.wait(10)


def _patient(pauses: list[float], empty_runs: int) -> None:
    import time
    from types import SimpleNamespace
    from unittest.mock import patch

    import streamlit as st

    from dashboard import app
    from dashboard.refresh import Refresh
    from tests.dashboard.fake_workspace import FakeWorkspace

    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    workspace = FakeWorkspace(empty=st.session_state["runs"] <= empty_runs)
    with patch.object(app, "time", SimpleNamespace(sleep=pauses.append, time=time.time)):
        app.main(workspace, lambda: workspace, Refresh(), identity=f"patient {id(workspace)}", first_picture_s=0.3)


@pytest.mark.parametrize(("empty_runs", "expected"), [(0, [0.3]), (1, [])])
def test_a_browser_gets_its_pause_once_and_at_the_beginning_only(empty_runs, expected):
    """A session that began on another page has read its code: there is nothing to wait for on the landing page."""
    pauses: list[float] = []
    app = AppTest.from_function(_patient, default_timeout=30, kwargs={"pauses": pauses, "empty_runs": empty_runs}).run()
    app.run()
    app.run()

    assert not app.exception, app.exception[0].stack_trace
    assert "Deployment 50" in words_of(app)
    assert pauses == expected


def test_a_refresh_with_an_expired_session_says_what_to_type_and_loses_nothing():
    """The command alone stands in the box that is copied, the rest beside it as words; the page below stays as it was."""
    app = AppTest.from_function(_refused, default_timeout=30).run()
    before = {element.value for element in app.text}
    app.button("refresh").click().run()
    app.run()

    assert not app.exception, app.exception[0].stack_trace
    assert "aws configure" in [element.value for element in app.code]
    said = {element.value for element in app.text}
    assert said - before == {
        "sts:GetCallerIdentity: the credentials have expired",
        "or: aws sso login --profile NAME",
        "Nothing that was read is lost: press Refresh when it is mended.",
    }
    assert before <= said


def test_other_services_take_the_whole_width_below_the_verdict_and_its_chart():
    """In the narrow column of words their lines were a tower beside nothing."""
    app = drawn("deployments", other="1")
    line = next(element.value for element in app.text if element.value.startswith("other 50: "))

    assert [column for column in app.columns if line in [element.value for element in column.text]] == []
