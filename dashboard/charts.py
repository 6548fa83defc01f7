"""Plotly figures, pure: the same objects give the same bytes. Few points, no page state, no Streamlit.

Every text that came from a log passes `label`: Plotly reads HTML-like tags in labels. Colour is never alone: layers carry
their word in the bar or the cell, a pattern beside the colour, and each page puts the numbers in a table beside the chart.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from dashboard import words
from parsers import Category, Layer, Outcome

if TYPE_CHECKING:
    from dashboard.rows import DeploymentRow, LadderCell, TimeCell

MOST_ROUTES = 12
MOST_COLUMNS = 24  # more can't be read, and each bar is an element of its own in the browser
MOST_WRITTEN = 12  # columns up to which a bar is wide enough for words; measuring words that will not fit takes a browser half of the drawing
DOORS = "auth, routing, rate_limit, body_parser"
_BESIDE: dict[str, str] = {
    Category.MIGRATION: "#5E3C99",
    Category.STARTUP: "#7A5C00",
    Category.CONNECTION: "#009E73",
}  # no requests
_PHONE_NAME = re.compile(" · | ")  # where a line's name may be broken
_SIGNED_CELL = re.compile(r"(?:\d+: )?(\W) ")
_LONGEST_LABEL = 48
_SHORT = 5  # characters of a name that stand under a column upright or slanted
_FONT = "Source Sans, Source Sans Pro, sans-serif"
_LEGEND = {"orientation": "h", "yanchor": "bottom", "y": 1.04, "x": 0, "traceorder": "normal"}
_COLUMNS_OF_MAP = {"type": "category", "side": "top", "title": ""}
_ROWS_OF_MAP = {"autorange": "reversed", "type": "category", "showgrid": False, "ticks": ""}
_SCALE_PX, _LINE_PX, _BELOW_PX = 64, 20, 10
_MARGIN = {"l": 8, "r": 8, "t": 28, "b": 8}
_INK = {False: "#1F2328", True: "#ECEEF1"}
_PAPER = {False: "#FFFFFF", True: "#12171E"}
_RUNG = {False: ("#FDE9DC", "#D55E00", "#000000"), True: ("#3B2A20", "#B34E00", "#FFFFFF")}  # few, most refused; their ink
_POINT = {False: "#A8320A", True: "#FF9166"}
_LINE = {False: "#C9CDD3", True: "#4A4F57"}

Trace = dict[str, Any]


def label(text: str | None, longest: int = _LONGEST_LABEL) -> str:
    """A log's text as a Plotly label: control characters shown, tags escaped, cut to `longest` characters."""
    shown = words.visible(text or "")
    cut = shown if len(shown) <= longest else shown[: longest - 1] + "…"
    return html.escape(cut).replace("$", "&#36;")


def failures_by_deployment(cells: Sequence[LadderCell], names: Mapping[str, str], *, dark: bool) -> go.Figure:
    """Refused and failed requests a deployment, stacked by the layer that refused, in the order of the ladder.

    `names`: deployment id -> its label, oldest first; what is not in there is not drawn.
    """
    cells = [cell for cell in cells if cell.deployment_id in names]
    counts = layer_counts(cells)
    columns = _columns(cells, names)
    shown = [names[identifier] for identifier in columns]
    places, written = _places(shown), len(columns) <= MOST_WRITTEN
    traces = [
        _stack(places, [counts.get((identifier, layer), 0) for identifier in columns], layer, dark=dark, text=written)
        for layer in _layers_of(cells)
    ]
    return _with_room(
        traces,
        dark=dark,
        height=300,
        lines=_lines_under(shown),
        x_axis={"type": _axis(names)},
        y_axis={"title": "requests"},
        barmode="stack",
        bargap=0.35,
        legend=_LEGEND,
    )


def _axis(names: Mapping[str, str]) -> str:
    return "multicategory" if names and all(words.parts_of_label(name)[0] for name in names.values()) else "category"


