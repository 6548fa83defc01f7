"""One event -> what it says: ANSI off, prefixes off, JSON wrappers (FireLens, Docker) opened, JSON turned into text.

A time inside a line is never trusted over the event's own. Nothing here raises: what cannot be opened stays text.

`parsers.triggers` relies on what `decode` does and leaves alone (tests/parsers/test_triggers.py holds it): a plain event's
text is its own text less a prefix and less control sequences; every key and value of a JSON event's text stands in the
event, escaped at most; what is added is `: ` and quotes behind a key, single dots between keys, and numbers below MAX_LEAVES.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import msgspec

from parsers.frozen import quickly_made
from parsers.surrogates import whole_escapes

ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_OTHER_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
MESSAGE_KEYS = ("message", "msg", "event", "log", "text", "short_message", "body", "@message", "textPayload")
WRAPPER_KEYS = ("log", "line", "MESSAGE")
_WRAPPER_MARKS = (
    "container_id",
    "container_name",
    "source",
    "stream",
    "ecs_cluster",
    "ecs_task_arn",
    "kubernetes",
    "docker",
    "_PID",
)
_OWN_MESSAGE_KEYS = ("message", "msg", "event", "level", "severity")  # a record with one of these is no mere wrapper of its `log`
LEVEL_KEYS = (
    "level", "levelname", "severity", "log.level", "lvl", "@level", "loglevel", "log_level", "severity_text", "levelName",
    "LogLevel", "Level", "@l",
)  # fmt: skip
_NUMERIC_LEVELS = {10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal"}
_LEVEL_NAMES = {
    "trace": "trace", "debug": "debug", "verbose": "debug", "info": "info", "information": "info", "notice": "info",
    "log": "info", "http": "info", "warn": "warn", "warning": "warn", "error": "error", "err": "error", "fail": "error",
    "fatal": "fatal", "critical": "fatal", "crit": "fatal", "panic": "fatal", "alert": "fatal", "emerg": "fatal",
    "severe": "error",
}  # fmt: skip
ERROR_LEVELS = tuple(name for name, level in _LEVEL_NAMES.items() if level in ("error", "fatal"))
_QUIET_KEYS = frozenset(
    "timestamp time ts @timestamp asctime level levelname pid hostname service environment env gitSha version v logger name_ "
    "userAgent user_agent user-agent ua referer referrer responseTime duration duration_ms process thread threadName taskName "
    "lineno filename pathname module funcName process_name trace_id span_id traceId spanId".lower().split()
)
PASSING_KEYS = frozenset(
    "timestamp time ts @timestamp asctime duration duration_ms responseTime requestId requestID reqId req_id request_id "
    "correlationId correlation_id x-request-id awsRequestId aws_request_id traceId trace_id @trace_id spanId span_id".split()
)
"""Of a record itself: when it was, how long it took and which request it names. That they are there may mean something to a rule or
an extractor, what they are does not: neither sees it. So records that differ in nothing else say the same."""
_PASSING_TYPES = (str, int, float)
MAX_LEAVES = 400
MAX_JSON_CHARS = 1_048_576
_MAX_DEPTH = 12
_STAMP = r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\]?"
PREFIXES = (
    r"[a-zA-Z][\w.-]{0,60}\s+\|\s",                                                  # docker-compose:  app-1  | …
    r"\d{4}-\d\d-\d\dT[\d:.]{8,20}(?:Z|[+-]\d\d:?\d\d)\s+std(?:out|err)\s+[FP]\s",   # CRI
    r"\d\d:\d\d:\d\d\s+\d{1,5}\|[\w.-]{1,60}\s+\|\s",                                # pm2
    r"#\d{1,4} \d{1,6}\.\d{1,4} ",                                                   # buildkit
    r"remote: ",
    r"(?:<\d{1,3}>)?[A-Z][a-z]{2}\s+\d{1,2} \d\d:\d\d:\d\d [\w.-]{1,80} [\w./-]{1,60}(?:\[\d{1,8}\])?: ",  # syslog, RFC 3164
    r"<\d{1,3}>1 " + _STAMP + r" \S{1,80} \S{1,60} \S{1,40} \S{1,40} (?:-|\[[^\]\n]{0,200}\]) ",           # syslog, RFC 5424
    r"(?:" + _STAMP + r" )?[\w-]{1,40}\[[a-z][\w.-]{0,40}\]: ",                      # heroku: app[web.1]: …
    r"@?[\w./-]{1,60}:[a-z][\w-]{0,20}: (?=[A-Z{\[])",                               # turbo: @pkg:task: …
    r"\[[\w.-]{1,30}\] (?=\{)",                                                      # [api] {json}
    _STAMP + r"[ \t]{1,3}(?:[0-9a-f-]{36}[ \t](?:INFO|WARN|ERROR|DEBUG|TRACE)[ \t])?(?=\{)",  # a time before JSON
)  # fmt: skip
_PREFIX = re.compile("|".join(f"(?:{pattern})" for pattern in PREFIXES))


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """An event opened: the text that rules see, and its fields when it was JSON or logfmt."""

    text: str
    fields: Mapping[str, Any] | None = None
    level: str | None = None  # trace debug info warn error fatal
    message: str = ""  # the log message alone, when the event was structured
    cut: bool = False  # began like JSON and was cut or broken: `fields` holds what was there
    metadata: Mapping[str, str] = field(default_factory=dict)  # FireLens: ecs_cluster, ecs_task_arn, ecs_task_definition


def decode(text: str) -> Payload:
    """Opens one event. Never raises: what cannot be opened stays text."""
    plain = whole_escapes(strip_prefix(strip_controls(text)))
    metadata: dict[str, str] = {}
    for _ in range(4):  # wrappers in wrappers: FireLens around Docker around pino
        body = plain.strip()
        if not body.startswith("{") or len(body) < 2:
            break
        data, rest = _json_object(body)
        if data is None:
            return _broken(plain, body, metadata)
        inner = wrapped(data)
        if inner is None:
            return _structured(data, metadata, rest)
        for key in ("ecs_cluster", "ecs_task_arn", "ecs_task_definition"):
            if isinstance(data.get(key), str):
                metadata[key] = data[key]
        plain = whole_escapes(strip_prefix(strip_controls(inner)))
    return _plain(plain, metadata)


def structured(text: str) -> tuple[Mapping[str, Any], str | None, str] | None:
    """Fields, level and message of an event that is one JSON record, exactly as `decode` gives them but without making its text.

    None: `decode` has to look at it (no JSON, broken, a wrapper, a logger inside a logger, control characters).
    """
    body = whole_escapes(strip_prefix(text).strip())
    if not body.startswith("{") or not body.endswith("}"):
        return None
    data, rest = _json_object(body)
    return None if data is None or rest else structured_of(data)


def structured_of(data: dict[str, Any]) -> tuple[dict[str, Any], str | None, str] | None:
    """The same of what such a record was decoded to."""
    if wrapped(data) is not None:
        return None
    message, _ = _message(data)
    return None if message.startswith("{") else (data, _level(data), message)


def payload_of(data: dict[str, Any]) -> Payload:
    """What `decode` makes of a record that `structured_of` takes."""
    return _structured(data, {}, "")


def strip_controls(text: str) -> str:
    """ANSI sequences and control characters off; line ends inside the event kept; trailing line ends off."""
    if text.isprintable():
        return text
    if "\x1b" in text:
        text = ANSI.sub("", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").rstrip("\r")
        if "\r" in text and "\n" not in text:  # a progress bar that wrote over itself: what was left standing
            text = text.rsplit("\r", 1)[-1]
    if _OTHER_CONTROLS.search(text):
        text = _OTHER_CONTROLS.sub("\ufffd", text)
    return text.rstrip("\n")


def strip_prefix(text: str) -> str:
    """docker-compose, CRI, pm2, buildkit, git, syslog, heroku and turbo prefixes off, one inside the other."""
    if text[:1] in ("{", " ", "}"):
        return text
    for _ in range(3):
        hit = _PREFIX.match(text)
        if hit is None:
            return text
        text = text[hit.end() :]
    return text


def _json_object(body: str) -> tuple[dict[str, Any] | None, str]:
    """The object that `body` begins with, and what follows it; (None, "") when it is no JSON object."""
    if len(body) > MAX_JSON_CHARS:
        return None, ""
    try:
        whole = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        pass  # cut, broken, followed by something, or what only a lenient reader takes
    else:
        return (whole, "") if isinstance(whole, dict) else (None, "")
    try:
        data, end = _DECODER.raw_decode(body)
    except (ValueError, RecursionError):
        return None, ""
    return (data, body[end:].strip()) if isinstance(data, dict) else (None, "")


_DECODER = json.JSONDecoder(strict=False)  # raw tabs and line ends inside strings are how some loggers print


def wrapped(data: Mapping[str, Any]) -> str | None:
    """The inner line of a FireLens, Docker json-file or journald record; None when `data` is the record itself."""
    for key in WRAPPER_KEYS:
        inner = data.get(key)
        if isinstance(inner, str):
            marked = any(mark in data for mark in _WRAPPER_MARKS) or len(data) == 1
            bare = key == "log" and not any(own in data for own in _OWN_MESSAGE_KEYS)
            if marked or bare:
                return inner
    return None


def _plain(text: str, metadata: Mapping[str, str]) -> Payload:
    fields = logfmt(text)
    if fields is None:
        return Payload(text=text, level=_plain_level(text), metadata=metadata)
    message = next((fields[key] for key in ("msg", "message") if key in fields), "")
    opened = _unescaped(text) if "\\" in text else text
    return Payload(text=opened, fields=fields, level=_level(fields) or _plain_level(text), message=message, metadata=metadata)


def _broken(plain: str, body: str, metadata: Mapping[str, str]) -> Payload:
    """Text that begins like JSON and is none: util.inspect, or JSON cut at a size limit (16 kB of the container runtimes)."""
    if body[1:2] not in ('"', " ", "\n", "\t") or ('":' not in body and '" :' not in body):
        return Payload(text=plain, metadata=metadata, level=_plain_level(plain))
    fields, rest = _salvaged(body)
    if not fields:
        return Payload(text=_unescaped(plain), cut=True, metadata=metadata, level=_plain_level(plain))
    return replace(_structured(fields, metadata, _unescaped(rest[:MAX_REST_CHARS])), cut=True)


def _unescaped(text: str) -> str:
    """Escaped JSON or logfmt text, opened enough for the rules to read it."""
    return text.replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t")


MAX_REST_CHARS = 65_536  # of what could not be read; the rules see 16 kB of a record
_MEMBER = re.compile(r'[{,]?\s*"((?:[^"\\]|\\.){1,200})"\s*:\s*')


def _salvaged(body: str, depth: int = 0) -> tuple[dict[str, Any], str]:
    """The members of a cut JSON object up to the cut, and what could not be read; a cut member keeps what it had."""
    found: dict[str, Any] = {}
    at = 0
    while (hit := _MEMBER.match(body, at)) is not None and len(found) < MAX_LEAVES:
        value_at = hit.end()
        try:
            found[hit[1]], at = _DECODER.raw_decode(body, value_at)
        except (ValueError, RecursionError):
            value, rest = _cut_value(body[value_at:], depth)
            if value is None:
                return found, body[at:]
            found[hit[1]] = value
            return found, rest
        while at < len(body) and body[at] in " \t\r\n":
            at += 1
    return found, body[at:].strip(" ,}")


def _cut_value(text: str, depth: int) -> tuple[Any, str]:
    if text.startswith("{") and depth < 4:
        inner, rest = _salvaged(text, depth + 1)
        return inner or None, rest
    if text.startswith('"') and len(text) > 1:
        return _unescaped(text[1:]), ""
    return None, text


def _structured(data: dict[str, Any], metadata: Mapping[str, str], rest: str) -> Payload:
    message, message_key = _message(data)
    inner = _inner_object(message)
    if inner is not None:  # a logger around a logger: the inner record speaks, the outer one fills in
        inside = _structured(inner, metadata, rest)
        outer = {key: value for key, value in data.items() if key != message_key and key not in inner}
        lines = [inside.text, *_leaf_lines(outer, skip="")]
        return Payload(
            text="\n".join(lines),
            fields={**outer, **inner},
            level=inside.level or _level(data),
            message=inside.message,
            metadata=metadata,
        )
    lines = [strip_controls(message)] if message else []
    lines.extend(_leaf_lines(data, skip=message_key if isinstance(data.get(message_key), str) else ""))
    if rest:
        lines.append(rest)
    return Payload(text="\n".join(lines), fields=data, level=_level(data), message=message, metadata=metadata)


def _message(data: Mapping[str, Any]) -> tuple[str, str]:
    """The log message and the key it stands under; an array of strings is a message of several lines."""
    for key in MESSAGE_KEYS:
        value = data.get(key)
        if isinstance(value, str) and value:
            return value, key
        if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
            return "\n".join(value), key
    inner = data.get("fields")  # Rust's tracing
    if isinstance(inner, Mapping) and isinstance(inner.get("message"), str):
        return inner["message"], "fields.message"
    return "", ""


def _inner_object(message: str) -> dict[str, Any] | None:
    if not message.startswith("{") or not message.rstrip().endswith("}"):
        return None
    data, rest = _json_object(message.strip())
    return data if data and not rest else None


def _leaf_lines(data: Mapping[str, Any], *, skip: str) -> Iterator[str]:
    for number, (path, value) in enumerate(leaves(data)):
        if number >= MAX_LEAVES:
            return
        if path == skip or path.rsplit(".", 1)[-1].lower() in _QUIET_KEYS:
            continue
        if is_passing(path, value):
            yield f"{path}: ''"
        elif isinstance(value, str):
            yield strip_controls(value) if "\n" in value else f"{path}: '{strip_controls(value)}'"
        elif value is not None:
            yield f"{path}: {value}" if type(value) is int else f"{path}: {json.dumps(value)}"


def without_passing(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields with nothing in those of PASSING_KEYS."""
    return {name: "" if is_passing(name, value) else value for name, value in fields.items()}


