"""The words, signs and colours of the screen: one mapping for tables, charts and pages.

A state is told three times: by a word, by a sign (a glyph in tables, an icon in pages) and by a colour. The hues are
safe for colour-blind eyes (red-vermillion, orange, yellow, blue, grey; no green), every ink has a contrast of at least
4.5:1 on its paper (tested), and what is unknown is grey with a question mark.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Literal

from parsers import Confidence, Layer, Outcome, Severity, VerdictValue

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|<>$~:&@])")

Hue = Literal["red", "orange", "yellow", "blue", "gray"]

# hue: ((ink, paper) on a light page, (ink, paper) on a dark page)
PAIRS: dict[Hue, tuple[tuple[str, str], tuple[str, str]]] = {
    "red": (("#8E1B2C", "#FDE7E9"), ("#FFB3BA", "#4A1A20")),
    "orange": (("#8A3A0C", "#FFEBDD"), ("#FFB98A", "#3F2411")),
    "yellow": (("#6B4E00", "#FFF4CC"), ("#FFD76A", "#352A08")),
    "blue": (("#1B4B9B", "#E3EEFF"), ("#A9CCFF", "#16294A")),
    "gray": (("#4B5563", "#EEF0F2"), ("#C4C7CC", "#2C2F36")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """How one state looks: `glyph word` in a table cell, a badge with `icon` in a page."""

    word: str
    glyph: str
    icon: str
    hue: Hue

    @property
    def label(self) -> str:
        return f"{self.glyph} {self.word}"

    def ink_and_paper(self, *, dark: bool) -> tuple[str, str]:
        return PAIRS[self.hue][1 if dark else 0]


def _sign(word: str, glyph: str, icon: str, hue: Hue) -> Sign:
    return Sign(word=word, glyph=glyph, icon=f":material/{icon}:", hue=hue)


UNKNOWN = _sign("unknown", "?", "help", "gray")

VERDICTS: dict[str, Sign] = {
    VerdictValue.FAIL: _sign("FAIL", "✖", "cancel", "red"),
    VerdictValue.PASS: _sign("PASS", "✔", "check_circle", "blue"),
    VerdictValue.INCONCLUSIVE: _sign("INCONCLUSIVE", "?", "help", "gray"),
}

SEVERITIES: dict[str, Sign] = {
    Severity.CRITICAL: _sign("critical", "‼", "dangerous", "red"),
    Severity.ERROR: _sign("error", "✖", "error", "orange"),
    Severity.WARNING: _sign("warning", "▲", "warning", "yellow"),
    Severity.INFO: _sign("info", "i", "info", "blue"),
}

OUTCOMES: dict[str, Sign] = {
    Outcome.APPLIED: _sign("applied", "✔", "check_circle", "blue"),
    Outcome.NOTHING_TO_DO: _sign("nothing to do", "✔", "check_circle", "blue"),
    Outcome.FAILED: _sign("failed", "✖", "cancel", "red"),
    Outcome.RUNNING: _sign("running", "…", "hourglass_top", "yellow"),
    Outcome.STUCK: _sign("stuck", "▲", "lock_clock", "orange"),
    Outcome.PENDING: _sign("pending", "▲", "pending", "orange"),
    Outcome.RESOLVED: _sign("resolved", "▲", "edit", "yellow"),
    Outcome.ROLLED_BACK: _sign("rolled back", "▲", "undo", "orange"),
    Outcome.DRIFT: _sign("drift", "▲", "difference", "orange"),
    Outcome.NEVER_RAN: _sign("never ran", "▲", "block", "orange"),
    Outcome.SUSPECT: _sign("suspect", "▲", "warning", "orange"),
    Outcome.NOT_SEEN: _sign("not seen", "?", "help", "gray"),
    Outcome.UNKNOWN: UNKNOWN,
}

# From the first to touch a request to the last: the rungs of the ladder, top to bottom.
LADDER: tuple[str, ...] = (
    Layer.BODY_PARSER,
    Layer.AUTH,
    Layer.RATE_LIMIT,
    Layer.ROUTING,
    Layer.VALIDATION,
    Layer.BUSINESS_RULE,
    Layer.CONTROLLER,
    Layer.ORM,
    Layer.DATABASE,
    Layer.UNHANDLED,
    Layer.UNKNOWN,
)

# Okabe and Ito's colours for the layers that a deployment is about; greys for the doors before them. The pattern tells
# neighbours apart without colour.
LAYER_COLOURS: dict[str, str] = {
    Layer.BODY_PARSER: "#8A8F98",
    Layer.AUTH: "#A7ABB3",
    Layer.RATE_LIMIT: "#6F747D",
    Layer.ROUTING: "#BFC3CA",
    Layer.VALIDATION: "#56B4E9",
    Layer.BUSINESS_RULE: "#E69F00",
    Layer.CONTROLLER: "#CC79A7",
    Layer.ORM: "#D55E00",
    Layer.DATABASE: "#0072B2",
    Layer.UNHANDLED: "#B2182B",
    Layer.UNKNOWN: "#D9DCE1",
}
LAYER_PATTERNS: dict[str, str] = {
    Layer.BODY_PARSER: "-",
    Layer.AUTH: "",
    Layer.RATE_LIMIT: "x",
    Layer.ROUTING: ".",
    Layer.BUSINESS_RULE: "/",
    Layer.CONTROLLER: ".",
    Layer.ORM: "\\",
    Layer.UNHANDLED: "x",
    Layer.UNKNOWN: "|",
}

CONFIDENCES: dict[str, Sign] = {
    Confidence.EXACT: _sign("exact", "✔", "verified", "blue"),
    Confidence.STRONG: _sign("strong", "✔", "verified", "blue"),
    Confidence.INFERRED: _sign("inferred", "~", "info", "yellow"),
    Confidence.WEAK: _sign("weak", "▲", "warning", "orange"),
    Confidence.UNKNOWN: UNKNOWN,
}


def sign_of(signs: dict[str, Sign], value: StrEnum | str | None) -> Sign:
    """The sign of a value; of one that nobody knows: grey with a question mark."""
    return signs.get(str(value), UNKNOWN) if value is not None else UNKNOWN


def layer_word(layer: str | None) -> str:
    """The layer's own word; no layer is `unknown`."""
    return str(layer or Layer.UNKNOWN)


