"""Access lines counted in columns: the two layouts that most servers print, and JSON records, by Polars.

    203.0.113.7 - - [18/Nov/2025:15:03:31 +0000] "POST /x HTTP/1.1" 201 383 "-" "Mozilla/5.0"    combined, common
    INFO:     127.0.0.1:55394 - "GET /x HTTP/1.1" 200 OK                                         uvicorn

Only lines that leave no doubt are counted here, and only answered ones below 400. Of refused ones that leave no doubt the parts
are handed on; what is aborted or unusual is read line by line like anywhere else. tests/parsers/test_bulk.py holds both ways
to the same answers.

JSON records are put into classes (parsers/shapes.py). The one reader of records (parsers/access.py) reads the first of each
class for all of it, and here the others are counted with its answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from parsers.access import HEALTH_AGENTS, LOGFMT_MAYBE, Parts, is_health_check, route_of
from parsers.batch import Batch
from parsers.layouts import COMMON_METHODS, MAX_LINE_CHARS, MAYBE

CountKey = tuple[int, str, str, int, bool, bool]  # minute_ms, method, route, status, aborted, health_check
Flags = NDArray[np.bool_]

_AGENT = "|".join(name.replace("/", "\\/").replace(" ", "\\ ") for name in HEALTH_AGENTS)
_PLAIN_IDS = r"/(?:[0-9]+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/"  # no groups: they take twice the time
_LOGFMT = r"[ \t,{](?:level|lvl|msg|message|method|status|status_code|http_status|httpStatus|at)="
# As rust's regex writes it: what layouts.MAYBE asks of a line, and nothing that it does not; what logfmt may say of a request.
_MAYBE = f"{MAYBE.pattern}|{LOGFMT_MAYBE}"


# Nothing that a collector puts before a line may stand there: only the address, and what these two layouts have behind it.
_ADDRESS_FIRST = r"^(?:[0-9A-Fa-f.:]{2,45} - \S{1,200} \[[^\]\n]{8,40}\] |INFO: {1,8}[0-9A-Fa-f.:]{2,51} - )$"


@dataclass(slots=True)
class Counted:
    """`counts`: number of the stream in the batch -> key -> requests. `sure`: the events counted. `maybe`: those that may be access lines.

    `refused`: of the latter those that are, without doubt, by the number of the event.
    """

    counts: dict[int, dict[CountKey, int]]
    sure: Flags
    maybe: Flags
    refused: dict[int, Parts] = field(default_factory=dict)

    def __add__(self, other: Counted) -> Counted:
        """Both, of the same batch and of other events of it."""
        counts: dict[int, dict[CountKey, int]] = {stream: dict(cells) for stream, cells in self.counts.items()}
        for stream, cells in other.counts.items():
            own = counts.setdefault(stream, {})
            for key, count in cells.items():
                own[key] = own.get(key, 0) + count
        refused = {**self.refused, **other.refused}
        return Counted(counts=counts, sure=self.sure | other.sure, maybe=self.maybe | other.maybe, refused=refused)


def count_access(batch: Batch, plain: Flags | None, health_paths: Sequence[str] = ()) -> Counted:
    """Counts the sure access lines of a batch. `plain`: the events to look at, None for all of them."""
    if plain is not None and not plain.any():
        return Counted(counts={}, sure=np.zeros(len(batch), dtype=np.bool_), maybe=np.zeros(len(batch), dtype=np.bool_))
    frame = _frame(batch, plain)
    likely = _likely(frame)
    rows = _sure(likely)
    sure = np.zeros(len(batch), dtype=np.bool_)
    sure[rows["row"].to_numpy()] = True
    rest = frame.filter(pl.Series(~sure[frame["row"].to_numpy()])).filter(_MAY_BE)
    maybe = np.zeros(len(batch), dtype=np.bool_)
    maybe[rest["row"].to_numpy()] = True
    return Counted(counts=_grouped(rows, tuple(health_paths)), sure=sure, maybe=maybe, refused=_refused(likely))


def _frame(batch: Batch, plain: Flags | None) -> pl.DataFrame:
    """row, line, stream and minute of the events to look at."""
    times = np.asarray(batch.timestamps_ms, dtype=np.int64)
    lines = _lines(batch)
    frame = pl.DataFrame(
        {
            "row": np.arange(len(batch), dtype=np.uint32),
            "line": lines,
            "stream": np.asarray(batch.streams, dtype=np.int64),
            "minute": times - times % 60_000,
        }
    )
    return frame if plain is None else frame.filter(pl.Series(plain))


def _lines(batch: Batch) -> pl.Series:
    """The texts as a column, without a copy where pyarrow is installed."""
    try:
        import pyarrow as pa  # type: ignore[import-untyped]  # published without types
    except ImportError:
        return pl.Series([batch.text(number) for number in range(len(batch))], dtype=pl.String)
    offsets = np.zeros(len(batch) + 1, dtype=np.int64)
    offsets[1:] = np.asarray(batch.ends, dtype=np.int64) + 1
    column = pa.Array.from_buffers(pa.large_string(), len(batch), [None, pa.py_buffer(offsets), pa.py_buffer(batch.data)])
    return pl.Series(pl.from_arrow(column))


# Expressions are made once: that takes as long as applying them to some thousand lines.
_BEFORE, _AFTER, _TARGET, _STATUS = (pl.col(name) for name in ("before", "after", "target", "status"))
_QUOTED = pl.col("line").str.strip_suffix("\n").str.splitn('"', 3).struct.rename_fields(["before", "request", "after"])
_REQUEST = pl.col("request").str.splitn(" ", 3).struct.rename_fields(["method", "target", "protocol"])
_ANSWERED = (
    pl.col("method").is_in(COMMON_METHODS)
    & pl.col("protocol").is_in(["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/2", "HTTP/3"])
    & _TARGET.str.starts_with("/")
    & _AFTER.str.contains(r"^ [1-5]\d\d(?: |$)")
)
_COMBINED = _BEFORE.str.ends_with("] ") & _BEFORE.str.contains(r"\[[^\]]{8,40}\] $")
_UVICORN = _BEFORE.str.ends_with(" - ") & ~_AFTER.str.contains('"', literal=True)
_PLAIN = ~_BEFORE.str.contains("=|://") & ~_TARGET.str.contains("#", literal=True)
_SHORT = _BEFORE.str.len_bytes() + _TARGET.str.len_bytes() + _AFTER.str.len_bytes() < MAX_LINE_CHARS // 2
_NO_LOGFMT = ~_AFTER.str.contains(_LOGFMT) & ~_TARGET.str.contains(_LOGFMT)
_NO_DOUBT = (_COMBINED | _UVICORN) & _PLAIN & _SHORT & _NO_LOGFMT
_COUNTED = (
    "row", "stream", "minute", "method", _TARGET.str.splitn("?", 2).struct.field("field_0").alias("path"), "status",
    _AFTER.str.contains(_AGENT).alias("probe"),
)  # fmt: skip
_ALONE = _BEFORE.str.contains(_ADDRESS_FIRST)
_MAY_BE = pl.col("line").str.contains(_MAYBE)
_KEYS = ("stream", "minute", "method", "path", "status", "probe")
_MASKED = (pl.col("path") + "/").str.replace_all(_PLAIN_IDS, "/:id/").str.strip_suffix("/")


def _likely(frame: pl.DataFrame) -> pl.DataFrame:
    """Answered requests that leave no doubt: row, stream, minute, and what stands before, in and after the first quotes."""
    parts = frame.select("row", "stream", "minute", _QUOTED).unnest("line").with_columns(_REQUEST).unnest("request")
    return parts.filter(_ANSWERED).filter(_NO_DOUBT).with_columns(_AFTER.str.slice(1, 3).cast(pl.UInt16).alias("status"))


def _sure(likely: pl.DataFrame) -> pl.DataFrame:
    """Those below 400, as they are counted."""
    return likely.filter(_STATUS < 400).select(*_COUNTED)


def _refused(likely: pl.DataFrame) -> dict[int, Parts]:
    """The parts of the others, where nothing stands before the client's address."""
    # One after the other: joined by `&`, the pattern would be tried on all rows.
    wanted = likely.filter(_STATUS >= 400).filter(_ALONE)
    return {row: Parts(*said) for row, *said in wanted.select("row", *Parts._fields).iter_rows()}


