"""The blocks that pages share. Log text goes through `log_text`, `st.text` and table cells only: never Markdown, never HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard import charts, tables, words
from dashboard.state import PAGE
from dashboard.views.frame import Frame, is_phone
from parsers import MigrationRun, Reason, ReasonCode, TranscriptLine, Verdict

if TYPE_CHECKING:
    from dashboard.state import ViewState

NEEDED = words.Sign(word="needed", glyph="?", icon=":material/help:", hue="gray")
_CRITICAL = {
    ReasonCode.MIGRATION_FAILED,
    ReasonCode.MIGRATION_FAILED_CONTINUED,
    ReasonCode.CRASH_LOOP,
    ReasonCode.MIGRATION_SUSPECT,
    ReasonCode.STARTUP_FAILED,
    ReasonCode.ROLLED_BACK,
    ReasonCode.NEVER_RAN,
    ReasonCode.MIGRATION_STUCK,
    ReasonCode.MIGRATION_PENDING,
}
_ASKS = {
    ReasonCode.LOGS_MISSING,
    ReasonCode.NOT_SETTLED,
    ReasonCode.UNATTRIBUTED,
    ReasonCode.TOO_FEW_REQUESTS,
    ReasonCode.IN_PROGRESS,
    ReasonCode.LINES_MAY_BE_LOST,
    ReasonCode.CONTROLLER_NOT_JUDGED,
    ReasonCode.MIGRATION_NOT_SEEN,
    ReasonCode.MIGRATION_UNPROVEN,
    ReasonCode.CONTRADICTION,
}
_LONGEST_NAME = 110  # characters of a row's name in the box that opens it
PAGE_ROWS = 50  # more would pass 60 kB a rerun
_BUTTON_PX, _LAYER_PX = 76, 106
_LETTER_PX, _CELL_PX = 6.2, 18  # how wide a letter of a table is, and what surrounds a cell's text
_LEAST_TITLE_PX, _MOST_TITLE_PX, _PHONE_TITLE_PX = 240, 700, 236
_PHONE_ROW_PX = 84  # four lines of a title: text is broken into lines where a row is higher than 64 pixels
_CHART = {"displayModeBar": False, "responsive": True, "scrollZoom": False, "doubleClick": False}


def badge(sign: words.Sign, suffix: str = "") -> None:
    """A state as icon, word and colour; `suffix` is ours, never log text."""
    st.badge(f"{sign.word}{suffix}", icon=sign.icon, color=sign.hue)


def log_text(text: str) -> None:
    """Log text, copyable, as it is: control characters shown. Never in a box that scrolls: the keyboard could not reach its end."""
    st.code(words.visible(text), language=None, wrap_lines=True)


def plain(text: str, *, fill: bool = False) -> None:
    """One line of words that may quote a log; with `fill` it takes the rest of its row."""
    st.text(words.visible(text), width="stretch" if fill else "content")


def empty(text: str, *commands: str) -> None:
    """An empty state: what would fill it, and what to type."""
    st.info(text, icon=":material/hourglass_empty:")
    for command in commands:
        st.code(command, language=None)


def chart(figure: go.Figure, *, key: str, alt: str) -> None:
    if is_phone():
        figure = charts.on_a_phone(figure)
    st.plotly_chart(figure, key=key, alt=alt, config=_CHART, theme=None)


def table(
    frame: Frame,
    rows: pd.DataFrame,
    *,
    key: str,
    alt: str,
    opens: Sequence[str] = (),
    ids: Sequence[str] = (),
    config: dict[str, Any] | None = None,
    buttons: Mapping[str, Callable[[int], None]] | None = None,
) -> str | None:
    """A table, fifty rows a page. With `opens`, the columns that name a row, and `ids`, one a row, a row can be chosen.
    A column of `buttons` is pressed in a row; what it does is told the row's number.

    A row is chosen by its name in the box above (keyboard, phone, screen reader) or by its tick box; the answer is its id. It
    is noted at the click, for the rows may be others a moment later, while logs are read. A row without an id can't be opened.
    """
    place = st.container()
    first = _page(len(rows), key) * PAGE_ROWS
    part = rows.iloc[first : first + PAGE_ROWS]
    options: dict[str, Any] = {
        "hide_index": True,
        "alt": alt,
        "column_config": dict(config or {}),
        "key": f"{key}-{frame.version}-{first}",
        **_rows_of_a_phone(rows),
    }
    for name, press in (buttons or {}).items():
        named = f"{name}-{options['key']}"
        pressed = partial(_pressed, named, first, press)
        options["column_config"][name] = st.column_config.ButtonColumn(
            width=_BUTTON_PX, type="tertiary", on_click=pressed, key=named
        )
    if not opens:
        place.dataframe(tables.painted(part, dark=frame.dark), **options)
        return None
    mine = list(ids[first : first + PAGE_ROWS])
    with place:
        named = f"open-{options['key']}"
        _named_row(part, opens, mine, key=named, note=partial(_note, key, named, mine))
        ticked = partial(_note, key, options["key"], mine)
        st.dataframe(tables.painted(part, dark=frame.dark), on_select=ticked, selection_mode="single-row", **options)
    chosen: str | None = st.session_state.pop(f"chosen-{key}", None)
    return chosen


def _pressed(widget: str, first: int, press: Callable[[int], None]) -> None:
    click = st.session_state.get(widget)
    if click is not None:
        press(first + click["row"])


def _rows_of_a_phone(rows: pd.DataFrame) -> dict[str, Any]:
    """On a phone a table with titles begins with them: what stands right of the first 240 pixels nobody sees."""
    if "what" not in rows.columns or not is_phone():
        return {}
    signs = [name for name in ("severity", "change", "time") if name in rows.columns]
    return {
        "row_height": _PHONE_ROW_PX,
        "column_order": ["what", *signs, *(c for c in rows.columns if c not in ("what", *signs))],
    }


def _note(key: str, widget: str, ids: Sequence[str]) -> None:
    """Called at the click, before anything is drawn anew: whose row it was."""
    value = st.session_state.get(widget)
    row = value if isinstance(value, int) else next(iter(value["selection"]["rows"]), None) if value else None
    if row is not None and row < len(ids) and ids[row]:
        st.session_state[f"chosen-{key}"] = ids[row]


def _named_row(rows: pd.DataFrame, names: Sequence[str], ids: Sequence[str], *, key: str, note: Callable[[], None]) -> None:
    """The box that opens a row by its name. Options of a select box are plain text, whatever a log wrote into them."""
    labels = {number: label for number, label in row_labels(rows, names).items() if ids[number]}
    st.selectbox(
        "Open a row",
        list(labels),
        index=None,
        format_func=lambda number: labels.get(number, ""),
        key=key,
        on_change=note,
        placeholder="Open a row: choose it here, or tick its box",
        label_visibility="collapsed",
        width=520,
    )


def row_labels(rows: pd.DataFrame, names: Sequence[str]) -> dict[int, str]:
    """Number of a row -> `3. ✖ error · POST /… · 2025-…`; numbered, so that no two are alike."""
    columns = [name for name in names if name in rows.columns]
    cells = [tuple(map(str, row)) for row in rows[columns].itertuples(index=False)] if columns else []
    return {
        number: f"{number + 1}. " + " · ".join(cell for cell in row if cell)[:_LONGEST_NAME] for number, row in enumerate(cells)
    }


def _page(rows: int, key: str) -> int:
    """Which page of a long table is shown, from 0, kept in the URL; a short one has no pages."""
    pages = -(-rows // PAGE_ROWS)
    return st.pagination(pages, key=f"{PAGE}{key}", bind="query-params") - 1 if pages > 1 else 0


def as_table(frame: Frame, rows: pd.DataFrame, *, key: str, alt: str) -> None:
    """The numbers of a chart, drawn only when asked for."""
    drawer = st.expander("The numbers as a table", key=f"drawer-{key}", on_change="rerun", icon=":material/table_rows:")
    if drawer.open:
        with drawer:
            table(frame, rows, key=key, alt=alt)


def download(rows: pd.DataFrame, name: str) -> None:
    """The table as CSV, safe against formulas; made only when clicked."""
    st.download_button(
        "CSV",
        data=lambda: tables.csv_bytes(rows.map(lambda cell: " ".join(map(str, cell)) if isinstance(cell, list) else cell)),
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"csv-{name}",
        help="Cells that a spreadsheet would compute get a leading apostrophe",
    )


def what_column(rows: pd.DataFrame) -> dict[str, Any]:
    """Titles get the room that the longest takes; on a phone they are broken into lines (`_rows_of_a_phone`)."""
    longest = max(rows["what"].map(len), default=0)
    width = _PHONE_TITLE_PX if is_phone() else min(_MOST_TITLE_PX, max(_LEAST_TITLE_PX, round(_LETTER_PX * longest) + _CELL_PX))
    layer = {"layer": st.column_config.TextColumn(width=_LAYER_PX)} if "layer" in rows.columns else {}
    return {"what": st.column_config.TextColumn(width=width), **layer}


def times_columns() -> dict[str, Any]:
    """How often a kind of failure came, and in which deployments."""
    return {
        "times": st.column_config.NumberColumn(help="Failed requests; of a migration its runs"),
        "by deployment": sparkline("by deployment", "How often, oldest deployment first"),
    }


def sparkline(label: str, help_text: str, *, top: float | None = None) -> Any:
    return st.column_config.BarChartColumn(label, help=help_text, y_min=0, y_max=top, width=110)


def reasons(verdict: Verdict, *, most: int) -> None:
    """Why, the worst first: icon, word and colour, then the reason; then what is missing."""
    for reason in verdict.reasons[:most]:
        with line():
            badge(severity_of(reason))
            plain(reason.text, fill=True)
    for need in verdict.needed[:most]:
        with line():
            badge(NEEDED)
            plain(need, fill=True)


def line() -> Any:
    """A sign and its words side by side, on a narrow screen too."""
    return st.container(horizontal=True, vertical_alignment="top", gap="small", wrap=False)


def severity_of(reason: Reason) -> words.Sign:
    """How a reason is signed: what is broken, what is missing."""
    if reason.code in _CRITICAL:
        return words.SEVERITIES["critical"]
    return words.UNKNOWN if reason.code in _ASKS else words.SEVERITIES["error"]


def transcript(run: MigrationRun, frame: Frame) -> None:
    """A run's lines with their times; `▶` marks the lines that prove the outcome."""
    lines = [_transcript_line(line, frame) for line in run.transcript]
    log_text("\n".join(lines) if lines else "No lines were kept of this run.")


