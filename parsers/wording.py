"""What a piece of text looks like: a placeholder of ours, a name out of the code, a message made of the words of programs."""

from __future__ import annotations

import re

from parsers.identifiers import is_public_ipv4, looks_random
from parsers.late import late
from parsers.vocabulary import WORDS

PLACEHOLDER = late(
    r"<(?:[a-z_]{2,16}:[0-9a-f]{8}|(?:string|text) \d{1,7}|number|secret|birth_date|query|values|credentials|redacted: [a-z0-9 ]{1,60})>"
)
EMPTY_VALUES = frozenset(
    (
        "",
        "-",
        "null",
        "undefined",
        "None",
        "nil",
        "NULL",
        "true",
        "false",
        "True",
        "False",
        "NaN",
        "[object Object]",
        "[Circular]",
    )
)
TYPE_NAMES = frozenset(
    "string number integer boolean object array null undefined nan date bigint symbol function map set unknown never NaN void any float int bool "
    "Date String Number Boolean Object Array".split()
)
CODE_NAME = late(r"\A(?:[a-z][\w.:/@-]*|[A-Z]\w*(?:Error|Exception|Warning|Fault|Failure|Issue)|[A-Z]{2,}[A-Z0-9_]*)\Z")
IDENTIFIER = late(r"\A@?(?:[^\s\"'@]|@(?=\d)){1,160}\Z")
LONG_NUMBER = late(r"\d{6,}")
MIGRATION = late(
    r"(?<!\d)(?:V?\d{4,14}(?:[_.]\d+){0,6}_{1,2}\w|\d{14}\b)|(?<!\w)(?:[A-Za-z_]{6,120}\d{13}\b|\w{1,60}[./]\d{4}_\w)"
)
PROSE_WORD = late(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_CODE_TOKEN = late(r"[\w.$:/#*+-]+")
_CODE_SIGN = late(r"[a-z][A-Z]|[_.:/#$\d]|[A-Z]{2}")
_NAMESAKES = frozenset(("Mark", "Will", "Grant", "May", "Ruby", "Rose", "Jest", "Chase", "Puma", "Koa", "Rich", "Frank"))
MESSAGE_LIKE = late(
    r"\b(?:required|invalid|must|is|are|expected|missing|not|valid|should|cannot|can't|taken|exists?|too|least|most|blank|null|unique|allowed)\b",
    re.IGNORECASE,
)


STAMP = late(r"\A\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?\Z")
DATE = late(r"\A\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\Z")


def collapsed(value: str) -> str:
    return value if PLACEHOLDER.fullmatch(value) else f"<string {len(value)}>"


def is_known(content: str) -> bool:
    """Whether a text is made of words of programs and of code-like names alone."""
    plain = PLACEHOLDER.sub(" ", content)
    words = PROSE_WORD.findall(_CODE_TOKEN.sub(_without_code, plain))
    if LONG_NUMBER.search(plain) and not MIGRATION.search(plain):
        return False
    return all(word.lower() in WORDS for word in words) and not (words and words[0] in _NAMESAKES)


def _without_code(hit: re.Match[str]) -> str:
    """Nothing for what looks like code (`dueDate`, `due_date`, `SQLSTATE`), the word itself otherwise."""
    return " " if _CODE_SIGN.search(hit[0]) else hit[0]


def says_a_rule(content: str) -> bool:
    """`email must be an email`: words of programs that state what a value has to be."""
    return content.count(" ") >= 2 and MESSAGE_LIKE.search(content) is not None and is_known(content)


def names_a_thing(content: str) -> bool:
    """A name without blanks that may stand: no long number, unless it is a migration's; nothing drawn at random."""
    if LONG_NUMBER.search(content) and not MIGRATION.search(content):
        return False
    return len(content) < 20 or not looks_random(content)


def is_own_address(value: str) -> bool:
    """An address or host of our own machines, perhaps with a port: `10.0.1.7:5432`, `localhost`, `db.internal`."""
    host = re.sub(r":\d{1,5}\Z", "", value)
    if re.fullmatch(r"(?:\d{1,3}\.){3}\d{1,3}", host):
        return not is_public_ipv4(host)
    return (
        host in ("localhost", "::1", "::") or re.fullmatch(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:internal|local)", host) is not None
    )