def _places(columns: Sequence[str]) -> list[str] | list[list[str]]:
    """Where columns stand: by their names; of several services by service and, within it, revision (no slanted words)."""
    parts = [words.parts_of_label(column) for column in columns]
    if not parts or not all(service for service, _ in parts):
        return [label(column) for column in columns]
    return [[label(service) for service, _ in parts], [label(revision) for _, revision in parts]]


def failures_over_time(cells: Sequence[TimeCell], marks: Iterable[tuple[int, str]], zone: tzinfo, *, dark: bool) -> go.Figure:
    """Failures by time, stacked by layer; `marks` are (started ms, label): the deployments, as dotted lines with names.

    Areas, not bars: a bar is an element of its own in the browser, and six hundred of them take a second to draw.
    """
    buckets = _every_bucket(sorted({cell.bucket_ms for cell in cells}))
    counts = _sum(((cell.bucket_ms, _band(cell)), cell.requests) for cell in cells)
    moments = [_iso(bucket, zone) for bucket in buckets]
    bands = {_band(cell) for cell in cells}
    traces = [
        _area(moments, [counts.get((bucket, layer), 0) for bucket in buckets], layer, dark=dark)
        for layer in (DOORS, *words.LADDER, *_BESIDE)
        if layer in bands
    ]
    placed = [(_iso(at_ms, zone), label(name, 24)) for at_ms, name in marks]
    return _with_room(
        traces,
        dark=dark,
        height=280,
        lines=2,  # the time, and below it the day
        x_axis={"type": "date"},
        y_axis={"title": "failures"},
        legend=_LEGEND,
        shapes=[_mark(at, dark=dark) for at, _ in placed],
        annotations=[_name_of_mark(at, name, dark=dark) for at, name in placed],
    )


def _band(cell: TimeCell) -> str:
    """What stands at the door (unreadable, not signed in, too often, no such route) is one band over time; so is a migration."""
    doors = (Layer.BODY_PARSER, Layer.AUTH, Layer.RATE_LIMIT, Layer.ROUTING)
    if str(cell.category) in _BESIDE:
        return str(cell.category)
    return DOORS if cell.layer in doors else str(cell.layer or Layer.UNKNOWN)


def _every_bucket(buckets: list[int]) -> list[int]:
    """The empty ones between them too: an area needs its zeros. At most 120, else the given ones alone."""
    width = min((after - before for before, after in pairwise(buckets)), default=60_000)
    if not buckets or (buckets[-1] - buckets[0]) // width > 120:
        return buckets
    return list(range(buckets[0] - width, buckets[-1] + 2 * width, width))


def _area(x: list[str], y: list[int], layer: str, *, dark: bool) -> Trace:
    colour = (words.LAYER_COLOURS | _BESIDE).get(layer, words.LAYER_COLOURS[Layer.AUTH])
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "name": layer,
        "mode": "lines",
        "stackgroup": "layers",
        "line": {"shape": "hvh", "width": 0.5, "color": _INK[dark]},
        "fillcolor": colour,
        # a pattern costs the browser: only the colour that some eyes take for the doors' grey has one
        "fillpattern": _pattern(layer, colour) if layer == Layer.CONTROLLER else None,
        "hovertemplate": "%{x}: %{y} by " + layer + "<extra></extra>",
    }


def rate_by_deployment(rows: Sequence[DeploymentRow], names: Mapping[str, str], *, dark: bool) -> go.Figure:
    """Share of requests answered 400, a point a deployment with its 95 % interval; without requests there is no point."""
    known = [row for row in sorted(rows, key=_age) if row.requests]
    shares = [row.refused_400 / row.requests for row in known]
    shown = [names.get(row.deployment.deployment_id, str(row.deployment.revision)) for row in known]
    points = {
        "type": "scatter",
        "x": _places(shown),
        "y": [round(share, 4) for share in shares],
        "mode": "markers",
        "showlegend": False,
        "marker": {"size": 11, "color": _POINT[dark]},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "thickness": 2,
            "width": 8,
            "array": [round(row.high_400 - share, 4) for row, share in zip(known, shares, strict=True)],
            "arrayminus": [round(share - row.low_400, 4) for row, share in zip(known, shares, strict=True)],
        },
        "customdata": [words.share(row.refused_400, row.requests, row.low_400, row.high_400) for row in known],
        "hovertemplate": "%{x}: %{customdata}<extra></extra>",
    }
    return _with_room(
        [points],
        dark=dark,
        height=300,
        lines=_lines_under(shown),
        x_axis={"type": _axis(names)},
        y_axis={"tickformat": ".0%", "rangemode": "tozero", "title": "answered 400"},
    )


