"""Objects -> DataFrames for the screen and for CSV, pure. A row of a frame is the row of the list it was made from.

Times are texts in the page's zone with their offset; a state is `glyph word`; log text is made visible (control characters
shown). Hidden ids never stand in a frame: pages keep the list and look up the selected row's number.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING

import pandas as pd

from dashboard import words
from parsers import Category, Finding, Layer, MigrationRun

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

    from dashboard.rows import (
        AwsAccount,
        Comparison,
        DeploymentRow,
        FailureGroup,
        FieldRow,
        LadderCell,
        RouteRow,
        SourceRow,
        TimeCell,
    )
    from parsers import StandaloneTasks, StreamKey, UnexplainedGroup

MOST_ROWS = 200  # a page's table never holds more (the browser pays for each row)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")

# Which columns of any frame are painted, and by which signs.
_PAINTED: dict[str, dict[str, words.Sign]] = {
    "verdict": words.VERDICTS,
    "migrations": words.OUTCOMES,
    "outcome": words.OUTCOMES,
    "severity": words.SEVERITIES,
    "confidence": words.CONFIDENCES,
}


def deployments(rows: Sequence[DeploymentRow], zone: tzinfo) -> pd.DataFrame:
    """The landing page's table: which deployment, how bad, since when. Of several services each row says whose it is."""
    several = len({row.deployment.service for row in rows}) > 1
    return _frame(
        [
            {
                "verdict": words.sign_of(words.VERDICTS, row.verdict.verdict).label,
                **({"service": _text(row.deployment.service)} if several else {}),
                "revision": row.deployment.revision,
                "commit": _text(row.deployment.commit or "?"),
                "started": words.moment(row.deployment.started_ms or row.deployment.created_ms, zone),
                "ECS says": _text(row.deployment.ecs_status or "?"),
                "migrations": migration_cell(row),
                "requests": row.requests,
                "400s (95 % interval)": words.share(row.refused_400, row.requests, row.low_400, row.high_400),
                "other 4xx": max(0, row.refused_4xx - row.refused_400),
                "5xx": row.failed_5xx,
                "new kinds": row.new_kinds,
            }
            for row in rows
        ]
    )


def migration_cell(row: DeploymentRow) -> str:
    """`✖ failed P3005, continued`; every code of its tasks."""
    sign = words.sign_of(words.OUTCOMES, row.migration_outcome)
    codes = dict.fromkeys(code for run in row.runs if (code := run.error_code or run.implied_code))
    printed = {run.error_code for run in row.runs}
    said = ", ".join(code if code in printed else f"{code} (implied)" for code in codes) or row.migration_code or ""
    continued = ", continued" if any(run.application_continued for run in row.runs) else ""
    return _text(f"{sign.label} {said}".strip() + continued)


def failures(groups: Sequence[FailureGroup], names: Mapping[str, str], zone: tzinfo) -> pd.DataFrame:
    """One kind of failure a row; `names` gives a deployment id's revision. The chart column runs through `names` in order."""
    return _frame(
        [
            {
                "severity": words.sign_of(words.SEVERITIES, group.severity).label,
                "what": title_of(group),
                "times": group.requests,
                "by deployment": [group.by_deployment.get(identifier, 0) for identifier in names],
                "in": deployments_of(group, names),
                "layer": words.layer_word(group.layer) if group.layer or group.status else "",
                "clients": str(group.clients) if group.clients else "",
                "code": _text(code_of(group)),
                "fields": _text(words.listed(group.fields)),
                "first seen": words.moment(group.first_ms, zone),
                "last seen": words.moment(group.last_ms, zone),
            }
            for group in groups
        ]
    )


def is_request(group: FailureGroup) -> bool:
    """Whether what is counted are requests; else they are migration runs, or just times."""
    answers = (Category.VALIDATION, Category.HTTP_4XX, Category.HTTP_5XX)
    return group.status is not None or group.route is not None or group.category in answers


def counted(group: FailureGroup) -> str:
    """`109 requests`, `7 migration runs`, `3 times`: a count says what it counts."""
    if is_request(group):
        return words.requests(group.requests)
    return words.several(group.requests, "migration run" if group.category is Category.MIGRATION else "time")


