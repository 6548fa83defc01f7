"""Tables: what a row says, which row is which object, and that no spreadsheet computes a cell."""

import csv
import io
from dataclasses import replace
from datetime import UTC

import pandas as pd
import pytest

from dashboard import tables
from dashboard.rows import Comparison, Filters
from parsers import Category
from tests.dashboard.fake_workspace import ID, FakeWorkspace, groups

WORKSPACE = FakeWorkspace()
NAMES = {ID[revision]: str(revision) for revision in sorted(ID)}


def test_the_landing_table_says_how_bad_each_deployment_is():
    """Deployment 50: FAIL although ECS is content; P3005, continued; its 400s with count and interval."""
    row = tables.deployments(WORKSPACE.deployments(), UTC).iloc[0]

    assert row["verdict"] == "✖ FAIL"
    assert row["ECS says"] == "SUCCESSFUL"
    assert row["migrations"] == "✖ failed P3005, continued"
    assert row["400s (95 % interval)"] == "58 of 222 · 26 % (21–32)"


def test_every_code_of_a_deployments_tasks_is_named():
    """Deployment 49 had one task without a database and one without a migration history."""
    row = tables.deployments(WORKSPACE.deployments(), UTC).iloc[1]

    assert row["migrations"] == "✖ failed P1001, P3005, continued"


def test_marks_stand_inside_the_list_at_their_time():
    """Newest first, the start of deployment 50 comes right under its failure and above that of deployment 49."""
    findings = WORKSPACE.findings(Filters())
    marks = [(row.deployment.started_ms, f"deployment {row.deployment.revision} started") for row in WORKSPACE.deployments()]
    frame, order = tables.findings_with_marks(findings, marks, UTC)

    assert [one.id if one else None for one in order[:3]] == ["finding-50", None, "finding-49"]
    assert frame.iloc[1]["what"] == "━━ deployment 50 started ━━"
    listed = tables.findings_with_marks(findings[:1], marks, UTC)[0]["what"]
    assert list(listed[1:]) == ["━━ deployment 50 started ━━"]  # in which deployment a list begins stands at its end


def test_a_run_belongs_to_the_deployment_it_came_with():
    """Task ids may repeat between clusters: the label is given with the run, never looked up by its task."""
    run = WORKSPACE.deployments()[0].runs[0]
    frame = tables.migration_runs([("billing 12", run), ("orders 7", run)], UTC)

    assert list(frame["deployment"]) == ["billing 12", "orders 7"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["46", "47"], "46, 47"),
        (["backend 46", "backend 47", "web 7"], "backend 46, 47; web 7"),
        (["7 · 11-18 22:30", "7 · 11-19 02:56"], "7 · 11-18 22:30, 7 · 11-19 02:56"),
    ],
)
def test_deployments_of_several_services_name_each_service_once(names, said):
    """Twenty times the service's name would push its revisions out of the column."""
    group = replace(WORKSPACE.failures(Filters())[0], by_deployment={str(number): 1 for number in range(len(names))})

    assert tables.deployments_of(group, {str(number): name for number, name in enumerate(names)}) == said


def test_a_permission_that_was_refused_is_in_the_list_of_calls():
    """What was never answered would be missed most."""
    frame = tables.aws_calls(WORKSPACE.aws_account())

    assert dict(zip(frame["API"], frame["permission"], strict=True))["ecs:ListServiceDeployments"] == "missing"
    assert list(frame["calls"]) == [41, 3, 2, 0]


def test_a_comparison_keeps_rows_and_groups_together():
    """The row that says gone belongs to the group that is gone."""
    frame, groups = tables.comparison(WORKSPACE.comparison(ID[50]), ID[50])

    assert frame.iloc[0]["change"] == "○ gone"
    assert groups[0].fingerprint == WORKSPACE.comparison(ID[50]).gone[0].fingerprint
    assert len(frame) == len(groups)


def test_a_comparison_has_both_counts():
    """How often before, how often now: 66 and 43 not-null violations."""
    group = replace(WORKSPACE.failure("v1:50dddddddddd"), by_deployment={ID[49]: 66, ID[50]: 43})
    row = tables.comparison(Comparison(same=(group,)), ID[50])[0].iloc[0]

    assert (row["before"], row["now"]) == (66, 43)


