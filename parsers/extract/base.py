"""What an extractor gives and how it is registered; paths of fields; bounded searching."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from parsers.formats import strip_prefix
from parsers.literals import Bare

MAX_CHARS = 16_384
MAX_FIELDS = 50
MAX_NODES = 4_000
MAX_DEPTH = 16
FOREIGN_KEYS = frozenset("req request headers config query params body data input response".split())
"""Keys under which a record holds what came in or another program's words: no issues of ours are looked for there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """What an extractor read. Empty where the record does not say."""

    fields: tuple[str, ...] = ()  # dotted paths: participants.1.role
    code: str | None = None
    db_code: str | None = None
    table: str | None = None
    migrations: tuple[str, ...] = ()
    status: int | None = None


Extractor = Callable[[str, Mapping[str, Any] | None], Extracted]
EXTRACTORS: dict[str, Extractor] = {}


def extractor(function: Extractor) -> Extractor:
    """Registers a function under its own name: a rule names it in `extract = ["its_name"]`. It sees at most MAX_NODES of a record."""

    def read(text: str, fields: Mapping[str, Any] | None) -> Extracted:
        return function(text[:MAX_CHARS], None if fields is None else _pruned(fields, [MAX_NODES], [MAX_CHARS]))

    EXTRACTORS[function.__name__] = read
    return read


def _pruned(value: Any, nodes: list[int], chars: list[int], depth: int = 0) -> Any:
    """A copy that holds no more than so many nodes and characters, whatever somebody logged."""
    nodes[0] -= 1
    if isinstance(value, str):
        chars[0] -= len(value)
        return value if chars[0] >= 0 else value[:200]
    if depth > MAX_DEPTH or not isinstance(value, Mapping | list):
        return None if isinstance(value, Mapping | list) else value
    if isinstance(value, list):
        return [_pruned(inner, nodes, chars, depth + 1) for inner in value if nodes[0] > 0]
    return {key: _pruned(inner, nodes, chars, depth + 1) for key, inner in value.items() if nodes[0] > 0}


def text_extractor(function: Callable[[str], Extracted]) -> Extractor:
    """Registers an extractor that reads the text alone."""

    def read(text: str, fields: Mapping[str, Any] | None) -> Extracted:  # noqa: ARG001  (the contract of an extractor)
        return function(text)

    EXTRACTORS[function.__name__] = read
    return read


_LOCATIONS = frozenset("body query path header headers cookie cookies params querystring form json".split())
_BRACKETS = re.compile(r"\[['\"]?([^\[\]'\"]{1,100})['\"]?\]")
NO_FIELD = frozenset(
    ("", "__root__", "root", "_schema", "non_field_errors", "nonFieldErrors", "__all__", "_errors", "base", "$", "data")
)


def dotted(path: Any) -> str:
    """`participants.1.role` for `["participants", 1, "role"]`, `/participants/1/role`, `participants[1].role`, `participants -> 1 -> role`."""
    if isinstance(path, list | tuple):
        if any(isinstance(part, list) or (isinstance(part, Bare) and part in ("Array", "Object")) for part in path):
            return ""  # `[Array]`, `[ [Object] ]`: Node printed no deeper
        parts = [str(part.get("key", "") if isinstance(part, Mapping) else part) for part in path[:20] if part is not None]
        return ".".join(part for part in parts if part)[:200]
    if not isinstance(path, str) or len(path) > 400:
        return ""
    text = path.strip().replace(" -> ", ".")
    if text.startswith("/"):
        text = text.strip("/").replace("/", ".").replace("~1", "/").replace("~0", "~")
    if "[" in text:
        text = _BRACKETS.sub(r".\1", text)
    return re.sub(r"\.{2,}", ".", text).strip(". ")[:200]


def without_location(path: str) -> str:
    """FastAPI, Fastify and express-validator say where a field was: `body.dueDate` -> `dueDate`, `body` -> nothing."""
    head, _, rest = path.partition(".")
    return rest if head in _LOCATIONS else path


def distinct(paths: Iterable[str]) -> tuple[str, ...]:
    """Distinct paths in order, at most MAX_FIELDS, without the names that mean "the whole object"."""
    seen: dict[str, None] = {}
    for path in paths:
        if path not in NO_FIELD and len(seen) < MAX_FIELDS:
            seen.setdefault(path)
    return tuple(seen)


class FirstOf:
    """Several patterns searched as one alternation: the leftmost hit, at equal places the earlier pattern's.

    Each stands beside words one of which is in every text it takes. Most texts hold none of most, and asking for a word
    is a hundred times quicker than an alternation that may begin anywhere.
    """

    def __init__(self, *parts: tuple[tuple[str, ...], str]) -> None:
        self.parts = tuple((words, re.compile(text)) for words, text in parts)

    def search(self, text: str) -> re.Match[str] | None:
        found: re.Match[str] | None = None
        for words, pattern in self.parts:
            if any(word in text for word in words):
                hit = pattern.search(text)
                if hit is not None and (found is None or hit.start() < found.start()):
                    found = hit
        return found


def every(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    return list(pattern.finditer(text[:MAX_CHARS]))[:200]


def unprefixed(text: str) -> str:
    """Every line without the prefix of whoever collected it (`api-1  | `)."""
    return "\n".join(strip_prefix(line) for line in text[:MAX_CHARS].split("\n"))