def moment(timestamp_ms: int | None, zone: tzinfo, *, millis: bool = False) -> str:
    """`2025-11-19 02:57:56Z`, or with the zone's offset; `?` when unknown. Every shown time carries its offset."""
    if timestamp_ms is None:
        return "?"
    try:
        when = datetime.fromtimestamp(timestamp_ms / 1000, UTC).astimezone(zone)
    except (OverflowError, OSError, ValueError):
        return "?"
    text = f"{when:%Y-%m-%d %H:%M:%S}" + (f".{timestamp_ms % 1000:03d}" if millis else "")
    return text + _offset(when)


def clock(timestamp_ms: int | None, zone: tzinfo, *, millis: bool = False) -> str:
    """`02:57:56Z`: the time of day alone, where the day stands beside it."""
    text = moment(timestamp_ms, zone, millis=millis)
    return text if text == "?" else text.split(" ", 1)[1]


def _offset(when: datetime) -> str:
    offset = when.utcoffset()
    return "Z" if not offset else f"{when:%z}"[:3] + ":" + f"{when:%z}"[3:5]


def gap(duration_ms: int | None) -> str:
    """`26 s`, `5 min 38 s`, `1 h 4 min`, `2 d 3 h`; the empty string when unknown."""
    if duration_ms is None:
        return ""
    seconds = abs(duration_ms) // 1000
    if seconds < 1:
        return f"{abs(duration_ms)} ms"
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts = []
    for unit, size in units:
        value, seconds = divmod(seconds, size)
        if value:
            parts.append(f"{value} {unit}")
    return " ".join(parts[:2])


def ago(duration_ms: float) -> str:
    """`40 s ago`, `9 h ago`, `370 d ago`: one unit is enough; what lies ahead (a clock that is off) is `now`."""
    return "now" if duration_ms < 1000 else f"{' '.join(gap(int(duration_ms)).split()[:2])} ago"


def share(part: int, whole: int, low: float | None = None, high: float | None = None) -> str:
    """`31 of 212 · 15 % (10–20)`: never a rate without its count; without requests only the count."""
    if whole <= 0:
        return f"{part} · rate unknown" if part else "0 · rate unknown"
    text = f"{part} of {whole} · {percent(part / whole)}"
    return text if low is None or high is None else f"{text} ({percent(low, bare=True)}–{percent(high, bare=True)})"


def percent(fraction: float, *, bare: bool = False) -> str:
    """`15 %`, `0.4 %`; `bare` leaves the sign away."""
    value = fraction * 100
    text = f"{value:.1f}" if 0 < value < 1 else f"{value:.0f}"
    return text if bare else text + " %"


def requests(count: int) -> str:
    return several(count, "request")


def several(count: int, noun: str) -> str:
    """`1 request`, `2 requests`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(names: Iterable[str], most: int = 4) -> str:
    """`a, b, c, d and 3 more`."""
    names = list(names)
    head = ", ".join(names[:most])
    return head if len(names) <= most else f"{head} and {len(names) - most} more"


def short_id(identifier: str | None, length: int = 12) -> str:
    """The beginning of a long id, for narrow columns; the whole id stands somewhere on the same page."""
    if not identifier:
        return "?"
    return identifier if len(identifier) <= length + 2 else identifier[:length] + "…"


def command_and_remark(hint: str) -> tuple[str, str]:
    """What to type, which stands first in a hint, and what is said about it in brackets: only the first is to be copied."""
    command, _, remark = hint.partition("   (")
    return command, remark.removesuffix(")")


def visible(text: str) -> str:
    """Log text fit for a screen: control and direction-changing characters are shown, never obeyed."""
    return "".join(character if character in "\n\t" or not _hidden(character) else _escape(character) for character in text)


def unmarked(text: str) -> str:
    """A text for where Streamlit reads Markdown (labels of links): a service called `my_old_api` keeps its underscores."""
    return _MARKDOWN.sub(r"\\\1", visible(text))


def _hidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") and character != "\u200d"


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def interval(part: int, whole: int) -> tuple[float | None, float | None]:
    """Wilson's 95 % interval of a share, for a glance; verdicts use the exact tests of `parsers.statistics`."""
    if whole <= 0:
        return None, None
    z, share_ = 1.959964, part / whole
    middle = (share_ + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * ((share_ * (1 - share_) + z * z / (4 * whole)) / whole) ** 0.5 / (1 + z * z / whole)
    return max(0.0, middle - half), min(1.0, middle + half)


def parts_of_label(name: str) -> tuple[str, str]:
    """A deployment's label as (service, revision): `backend 50` in two, `50` and `50 · 11-19 02:56` have no service."""
    service, space, revision = name.partition(" ")
    return (service, revision) if space and not revision.startswith("·") else ("", name)