def ladder_map(cells: Sequence[LadderCell], names: Mapping[str, str], *, dark: bool) -> go.Figure:
    """Endpoint by deployment: the layer that refused most there, by word, colour and count."""
    cells = [cell for cell in cells if cell.deployment_id in names]
    routes, columns, best = worst_routes(cells), _columns(cells, names), _dominating(cells)
    grid = [[best.get((*route, identifier)) for identifier in columns] for route in routes]
    rows = [label(f"{method} {route}") for method, route in routes]
    traces = [_map_of_ink(grid, ink, [names[identifier] for identifier in columns], rows) for ink in ("#000000", "#FFFFFF")]
    return _figure(traces, dark=dark, height=90 + 46 * max(1, len(routes)), x_axis=_COLUMNS_OF_MAP, y_axis=_ROWS_OF_MAP)


def _map_of_ink(grid: list[list[LadderCell | None]], ink: str, columns: list[str], rows: list[str]) -> Trace:
    """The cells whose colour asks for this ink: a heat map has one text colour only, so there are two on each other."""
    shown = [[cell if cell and ink_on(words.LAYER_COLOURS[str(cell.layer)]) == ink else None for cell in row] for row in grid]
    colours = [words.LAYER_COLOURS[layer] for layer in words.LADDER]
    return {
        "type": "heatmap",
        "z": [[None if cell is None else words.LADDER.index(str(cell.layer)) for cell in row] for row in shown],
        "x": columns,
        "y": rows,
        "text": [
            ["" if cell is None else f"{cell.layer}<br>{cell.requests} of {cell.answered or '?'}" for cell in row]
            for row in shown
        ],
        "texttemplate": "%{text}",  # a label that does not fit is made smaller or left out
        "textfont": {"color": ink},
        "hovertemplate": "%{y}<br>deployment %{x}<br>%{text}<extra></extra>",
        "hoverongaps": False,
        "zmin": -0.5,
        "zmax": len(colours) - 0.5,
        "colorscale": _steps(colours),
        "showscale": False,
        "xgap": 3,
        "ygap": 3,
    }


def ladder_rungs(cells: Sequence[LadderCell], names: Mapping[str, str], *, dark: bool) -> go.Figure:
    """One endpoint's ladder: rungs from the door to the database, a column a deployment, refused requests in the cell."""
    cells = [cell for cell in cells if cell.deployment_id in names]
    columns, layers, counts = _columns(cells, names), _layers_of(cells), layer_counts(cells)
    grid = [[counts.get((identifier, layer)) for identifier in columns] for layer in layers]
    few, most, ink = _RUNG[dark]
    rungs = {
        "type": "heatmap",
        "z": grid,
        "x": [names[identifier] for identifier in columns],
        "y": layers,
        "xgap": 3,
        "ygap": 3,
        "showscale": False,
        "colorscale": [[0, few], [1, most]],
        "zmin": 0,
        "hovertemplate": "deployment %{x}: %{z} refused by %{y}<extra></extra>",
        "text": [["" if value is None else str(value) for value in row] for row in grid],
        "texttemplate": "%{text}",
        "textfont": {"size": 14, "color": ink},
    }
    return _figure([rungs], dark=dark, height=80 + 38 * max(1, len(layers)), x_axis=_COLUMNS_OF_MAP, y_axis=_ROWS_OF_MAP)