def _transcript_line(line: TranscriptLine, frame: Frame) -> str:
    """A record of many lines keeps its mark on each of them, so that none can pretend to be another event."""
    mark = "▶" if line.guilty else " "
    text = words.visible(line.text).replace("\n", f"\n{mark}            ")
    return f"{mark} {words.clock(line.timestamp_ms, frame.zone)}  {text}"


def run_headline(run: MigrationRun) -> None:
    """Outcome, code, exit code, and whether the application went on: one line of badges, then the task."""
    sign = words.sign_of(words.OUTCOMES, run.outcome)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        badge(sign)
        if run.application_continued:
            badge(words.Sign(word="application continued", glyph="▲", icon=":material/warning:", hue="orange"))
        badge(words.sign_of(words.CONFIDENCES, run.confidence), " evidence")
        plain(run_words(run))


def run_words(run: MigrationRun) -> str:
    """`prisma · P3005 · exit code 1 · 34 migrations found · task d64f…`."""
    code = run.error_code or (f"{run.implied_code} (implied)" if run.implied_code else None)
    parts = [
        run.tool or "tool unknown",
        code,
        None if run.exit_code is None else f"exit code {run.exit_code}",
        None if run.migrations_found is None else f"{run.migrations_found} migrations found",
        None if run.applied_count is None else f"{run.applied_count} applied",
        f"task {run.stream.task_id or run.stream.log_stream or '?'}",
    ]
    return " · ".join(part for part in parts if part)


def share(
    frame: Frame,
    state: ViewState,
    *,
    markdown: str,
    key: str,
    command: str | None = None,
    console: str | None = None,
    extra: Callable[[], None] | None = None,
) -> None:
    """Copy the link, the Markdown, the `aws` command; open the console at that instant."""
    box = st.popover("Share", icon=":material/share:", key=f"share-{key}", on_change="rerun")
    if not box.open:
        return
    with box:
        st.caption("Link to exactly this view")
        st.code(frame.url(state), language=None, wrap_lines=True)
        st.caption("As Markdown, redacted")
        st.code(markdown, language=None, wrap_lines=True)
        if command:
            st.caption("The same lines with the AWS CLI (shown, never run)")
            st.code(words.visible(command), language=None, wrap_lines=True)
        if console:
            st.link_button("Open in the CloudWatch console", console, icon=":material/open_in_new:")
        if extra:
            extra()


def choose(label: str, options: Sequence[str], *, key: str, help_text: str | None = None) -> str | None:
    """One of our own words, kept in the URL under `key`; None: any."""
    return st.selectbox(
        label,
        list(options),
        index=None,
        key=key,
        bind="query-params",
        placeholder="any",
        help=help_text,
        width=168 if is_phone() else 190,
    )