def counted_together(groups: Sequence[FailureGroup]) -> str:
    """`740 failed requests, 11 migration runs, 1 other`: what many kinds add up to."""
    requests = sum(group.requests for group in groups if is_request(group))
    runs = sum(group.requests for group in groups if not is_request(group) and group.category is Category.MIGRATION)
    rest = sum(group.requests for group in groups) - requests - runs
    parts = [words.several(requests, "failed request"), words.several(runs, "migration run"), f"{rest:,} other"]
    return ", ".join(part for part, count in zip(parts, (requests, runs, rest), strict=True) if count)


def deployments_of(group: FailureGroup | FieldRow, names: Mapping[str, str]) -> str:
    """The revisions that a kind of failure was seen in, oldest first: `49, 50`; of several services `backend 49, 50; web 7`."""
    together: dict[str, list[str]] = {}
    for identifier, name in names.items():
        if group.by_deployment.get(identifier):
            service, revision = words.parts_of_label(name)
            together.setdefault(service, []).append(revision)
    return "; ".join(f"{service} {', '.join(revisions)}".strip() for service, revisions in together.items())


def title_of(thing: FailureGroup | Finding) -> str:
    """`POST /notes 400: …`: the number says it, its phrase (`Bad Request`) would push the reason out of the column."""
    title = _text(thing.title)
    if thing.status is None:
        return title
    return re.sub(rf"(?<= {thing.status}) [A-Z][A-Za-z' -]{{1,40}}(?=:|$)", "", title, count=1)


def code_of(thing: FailureGroup | Finding) -> str:
    """`P2011 / 23502`: only what is printed; what only follows from the wording is marked so."""
    printed = [code for code in (thing.code, thing.db_code) if code]
    return " / ".join(printed) if printed else f"{thing.implied_code} (implied)" if thing.implied_code else ""


def comparison(change: Comparison, deployment_id: str) -> tuple[pd.DataFrame, list[FailureGroup]]:
    """New, worse, gone and same kinds of a deployment against the one before, and the groups in the order of the rows."""
    ordered = [(word, group) for word in ("new", "worse", "gone", "same") for group in getattr(change, word)]
    frame = _frame(
        [
            {
                "change": {"new": "✚ new", "worse": "▲ worse", "gone": "○ gone", "same": "● same"}[word],
                "severity": words.sign_of(words.SEVERITIES, group.severity).label,
                "what": title_of(group),
                "before": sum(count for identifier, count in group.by_deployment.items() if identifier != deployment_id),
                "now": group.by_deployment.get(deployment_id, 0),
                "layer": words.layer_word(group.layer) if group.layer or group.status else "",
                "code": _text(code_of(group)),
                "fields": _text(words.listed(group.fields)),
            }
            for word, group in ordered[:MOST_ROWS]
        ]
    )
    return frame, [group for _, group in ordered[:MOST_ROWS]]


def migration_runs(runs: Sequence[tuple[str, MigrationRun]], zone: tzinfo) -> pd.DataFrame:
    """One run a row, each with the label of the deployment whose task it was: task ids alone may repeat between clusters."""
    return _frame(
        [
            {
                "outcome": words.sign_of(words.OUTCOMES, run.outcome).label,
                "deployment": name,
                "tool": _text(run.tool or "?"),
                "code": _text(run.error_code or (f"{run.implied_code} (implied)" if run.implied_code else "")),
                "exit code": "?" if run.exit_code is None else str(run.exit_code),
                "continued": "yes" if run.application_continued else "no",
                "found": "?" if run.migrations_found is None else str(run.migrations_found),
                "applied": "?" if run.applied_count is None else str(run.applied_count),
                "confidence": words.sign_of(words.CONFIDENCES, run.confidence).label,
                "started": words.moment(run.started_ms, zone),
                "task": run.stream.task_id or _text(run.stream.log_stream),
            }
            for name, run in runs
        ]
    )


def layers_by_deployment(cells: Sequence[LadderCell], names: Mapping[str, str]) -> pd.DataFrame:
    """The numbers of the chart of failures: a row a deployment, newest first, a column a layer."""
    layers = [str(layer) for layer in refusing_layers(cells)]
    sums = {identifier: dict.fromkeys(layers, 0) for identifier in reversed(list(names))}
    for cell in cells:
        if cell.deployment_id in sums:
            sums[cell.deployment_id][str(cell.layer)] += cell.requests
    return _frame([{"deployment": names[identifier], **inside} for identifier, inside in sums.items() if any(inside.values())])