def migration_grid(rows: Sequence[DeploymentRow], names: Mapping[str, str], *, dark: bool) -> go.Figure:
    """Tool by deployment: the worst outcome among its tasks, by sign, word, code and colour."""
    ordered = sorted(rows, key=_age)[-MOST_COLUMNS:]
    lines = _grid_lines(ordered)
    several = len({row.deployment.service for row in ordered}) > 1
    hues: list[words.Hue] = ["gray", "blue", "yellow", "orange", "red"]
    width = max(len(line) for _, _, line in lines)
    levels: list[list[int | None]] = []
    texts: list[list[str]] = []
    for _, tool, line in lines:
        cells = [_grid_cell(row, tool) for row in line]
        missing = width - len(line)
        levels.append([None] * missing + [hues.index(sign.hue) for sign, _ in cells])
        heads = [f"{row.deployment.revision}: " if several else "" for row in line]
        texts.append(
            [""] * missing + [f"{head}{sign.label}<br>{label(code, 24)}" for head, (sign, code) in zip(heads, cells, strict=True)]
        )
    columns = (
        [f"{width - number - 1} before" for number in range(width - 1)] + ["newest deployment"]
        if several
        else [names.get(row.deployment.deployment_id, str(row.deployment.revision)) for row in ordered]
    )
    grid = {
        "type": "heatmap",
        "z": levels,
        "x": columns,
        "y": [label(f"{service} · {tool}" if several else tool) for service, tool, _ in lines],
        "text": texts,
        "texttemplate": "%{text}",
        "hoverongaps": False,
        "zmin": -0.5,
        "zmax": 4.5,
        "colorscale": _steps([words.PAIRS[hue][1 if dark else 0][1] for hue in hues]),
        "showscale": False,
        "xgap": 4,
        "ygap": 4,
        "hovertemplate": "deployment %{x}, %{y}: %{text}<extra></extra>",
        "textfont": {"color": _INK[dark], "size": 13, "family": _FONT},
    }
    return _figure([grid], dark=dark, height=80 + 56 * len(lines), x_axis=_COLUMNS_OF_MAP, y_axis=_ROWS_OF_MAP)


def on_a_phone(figure: go.Figure) -> go.Figure:
    """The same picture for a narrow screen: room for a legend of many lines, and cells that say their sign and code alone.

    The words that go stand in the table beside each chart.
    """
    small = go.Figure(figure)
    maps = [trace for trace in small.data if isinstance(trace, go.Heatmap)]
    if not maps:
        return _drawn_once(small.update_layout(height=(figure.layout.height or 300) + 130))
    for trace in maps:
        trace.x = [str(name).replace(" ", "<br>", 1) for name in trace.x]
        trace.y = [_PHONE_NAME.sub("<br>", str(name), count=1) for name in trace.y]
        trace.text = [[_short_cell(str(cell)) for cell in row] for row in trace.text]
        trace.textfont.size = 10
    small.update_yaxes(tickfont={"size": 10})
    return _drawn_once(small.update_xaxes(tickfont={"size": 10}, tickangle=0))


def _short_cell(cell: str) -> str:
    """`46: ✖ failed<br>P3005` -> `✖<br>P3005`, `validation<br>45 of 109` -> `valid<br>45`."""
    first, _, second = cell.partition("<br>")
    sign = _SIGNED_CELL.match(first)
    return f"{sign[1] if sign else first[:5]}<br>{second.split(' of ')[0]}" if cell else ""


def _grid_lines(ordered: Sequence[DeploymentRow]) -> list[tuple[str, str, list[DeploymentRow]]]:
    """(service, tool, the service's deployments oldest first): a tool that a service never used is no line of that service."""
    lines = []
    for service in dict.fromkeys(row.deployment.service for row in ordered):
        mine = [row for row in ordered if row.deployment.service == service]
        tools = sorted({str(run.tool or "?") for row in mine for run in row.runs}) or ["no tool seen"]
        lines += [(service, tool, mine) for tool in tools]
    return lines


