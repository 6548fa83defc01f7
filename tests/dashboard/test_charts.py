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
