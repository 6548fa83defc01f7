"""`evidence = "strict"`: of a line that is already redacted only what no person's name can be: words of programs, codes, routes."""

from __future__ import annotations

import functools
import re

from parsers.late import late
from parsers.wording import LONG_NUMBER, MIGRATION, PLACEHOLDER

_TOKEN = late(r"<[a-z_: 0-9]{2,40}>|[^\s\"'`()\[\]{}<>=,;|]+")
_HIDDEN_RUN = late(r"<text \d{1,7}>(?:[ ,;.]{1,2}<text \d{1,7}>)+")
_NUMBER = late(
    r"\A(?:[+-]?\d{1,4}(?:\.\d{1,3})?(?:ms|s|m|h|kB|MB|GB|%|B)?|\d{4}-\d\d-\d\dT[\d:.]{4,20}(?:Z|[+-]\d\d:?\d\d)?|\d\d:\d\d:\d\d(?:[.,]\d{1,9})?Z?)\Z"
)
_DATE = late(r"\A\d{4}-\d\d-\d\d\Z")
_CODE = late(r"\A(?:[A-Z]{1,5}\d{2,6}|E[A-Z]{3,20}|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[0-9][0-9A-Z]{4}|FST_\w+|HTTP/[\d.]+)\Z")
_HUMP = late(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LETTERS = late(r"[^\W\d_]+")
_CODE_SHAPE = late(r"\A[\w.$/:#@-]+\Z", re.ASCII)
STAMP_CHARS = 48  # a date this near to the beginning of a line is the line's own


def strict_line(line: str, words: frozenset[str]) -> str:
    """Words of `words`, codes, names made of such words, routes and numbers up to four digits; the rest as `<text n>`."""
    return _HIDDEN_RUN.sub(_joined, _TOKEN.sub(functools.partial(_shown, words=words), line))


def _shown(hit: re.Match[str], words: frozenset[str]) -> str:
    token = hit[0]
    if token.startswith("<") and PLACEHOLDER.fullmatch(token):
        return token
    word = token.strip(".,:;!?-—…'’")
    if not any(map(str.isalnum, word)) or word.lower() in words or _is_code(word, words):
        return token
    if _DATE.match(word) and hit.start() < STAMP_CHARS:
        return token
    parts = _LETTERS.findall(word)
    if parts and all(part.lower() in words for part in parts) and not LONG_NUMBER.search(word):
        return token
    return f"<text {len(token)}>"


def _is_code(word: str, words: frozenset[str]) -> bool:
    """`P2011`, `23502`, `dueDate`, `clinical_notes_pkey`, `/api/v1/notes`, a migration's name."""
    if _NUMBER.match(word) or _CODE.match(word) or MIGRATION.match(word):
        return True
    if _CODE_SHAPE.match(word) is None or LONG_NUMBER.search(word):
        return False
    if word.startswith("/"):
        return True
    humps = _HUMP.findall(word)
    return len(humps) > 1 and any(hump.lower() in words for hump in humps)


def _joined(hit: re.Match[str]) -> str:
    return f"<text {sum(map(int, re.findall(r'[0-9]+', hit[0])))}>"