def worst_routes(cells: Sequence[LadderCell]) -> list[tuple[str, str]]:
    """At most twelve (method, route), the most refusals first; of equal ones in the order of the alphabet."""
    counts = _sum(((cell.method or "", cell.route or ""), cell.requests * _weight(cell)) for cell in cells)
    return sorted(counts, key=lambda route: (-counts[route], route))[:MOST_ROUTES]


def _weight(cell: LadderCell) -> float:
    """What a door refuses (no token, no such route) says little about a deployment."""
    return 0.01 if cell.layer in (Layer.AUTH, Layer.ROUTING, Layer.RATE_LIMIT) else 1


def _dominating(cells: Sequence[LadderCell]) -> dict[tuple[str, str, str], LadderCell]:
    best: dict[tuple[str, str, str], LadderCell] = {}
    for cell in sorted(cells, key=lambda cell: (cell.requests, str(cell.layer))):
        best[(cell.method or "", cell.route or "", cell.deployment_id)] = cell
    return best


def _columns(cells: Sequence[LadderCell], names: Mapping[str, str]) -> list[str]:
    """The newest deployments that have anything to show, oldest first."""
    present = {cell.deployment_id for cell in cells}
    return [identifier for identifier in names if identifier in present][-MOST_COLUMNS:]


def _grid_cell(row: DeploymentRow, tool: str) -> tuple[words.Sign, str]:
    runs = [run for run in row.runs if str(run.tool or "?") == tool]
    if not runs:
        return words.sign_of(words.OUTCOMES, row.migration_outcome if not row.runs else Outcome.NOT_SEEN), ""
    signs = [words.sign_of(words.OUTCOMES, run.outcome) for run in runs]
    hues: list[words.Hue] = ["red", "orange", "yellow", "gray", "blue"]
    codes = dict.fromkeys(code for run in runs if (code := run.error_code or run.implied_code))
    return min(signs, key=lambda sign: hues.index(sign.hue)), ", ".join(codes)


def ink_on(colour: str) -> str:
    """Black or white, whichever has the better contrast on a colour."""
    return "#000000" if contrast("#000000", colour) >= contrast("#FFFFFF", colour) else "#FFFFFF"


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two `#RRGGBB` colours. https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _stack(x: list[str] | list[list[str]], y: list[int], layer: str, *, dark: bool, text: bool = False) -> Trace:
    """A layer's part of the bars, outlined: the lighter (on a dark page the darker) fills are too near the page's own colour."""
    colour = words.LAYER_COLOURS[layer]
    most = max(y, default=0)
    inside = [f"{layer} {value}" if value and value * 8 >= most else "" for value in y] if text else None
    return {
        "type": "bar",
        "x": x,
        "y": y,
        "name": layer,
        "text": inside,
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "marker": {
            "color": colour,
            "line": {"width": 1, "color": _INK[dark]},
            "pattern": _pattern(layer, colour),
        },
        "textfont": {"color": ink_on(colour), "size": 12},
        "hovertemplate": "%{x}: %{y} by " + layer + "<extra></extra>",
    }


def _pattern(layer: str, colour: str) -> dict[str, Any]:
    shape = words.LAYER_PATTERNS.get(layer, "")
    return {"shape": shape, "size": 7, "solidity": 0.12, "bgcolor": colour, "fgcolor": "rgba(0,0,0,0.25)"}


def _mark(at: str, *, dark: bool) -> dict[str, Any]:
    """A dotted line over the whole height."""
    line = {"dash": "dot", "width": 1.5, "color": _INK[dark]}
    return {"type": "line", "xref": "x", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "y domain", "line": line}


def _name_of_mark(at: str, name: str, *, dark: bool) -> dict[str, Any]:
    """The label of such a line, inside the plot, clear of the legend above it."""
    return {
        "x": at,
        "yref": "paper",
        "y": 1,
        "xanchor": "left",
        "yanchor": "top",
        "text": name,
        "showarrow": False,
        "font": {"size": 12, "color": _INK[dark]},
        "bgcolor": _PAPER[dark],
    }


