"""Maps and trees of messages: field -> what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from parsers.extract.base import (
    FOREIGN_KEYS,
    MAX_CHARS,
    NO_FIELD,
    Extracted,
    distinct,
    dotted,
    every,
    extractor,
    text_extractor,
    unprefixed,
)
from parsers.late import late
from parsers.literals import Bare, values

_WRAPPERS = frozenset(
    "errors error validation_errors validationErrors detail details messages fieldErrors field_errors violations data json nested".split()
)


@extractor
def error_map(text: str, fields: Mapping[str, Any] | None) -> Extracted:
    """Field -> list of messages (Django, DRF, Marshmallow, ProblemDetails, Rails, Laravel, zod's `flatten()`): the fields."""
    if fields is None:
        return Extracted(fields=distinct(_from_maps(values(unprefixed(text)))))
    told = [path for holder in _message_maps(fields) if holder is not fields for path in _mapped(holder, "", 1)]
    printed = (path for inner in _texts_with_maps(fields) for path in _from_maps(values(unprefixed(inner))))
    return Extracted(fields=distinct(told or printed))


def _from_maps(printed: Iterable[Any]) -> Iterator[str]:
    for value in islice(printed, 20):
        for holder in _message_maps(value):
            yield from _mapped(holder, "")


def _texts_with_maps(value: Any, depth: int = 0) -> Iterator[str]:
    """Strings of a structured record that hold a printed object: the message, an exception's text."""
    if isinstance(value, str):
        if ("{'" in value or '{"' in value) and len(value) > 10:
            yield value[-MAX_CHARS:]
    elif depth < 4 and isinstance(value, Mapping | list):
        for key, inner in list(value.items())[:100] if isinstance(value, Mapping) else enumerate(value[:50]):
            if key not in FOREIGN_KEYS:
                yield from _texts_with_maps(inner, depth + 1)


def _message_maps(value: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """The maps of messages: under a telling key, or the printed object itself."""
    if not isinstance(value, Mapping) or depth > 4:
        return
    telling = [inner for key, inner in value.items() if key in _WRAPPERS and isinstance(inner, Mapping) and inner]
    if isinstance(value.get("fieldErrors"), Mapping):
        yield value["fieldErrors"]
    elif telling:
        for inner in telling:
            deeper = list(_message_maps(inner, depth + 1))
            yield from deeper or [inner]
    elif depth == 0 or any(_is_messages(inner) for inner in value.values()):
        yield value


def _is_messages(value: Any) -> bool:
    """A list of texts, or of Django's ErrorDetail(string=…, code=…)."""
    return (
        isinstance(value, list)
        and 0 < len(value) < 50
        and all(
            (isinstance(item, str) and not isinstance(item, Bare))
            or (isinstance(item, Mapping) and ("string" in item or "message" in item))
            for item in value
        )
    )


def _mapped(value: Mapping[str, Any], parent: str, depth: int = 0) -> Iterator[str]:
    for key, inner in list(value.items())[:200]:
        own = dotted(str(key).removeprefix("$."))
        path = parent if own in NO_FIELD else ".".join(part for part in (parent, own) if part)
        if _is_messages(inner) or (
            depth == 0 and isinstance(inner, str) and not isinstance(inner, Bare) and key not in ("message", "name", "level")
        ):
            yield path
        elif isinstance(inner, Mapping) and depth < 8:
            yield from _mapped(inner, path, depth + 1)


@extractor
def error_map_strict(_text: str, fields: Mapping[str, Any] | None) -> Extracted:
    """As `error_map`, of structured records alone and only where every leaf is a list of texts under a telling key."""
    if fields is None:
        return Extracted()
    found = [path for holder in _message_maps(fields) if holder is not fields for path in _mapped(holder, "", 1)]
    return Extracted(fields=distinct(found))


@extractor
def zod_flattened(text: str, fields: Mapping[str, Any] | None) -> Extracted:
    """The names under `fieldErrors`, wherever it stands."""
    sources = [fields] if fields is not None else list(values(unprefixed(text)))[:20]
    found = [
        str(name)
        for source in sources
        for holder in _under(source, "fieldErrors")
        for name, inner in list(holder.items())[:200]
        if inner
    ]
    return Extracted(fields=distinct(dotted(name) for name in found))


def _under(value: Any, key: str, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Every mapping that stands under `key`."""
    if isinstance(value, Mapping) and depth < 8:
        for name, inner in list(value.items())[:200]:
            if name == key and isinstance(inner, Mapping):
                yield inner
            else:
                yield from _under(inner, key, depth + 1)
    elif isinstance(value, list) and depth < 8:
        for inner in value[:50]:
            yield from _under(inner, key, depth + 1)


@extractor
def zod_tree(text: str, fields: Mapping[str, Any] | None) -> Extracted:
    """zod's `format()` (`_errors`) and `treeifyError()` (`errors`, `properties`, `items`): paths of nodes that hold a message."""
    sources = [fields] if fields is not None else list(values(unprefixed(text)))[:20]
    return Extracted(fields=distinct(path for source in sources for path in _tree_paths(source, "")))


def _tree_paths(node: Any, path: str, depth: int = 0) -> Iterator[str]:
    if depth > 12 or not isinstance(node, Mapping):
        return
    own = node.get("_errors", node.get("errors") if "properties" in node or "items" in node or depth else None)
    if path and isinstance(own, list) and own:
        yield path
    for key, inner in list(node.items())[:200]:
        if key == "properties" and isinstance(inner, Mapping):
            for name, child in list(inner.items())[:200]:
                yield from _tree_paths(child, _joined(path, name), depth + 1)
        elif key == "items" and isinstance(inner, list):
            for number, child in enumerate(inner[:200]):
                yield from _tree_paths(child, _joined(path, str(number)), depth + 1)
        elif isinstance(inner, Mapping):
            inside = "_errors" in node
            yield from _tree_paths(inner, _joined(path, str(key)) if inside else "", depth + 1)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


_PRETTY_AT = late(r"^[^\n]{0,40}(?:→|->|\u2192) at ([^\n]{1,200})$", re.MULTILINE)


@text_extractor
def zod_pretty(text: str) -> Extracted:
    """zod's `prettifyError()`: `  → at favoriteNumbers[1]`."""
    return Extracted(fields=distinct(dotted(hit[1]) for hit in _PRETTY_AT.finditer(text[:MAX_CHARS])))


@extractor
def celebrate_keys(text: str, fields: Mapping[str, Any] | None) -> Extracted:
    """celebrate's answer: `validation: { body: { source: 'body', keys: ['lastName'] } }`."""
    sources = [fields] if fields is not None else list(values(unprefixed(text)))[:20]
    found = [
        key
        for source in sources
        for holder in _holding(source, "source", "keys")
        for key in holder["keys"]
        if isinstance(key, str)
    ]
    return Extracted(fields=distinct(dotted(key) for key in found))


def _holding(value: Any, *keys: str, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Every mapping that has all of `keys`, the last one holding a list."""
    if isinstance(value, Mapping) and depth < 8:
        if all(key in value for key in keys) and isinstance(value[keys[-1]], list):
            yield value
        for inner in list(value.values())[:200]:
            yield from _holding(inner, *keys, depth=depth + 1)


_AT = late(r" at \"([\w.\[\]]{1,120})\"")


@text_extractor
def zod_at(text: str) -> Extracted:
    """zod-validation-error: `Validation error: Required at "sessionDate"; … at "participants[1].age"`."""
    return Extracted(fields=distinct(dotted(hit[1]) for hit in every(_AT, text)))