def ladder(cells: Sequence[LadderCell], names: Mapping[str, str]) -> pd.DataFrame:
    """The layer ladder as numbers, newest deployment first: endpoint, deployment, layer, refused of answered."""
    age = {identifier: number for number, identifier in enumerate(names)}
    known = [cell for cell in cells if cell.deployment_id in names]
    known.sort(
        key=lambda cell: (cell.method or "", cell.route or "", -age[cell.deployment_id], words.LADDER.index(str(cell.layer)))
    )
    return _frame(
        [
            {
                "endpoint": _text(f"{cell.method or ''} {cell.route or ''}".strip()),
                "deployment": names[cell.deployment_id],
                "layer": words.layer_word(cell.layer),
                "refused": cell.requests,
                "of answered": cell.answered,
                "share": words.share(cell.requests, cell.answered).split(" · ")[-1],
            }
            for cell in known[:MOST_ROWS]
        ]
    )


def over_time(cells: Sequence[TimeCell], zone: tzinfo) -> pd.DataFrame:
    """The numbers of the chart over time: a row a stretch of time with failures, newest first, a column a layer or category."""
    columns = sorted({_band(cell) for cell in cells})
    sums: dict[int, dict[str, int]] = {}
    for cell in sorted(cells, key=lambda cell: -cell.bucket_ms):
        sums.setdefault(cell.bucket_ms, dict.fromkeys(columns, 0))[_band(cell)] += cell.requests
    return _frame([{"from": words.moment(at_ms, zone), **inside} for at_ms, inside in sums.items()])


def _band(cell: TimeCell) -> str:
    """Requests by the layer that refused; what is no request by its category."""
    no_request = (Category.MIGRATION, Category.STARTUP, Category.CONNECTION)
    return str(cell.category) if cell.category in no_request else words.layer_word(cell.layer)


def routes(rows: Sequence[RouteRow], order: Sequence[str]) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """One endpoint a row over all its deployments (`order`: their ids, oldest first); sparklines by deployment."""
    together: dict[tuple[str, str], list[RouteRow]] = {}
    for row in rows:
        together.setdefault((row.method or "", row.route or ""), []).append(row)
    endpoints = sorted(together, key=lambda key: (-_bad(together[key]), -sum(row.requests for row in together[key]), key))[
        :MOST_ROWS
    ]
    return _frame([_route_row(endpoint, together[endpoint], order) for endpoint in endpoints]), endpoints


def _route_row(endpoint: tuple[str, str], rows: Sequence[RouteRow], order: Sequence[str]) -> dict[str, object]:
    requests = sum(row.requests for row in rows)
    bad = _bad(rows)
    low, high = words.interval(bad, requests)
    by_id = {row.deployment_id: row for row in rows}
    statuses: dict[int, int] = {}
    for row in rows:
        for status, count in row.by_status.items():
            statuses[status] = statuses.get(status, 0) + count
    return {
        "endpoint": _text(" ".join(endpoint).strip()),
        "requests": requests,
        "failed (95 % interval)": words.share(bad, requests, low, high),
        "failed % by deployment": [_rate(by_id.get(identifier)) for identifier in order],
        "requests by deployment": [by_id[identifier].requests if identifier in by_id else 0 for identifier in order],
        "by status": ", ".join(f"{status or '?'}: {count}" for status, count in sorted(statuses.items())),
        "aborted": sum(row.aborted for row in rows),
    }


def _bad(rows: Iterable[RouteRow]) -> int:
    return sum(count for row in rows for status, count in row.by_status.items() if status >= 400)


def _rate(row: RouteRow | None) -> float:
    return round(100 * _bad([row]) / row.requests, 1) if row and row.requests else 0.0


def statuses(rows: Sequence[RouteRow], names: Mapping[str, str]) -> pd.DataFrame:
    """One endpoint's answers: a row a deployment, newest first, a column a status."""
    age = {identifier: number for number, identifier in enumerate(names)}
    known = sorted({status for row in rows for status in row.by_status})
    return _frame(
        [
            {
                "deployment": names.get(row.deployment_id, str(row.revision)),
                "requests": row.requests,
                "failed (95 % interval)": words.share(_bad([row]), row.requests, *words.interval(_bad([row]), row.requests)),
                **{str(status or "?"): row.by_status.get(status, 0) for status in known},
                "aborted": row.aborted,
            }
            for row in sorted(rows, key=lambda row: -age.get(row.deployment_id, 0))
        ]
    )


