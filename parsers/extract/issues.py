"""Arrays of issues: zod, ajv, Joi, express-validator, class-validator, pydantic, one's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from parsers.extract.base import (
    FOREIGN_KEYS,
    MAX_CHARS,
    MAX_NODES,
    Extracted,
    distinct,
    dotted,
    extractor,
    unprefixed,
    without_location,
)
from parsers.late import late
from parsers.literals import values


@dataclass(frozen=True, slots=True)
class Issue:
    path: str
    code: str | None


_PATH_KEYS = (
    "path",
    "instancePath",
    "dataPath",
    "loc",
    "field",
    "param",
    "property",
    "fieldName",
    "propertyName",
    "attribute",
    "pointer",
    "name",
)
_SAYS_KEYS = (
    "message",
    "msg",
    "messages",
    "errorMessage",
    "reason",
    "description",
    "constraints",
    "code",
    "keyword",
    "error",
    "detail",
    "defaultMessage",
)
_CODE_KEYS = ("code", "keyword", "type", "errorCode", "rule", "kind", "validator")
_NESTED_KEYS = ("unionErrors", "errors", "children", "issues", "inner")
_CODE_SHAPE = late(r"[A-Za-z][\w.\-]{1,60}\Z")


@extractor
def issues(text: str, fields: Mapping[str, Any] | None) -> Extracted:
    """Any array of issues (zod, ajv, Joi, express-validator, class-validator, pydantic, one's own): their fields, the first code."""
    found = list(_all_issues(text, fields))
    code = next((issue.code for issue in found if issue.code), None)
    return Extracted(fields=distinct(issue.path for issue in found), code=code)


def _all_issues(text: str, fields: Mapping[str, Any] | None) -> Iterator[Issue]:
    budget = [MAX_NODES]
    if fields is not None:
        yield from _issues_in(fields, budget)
        for inner in _texts_with_literals(fields):
            for value in values(inner):
                yield from _issues_in(value, budget)
        return
    for value in values(unprefixed(text)):
        yield from _issues_in(value, budget)


def _texts_with_literals(fields: Any, depth: int = 0) -> Iterator[str]:
    """Strings of a structured record that hold an array or object themselves (zod 4 keeps its issues in `message`)."""
    if isinstance(fields, str):
        if len(fields) > 10 and ("[" in fields or "{" in fields) and ("path" in fields or "loc" in fields or "field" in fields):
            yield fields[:MAX_CHARS]
    elif depth < 4 and isinstance(fields, Mapping | list):
        inner = fields.items() if isinstance(fields, Mapping) else enumerate(fields[:50])
        for key, value in inner:
            if key not in FOREIGN_KEYS and key != "stack":
                yield from _texts_with_literals(value, depth + 1)


def _issues_in(value: Any, budget: list[int], parent: str = "") -> Iterator[Issue]:
    budget[0] -= 1
    if budget[0] < 0:
        return
    if isinstance(value, list):
        for inner in value[:500]:
            yield from _issues_in(inner, budget, parent)
    elif isinstance(value, Mapping):
        if _is_issue(value):
            yield from _issue(value, budget, parent)
            return
        for key, inner in list(value.items())[:200]:
            if key not in FOREIGN_KEYS and isinstance(inner, list | Mapping):
                yield from _issues_in(inner, budget, parent)


def _is_issue(value: Mapping[str, Any]) -> bool:
    if "property" in value and ("constraints" in value or "children" in value):
        return True  # class-validator
    where = _where(value)
    if where is None or not any(key in value for key in _SAYS_KEYS):
        return False
    path = value[where]
    if isinstance(path, str):
        return where in ("instancePath", "dataPath", "pointer") or not path.startswith("/")
    return isinstance(path, list | tuple)


def _where(value: Mapping[str, Any]) -> str | None:
    for key in _PATH_KEYS:
        if isinstance(value.get(key), str | list | tuple) and not (key == "name" and _is_class_name(value)):
            return key
    return None


def _is_class_name(value: Mapping[str, Any]) -> bool:
    """`name` is an error's class, or names something else than a field, in all but RFC 7807's `{name, reason}`."""
    name = value["name"]
    return not isinstance(name, str) or len(value) > 4 or name.endswith(("Error", "Exception")) or "reason" not in value


def _issue(value: Mapping[str, Any], budget: list[int], parent: str) -> Iterator[Issue]:
    where = _where(value) or "property"
    own = dotted(value.get(where))
    if where == "loc":
        own = without_location(own)
        own = "" if own.isdigit() else own  # ("body", 16): where in the text the JSON broke
    own = _with_missing_property(own, value)
    path = ".".join(part for part in (parent, own) if part)
    nested = [inner for key in _NESTED_KEYS for inner in (value.get(key),) if isinstance(inner, list | Mapping) and inner]
    says_itself = bool(path) or not nested
    if says_itself and (where != "property" or value.get("constraints") or not nested):
        yield Issue(path, _issue_code(value))
    if nested and (where == "property" or not path):
        yield from _issues_in(nested, budget, path)


def _with_missing_property(path: str, value: Mapping[str, Any]) -> str:
    """Ajv names the object that lacks a property and the property apart."""
    params = value.get("params")
    missing = params.get("missingProperty") if isinstance(params, Mapping) else None
    if not isinstance(missing, str):
        return path
    missing = dotted(missing)
    return path if path.endswith(missing) and path else ".".join(part for part in (path, missing) if part)


def _issue_code(value: Mapping[str, Any]) -> str | None:
    constraints = value.get("constraints")
    if isinstance(constraints, Mapping) and constraints:
        return str(next(iter(constraints)))[:60]
    for key in _CODE_KEYS:
        code = value.get(key)
        if isinstance(code, str) and _CODE_SHAPE.match(code) and code not in ("field", "alternative", "unknown_fields"):
            return str(code)
    return None