def _grouped(rows: pl.DataFrame, health_paths: tuple[str, ...]) -> dict[int, dict[CountKey, int]]:
    by_path = rows.group_by(_KEYS).len()
    # A probe's own path may look like an id.
    masked = pl.col("path") if any(char.isdigit() for path in health_paths for char in path) else _MASKED
    counts: dict[int, dict[CountKey, int]] = defaultdict(dict)
    for stream, minute, method, path, status, probe, count in (
        by_path.with_columns(masked).group_by(_KEYS).agg(pl.col("len").sum()).iter_rows()
    ):
        route, health = _route(method, path, health_paths)
        key = (minute, method, route, status, False, probe or health)
        counts[stream][key] = counts[stream].get(key, 0) + count
    return counts


@lru_cache(maxsize=65_536)
def _route(method: str, path: str, health_paths: tuple[str, ...]) -> tuple[str, bool]:
    return route_of(path), is_health_check(method, path, "", health_paths)


# ---- JSON records ----

Answer = tuple[str, str, int, bool] | bool  # method, route, status, health check; False: no request; True: to be looked at


def count_records(
    batch: Batch, wanted: Flags, numbers: Sequence[int], classes: Sequence[int], answers: Sequence[Answer]
) -> Counted:
    """Counts the sure access lines among JSON records. `classes`: of each of `numbers` the number of its class in `answers`.

    `maybe`: the wanted events to be looked at one by one: those of no class, too.
    """
    sure, maybe = np.zeros(len(batch), dtype=np.bool_), wanted.copy()
    counts: dict[int, dict[CountKey, int]] = defaultdict(dict)
    if not len(numbers):
        return Counted(counts=counts, sure=sure, maybe=maybe)
    rows, of_class = np.array(numbers, dtype=np.int64), np.array(classes, dtype=np.int64)
    counted = np.array([isinstance(found, tuple) for found in answers])[of_class]
    maybe[rows] = np.array([found is True for found in answers])[of_class]
    sure[rows] = counted
    times = np.asarray(batch.timestamps_ms, dtype=np.int64)[rows[counted]]
    cells = pl.DataFrame(
        {
            "stream": np.asarray(batch.streams, dtype=np.int64)[rows[counted]],
            "minute": times - times % 60_000,
            "class": of_class[counted],
        }
    )
    for stream, minute, number, count in cells.group_by(["stream", "minute", "class"]).len().iter_rows():
        answer = answers[number]
        assert isinstance(answer, tuple)
        method, route, status, health = answer
        key = (minute, method, route, status, False, health)
        counts[stream][key] = counts[stream].get(key, 0) + count
    return Counted(counts=counts, sure=sure, maybe=maybe)