def fields(rows: Sequence[FieldRow], names: Mapping[str, str]) -> pd.DataFrame:
    """Which field, refused by which layer, with which code, how often and since which deployment."""
    return _frame(
        [
            {
                "field": _text(row.field),
                "layer": words.layer_word(row.layer),
                "code": _text(row.code or ""),
                "endpoint": _text(f"{row.method or ''} {row.route or ''}".strip()),
                "requests": row.requests,
                "by deployment": [row.by_deployment.get(identifier, 0) for identifier in names],
                "in": deployments_of(row, names),
            }
            for row in rows[:MOST_ROWS]
        ]
    )


def findings(rows: Sequence[Finding], zone: tzinfo, owners: Mapping[StreamKey, str] | None = None) -> pd.DataFrame:
    """Events that matter, newest first; `owners` gives a log stream's deployment."""
    return _frame(
        [
            {
                "time": words.moment(one.timestamp_ms, zone, millis=True),
                "severity": words.sign_of(words.SEVERITIES, one.severity).label,
                "what": title_of(one),
                "deployment": (owners or {}).get(one.stream, "?"),
                "layer": words.layer_word(one.layer) if one.layer or one.status else "",
                "code": _text(code_of(one)),
                "task": words.short_id(one.stream.task_id or one.stream.log_stream),
            }
            for one in rows
        ]
    )


def findings_with_marks(
    rows: Sequence[Finding], marks: Iterable[tuple[int, str]], zone: tzinfo, owners: Mapping[StreamKey, str] | None = None
) -> tuple[pd.DataFrame, list[Finding | None]]:
    """Findings newest first with the deployments inside the list; the second answer has None in a mark's row."""
    entries: list[tuple[int, int, Finding | str]] = [(one.timestamp_ms, 1, one) for one in rows]
    oldest = min((one.timestamp_ms for one in rows), default=0)
    marks = list(marks)
    began = max((at_ms for at_ms, _ in marks if at_ms < oldest), default=oldest)  # in which deployment the list begins
    entries += [(at_ms, 0, name) for at_ms, name in marks if at_ms >= began or not rows]
    entries.sort(key=lambda entry: (-entry[0], -entry[1]))
    events = findings([entry for _, _, entry in entries if isinstance(entry, Finding)], zone, owners)
    table: list[dict[str, str]] = []
    order: list[Finding | None] = []
    number = 0
    for at_ms, _, entry in entries:
        if isinstance(entry, str):
            table.append({"time": words.moment(at_ms, zone, millis=True), "what": f"━━ {entry} ━━"})
            order.append(None)
        else:
            table.append({str(key): value for key, value in events.iloc[number].items()})
            order.append(entry)
            number += 1
    columns = ["time", "severity", "what", "deployment", "layer", "code", "task"]
    return pd.DataFrame(table, columns=columns).fillna(""), order


def sources(rows: Sequence[SourceRow], names: Mapping[str, str], zone: tzinfo) -> pd.DataFrame:
    """Each log stream: whose it is and how we know, what of it was seen, what of it nobody understood."""
    return _frame(
        [
            {
                "task": row.attribution.task_id or _text(row.stream.log_stream or "(a file without stream names)"),
                "revision": names.get(
                    row.attribution.deployment_id or "", "? " + words.listed(row.attribution.candidates, 3)
                ).strip(),
                "confidence": words.sign_of(words.CONFIDENCES, row.attribution.confidence).label,
                "known from": _text(
                    row.attribution.rung.replace("_", " ")
                    + (f"; {row.attribution.contradiction}" if row.attribution.contradiction else "")
                ),
                "events": row.coverage.events,
                "unexplained": row.coverage.unexplained,
                "undecodable": row.coverage.undecodable,
                "gaps": len(row.coverage.gaps),
                "last event": words.moment(row.coverage.last_event_ms, zone),
                "last read": words.moment(row.last_fetch_ms, zone),
                "log group": _text(row.stream.log_group or "?"),
                "first event": words.moment(row.coverage.first_event_ms, zone),
            }
            for row in rows[:MOST_ROWS]
        ]
    )


