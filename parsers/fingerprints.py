"""What findings are grouped by: class, system, code, route template and the words that do not vary.

A fingerprint is a function of one finding alone: no order, no history, no training. Lone numbers never enter through the
words; those that mean something (P3005, 23502, 400) enter as code or status.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from parsers.identifiers import Mask
from parsers.late import late

VERSION = "v1"
MAX_SKELETON_CHARS = 4_096
MAX_SKELETON_WORDS = 40
MAX_ROUTE_SEGMENTS = 24

# Fingerprints of older versions -> today's: old links keep resolving. Filled when VERSION changes.
ALIASES: Mapping[str, str] = {}

# --- routes -----------------------------------------------------------------------------------------------------------

_ID_SEGMENT = late(
    r"\A(?:<[a-z_]{2,16}:[0-9a-f]{8}>|:id|\d+"
    r"|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    r"|c[a-z0-9]{24}|[0-9A-HJKMNP-TV-Z]{26}"
    r"|\d{4}-\d\d-\d\d(?:T[\d:.%AaZz+-]*)?"
    r"|[A-Za-z]{1,8}[-_:]?\d{3,}(?:[-_]\d+)*"
    r"|\+?[\d().%-]{7,})\Z"
)
_HEX_SEGMENT = late(r"[0-9a-fA-F]{12,}\Z")
_MIXED_SEGMENT = late(r"[A-Za-z0-9_=-]{16,}\Z")
_WORD_IDS = late(r"(?:v\d+|oauth2|[a-z]{1,3}\d{1,2})\Z")


@lru_cache(maxsize=8_192)
def is_id_segment(segment: str) -> bool:
    """Whether a path segment names one thing rather than a kind: numbers, UUIDs, hashes, ids, e-mail addresses, tokens of ours."""
    if not segment or _WORD_IDS.match(segment):
        return False
    if _ID_SEGMENT.match(segment) or "@" in segment or "%40" in segment or ("<" in segment and ":" in segment):
        return True
    digits = sum(char.isdigit() for char in segment)
    if digits and _HEX_SEGMENT.match(segment):
        return True
    return digits >= 2 and _MIXED_SEGMENT.match(segment) is not None and (digits >= 4 or segment.lower() != segment)


_MATRIX = late(r";[\w.-]{1,60}=[^/]{0,2000}")


def plain_path(target: str) -> str:
    """A request's path alone: query, fragment and the parameters of `/x;name=value` off."""
    path = target.split("?", 1)[0].split("#", 1)[0]
    return _MATRIX.sub("", path) if ";" in path else path


def route_template(path: str) -> str:
    """`/api/v1/clinical-notes/:id` for a path: query and fragment off; what names one thing (`is_id_segment`) is `:id`."""
    path = plain_path(path)
    segments = path.split("/")
    cut = ["…"] if len(segments) > MAX_ROUTE_SEGMENTS else []
    return "/".join([":id" if is_id_segment(part) else part[:80] for part in segments[:MAX_ROUTE_SEGMENTS]] + cut)


# --- words ------------------------------------------------------------------------------------------------------------