def _with_room(
    traces: list[Trace],
    *,
    dark: bool,
    height: int,
    lines: int | None,
    x_axis: dict[str, Any],
    y_axis: dict[str, Any],
    **layout: Any,
) -> go.Figure:
    """Room for a scale of numbers on the left and for so many lines below, said beforehand.

    Where Plotly has to find the room itself it draws the chart again and again: twice the work for the browser.
    """
    below = {} if lines is None else {"b": _BELOW_PX + _LINE_PX * lines}
    return _figure(
        traces,
        dark=dark,
        height=height,
        x_axis=x_axis if lines is None else {**x_axis, "automargin": False},
        y_axis={**y_axis, "automargin": False},
        margin={**_MARGIN, "l": _SCALE_PX, **below},
        **layout,
    )


def _figure(
    traces: list[Trace], *, dark: bool, height: int, x_axis: dict[str, Any], y_axis: dict[str, Any], **layout: Any
) -> go.Figure:
    """A figure, made at once: to change one takes Plotly as long as to make it, and a chart has a dozen of such settings."""
    whole = {
        "template": "none",
        "height": height,
        "margin": _MARGIN,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": _INK[dark], "size": 13, "family": _FONT},
        "hovermode": "closest",
        "dragmode": False,
        "uniformtext": {"minsize": 11, "mode": "hide"},
        "xaxis": {"showgrid": False, "linecolor": _LINE[dark], "fixedrange": True, "automargin": True, **x_axis},
        "yaxis": {"gridcolor": _LINE[dark], "gridwidth": 1, "zeroline": False, "fixedrange": True, "automargin": True, **y_axis},
        **layout,
    }
    return _drawn_once(go.Figure(data=traces, layout=whole))


def _drawn_once(figure: go.Figure) -> go.Figure:
    """The same figure for a page that hands it to Plotly twice, as Streamlit does with copies: Plotly draws it once.

    It draws again what is not the very same object: a template, and lists of values unless a revision of them is named
    (https://plotly.com/javascript/plotlyjs-function-reference/#plotlyreact). The revision is made of the content: other values,
    another one.
    """
    figure.layout.template = None
    figure.layout.datarevision = hashlib.blake2b(figure.to_json().encode(), digest_size=8).hexdigest()
    return figure


def _lines_under(columns: Sequence[str]) -> int | None:
    """Lines that the names of columns take; None: some are too long to stand upright or slanted in so little room."""
    parts = [words.parts_of_label(column) for column in columns]
    if any(len(revision) > _SHORT for _, revision in parts):
        return None
    return 2 if parts and all(service for service, _ in parts) else 1


def _layers_of(cells: Iterable[LadderCell | TimeCell]) -> list[str]:
    present = {str(cell.layer or Layer.UNKNOWN) for cell in cells}
    return [layer for layer in words.LADDER if layer in present]


def _sum(pairs: Iterable[tuple[Any, float]]) -> dict[Any, Any]:
    total: dict[Any, Any] = defaultdict(int)
    for key, count in pairs:
        total[key] += count
    return dict(total)


def _steps(colours: Sequence[str]) -> list[list[Any]]:
    """A colour scale of equal flat steps, one a colour."""
    size = len(colours)
    return [[edge / size, colour] for number, colour in enumerate(colours) for edge in (number, number + 1)]


def _age(row: DeploymentRow) -> tuple[int, str]:
    deployment = row.deployment
    return (deployment.started_ms or deployment.created_ms or 0, deployment.deployment_id)


def _iso(timestamp_ms: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def layer_counts(cells: Iterable[LadderCell]) -> dict[tuple[str, str], int]:
    """(deployment id, layer) -> refused requests: the numbers behind `failures_by_deployment`."""
    return _sum(((cell.deployment_id, str(cell.layer)), cell.requests) for cell in cells)