def aws_calls(account: AwsAccount) -> pd.DataFrame:
    """The calls of one fetch, the most frequent first; a refused action that was never answered has its row too."""
    calls = dict.fromkeys(account.denied, 0) | dict(account.calls)
    return _frame(
        [
            {"API": _text(name), "calls": count, "permission": "missing" if name in account.denied else "given"}
            for name, count in sorted(calls.items(), key=lambda call: (-call[1], call[0]))
        ]
    )


def standalone(tasks: Sequence[StandaloneTasks], zone: tzinfo) -> pd.DataFrame:
    """What ran in no service, the latest first."""
    return _frame(
        [
            {
                "verdict": words.sign_of(words.VERDICTS, one.verdict).label,
                "task definition": _text(one.task_definition),
                "run by": _text(one.who),
                "tasks": one.tasks,
                "newest": words.moment(one.newest_ms, zone),
                "ended": _text(one.end),
                "migrations": words.sign_of(words.OUTCOMES, one.migration_outcome).label,
                "code": _text(one.error_code or ""),
                "task": words.short_id(one.newest.task_id),
            }
            for one in tasks[:MOST_ROWS]
        ]
    )


def unexplained(groups: Sequence[UnexplainedGroup], zone: tzinfo) -> pd.DataFrame:
    """Lines that read like an error and that no rule took."""
    return _frame(
        [
            {
                "count": group.count,
                "example": _text(group.example.text),
                "first": words.moment(group.first_ms, zone),
                "last": words.moment(group.last_ms, zone),
                "task": words.short_id(group.stream.task_id or group.stream.log_stream),
            }
            for group in groups[:MOST_ROWS]
        ]
    )


def painted(frame: pd.DataFrame, *, dark: bool) -> Styler | pd.DataFrame:
    """The frame with ink and paper on its states; the words stay, colour only repeats them."""
    columns = [column for column in frame.columns if column in _PAINTED]
    if not columns or frame.empty:
        return frame
    styler = frame.style
    for column in columns:
        styler = styler.map(lambda cell, column=column: _css(str(cell), _PAINTED[column], dark), subset=[column])
    return styler


def _css(cell: str, signs: Mapping[str, words.Sign], dark: bool) -> str:
    for sign in sorted(signs.values(), key=lambda sign: -len(sign.label)):
        if cell.startswith(sign.label):
            ink, paper = sign.ink_and_paper(dark=dark)
            return f"color: {ink}; background-color: {paper}"
    return ""


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """UTF-8 CSV that no spreadsheet computes: a cell that could start a formula gets a leading apostrophe (OWASP ASVS 1.2.10)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow([_harmless(str(column)) for column in frame.columns])
    for row in frame.itertuples(index=False):
        writer.writerow([_harmless(cell) for cell in row])
    return out.getvalue().encode("utf-8", "backslashreplace")


def _harmless(cell: object) -> str:
    if isinstance(cell, bool | int | float):
        return str(cell)
    text = "" if cell is None else words.visible(str(cell))
    return "'" + text if text.lstrip(" ").startswith(_FORMULA) or text.startswith(_FORMULA) else text


def _text(text: str | None) -> str:
    return words.visible(text or "").replace("\n", " ⏎ ")[:500]


def _frame(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def refusing_layers(cells: Iterable[LadderCell]) -> list[Layer]:
    """The layers that appear, from the door inwards."""
    present = {str(cell.layer) for cell in cells}
    return [Layer(layer) for layer in words.LADDER if layer in present]


def endpoints(cells: Sequence[LadderCell], order: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """One endpoint a row in the given order: refused requests by layer over all revisions."""
    layers = [str(layer) for layer in refusing_layers(cells)]
    sums: dict[tuple[str, str], dict[str, int]] = {endpoint: dict.fromkeys(layers, 0) for endpoint in order}
    for cell in cells:
        inside = sums.get((cell.method or "", cell.route or ""))
        if inside is not None:
            inside[str(cell.layer)] += cell.requests
    return _frame(
        [
            {"endpoint": _text(" ".join(endpoint).strip()), "refused": sum(inside.values()), **inside}
            for endpoint, inside in sums.items()
        ]
    )
