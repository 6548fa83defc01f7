"""The few named extractors that a rule may ask for. Each takes a record's text (at most 16 kB) and its JSON fields, and never raises.

A rule's pattern says *that* a schema library refused; these say *which fields*, out of whatever the library or its
logger printed: arrays of issues, trees of messages, blocks of lines. All of them are bounded and linear.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from parsers.formats import strip_prefix
from parsers.literals import Bare, values

MAX_CHARS = 16_384
MAX_FIELDS = 50
MAX_NODES = 4_000


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
    """Registers a function under its own name: a rule names it in `extract = ["its_name"]`."""
    EXTRACTORS[function.__name__] = function
    return function


def text_extractor(function: Callable[[str], Extracted]) -> Extractor:
    """Registers an extractor that reads the text alone."""

    def read(text: str, fields: Mapping[str, Any] | None) -> Extracted:  # noqa: ARG001  (the contract of an extractor)
        return function(text)

    EXTRACTORS[function.__name__] = read
    return read


# --- paths ---------------------------------------------------------------------------------------

_LOCATIONS = frozenset("body query path header headers cookie cookies params querystring form json".split())
_BRACKETS = re.compile(r"\[['\"]?([^\[\]'\"]{1,100})['\"]?\]")
_NO_FIELD = frozenset(
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


def _named(paths: Iterable[str]) -> tuple[str, ...]:
    """Distinct paths in order, at most MAX_FIELDS, without the names that mean "the whole object"."""
    seen: dict[str, None] = {}
    for path in paths:
        if path not in _NO_FIELD and len(seen) < MAX_FIELDS:
            seen.setdefault(path)
    return tuple(seen)


# --- arrays of issues ----------------------------------------------------------------------------


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
_FOREIGN_KEYS = frozenset("req request headers config query params body data input response".split())
_CODE_SHAPE = re.compile(r"[A-Za-z][\w.\-]{1,60}\Z")


@extractor
def issues(text: str, fields: Mapping[str, Any] | None) -> Extracted:
    """Any array of issues (zod, ajv, Joi, express-validator, class-validator, pydantic, one's own): their fields, the first code."""
    found = list(_all_issues(text, fields))
    code = next((issue.code for issue in found if issue.code), None)
    return Extracted(fields=_named(issue.path for issue in found), code=code)


def _all_issues(text: str, fields: Mapping[str, Any] | None) -> Iterator[Issue]:
    budget = [MAX_NODES]
    if fields is not None:
        yield from _issues_in(fields, budget)
        for inner in _texts_with_literals(fields):
            for value in values(inner):
                yield from _issues_in(value, budget)
        return
    for value in values(_unprefixed(text)):
        yield from _issues_in(value, budget)


def _texts_with_literals(fields: Any, depth: int = 0) -> Iterator[str]:
    """Strings of a structured record that hold an array or object themselves (zod 4 keeps its issues in `message`)."""
    if isinstance(fields, str):
        if len(fields) > 10 and ("[" in fields or "{" in fields) and ("path" in fields or "loc" in fields or "field" in fields):
            yield fields[:MAX_CHARS]
    elif depth < 4 and isinstance(fields, Mapping | list):
        inner = fields.items() if isinstance(fields, Mapping) else enumerate(fields[:50])
        for key, value in inner:
            if key not in _FOREIGN_KEYS and key != "stack":
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
            if key not in _FOREIGN_KEYS and isinstance(inner, list | Mapping):
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


def _unprefixed(text: str) -> str:
    """Every line without the prefix of whoever collected it (`api-1  | `)."""
    return "\n".join(strip_prefix(line) for line in text[:MAX_CHARS].split("\n"))


# --- maps and trees of messages ------------------------------------------------------------------

_WRAPPERS = frozenset(
    "errors error validation_errors validationErrors detail details messages fieldErrors field_errors violations data json nested".split()
)


@extractor
def error_map(text: str, fields: Mapping[str, Any] | None) -> Extracted:
    """Field -> list of messages (Django, DRF, Marshmallow, ProblemDetails, Rails, Laravel, zod's `flatten()`): the fields."""
    if fields is None:
        return Extracted(fields=_named(_from_maps(values(_unprefixed(text)))))
    told = [path for holder in _message_maps(fields) if holder is not fields for path in _mapped(holder, "", 1)]
    printed = (path for inner in _texts_with_maps(fields) for path in _from_maps(values(_unprefixed(inner))))
    return Extracted(fields=_named(told or printed))


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
            if key not in _FOREIGN_KEYS:
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
        path = parent if own in _NO_FIELD else ".".join(part for part in (parent, own) if part)
        if _is_messages(inner) or (
            depth == 0 and isinstance(inner, str) and not isinstance(inner, Bare) and key not in ("message", "name", "level")
        ):
            yield path
        elif isinstance(inner, Mapping) and depth < 8:
            yield from _mapped(inner, path, depth + 1)


@extractor
def error_map_strict(text: str, fields: Mapping[str, Any] | None) -> Extracted:
    """As `error_map`, of structured records alone and only where every leaf is a list of texts under a telling key."""
    if fields is None:
        return Extracted()
    found = [path for holder in _message_maps(fields) if holder is not fields for path in _mapped(holder, "", 1)]
    return Extracted(fields=_named(found))


@extractor
def zod_flattened(text: str, fields: Mapping[str, Any] | None) -> Extracted:
    """The names under `fieldErrors`, wherever it stands."""
    sources = [fields] if fields is not None else list(values(_unprefixed(text)))[:20]
    found = [
        str(name)
        for source in sources
        for holder in _under(source, "fieldErrors")
        for name, inner in list(holder.items())[:200]
        if inner
    ]
    return Extracted(fields=_named(dotted(name) for name in found))


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
    sources = [fields] if fields is not None else list(values(_unprefixed(text)))[:20]
    return Extracted(fields=_named(path for source in sources for path in _tree_paths(source, "")))


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


_PRETTY_AT = re.compile(r"^[^\n]{0,40}(?:→|->|\u2192) at ([^\n]{1,200})$", re.MULTILINE)


@text_extractor
def zod_pretty(text: str) -> Extracted:
    """zod's `prettifyError()`: `  → at favoriteNumbers[1]`."""
    return Extracted(fields=_named(dotted(hit[1]) for hit in _PRETTY_AT.finditer(text[:MAX_CHARS])))


# --- lines ---------------------------------------------------------------------------------------


def _every(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    return list(pattern.finditer(text[:MAX_CHARS]))[:200]


_PYDANTIC = re.compile(r"^(\S[^\n]{0,200})\n\s{1,8}[^\n]{1,2000}[\[(]type=([\w.]{1,60})", re.MULTILINE)
_PYDANTIC_LOC = re.compile(r"[\w.$\[\]\- >]{1,200}\Z")


@text_extractor
def pydantic_lines(text: str) -> Extracted:
    """pydantic's printed errors: a line `items.0.quantity` or `items -> 0 -> quantity`, then `  Field required [type=missing, …`."""
    hits = [hit for hit in _every(_PYDANTIC, _unprefixed(text)) if _PYDANTIC_LOC.match(hit[1])]
    return Extracted(fields=_named(without_location(dotted(hit[1])) for hit in hits), code=hits[0][2] if hits else None)


_FASTIFY = re.compile(
    r"\b(body|querystring|params|headers)((?:/[\w$.~-]{1,80}){0,20}) (?:must|should) "
    r"(?:(have required property) '([^'\n]{1,100})'|NOT\b|[a-z]{2,20}\b)"
)


@text_extractor
def fastify_message(text: str) -> Extracted:
    """Fastify's sentence: `body/attendees/1 must have required property 'name'` -> `attendees.1.name`."""
    found = []
    for hit in _every(_FASTIFY, text):
        found.append(".".join(part for part in (dotted(hit[2]), hit[4] or "") if part))
    return Extracted(fields=_named(found))


_AJV_TEXT = re.compile(
    r"(?:\bdata|\B)((?:[/.][\w$~-]{1,80}|\[\d{1,6}\]){0,20}) (?:must|should) (?:have required property '([^'\n]{1,100})'|NOT\b|be\b|match\b)"
)


@text_extractor
def ajv_text(text: str) -> Extracted:
    """Ajv's `errorsText()`: `data must have required property 'a', data/n must be >= 3`."""
    found = (
        ".".join(part for part in (dotted(hit[1]), dotted(hit[2] or "").strip(".")) if part) for hit in _every(_AJV_TEXT, text)
    )
    return Extracted(fields=_named(found))


_QUOTED_SUBJECT = re.compile(
    r"(?:^|[\s\[(:.,])\\?\"([^\"\\\n]{1,120})\\?\" (?:is|must|length|with|contains|has|does|failed|cannot|can't|should|missing|size)\b",
    re.MULTILINE,
)


@text_extractor
def quoted_subjects(text: str) -> Extracted:
    """Joi's sentences: `"a.b" is required. "n" must be greater than or equal to 3`."""
    return Extracted(fields=_named(dotted(hit[1]) for hit in _every(_QUOTED_SUBJECT, text)))


_MESSAGE_KEYS = ("message", "msg", "reason", "detail", "error", "description", "error_description", "title")
_QUOTED_NAME = re.compile(r"(?:^|[\s:(])['\"`]([A-Za-z_$][\w.$\[\]]{0,80})['\"`](?=[\s.,:;)]|$)")
_SUBJECT = re.compile(r"(?:^|: )([a-z_$][\w.$\[\]]{1,80}) (?:is|are|must|should|cannot|can't|has|may|needs|does)\b")


@extractor
def quoted_names(text: str, fields: Mapping[str, Any] | None) -> Extracted:
    """What the application's own sentence is about: a quoted name in its message, else its lower-case subject (`email is required`)."""
    sentences = list(_sentences(fields)) if fields is not None else [text[:2_000].split("\n", 1)[0]]
    quoted = [hit[1] for sentence in sentences for hit in _QUOTED_NAME.finditer(sentence)]
    subjects = [hit[1] for sentence in sentences for hit in _SUBJECT.finditer(sentence)]
    return Extracted(fields=_named(dotted(name) for name in quoted or subjects))


def _sentences(fields: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    for key, inner in list(fields.items())[:100]:
        if isinstance(inner, str) and key in _MESSAGE_KEYS:
            yield inner[:1_000]
        elif isinstance(inner, Mapping) and depth < 3 and key not in _FOREIGN_KEYS:
            yield from _sentences(inner, depth + 1)


_SPRING_FIELD = re.compile(r"\bon field '([^'\n]{1,120})'(?:[^\n]{0,400}?codes \[(\w{1,60}))?")


@text_extractor
def spring_fields(text: str) -> Extracted:
    """`Field error in object 'x' on field 'dueDate': rejected value [null]; codes [NotNull.x.dueDate,…`."""
    hits = _every(_SPRING_FIELD, text)
    return Extracted(fields=_named(dotted(hit[1]) for hit in hits), code=next((hit[2] for hit in hits if hit[2]), None))


_VIOLATION_TEXT = re.compile(
    r"ConstraintViolationException: ((?:[\w.\[\]<> ]{1,120}: [^,\n]{1,200}(?:, |$)){1,50})", re.MULTILINE
)
_VIOLATION_PATH = re.compile(r"(?:^|, )([\w.\[\]]{1,120}): ")
_VIOLATION = re.compile(r"propertyPath=([\w.\[\]]{1,120})(?:[^\n]{0,300}?constraints\.(\w{1,60})\.message)?")


@text_extractor
def jakarta_violations(text: str) -> Extracted:
    """`ConstraintViolationImpl{interpolatedMessage='…', propertyPath=name, …, messageTemplate='{…constraints.NotNull.message}'}`."""
    hits = _every(_VIOLATION, text)
    if not hits:
        told = _VIOLATION_TEXT.search(text[:MAX_CHARS])
        return Extracted(fields=_named(dotted(hit[1]) for hit in _VIOLATION_PATH.finditer(told[1])) if told else ())
    return Extracted(fields=_named(dotted(hit[1]) for hit in hits), code=next((hit[2] for hit in hits if hit[2]), None))


_FLUENT = re.compile(r"(?:^|\s)-- ([\w.\[\]]{1,120}): ")


@text_extractor
def fluent_lines(text: str) -> Extracted:
    """FluentValidation: ` -- Model.GenreId: 'Model Genre Id' must be greater than '0'. Severity: Error`."""
    return Extracted(fields=_named(dotted(hit[1]) for hit in _every(_FLUENT, text)))


_GO_FIELD = re.compile(
    r"Key: '(?:[\w\[\]]{0,120}\.)?([\w.\[\]]{1,120})' Error:Field validation for '([\w.\[\]]{1,120})' failed on the '([^'\n]{1,60})' tag"
)


@text_extractor
def go_validator(text: str) -> Extracted:
    """`Key: 'Todo.Items[0].Title' Error:Field validation for 'Title' failed on the 'required' tag`."""
    hits = _every(_GO_FIELD, text)
    return Extracted(fields=_named(dotted(hit[1]) for hit in hits), code=hits[0][3] if hits else None)


_CLASS_VALIDATOR = re.compile(r"- property ([\w.\[\]]{1,120}) has failed the following constraints: ([\w-]{1,60})")
_DECORATED = re.compile(
    r"(?:^|['\"\[,]\s{0,12})(?:each value in )?([A-Za-z_$][\w.$]{0,80}) (?:must|should) (?:not )?(?:be|match|contain|have|exist|end|start)\b"
    r"|(?:^|['\"\[,]\s{0,12})property ([A-Za-z_$][\w.$]{0,80}) should not exist",
    re.MULTILINE,
)


@extractor
def class_validator(text: str, fields: Mapping[str, Any] | None) -> Extracted:
    """class-validator's `toString()` lines, else Nest's sentences: `email must be an email`, `property x should not exist`."""
    hits = _every(_CLASS_VALIDATOR, text)
    if hits:
        return Extracted(fields=_named(dotted(hit[1]) for hit in hits), code=hits[0][2])
    sentences = _nest_sentences(fields) if fields is not None else None
    lines = "\n".join(sentences) if sentences else text
    return Extracted(fields=_named(dotted(hit[1] or hit[2]) for hit in _every(_DECORATED, lines)))


def _nest_sentences(fields: Mapping[str, Any]) -> list[str]:
    """The array of sentences that a BadRequestException carries, wherever the logger put it."""
    found: list[str] = []
    queue: list[tuple[Any, int]] = [(fields, 0)]
    while queue and len(found) < MAX_FIELDS:
        node, depth = queue.pop(0)
        if not isinstance(node, Mapping):
            continue
        for key, inner in list(node.items())[:100]:
            if key == "message" and isinstance(inner, list):
                found.extend(item for item in inner if isinstance(item, str))
            elif depth < 4:
                queue.append((inner, depth + 1))
    return found


_RAILS = re.compile(r"Validation failed(?: -|:) ([^\n]{1,1000})")
_RAILS_ATTRIBUTE = re.compile(
    r"(?:^|, )([A-Z][\w ]{0,60}?) (?:can't|can’t|cannot|is|must|has|does|doesn't|should|was|are|needs|translation|already|have|not)\b"
)


@text_extractor
def rails_attributes(text: str) -> Extracted:
    """`Validation failed: Password can't be blank, Email is invalid` -> Password, Email (as printed)."""
    found = (part[1] for hit in _every(_RAILS, text) for part in _RAILS_ATTRIBUTE.finditer(hit[1]))
    return Extracted(fields=_named(found))


_MONGOOSE_HEAD = re.compile(r"(?:validation failed: |Error: |, |^)([\w.$]{1,120}): (?:Path `|Cast to |Validator failed|[A-Z])")
_MONGOOSE_PATH = re.compile(r"Path `([\w.$]{1,120})`|at path \"([\w.$]{1,120})\"|for path `([\w.$]{1,120})`")
_MONGOOSE_KIND = re.compile(r"\bkind: '(\w{1,40})'")
_MONGOOSE_KINDS = (
    ("` is required", "required"), ("is not a valid enum value", "enum"), ("is less than minimum allowed", "min"), ("is more than maximum allowed", "max"),
    ("is shorter than the minimum", "minlength"), ("is longer than the maximum", "maxlength"), ("` is invalid (", "regexp"),
)  # fmt: skip


@text_extractor
def mongoose_paths(text: str) -> Extracted:
    """`Product validation failed: name: Path `name` is required., price: Cast to Number failed …` -> name, price; the first kind."""
    seen = text[:MAX_CHARS]
    first = next((line for line in seen.split("\n") if "validation failed: " in line), seen)
    heads = [
        hit[1]
        for hit in _MONGOOSE_HEAD.finditer(first.partition("validation failed: ")[2] or first)
        if not hit[1].endswith(("Error", "Exception"))
    ]
    named = [next(group for group in hit.groups() if group) for hit in _every(_MONGOOSE_PATH, first)]
    kind = _MONGOOSE_KIND.search(seen)
    told = min(((seen.find(words), name) for words, name in _MONGOOSE_KINDS if words in seen), default=None)
    return Extracted(fields=_named([*heads, *named]), code=kind[1] if kind else told[1] if told else None)


@extractor
def celebrate_keys(text: str, fields: Mapping[str, Any] | None) -> Extracted:
    """celebrate's answer: `validation: { body: { source: 'body', keys: ['lastName'] } }`."""
    sources = [fields] if fields is not None else list(values(_unprefixed(text)))[:20]
    found = [
        key
        for source in sources
        for holder in _holding(source, "source", "keys")
        for key in holder["keys"]
        if isinstance(key, str)
    ]
    return Extracted(fields=_named(dotted(key) for key in found))


def _holding(value: Any, *keys: str, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Every mapping that has all of `keys`, the last one holding a list."""
    if isinstance(value, Mapping) and depth < 8:
        if all(key in value for key in keys) and isinstance(value[keys[-1]], list):
            yield value
        for inner in list(value.values())[:200]:
            yield from _holding(inner, *keys, depth=depth + 1)


_YUP_PATH = re.compile(r"\bpath\"?: ?['\"]([\w.$\[\]]{1,120})['\"]")
_YUP_SENTENCE = re.compile(
    r"(?:^|['\": ])([A-Za-z_$][\w.$\[\]]{0,120}) (?:is a required field|must be |must match |must contain |field (?:has|must) |cannot be null)",
    re.MULTILINE,
)


@text_extractor
def yup_paths(text: str) -> Extracted:
    """Paths of a yup error and of its `inner` errors, else the subjects of its sentences."""
    paths = [hit[1] for hit in _every(_YUP_PATH, text)] or [hit[1] for hit in _every(_YUP_SENTENCE, text) if hit[1] != "this"]
    return Extracted(fields=_named(dotted(path) for path in paths))


_SEQUELIZE = re.compile(
    r"(?:[Vv]iolation|error): (?:[A-Z]\w{0,60}\.)?([a-z_]\w{0,60}) (?:cannot|must|should|is)\b|\bpath\"?: ?['\"](\w{1,80})['\"]|\bon (\w{1,60}) failed\b"
)


@text_extractor
def sequelize_paths(text: str) -> Extracted:
    """`notNull Violation: User.name cannot be null`, `path: 'name'`."""
    return Extracted(fields=_named(next((group for group in hit.groups() if group), "") for hit in _every(_SEQUELIZE, text)))


_ERRORLIST = re.compile(r"<li>([\w.]{1,80})<ul class=\"errorlist\"")


@text_extractor
def django_errorlist(text: str) -> Extracted:
    """A form's errors printed as HTML."""
    return Extracted(fields=_named(hit[1] for hit in _every(_ERRORLIST, text)))


_ASPNET_FIELD = re.compile(r"\"((?:\$\.)?[A-Za-z_][\w.\[\]]{0,120})\": ?\[\s{0,20}\"")


@text_extractor
def aspnet_errors(text: str) -> Extracted:
    """`"errors": { "DueDate": [ "The DueDate field is required." ] }` in text that is no JSON event of its own."""
    after = text[:MAX_CHARS].partition('"errors"')[2]
    return Extracted(fields=_named(dotted(hit[1].removeprefix("$.")) for hit in _every(_ASPNET_FIELD, after)))


_SPRING_PROPERTY = re.compile(r"(?:Property|on field|property): ?'?([\w.\-\[\]]{1,120})")


@text_extractor
def spring_property(text: str) -> Extracted:
    """`Property: app.url` of Spring Boot's failure report."""
    return Extracted(fields=_named(hit[1] for hit in _every(_SPRING_PROPERTY, text)))


_GRAPHQL_VARIABLE = re.compile(r"\bVariable \\?\"\$(\w{1,80})\\?\"")
_GRAPHQL_FIELD = re.compile(
    r"\bField \\?\"?([\w.]{1,80})\\?\"? (?:argument \\?\"\w{1,80}\\?\" )?of (?:required )?type|\bat \\?\"(?:\w{1,80}\.)?([\w.]{1,80})\\?\";?|\bvalue\.([\w.]{1,80}) of required type"
)


@text_extractor
def graphql_fields(text: str) -> Extracted:
    """`Field "details" of required type "String!" was not provided`, `got invalid value 5 at "input.details"`."""
    found = [next((group for group in hit.groups() if group), "") for hit in _every(_GRAPHQL_FIELD, text)]
    return Extracted(fields=_named(found or (hit[1] for hit in _every(_GRAPHQL_VARIABLE, text))))


_STATUS = re.compile(r"\b(?:statusCode|status_code|status|http_status|HTTP_STATUS|httpStatus)\"? ?[:=] ?(4\d\d|5\d\d)\b")


@text_extractor
def printed_status(text: str) -> Extracted:
    """The answer's status where a block of several lines names it: `"statusCode": 400`."""
    hit = _STATUS.search(text[:MAX_CHARS])
    return Extracted(status=int(hit[1]) if hit else None)


# --- Prisma --------------------------------------------------------------------------------------

_ARGUMENT = re.compile(
    r"(?:Argument `?([\w.$]{1,120})`?(?: for [\w.$]{1,120})? is missing|Unknown (?:argument|field|arg) `([\w.$]{1,120})`"
    r"|Invalid value for argument `([\w.$]{1,120})`|Invalid value provided\. Expected [^\n]{0,200} for argument `([\w.$]{1,120})`"
    r"|Argument `?([\w.$]{1,120})`?(?: of type \w{1,80})?(?:: | must | needs )|Got invalid value [^\n]{0,300}? on prisma\.|Unknown field `([\w.$]{1,120})` for)"
)
_INVOCATION = re.compile(r"Invalid `(?:prisma\.)?([\w$]{1,80})\.(\w{1,40})\(\)` invocation")
_MODEL_NAME = re.compile(r"\bmodelName\"?: ['\"](\w{1,80})['\"]")
_TARGET = re.compile(r"\bfields?: \(([^)\n]{1,400})\)|\bconstraint: \(([^)\n]{1,400})\)")
_NAME = re.compile(r"[A-Za-z_$][\w.$ -]{0,100}")
_ORIGINAL_CODE = re.compile(
    r"\b(?:originalCode|cause\.code)\"?: ['\"](\w{2,20})['\"]|Raw query failed\. Code: `(\w{2,20})`|SqlState\(E?\"?(\w{5})\"?\)|\bcode: SqlState\(\"?E?(\w{5})"
)
_NULL_COLUMN = re.compile(r"null value in column \\?\"([^\"\\\n]{1,120})\\?\"")


@text_extractor
def prisma_arguments(text: str) -> Extracted:
    """Arguments that the client itself refused, and the model it was asked for."""
    found = (next((name for name in hit.groups() if name), "") for hit in _every(_ARGUMENT, text))
    return Extracted(fields=_named(found), table=_prisma_model(text))


@text_extractor
def prisma_known(text: str) -> Extracted:
    """Columns of a constraint, the model, the database's own code: of a PrismaClientKnownRequestError in any wrapping."""
    names = [name.strip() for hit in _every(_TARGET, text) for name in _NAME.findall(hit[1] or "")]
    null_column = _NULL_COLUMN.search(text[:MAX_CHARS])
    code = _ORIGINAL_CODE.search(text[:MAX_CHARS])
    db_code = next((group for group in code.groups() if group), None) if code else None
    return Extracted(
        fields=_named(names or ([null_column[1]] if null_column else [])),
        table=_prisma_model(text),
        db_code=None if db_code in ("N", "NA") else db_code,
    )


def _prisma_model(text: str) -> str | None:
    model = _MODEL_NAME.search(text[:MAX_CHARS])
    if model:
        return model[1]
    invocation = _INVOCATION.search(text[:MAX_CHARS])
    return invocation[1] if invocation and not invocation[1].startswith("$") and invocation[1] != "prisma" else None


# --- SQL -----------------------------------------------------------------------------------------

_SQLSTATE = re.compile(
    r"\bSQL ?[Ss]tate\s{0,4}[:=]?\s{0,2}[\[\"'(]{0,2}E?([0-9][0-9A-Z]{4}|[A-Z][0-9A-Z][0-9]{2}[0-9A-Z])\b|\bSQLSTATE[\[ :=]{1,3}'?([0-9A-Z]{5})\b|\bSqlState\(\"?E?([0-9A-Z]{5})"
    r"|\b(?:code|pgcode|sqlState|sqlstate|SqlState|originalCode|codigo|errorCode|prismaCode)\"?: ['\"]([0-9][0-9A-Z]{4}|[XFHP][0-9A-Z][0-9]{2}[0-9A-Z])['\"]"
    r"|\bPostgresException(?: \(0x[0-9A-Fa-f]{8}\))?: ([0-9A-Z]{5}):|\b(?:ERROR|FATAL|PANIC):?\s{1,2}([0-9][0-9A-Z]{4})(?::| \()|\[([0-9][0-9A-Z]{4})\] (?:ERROR|FATAL)"
)
_KEY_DETAIL = re.compile(r"\bKey \(([^\n]{1,300}?)\)=\(")
_COLUMN_OBJECT = re.compile(r"\bcolumn\"?: ['\"]([^'\"\n]{1,120})['\"]")
_TABLE_TEXT = re.compile(
    r"\b(?:of relation|on table|relation|on relation|from table) \\?\"([^\"\\\n]{1,120})\\?\"|\btable\"?: ['\"]([^'\"\n]{1,120})['\"]"
)


@text_extractor
def sqlstate(text: str) -> Extracted:
    """The SQLSTATE where it is printed as such, in any driver's way of printing it."""
    hit = _SQLSTATE.search(text[:MAX_CHARS])
    return Extracted(code=next((group for group in hit.groups() if group), None) if hit else None)


@text_extractor
def postgres_detail(text: str) -> Extracted:
    """Columns of `Key (a, b)=(…)` or of a driver's `column: 'x'`, and the table. Values are never read."""
    seen = text[:MAX_CHARS]
    key = _KEY_DETAIL.search(seen)
    column = _COLUMN_OBJECT.search(seen)
    table = _TABLE_TEXT.search(seen)
    columns = [_plain_column(part) for part in key[1].split(",")] if key else [column[1]] if column else []
    return Extracted(fields=_named(columns), table=(table[1] or table[2]) if table else None)


_FUNCTION = re.compile(r"\w{1,60}\(+([\w\"]{1,120})")


def _plain_column(text: str) -> str:
    """`lower(email::text)` -> `email`."""
    inner = _FUNCTION.match(text.strip())
    return (inner[1] if inner else text.strip()).split("::", 1)[0].strip('"() ')


_SQLITE = re.compile(r"\b(?:NOT NULL|UNIQUE|PRIMARY KEY) constraint failed: ([\w.]{1,120}(?:, [\w.]{1,120}){0,10})")


@text_extractor
def sqlite_columns(text: str) -> Extracted:
    """`UNIQUE constraint failed: user.email, user.tenant`."""
    hit = _SQLITE.search(text[:MAX_CHARS])
    return Extracted(
        fields=_named(hit[1].split(", ")) if hit else (), table=hit[1].partition(".")[0] if hit and "." in hit[1] else None
    )


_MYSQL_COLUMN = re.compile(
    r"\b(?:[Cc]olumn(?: name)?|Field|value for) '([^'\n]{1,120})'|\bfor column [^\n]{0,120}[`'](\w{1,120})[`'] at row"
)
_MYSQL_TABLE = re.compile(r"\bTable '([^'\n]{1,120})' (?:doesn't exist|already exists)")


@text_extractor
def mysql_names(text: str) -> Extracted:
    """`Column 'x' cannot be null`, `Table 'app.note' doesn't exist`."""
    column = _MYSQL_COLUMN.search(text[:MAX_CHARS])
    table = _MYSQL_TABLE.search(text[:MAX_CHARS])
    return Extracted(fields=_named([column[1] or column[2]]) if column else (), table=table[1] if table else None)


_DUP_KEY = re.compile(r"\bdup key: \{ ([^{}\n]{1,400})\}?")
_DUP_NAME = re.compile(r"(?:^|, )\"?([A-Za-z_][\w.]{0,80})\"?: ")
_MONGO_CODE = re.compile(r"\bcode\"?: ?(\d{1,6})\b")


@text_extractor
def mongo_keys(text: str) -> Extracted:
    """Names in `dup key: { email: "…" }`; the values are never read."""
    hit = _DUP_KEY.search(text[:MAX_CHARS])
    return Extracted(fields=_named(name[1] for name in _DUP_NAME.finditer(hit[1])) if hit else ())


@text_extractor
def mongo_code(text: str) -> Extracted:
    """The server's number: `code: 121`."""
    hit = _MONGO_CODE.search(text[:MAX_CHARS])
    return Extracted(code=hit[1] if hit else None)


# --- migrations -----------------------------------------------------------------------------------------------------

_MIGRATION_LIST_HEAD = re.compile(
    r"have (?:not yet )?been applied:|has (?:not yet )?been applied:|unapplied migration|[Mm]igrations? to (?:execute|run):"
)
_MIGRATION_LIST_LINE = re.compile(
    r"^[ \t|│]*(?:[└├]─+[ \t]*|[-*][ \t]+|\d{1,4}[.)][ \t]+|> )?(?:migrations/)?([\w][\w.:-]{4,254}?)/?[ \t]*$"
)
_PRISMA_MIGRATION = re.compile(
    r"""Migration name: (\S{1,255})|with migration_name="([^"\n]{1,255})"|The `([^`\n]{1,255})` migration started"""
    r"""|Migration `?([\w.-]{1,255})`? failed to apply|[Tt]he migration `?(\d{8,14}_[\w.-]{1,240})`? could not be found"""
    r"""|migrations/([\w.-]{1,255})/migration\.sql"""
)
_PRISMA_DB_CODE = re.compile(
    r"Database error code: (\w{4,6})|SqlState\(E?(\w{5})\)|SqlState\(\"(\w{5})\"\)|`ERROR \w{5} \((\d{4})\)|\bError code: (?!P\d)(\w{4,6})\b"
)


@text_extractor
def migration_names(text: str) -> Extracted:
    """The names of a listing, one a line: `20250101000000_init`, `  └─ 20250101000000_init/`."""
    head = _MIGRATION_LIST_HEAD.search(text)
    if head is None:
        return Extracted()
    names: list[str] = []
    for line in text[head.end() :].split("\n")[1:200]:
        hit = _MIGRATION_LIST_LINE.match(strip_prefix(line))
        if hit is None:
            if line.strip() and names:
                break
        elif hit[1] not in ("migrations", "migration.sql"):
            names.append(hit[1])
    return Extracted(migrations=tuple(dict.fromkeys(names)))


@text_extractor
def prisma_migrate(text: str) -> Extracted:
    """Which migration, and the database's code, out of the block under a Prisma Migrate error."""
    name = _PRISMA_MIGRATION.search(text)
    code = _PRISMA_DB_CODE.search(text)
    return Extracted(
        migrations=(next(group for group in name.groups() if group),) if name else (),
        db_code=next(group for group in code.groups() if group) if code else None,
    )


_FLYWAY_SQLSTATE = re.compile(r"^[^\n]{0,80}\bSQL State *: (\w{5})\b", re.MULTILINE)
_FLYWAY_ERROR_CODE = re.compile(r"^[^\n]{0,80}\bError Code *: (\d{3,5})\b", re.MULTILINE)


@text_extractor
def database_code(text: str) -> Extracted:
    """The database's own code inside a migration tool's failure, where a driver printed one."""
    hit = _SQLSTATE.search(text[:MAX_CHARS])
    return Extracted(db_code=next((group for group in hit.groups() if group), None) if hit else None)


@text_extractor
def flyway_block(text: str) -> Extracted:
    """`SQL State  : 42701` (or MySQL's `Error Code : 1060`, which says more than its state) under a failed Flyway migration."""
    vendor = _FLYWAY_ERROR_CODE.search(text)
    state = _FLYWAY_SQLSTATE.search(text)
    return Extracted(db_code=vendor[1] if vendor else state[1] if state else None)