def test_the_numbers_over_time_add_up():
    """A row a stretch of time, newest first; together as many as the chart has."""
    cells = WORKSPACE.failures_over_time(Filters())
    frame = tables.over_time(cells, UTC)

    assert int(frame.drop(columns="from").to_numpy().sum()) == sum(cell.requests for cell in cells)
    assert list(frame["from"]) == sorted(frame["from"], reverse=True)


def test_one_endpoints_answers_have_a_rate():
    """Of each deployment: how many failed of how many, with the interval."""
    rows = [row for row in WORKSPACE.requests(Filters()) if row.method == "POST"]

    assert tables.statuses(rows, NAMES).iloc[0]["failed (95 % interval)"] == "51 of 71 · 72 % (60–81)"


def test_a_route_is_summed_over_its_deployments():
    """One row an endpoint: all requests, the failed with interval, a sparkline in the order of the deployments."""
    frame, endpoints = tables.routes(WORKSPACE.requests(Filters()), list(NAMES))
    row = frame.iloc[endpoints.index(("POST", "/api/v1/clinical-notes"))]

    assert row["requests"] == 460
    assert row["failed (95 % interval)"].startswith("346 of 460 · 75 %")
    assert len(row["failed % by deployment"]) == 5


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\0", "＝", " ="])
def test_no_cell_starts_a_formula(start):
    """Excel, LibreOffice and Sheets compute none of them (an apostrophe leads, or the character is written out);
    a negative number stays a number."""
    frame = pd.DataFrame([{"what": f"{start}cmd|' /C calc'!A0", "requests": -3}])
    rows = list(csv.reader(io.StringIO(tables.csv_bytes(frame).decode())))

    assert rows[1][0][0] in "'\\"
    assert rows[1][1] == "-3"


def test_csv_keeps_one_row_a_row():
    """Line ends inside log text stay inside their cell, control characters are written out."""
    frame = pd.DataFrame([{"what": 'a\nb,"c"\x1b[31m'}])
    rows = list(csv.reader(io.StringIO(tables.csv_bytes(frame).decode(), newline="")))

    assert rows[1] == ['a\nb,"c"\\x1b[31m']
    assert len(rows) == 2


def test_painting_changes_no_word():
    """The painted table holds the same texts; a state that nobody knows is not painted as good."""
    frame = tables.deployments(WORKSPACE.deployments(), UTC)
    painted = tables.painted(frame, dark=True)

    assert painted.data.equals(frame)
    assert "16294A" not in painted.to_html()  # no blue paper: nothing passed here


def test_no_table_is_longer_than_a_page():
    """A thousand endpoints are cut to two hundred rows: the browser pays for each."""
    row = WORKSPACE.requests(Filters())[0]
    many = [replace(row, method="GET", route=f"/r{n}") for n in range(1000)]
    frame, endpoints = tables.routes(many, list(NAMES))

    assert len(frame) == len(endpoints) == tables.MOST_ROWS


def test_a_count_says_what_it_counts():
    """Requests, migration runs and start-ups are not one number."""
    save = next(one for one in groups() if one.category is Category.DATABASE)
    migration = replace(next(one for one in groups() if one.category is Category.MIGRATION), requests=7)
    crash = replace(migration, category=Category.STARTUP, requests=1)

    assert [tables.counted(one) for one in (save, migration, crash)] == ["109 requests", "7 migration runs", "1 time"]
    assert tables.counted_together([save, migration, crash]) == "109 failed requests, 7 migration runs, 1 other"


def test_an_implied_code_is_told_from_a_printed_one():
    """The landing page says `42P07 (implied)` where the wording tells it and no line printed it."""
    row = WORKSPACE.deployments()[0]
    implied = replace(row.runs[0], error_code=None, implied_code="42P07", application_continued=False)

    assert tables.migration_cell(row) == "✖ failed P3005, continued"
    assert tables.migration_cell(replace(row, runs=(implied,))) == "✖ failed 42P07 (implied)"


def test_a_column_gives_its_room_to_the_reason():
    """The phrase of a status says nothing that its number does not; what was refused and why comes first."""
    one = replace(groups()[0], title="POST /notes 400 Bad Request: zod refused sessionDate", status=400)
    aborted = replace(one, title="GET /report aborted by the client: 400 Bad Request", status=None)

    assert tables.title_of(one) == "POST /notes 400: zod refused sessionDate"
    assert tables.title_of(replace(one, title="GET /x 404 Not Found", status=404)) == "GET /x 404"
    assert tables.title_of(aborted) == aborted.title
