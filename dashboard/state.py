"""The state of a view and its place in the URL: a link opens exactly this view on another machine with the same store.

Only ids, words of our own vocabulary and absolute UTC times stand in a URL, never log text: a route is named by a digest
of its template. A value that means nothing is dropped, as if it had not been given.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from parsers import Category, Layer, Severity, rfc3339

ZONES = ("UTC", "local")
CHARTS = ("by deployment", "over time", "400s with interval")
LINES = (10, 30, 100)
PAGE = "page-"  # before a table's key: the parameter that holds its page
_TABLE = re.compile(r"^[a-z]{1,20}$")
_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9:_./#-]{0,199}$")
_FINGERPRINT = re.compile(r"^v\d+:[0-9a-f]{6,64}$")
_ROUTE = re.compile(r"^[0-9a-f]{10}$")
_LONGEST_LIST = 20

Parameters = Mapping[str, str | list[str]]
Word = TypeVar("Word", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewState:
    """What a view shows. Times are epoch ms UTC; `excluded` holds fingerprints. What stands at a widget's default may be None."""

    service: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    zone: str = "UTC"
    deployment: str | None = None
    revision: int | None = None
    category: Category | None = None
    layer: Layer | None = None
    severity: Severity | None = None
    status: int | None = None
    route: str | None = None  # route_id(method, route)
    fingerprint: str | None = None
    finding: str | None = None
    run: str | None = None
    excluded: tuple[str, ...] = ()
    chart: str | None = None  # one of CHARTS
    lines: int | None = None  # one of LINES
    pages: tuple[tuple[str, int], ...] = ()  # (table's key, page from 1) in the order of the keys

    def parameters(self) -> dict[str, str | list[str]]:
        """The query parameters of this state; what is at its default is left out."""
        given: dict[str, str | list[str] | None] = {
            "svc": self.service,
            "from": rfc3339(self.start_ms),
            "to": rfc3339(self.end_ms),
            "tz": self.zone if self.zone != "UTC" else None,
            "dep": self.deployment,
            "rev": None if self.revision is None else str(self.revision),
            "cat": self.category,
            "layer": self.layer,
            "sev": self.severity,
            "status": None if self.status is None else str(self.status),
            "route": self.route,
            "fp": self.fingerprint,
            "finding": self.finding,
            "run": self.run,
            "not": list(self.excluded),
            "chart": self.chart,
            "lines": None if self.lines is None else str(self.lines),
        }
        given |= {f"{PAGE}{table}": str(page) for table, page in self.pages}
        return {key: value if isinstance(value, list) else str(value) for key, value in given.items() if value}

    def with_(self, **changes: Any) -> ViewState:
        return replace(self, **changes)

    def only_frame(self) -> ViewState:
        """What survives a change of page: service, window and time zone."""
        return self.only(())

    def only(self, parts: Iterable[str]) -> ViewState:
        """This state without what a page has no use for: no filter works unseen, whatever an old address holds."""
        return ViewState(**{name: getattr(self, name) for name in ("service", "start_ms", "end_ms", "zone", *parts)})


def read_state(parameters: Parameters) -> ViewState:
    """The state that query parameters describe; never raises."""
    first = {key: _first(value) for key, value in parameters.items()}
    return ViewState(
        service=_matching(_ID, first.get("svc")),
        start_ms=read_time(first.get("from")),
        end_ms=read_time(first.get("to")),
        zone=first.get("tz") if first.get("tz") in ZONES else "UTC",  # type: ignore[arg-type]
        deployment=_matching(_ID, first.get("dep")),
        revision=_number(first.get("rev"), 10_000_000),
        category=_word(Category, first.get("cat")),
        layer=_word(Layer, first.get("layer")),
        severity=_word(Severity, first.get("sev")),
        status=_number(first.get("status"), 599),
        route=_matching(_ROUTE, first.get("route")),
        fingerprint=_matching(_FINGERPRINT, first.get("fp")),
        finding=_matching(_ID, first.get("finding")),
        run=_matching(_ID, first.get("run")),
        excluded=_excluded(parameters.get("not", [])),
        chart=first.get("chart") if first.get("chart") in CHARTS else None,
        lines=number if (number := _number(first.get("lines"), LINES[-1])) in LINES else None,
        pages=_pages(first),
    )


def route_id(method: str | None, route: str | None) -> str:
    """Ten hex digits that name a route template in a URL: a path is log text, its digest is not."""
    return hashlib.sha256(f"{method or ''} {route or ''}".encode("utf-8", "surrogatepass")).hexdigest()[:10]


def deployment_key(deployment_id: str) -> str:
    """How a URL names a deployment: the last part of its ARN; the account and the cluster need not travel."""
    return deployment_id.rsplit("/", 1)[-1]


def read_time(text: str | None) -> int | None:
    """Epoch ms of an RFC 3339 time; a time without an offset is UTC; None when it is none."""
    if not text or len(text) > 40:
        return None
    text = text.strip().replace(" ", "T", 1)
    try:
        when = datetime.fromisoformat(text if _has_offset(text) else text + "+00:00")
    except ValueError:
        return None
    return None if when.year < 1971 or when.year > 9000 else round(when.timestamp() * 1000)


def _has_offset(text: str) -> bool:
    return text.endswith(("Z", "z")) or re.search(r"T.*[+-]\d\d:?\d\d$", text) is not None


def _first(value: str | Iterable[str]) -> str:
    return value if isinstance(value, str) else next(iter(value), "")


def _matching(pattern: re.Pattern[str], text: str | None) -> str | None:
    return text if text and pattern.match(text) else None


def _number(text: str | None, largest: int) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 and int(text) <= largest else None


def _word(words: type[Word], text: str | None) -> Word | None:
    return words(text) if text in {word.value for word in words} else None


def _pages(first: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    """Page 1 is where every table begins: it needs no word."""
    found = ((key.removeprefix(PAGE), _number(text, 9_999)) for key, text in first.items() if key.startswith(PAGE))
    return tuple(sorted((table, page) for table, page in found if _TABLE.match(table) and page and page > 1))[:_LONGEST_LIST]


def _excluded(value: str | Iterable[str]) -> tuple[str, ...]:
    given = [value] if isinstance(value, str) else list(value)
    return tuple(dict.fromkeys(text for text in given if _FINGERPRINT.match(text)))[:_LONGEST_LIST]
