"""Lines and sentences of schema libraries: which fields they speak of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from parsers.extract.base import (
    FOREIGN_KEYS,
    MAX_CHARS,
    MAX_FIELDS,
    Extracted,
    distinct,
    dotted,
    every,
    extractor,
    text_extractor,
    unprefixed,
    without_location,
)
from parsers.late import late

_PYDANTIC = late(r"^(\S[^\n]{0,200})\n\s{1,8}[^\n]{1,2000}[\[(]type=([\w.]{1,60})", re.MULTILINE)
_PYDANTIC_LOC = late(r"[\w.$\[\]\- >]{1,200}\Z")


@text_extractor
def pydantic_lines(text: str) -> Extracted:
    """pydantic's printed errors: a line `items.0.quantity` or `items -> 0 -> quantity`, then `  Field required [type=missing, …`."""
    hits = [hit for hit in every(_PYDANTIC, unprefixed(text)) if _PYDANTIC_LOC.match(hit[1])]
    return Extracted(fields=distinct(without_location(dotted(hit[1])) for hit in hits), code=hits[0][2] if hits else None)


_FASTIFY = late(
    r"\b(body|querystring|params|headers)((?:/[\w$.~-]{1,80}){0,20}) (?:must|should) "
    r"(?:(have required property) '([^'\n]{1,100})'|NOT\b|[a-z]{2,20}\b)"
)


@text_extractor
def fastify_message(text: str) -> Extracted:
    """Fastify's sentence: `body/attendees/1 must have required property 'name'` -> `attendees.1.name`."""
    found = (".".join(part for part in (dotted(hit[2]), hit[4] or "") if part) for hit in every(_FASTIFY, text))
    return Extracted(fields=distinct(found))


_AJV_TEXT = late(
    r"(?:\bdata|\B)((?:[/.][\w$~-]{1,80}|\[\d{1,6}\]){0,20}) (?:must|should) (?:have required property '([^'\n]{1,100})'|NOT\b|be\b|match\b)"
)


@text_extractor
def ajv_text(text: str) -> Extracted:
    """Ajv's `errorsText()`: `data must have required property 'a', data/n must be >= 3`."""
    found = (
        ".".join(part for part in (dotted(hit[1]), dotted(hit[2] or "").strip(".")) if part) for hit in every(_AJV_TEXT, text)
    )
    return Extracted(fields=distinct(found))


_JOI_CHILD = late(r"\bchild \\?\"([^\"\\\n]{1,120})\\?\" fails because \[")
_QUOTED_SUBJECT = late(
    r"(?:^|[\s\[(:.,])\\?\"([^\"\\\n]{1,120})\\?\" (?:is|must|length|with|contains|has|does|failed|cannot|can't|should|missing|size)\b",
    re.MULTILINE,
)


@text_extractor
def quoted_subjects(text: str) -> Extracted:
    """Joi's sentences: `"a.b" is required. "n" must be greater than or equal to 3`; before 16 inside `child "a" fails because [`."""
    nested = _nested_subjects(text)
    return Extracted(fields=distinct(nested or (dotted(hit[1]) for hit in every(_QUOTED_SUBJECT, text))))


def _nested_subjects(text: str) -> list[str]:
    """`child "a" fails because [child "b" fails because ["b" is required]]` -> `a.b`; [] without such a chain."""
    children = every(_JOI_CHILD, text)
    found: list[str] = []
    open_at: list[tuple[str, int]] = []  # the chain we are in: name, where its bracket opened
    for child in children:
        while open_at and text.count("[", open_at[-1][1], child.start()) < text.count("]", open_at[-1][1], child.start()):
            open_at.pop()
        path = ".".join([name for name, _ in open_at] + [child[1]])
        if open_at and found and found[-1] == ".".join(name for name, _ in open_at):
            found.pop()
        found.append(dotted(path))
        open_at.append((child[1], child.end()))
    return found


