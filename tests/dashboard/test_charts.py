"""Figures: the same objects give the same bytes, few of them, and no label is HTML."""

import json
from dataclasses import replace
from datetime import UTC

import pytest

from dashboard import charts
from dashboard.rows import Filters
from parsers import Layer
from tests.dashboard.fake_workspace import HOSTILE_HTML, ID, FakeWorkspace

WORKSPACE = FakeWorkspace()
NAMES = {ID[revision]: str(revision) for revision in sorted(ID)}


def figures(workspace: FakeWorkspace, *, dark: bool = False) -> dict:
    cells, rows = workspace.ladder(Filters()), workspace.deployments()
    return {
        "by deployment": charts.failures_by_deployment(cells, NAMES, dark=dark),
        "over time": charts.failures_over_time(workspace.failures_over_time(Filters()), [(1763520992910, "50")], UTC, dark=dark),
        "rate": charts.rate_by_deployment(rows, NAMES, dark=dark),
        "map": charts.ladder_map(cells, NAMES, dark=dark),
        "rungs": charts.ladder_rungs(cells, NAMES, dark=dark),
        "grid": charts.migration_grid(rows, NAMES, dark=dark),
    }


@pytest.mark.parametrize("name", list(figures(WORKSPACE)))
def test_a_figure_is_deterministic_and_small(name):
    """Built twice from the same objects it is the same JSON, below 20 kB."""
    first, second = (figures(FakeWorkspace())[name].to_json() for _ in range(2))

    assert first == second
    assert len(first) < 20_000


@pytest.mark.parametrize("name", list(figures(WORKSPACE)))
def test_no_label_of_a_figure_is_html(name):
    """A route or a tool named `<img …>` is text in every label, tick and hover."""
    figure = figures(FakeWorkspace(hostile=HOSTILE_HTML))[name].to_json()

    assert "<img" not in json.loads(json.dumps(figure))
    assert "\\u003cimg" not in figure


def test_the_stacks_add_up_to_the_refused_requests():
    """What the bars of revision 50 show together is what the ladder's cells of revision 50 hold."""
    cells = WORKSPACE.ladder(Filters())
    figure = charts.failures_by_deployment(cells, NAMES, dark=False)
    shown = sum(trace.y[list(trace.x).index("50")] for trace in figure.data)

    assert shown == sum(cell.requests for cell in cells if cell.revision == 50)


def test_a_deployment_without_requests_has_no_rate():
    """A share of nothing is not drawn as zero."""
    row = replace(WORKSPACE.deployments()[0], requests=0, refused_400=0)

    assert list(charts.rate_by_deployment([row], NAMES, dark=False).data[0].x or []) == []


def test_the_ladder_names_the_layer_that_refused_most():
    """For POST /clinical-notes the map says validation, business_rule, orm, database, database."""
    figure = charts.ladder_map(WORKSPACE.ladder(Filters()), NAMES, dark=False)
    row = list(figure.data[0].y).index("POST /api/v1/clinical-notes")
    said = ["".join(trace.text[row][column] for trace in figure.data).split("<br>")[0] for column in range(5)]

    assert said == [Layer.VALIDATION, Layer.BUSINESS_RULE, Layer.ORM, Layer.DATABASE, Layer.DATABASE]


def test_doors_do_not_hide_what_is_behind_them():
    """Many refused log-ins weigh less than a few refused saves when endpoints are ranked."""
    assert charts.worst_routes(WORKSPACE.ladder(Filters()))[0] == ("POST", "/api/v1/clinical-notes")


def test_a_service_has_lines_for_its_own_tools_only():
    """Another service's tool is no unknown of this one: no grey cell asks for a migration that nobody expects."""
    rows = WORKSPACE.deployments()
    other = replace(rows[0], deployment=replace(rows[0].deployment, deployment_id="other", service="web", revision=7), runs=())
    grid = charts.migration_grid([*rows, other], NAMES | {"other": "web 7"}, dark=False).data[0]

    assert list(grid.y) == ["mentalspace-backend · prisma", "web · no tool seen"]
    assert list(grid.x) == ["4 before", "3 before", "2 before", "1 before", "newest deployment"]
    assert list(grid.text[1][:4]) == [""] * 4
    assert grid.text[0][4].startswith("50: ")


def test_columns_of_several_services_stand_under_their_service():
    """Names of services are long: slanted under each bar they push the chart away. What they hold is never HTML."""
    names = {ID[49]: "backend 49", ID[50]: "<b>web 50"}
    figure = charts.failures_by_deployment(WORKSPACE.ladder(Filters()), names, dark=False)

    assert [list(level) for level in figure.data[0].x] == [["backend", "&lt;b&gt;web"], ["49", "50"]]


def test_a_long_history_is_drawn_by_its_newest_deployments():
    """Three hundred bars take the browser seconds, and nobody can read them."""
    cell = WORKSPACE.ladder(Filters())[0]
    cells = [replace(cell, deployment_id=str(number)) for number in range(60)]
    figure = charts.failures_by_deployment(cells, {str(number): f"r{number}" for number in range(60)}, dark=False)

    assert list(figure.data[0].x) == [f"r{number}" for number in range(60 - charts.MOST_COLUMNS, 60)]


@pytest.mark.parametrize("name", list(figures(WORKSPACE)))
def test_a_phone_gets_the_same_numbers_in_fewer_words(name):
    """Cells say sign and code, or layer and count; the figure that was made for all is left as it is."""
    figure = figures(FakeWorkspace())[name]
    before = figure.to_json()
    small = charts.on_a_phone(figure)

    assert figure.to_json() == before
    assert [len(trace.x) for trace in small.data] == [len(trace.x) for trace in figure.data]
    if name == "grid":
        assert list(small.data[0].text[0]) == ["✖<br>P3005", "✖<br>P3005", "✖<br>P3005", "✖<br>P1001, P3005", "✖<br>P3005"]
    if name == "map":
        assert "POST<br>/api/v1/clinical-notes" in small.data[0].y
        assert "valid<br>48" in small.data[0].text[0]


@pytest.mark.parametrize("name", ["by deployment", "over time", "rate"])
def test_the_room_around_a_chart_is_said_beforehand(name):
    """Where Plotly is to find it, it draws the chart again and again: half of a reload's work in the browser."""
    layout = figures(WORKSPACE)[name].layout

    assert (layout.xaxis.automargin, layout.yaxis.automargin) == (False, False)
    assert layout.margin.l >= 50
    assert layout.margin.b >= 30


def test_long_names_under_columns_get_the_room_they_need():
    """A revision that was deployed twice has its time in its name."""
    cells = WORKSPACE.ladder(Filters())
    twice = {identifier: f"{name} · 11-19 02:56" for identifier, name in NAMES.items()}

    assert charts.failures_by_deployment(cells, twice, dark=False).layout.xaxis.automargin


def test_bars_too_narrow_for_words_have_none():
    """They would be measured by the browser one by one, and hidden."""
    some = WORKSPACE.ladder(Filters())[:1]
    names = {f"id-{number}": str(number) for number in range(charts.MOST_WRITTEN + 1)}
    cells = [replace(some[0], deployment_id=one) for one in names]

    narrow = charts.failures_by_deployment(cells, names, dark=False)
    wide = charts.failures_by_deployment(cells[1:], names, dark=False)

    assert [bar.text for bar in narrow.data] == [None]
    assert all(bar.text for bar in wide.data)