def is_passing(name: str, value: Any) -> bool:
    return name in PASSING_KEYS and type(value) in _PASSING_TYPES


def leaves(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every leaf of a JSON value with its dotted path, in document order; nothing deeper than 12 levels."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, Mapping):
        items: Iterable[tuple[str, Any]] = ((str(key) or '""', inner) for key, inner in value.items())
    elif isinstance(value, list):
        items = ((str(number), inner) for number, inner in enumerate(value[:MAX_LEAVES]))
    else:
        yield path, value
        return
    for name, inner in items:
        below = f"{path}.{name}" if path else name
        # Most of them are scalars: a generator for each would take longer than all else.
        if isinstance(inner, str | int) and depth < _MAX_DEPTH:
            yield below, inner
        else:
            yield from leaves(inner, below, depth + 1)


def field_of(data: Mapping[str, Any] | None, *paths: str) -> Any:
    """The first of some dotted paths that is there; a key may itself hold dots; null is not there."""
    if not data:
        return None
    for path in paths:
        value = data.get(path)
        if value is not None:
            return value
        if "." in path:
            first, *rest = _keys(path)
            value = data.get(first)
            for key in rest:
                value = value.get(key) if isinstance(value, dict) else None
            if value is not None:
                return value
    return None


@lru_cache(maxsize=1_024)
def _keys(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


_LOGFMT_SIGN = re.compile(r"(?:^|[ \t,{])(?:level|lvl|msg|message|method|status|status_code|http_status|httpStatus|at)=[\"\w]")
_PAIR = re.compile(r'(?:^|(?<=[ \t,{(]))([A-Za-z_@][\w.@/-]{0,60})=(?:"((?:[^"\\]|\\.){0,16000})"?|([^\s",{}]{0,4000}))')


def logfmt(text: str) -> dict[str, str] | None:
    """`level=error msg="it broke" status=422` as fields, strings all of them; None for a line that is no logfmt."""
    if "=" not in text or _LOGFMT_SIGN.search(text[:4_000]) is None:
        return None
    found: dict[str, str] = {}
    for hit in _PAIR.finditer(text.split("\n", 1)[0][:16_384]):
        quoted = hit[2]
        found.setdefault(hit[1], hit[3] if quoted is None else _unescaped(quoted) if "\\" in quoted else quoted)
    return found if len(found) >= 3 else None


def _level(data: Mapping[str, Any]) -> str | None:
    value = field_of(data, *LEVEL_KEYS)
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isdigit() and len(value) < 4:
        value = int(value)
    if isinstance(value, int | float):
        return _NUMERIC_LEVELS.get(int(value) // 10 * 10) if abs(value) < 1000 else None
    return _LEVEL_NAMES.get(value.strip().lower()) if isinstance(value, str) else None


_LEVEL_WORD = re.compile(
    r"(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|FATAL|CRITICAL|SEVERE|PANIC|info|warn|error|fatal|debug)(?=[\]\s:|])"
)
_LEVEL_PAIR = re.compile(r"\blevel=\"?(\w{3,8})")


def _plain_level(text: str) -> str | None:
    """The level that a plain line names near its beginning: a word alone, or `level=word`, whichever comes first."""
    head = text[:200]
    at, word = len(head), ""
    for hit in _LEVEL_WORD.finditer(head):
        if hit.start() == 0 or head[hit.start() - 1] in "[|" or head[hit.start() - 1].isspace():
            at, word = hit.start(), hit[1]
            break
    pair = _LEVEL_PAIR.search(head) if "level=" in head else None
    if pair is not None and pair.start() < at:
        word = pair[1]
    return _LEVEL_NAMES.get(word.lower())