# What varies between two prints of the same thing, in the order in which it is taken out. tests/parsers/test_fingerprints.py
# tries each alone, after a word, before a word and between words.
VARYING: tuple[Mask, ...] = (
    Mask(kind="placeholder", pattern=late(r"<[a-z_]{2,16}(?::[0-9a-f]{8}| \d{1,7}|: [a-z0-9 ]{1,60})?>")),
    Mask(
        kind="quoted",
        pattern=late(r'(?<!\\)"(?:[^"\\\n]|\\.)*"|(?<![\w\\])\'(?:[^\'\\\n]|\\.)*\'(?!\w)|`[^`\n]*`|[«“„‘][^«»“”„‘’\n]*[»”“’]'),
    ),
    Mask(kind="url", pattern=late(r"(?<![\w+.-])[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]*")),
    Mask(kind="email", pattern=late(r"(?<![\w.+%-])[\w.+%-]+(?:@|%40)[\w-]+(?:\.[\w-]+)*")),
    Mask(
        kind="date",
        pattern=late(
            r"(?<!\w)(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}[.,]? )?"
            r"(?:\d{1,2}[ /.-](?:[^\W\d_]{3,9})[ /.-]\d{2,4}|[^\W\d_]{3,9}\.? \d{1,2},? (?:\d{4}|\d\d:\d\d:\d\d))(?!\w)"
        ),
    ),
    Mask(
        kind="time",
        pattern=late(
            r"(?<!\w)\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?(?: (?:UTC|GMT|CET|CEST|EST|EDT|PST|PDT))?(?!\w)"
        ),
    ),
    Mask(
        kind="quantity",  # a number and its unit are one token, whether or not a blank stands between them
        pattern=late(
            r"(?<![\w.,'])[+-]?\d[\d.,']{0,30}(?:[ \u00a0\u202f]\d{3}){0,4}[\d.,]{0,12}[ _\u00a0\u202f]?"
            r"(?:ms|s|sec|secs|seconds?|minutes?|min|m|h|hours?|days?|µs|us|ns|[kKmMgGtT]i?[bB]|bytes?|%)(?!\w)"
        ),
    ),
    Mask(kind="bracketed", pattern=late(r"\([^()\n]*\)|\[[^\[\]\n]*\]|\{[^{}\n]*\}")),
    Mask(kind="assigned", pattern=late(r"(?<=\w)=[^\s,;)\]}]*")),
    Mask(
        kind="host",
        pattern=late(
            r"(?<![\w.-])(?:[A-Za-z0-9-]+\.)+(?:com|net|org|io|internal|local|localdomain|lan|cloud|dev|app|example|test|amazonaws|co|eu|de|uk|us|ai)"
            r"(?![\w.-])"
        ),
    ),
    Mask(kind="path", pattern=late(r"(?<![\w.~@:-])(?:[A-Za-z]:)?[\w.~@-]*[/\\][^\s,;:()\[\]]*")),
    # Any token with a digit: ids, hexadecimal numbers, addresses, versions.
    Mask(kind="numbered", pattern=late(r"(?<![^\s,;()\[\]|])[^\s,;()\[\]|]*\d[^\s,;()\[\]|]*")),
)
_WORD = late(r"[^\W\d_]{2,}")
_LOCAL = late(r"\b(?:localhost)\b")


@lru_cache(maxsize=4_096)
def skeleton(text: str) -> str:
    """The words of a text that do not vary, in lower case: quoted and bracketed parts and tokens with digits are dropped."""
    text = text[:MAX_SKELETON_CHARS]
    for mask in VARYING:
        text = mask.pattern.sub(" ", text)
        if mask.kind == "bracketed":
            text = mask.pattern.sub(" ", text)  # brackets in brackets
    words = _WORD.findall(_LOCAL.sub(" ", text).casefold())
    return " ".join(words[:MAX_SKELETON_WORDS])


# --- fingerprints -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """The parts of a fingerprint, as they were taken from a finding."""

    category: str
    system: str | None = None
    code: str | None = None
    route: str | None = None
    words: str = ""
    extra: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """`v1:` and 12 hex digits."""
        return fingerprint(
            category=self.category, system=self.system, code=self.code, route=self.route, words=self.words, extra=self.extra
        )

    def explain(self) -> str:
        """`grouped by migration · prisma · P3005 · "the database schema is not empty"`: only the parts that say something."""
        parts = [
            self.category,
            self.system,
            self.code,
            self.route,
            *sorted(self.extra),
            f'"{self.words}"' if self.words else None,
        ]
        return "grouped by " + " · ".join(part for part in parts if part)


@lru_cache(maxsize=4_096)
def _hashed(material: str) -> str:
    return f"{VERSION}:{hashlib.sha256(material.encode('utf-8', 'replace')).hexdigest()[:12]}"


def fingerprint(
    *, category: str, system: str | None, code: str | None, route: str | None, words: str, extra: Iterable[str] = ()
) -> str:
    """`v1:` and 12 hex digits of class + system + code + route template + word skeleton; the order of `extra` does not matter."""
    return _hashed("\0".join([category, system or "", code or "", route or "", words, *sorted(extra)]))


def resolve(old: str, aliases: Mapping[str, str] = ALIASES) -> str:
    """Today's fingerprint for one of an older version; unknown ones stay what they are. Follows at most 8 renamings."""
    for _ in range(8):
        if old not in aliases:
            break
        old = aliases[old]
    return old
