"""Figures: the same objects give the same bytes, few of them, and no label is HTML."""

import json
import math
from dataclasses import replace
from datetime import UTC
from itertools import combinations

import pytest

from dashboard import charts, words
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


SEEN_BY = {  # Machado, Oliveira and Fernandes 2009, severity 1: how eyes without one kind of cone see linear RGB
    "everybody": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
JUST_APART = 8  # CIE76; 2.3 is the least difference that is seen side by side


def lab(colour: str, eyes: str) -> tuple[float, float, float]:
    """CIE L*a*b* of `#RRGGBB` as these eyes see it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    red, green, blue = (min(1, max(0, sum(a * b for a, b in zip(row, linear, strict=True)))) for row in SEEN_BY[eyes])
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089,
    )
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("eyes", list(SEEN_BY))
def test_two_layers_are_told_apart_without_some_colours(eyes):
    """Any two layers differ in colour or in pattern, whichever cones an eye has; beside it stands the layer's word."""
    alike = [
        (one, other)
        for one, other in combinations(words.LADDER, 2)
        if math.dist(lab(words.LAYER_COLOURS[one], eyes), lab(words.LAYER_COLOURS[other], eyes)) < JUST_APART
        and words.LAYER_PATTERNS.get(one, "") == words.LAYER_PATTERNS.get(other, "")
    ]

    assert alike == []


def on_scale(scale, share: float) -> str:
    """The colour that Plotly paints at `share` of a scale of two colours."""
    ends = [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for _, colour in scale]
    return "#" + "".join(f"{round(low + (high - low) * share):02X}" for low, high in zip(*ends, strict=True))


@pytest.mark.parametrize("dark", [False, True])
def test_text_and_marks_of_charts_have_a_contrast_of_four_and_a_half(dark):
    """Scales, words in bars and cells, and the outline of bars and areas, which carries what a pale fill cannot."""
    page = "#12171E" if dark else "#FFFFFF"
    drawn = figures(WORKSPACE, dark=dark)
    pairs = [(figure.layout.font.color, page) for figure in drawn.values()]
    for bar in drawn["by deployment"].data:
        pairs += [(bar.marker.line.color, page), (bar.textfont.color, bar.marker.color)]
        assert bar.marker.line.width >= 1
    pairs += [(area.line.color, page) for area in drawn["over time"].data]
    assert all(area.line.width for area in drawn["over time"].data)
    assert {area.name for area in drawn["over time"].data if area.fillpattern.shape} <= {Layer.CONTROLLER}
    pairs += [(point.marker.color, page) for point in drawn["rate"].data]
    for trace in drawn["map"].data:
        shown = {trace.colorscale[2 * level][1] for row in trace.z for level in row if level is not None}
        pairs += [(trace.textfont.color, colour) for colour in shown]
    (rungs,) = drawn["rungs"].data
    pairs += [(rungs.textfont.color, on_scale(rungs.colorscale, share / 20)) for share in range(21)]
    (grid,) = drawn["grid"].data
    pairs += [(grid.textfont.color, colour) for _, colour in grid.colorscale]

    assert [(ink, paper) for ink, paper in pairs if charts.contrast(ink, paper) < 4.5] == []


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


@pytest.mark.parametrize("name", list(figures(WORKSPACE)))
def test_a_figure_names_the_revision_of_its_values_and_has_no_template(name):
    """Either of them would have Plotly draw the copy that Streamlit hands it once more; other values are another revision."""
    one, again = (figures(FakeWorkspace())[name] for _ in range(2))
    small = charts.on_a_phone(one)
    other = figures(FakeWorkspace(hostile="another"))[name]

    assert "template" not in json.loads(one.to_json())["layout"]
    assert "template" not in json.loads(small.to_json())["layout"]
    assert one.layout.datarevision == again.layout.datarevision
    assert (one.layout.datarevision == other.layout.datarevision) is (one.to_json() == other.to_json())
    assert small.layout.datarevision != one.layout.datarevision


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