_MESSAGE_KEYS = ("message", "msg", "reason", "detail", "error", "description", "error_description", "title")
_QUOTED_NAME = late(r"(?:^|[\s:(])['\"`]([A-Za-z_$][\w.$\[\]]{0,80})['\"`](?=[\s.,:;)]|$)")
_SUBJECT = late(r"(?:^|: )([a-z_$][\w.$\[\]]{1,80}) (?:is|are|must|should|cannot|can't|has|may|needs|does)\b")


@extractor
def quoted_names(text: str, fields: Mapping[str, Any] | None) -> Extracted:
    """What the application's own sentence is about: a quoted name in its message, else its lower-case subject (`email is required`)."""
    sentences = list(_sentences(fields)) if fields is not None else [text[:2_000].split("\n", 1)[0]]
    quoted = [hit[1] for sentence in sentences for hit in _QUOTED_NAME.finditer(sentence)]
    subjects = [hit[1] for sentence in sentences for hit in _SUBJECT.finditer(sentence)]
    return Extracted(fields=distinct(dotted(name) for name in quoted or subjects))


def _sentences(fields: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    for key, inner in list(fields.items())[:100]:
        if isinstance(inner, str) and key in _MESSAGE_KEYS:
            yield inner[:1_000]
        elif isinstance(inner, Mapping) and depth < 3 and key not in FOREIGN_KEYS:
            yield from _sentences(inner, depth + 1)


_SPRING_FIELD = late(r"\bon field '([^'\n]{1,120})'(?:[^\n]{0,400}?codes \[(\w{1,60}))?")


@text_extractor
def spring_fields(text: str) -> Extracted:
    """`Field error in object 'x' on field 'dueDate': rejected value [null]; codes [NotNull.x.dueDate,…`."""
    hits = every(_SPRING_FIELD, text)
    return Extracted(fields=distinct(dotted(hit[1]) for hit in hits), code=next((hit[2] for hit in hits if hit[2]), None))


_VIOLATION_TEXT = late(r"ConstraintViolationException: ((?:[\w.\[\]<> ]{1,120}: [^,\n]{1,200}(?:, |$)){1,50})", re.MULTILINE)
_VIOLATION_PATH = late(r"(?:^|, )([\w.\[\]]{1,120}): ")
_VIOLATION = late(r"propertyPath=([\w.\[\]]{1,120})(?:[^\n]{0,300}?constraints\.(\w{1,60})\.message)?")


@text_extractor
def jakarta_violations(text: str) -> Extracted:
    """`ConstraintViolationImpl{interpolatedMessage='…', propertyPath=name, …, messageTemplate='{…constraints.NotNull.message}'}`."""
    hits = every(_VIOLATION, text)
    if not hits:
        told = _VIOLATION_TEXT.search(text[:MAX_CHARS])
        return Extracted(fields=distinct(dotted(hit[1]) for hit in _VIOLATION_PATH.finditer(told[1])) if told else ())
    return Extracted(fields=distinct(dotted(hit[1]) for hit in hits), code=next((hit[2] for hit in hits if hit[2]), None))


_FLUENT = late(r"(?:^|\s)-- ([\w.\[\]]{1,120}): ")


@text_extractor
def fluent_lines(text: str) -> Extracted:
    """FluentValidation: ` -- Model.GenreId: 'Model Genre Id' must be greater than '0'. Severity: Error`."""
    return Extracted(fields=distinct(dotted(hit[1]) for hit in every(_FLUENT, text)))


_GO_FIELD = late(
    r"Key: '(?:[\w\[\]]{0,120}\.)?([\w.\[\]]{1,120})' Error:Field validation for '([\w.\[\]]{1,120})' failed on the '([^'\n]{1,60})' tag"
)


@text_extractor
def go_validator(text: str) -> Extracted:
    """`Key: 'Todo.Items[0].Title' Error:Field validation for 'Title' failed on the 'required' tag`."""
    hits = every(_GO_FIELD, text)
    return Extracted(fields=distinct(dotted(hit[1]) for hit in hits), code=hits[0][3] if hits else None)


_CLASS_VALIDATOR = late(r"- property ([\w.\[\]]{1,120}) has failed the following constraints: ([\w-]{1,60})")
_DECORATED = late(
    r"(?:^|['\"\[,]\s{0,12})(?:each value in )?([A-Za-z_$][\w.$]{0,80}) (?:must|should) (?:not )?(?:be|match|contain|have|exist|end|start)\b"
    r"|(?:^|['\"\[,]\s{0,12})property ([A-Za-z_$][\w.$]{0,80}) should not exist",
    re.MULTILINE,
)


@extractor
def class_validator(text: str, fields: Mapping[str, Any] | None) -> Extracted:
    """class-validator's `toString()` lines, else Nest's sentences: `email must be an email`, `property x should not exist`."""
    hits = every(_CLASS_VALIDATOR, text)
    if hits:
        return Extracted(fields=distinct(dotted(hit[1]) for hit in hits), code=hits[0][2])
    sentences = _nest_sentences(fields) if fields is not None else None
    lines = "\n".join(sentences) if sentences else text
    return Extracted(fields=distinct(dotted(hit[1] or hit[2]) for hit in every(_DECORATED, lines)))


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


_RAILS = late(r"Validation failed(?: -|:) ([^\n]{1,1000})")
_RAILS_ATTRIBUTE = late(
    r"(?:^|, )([A-Z][\w ]{0,60}?) (?:can't|can’t|cannot|is|must|has|does|doesn't|should|was|are|needs|translation|already|have|not)\b"
)


@text_extractor
def rails_attributes(text: str) -> Extracted:
    """`Validation failed: Password can't be blank, Email is invalid` -> Password, Email (as printed)."""
    found = (part[1] for hit in every(_RAILS, text) for part in _RAILS_ATTRIBUTE.finditer(hit[1]))
    return Extracted(fields=distinct(found))


_MONGOOSE_HEAD = late(r"(?:validation failed: |Error: |, |^)([\w.$]{1,120}): (?:Path `|Cast to |Validator failed|[A-Z])")
_MONGOOSE_PATH = late(r"Path `([\w.$]{1,120})`|at path \"([\w.$]{1,120})\"|for path `([\w.$]{1,120})`")
_MONGOOSE_KIND = late(r"\bkind: '(\w{1,40})'")
_MONGOOSE_KINDS = (
    ("` is required", "required"), ("is not a valid enum value", "enum"), ("is less than minimum allowed", "min"),
    ("is more than maximum allowed", "max"),
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
    named = [next(group for group in hit.groups() if group) for hit in every(_MONGOOSE_PATH, first)]
    kind = _MONGOOSE_KIND.search(seen)
    told = min(((seen.find(words), name) for words, name in _MONGOOSE_KINDS if words in seen), default=None)
    return Extracted(fields=distinct([*heads, *named]), code=kind[1] if kind else told[1] if told else None)


_YUP_PATH = late(r"\bpath\"?: ?['\"]([\w.$\[\]]{1,120})['\"]")
_YUP_SENTENCE = late(
    r"(?:^|['\": ])([A-Za-z_$][\w.$\[\]]{0,120}) (?:is a required field|must be |must match |must contain |field (?:has|must) |cannot be null)",
    re.MULTILINE,
)


@text_extractor
def yup_paths(text: str) -> Extracted:
    """Paths of a yup error and of its `inner` errors, else the subjects of its sentences."""
    paths = [hit[1] for hit in every(_YUP_PATH, text)] or [hit[1] for hit in every(_YUP_SENTENCE, text) if hit[1] != "this"]
    return Extracted(fields=distinct(dotted(path) for path in paths))


_SEQUELIZE = late(
    r"(?:[Vv]iolation|error): (?:[A-Z]\w{0,60}\.)?([a-z_]\w{0,60}) (?:cannot|must|should|is)\b|\bpath\"?: ?['\"](\w{1,80})['\"]"
    r"|\bon (\w{1,60}) failed\b"
)


@text_extractor
def sequelize_paths(text: str) -> Extracted:
    """`notNull Violation: User.name cannot be null`, `path: 'name'`."""
    return Extracted(fields=distinct(next((group for group in hit.groups() if group), "") for hit in every(_SEQUELIZE, text)))


_ERRORLIST = late(r"<li>([\w.]{1,80})<ul class=\"errorlist\"")


@text_extractor
def django_errorlist(text: str) -> Extracted:
    """A form's errors printed as HTML."""
    return Extracted(fields=distinct(hit[1] for hit in every(_ERRORLIST, text)))


_ASPNET_FIELD = late(r"\"((?:\$\.)?[A-Za-z_][\w.\[\]]{0,120})\": ?\[\s{0,20}\"")


@text_extractor
def aspnet_errors(text: str) -> Extracted:
    """`"errors": { "DueDate": [ "The DueDate field is required." ] }` in text that is no JSON event of its own."""
    after = text[:MAX_CHARS].partition('"errors"')[2]
    return Extracted(fields=distinct(dotted(hit[1].removeprefix("$.")) for hit in every(_ASPNET_FIELD, after)))


_SPRING_PROPERTY = late(r"(?:Property|on field|property): ?'?([\w.\-\[\]]{1,120})")


@text_extractor
def spring_property(text: str) -> Extracted:
    """`Property: app.url` of Spring Boot's failure report."""
    return Extracted(fields=distinct(hit[1] for hit in every(_SPRING_PROPERTY, text)))


_GRAPHQL_VARIABLE = late(r"\bVariable \\?\"\$(\w{1,80})\\?\"")
_GRAPHQL_FIELD = late(
    r"\bField \\?\"?([\w.]{1,80})\\?\"? (?:argument \\?\"\w{1,80}\\?\" )?of (?:required )?type"
    r"|\bat \\?\"(?:\w{1,80}\.)?([\w.]{1,80})\\?\";?|\bvalue\.([\w.]{1,80}) of required type"
)


@text_extractor
def graphql_fields(text: str) -> Extracted:
    """`Field "details" of required type "String!" was not provided`, `got invalid value 5 at "input.details"`."""
    found = [next((group for group in hit.groups() if group), "") for hit in every(_GRAPHQL_FIELD, text)]
    return Extracted(fields=distinct(found or (hit[1] for hit in every(_GRAPHQL_VARIABLE, text))))


_STATUS = late(r"\b(?:statusCode|status_code|status|http_status|HTTP_STATUS|httpStatus)\"? ?[:=] ?(4\d\d|5\d\d)\b")


@text_extractor
def printed_status(text: str) -> Extracted:
    """The answer's status where a block of several lines names it: `"statusCode": 400`."""
    hit = _STATUS.search(text[:MAX_CHARS])
    return Extracted(status=int(hit[1]) if hit else None)


_OZZO = late(r"(?<![\w.])([\w.]{1,80}): (?:cannot be blank|must be |the length must be )")


@text_extractor
def ozzo_fields(text: str) -> Extracted:
    """ozzo-validation: `email: must be a valid email address; name: cannot be blank.`"""
    return Extracted(fields=distinct(hit[1] for hit in every(_OZZO, text) if hit[1] not in ("error", "err", "msg", "message")))


_LARAVEL_FIELD = late(
    r"\bThe ([a-z][\w.]{0,60}(?: [a-z][\w.]{0,30}){0,4}?) field (?:is|must|has|format|confirmation|may|does|cannot)\b"
)
_SYMFONY_FIELD = late(r"\bObject\([\w\\]{1,160}\)\.([\w.\[\]]{1,120}):\s")


@text_extractor
def php_fields(text: str) -> Extracted:
    """Laravel's `The email field is required.`, Symfony's `Object(App\\Dto\\User).email:`; Laravel prints `_` as a blank."""
    found = [hit[1].replace(" ", "_") for hit in every(_LARAVEL_FIELD, text)] + [
        dotted(hit[1]) for hit in every(_SYMFONY_FIELD, text)
    ]
    return Extracted(fields=distinct(found))
