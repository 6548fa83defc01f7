"""One event -> what it says: ANSI off, prefixes off, JSON wrappers (FireLens, Docker) opened, JSON turned into text.

A time inside a line is never trusted over the event's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_OTHER_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MESSAGE_KEYS = ("message", "msg", "event", "log", "text", "short_message", "body", "@message", "textPayload")
_WRAPPER_KEYS = ("log", "line", "MESSAGE")
_WRAPPER_MARKS = ("container_id", "container_name", "source", "stream", "ecs_cluster", "ecs_task_arn", "kubernetes", "docker")
_LEVEL_KEYS = ("level", "levelname", "severity", "log.level", "lvl", "@level", "loglevel", "log_level", "severity_text")
_NUMERIC_LEVELS = {10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal"}
_LEVEL_NAMES = {
    "trace": "trace", "debug": "debug", "verbose": "debug", "info": "info", "information": "info", "notice": "info", "log": "info",
    "http": "info", "warn": "warn", "warning": "warn", "error": "error", "err": "error", "fail": "error", "fatal": "fatal",
    "critical": "fatal", "crit": "fatal", "panic": "fatal", "alert": "fatal", "emerg": "fatal", "severe": "error",
}  # fmt: skip
_QUIET_KEYS = frozenset(
    "timestamp time ts @timestamp asctime level levelname pid hostname service environment env gitSha version v logger name_ "
    "userAgent user_agent user-agent ua referer referrer responseTime duration duration_ms process thread threadName taskName "
    "lineno filename pathname module funcName process_name trace_id span_id traceId spanId".lower().split()
)
MAX_LEAVES = 400
MAX_JSON_CHARS = 1_048_576
_PREFIXES = (
    re.compile(r"^[a-zA-Z][\w.-]{0,60}\s+\|\s"),                                       # docker-compose:  app-1  | …
    re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)\s+std(?:out|err)\s+[FP]\s"),  # CRI
    re.compile(r"^\d\d:\d\d:\d\d\s+\d+\|[\w.-]{1,60}\s+\|\s"),                         # pm2
    re.compile(r"^#\d{1,4} \d+\.\d+ "),                                                # buildkit
    re.compile(r"^remote: "),
    re.compile(r"^(?:<\d{1,3}>)?[A-Z][a-z]{2}\s+\d{1,2} \d\d:\d\d:\d\d [\w.-]{1,80} [\w./-]{1,60}(?:\[\d+\])?: "),  # syslog
    re.compile(r"^[\w-]{1,40}\[[\w.-]{1,40}\]: "),                                     # heroku: app[web.1]:
    re.compile(r"^@?[\w./-]{1,60}:[\w-]{1,20}: (?=[A-Z{\[])"),                         # turbo: @pkg:task:
    re.compile(r"^\[[\w.-]{1,30}\] (?=\{)"),                                           # [api] {json}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """An event opened: the text that rules see, and its fields when it was JSON (or logfmt)."""

    text: str
    fields: Mapping[str, Any] | None = None
    level: str | None = None          # trace debug info warn error fatal
    message: str = ""                 # the log message alone, when the event was structured
    cut: bool = False                 # began like JSON and was cut or broken
    metadata: Mapping[str, str] = field(default_factory=dict)  # FireLens: ecs_cluster, ecs_task_arn, ecs_task_definition


def decode(text: str) -> Payload:
    """Opens one event. Never raises: what cannot be opened stays text."""
    plain = strip_controls(text)
    metadata: dict[str, str] = {}
    for _ in range(4):  # wrappers in wrappers: FireLens around Docker around pino
        stripped = strip_prefix(plain)
        data = _json_object(stripped)
        if data is None:
            cut = stripped.lstrip()[:2] in ('{"', "{ ") and '":' in stripped
            return Payload(text=_opened_cut(stripped) if cut else plain, cut=cut, metadata=metadata, level=_plain_level(plain))
        inner = _wrapped(data)
        if inner is None:
            return _structured(data, metadata)
        for key in ("ecs_cluster", "ecs_task_arn", "ecs_task_definition"):
            if isinstance(data.get(key), str):
                metadata[key] = data[key]
        plain = strip_controls(inner)
    return Payload(text=plain, metadata=metadata)


def strip_controls(text: str) -> str:
    """ANSI sequences and control characters off; line ends inside the event kept; trailing line ends off."""
    if "\x1b" in text:
        text = ANSI.sub("", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").rstrip("\r").rsplit("\r", 1)[-1] if "\n" not in text else text.replace("\r\n", "\n")
    if _OTHER_CONTROLS.search(text):
        text = _OTHER_CONTROLS.sub("\ufffd", text)
    return text.rstrip("\n")


def strip_prefix(text: str) -> str:
    """docker-compose, CRI, pm2, buildkit, git, syslog and heroku prefixes off."""
    for pattern in _PREFIXES:
        hit = pattern.match(text)
        if hit is not None:
            return text[hit.end() :]
    return text


def _json_object(text: str) -> dict[str, Any] | None:
    body = text.strip()
    if not (body.startswith("{") and body.endswith("}")) or len(body) > MAX_JSON_CHARS:
        return None
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _wrapped(data: Mapping[str, Any]) -> str | None:
    """The inner line of a FireLens, Docker json-file or journald record; None when `data` is the record itself."""
    for key in _WRAPPER_KEYS:
        inner = data.get(key)
        if isinstance(inner, str) and (any(mark in data for mark in _WRAPPER_MARKS) or len(data) == 1):
            return inner
    return None


def _opened_cut(text: str) -> str:
    """JSON that was cut at a size limit: unescaped enough for the rules to read it."""
    return text.replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t")


def _structured(data: dict[str, Any], metadata: Mapping[str, str]) -> Payload:
    message = ""
    message_key = ""
    for key in _MESSAGE_KEYS:
        value = data.get(key)
        if isinstance(value, str) and value:
            message, message_key = value, key
            break
    lines = [strip_controls(message)] if message else []
    lines.extend(_leaf_lines(data, skip=message_key))
    return Payload(text="\n".join(lines), fields=data, level=_level(data), message=message, metadata=metadata)


def _leaf_lines(data: Mapping[str, Any], *, skip: str) -> Iterator[str]:
    for number, (path, value) in enumerate(leaves(data)):
        if number >= MAX_LEAVES:
            return
        if path == skip or path.rsplit(".", 1)[-1].lower() in _QUIET_KEYS:
            continue
        if isinstance(value, str):
            yield strip_controls(value) if "\n" in value else f"{path}: '{strip_controls(value)}'"
        elif value is not None:
            yield f"{path}: {json.dumps(value)}"


def leaves(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every leaf of a JSON value with its dotted path, in document order; nothing deeper than 12 levels."""
    if depth > 12:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{path}.{number}" if path else str(number), depth + 1)
    else:
        yield path, value


def field_of(data: Mapping[str, Any] | None, *paths: str) -> Any:
    """The first of some dotted paths that is there; a key may itself hold dots."""
    for path in paths:
        value: Any = data
        if isinstance(value, Mapping) and path in value:
            return value[path]
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            return value
    return None


def _level(data: Mapping[str, Any]) -> str | None:
    value = field_of(data, *_LEVEL_KEYS)
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _NUMERIC_LEVELS.get(int(value) // 10 * 10)
    return _LEVEL_NAMES.get(str(value).strip().lower()) if value is not None else None


_PLAIN_LEVEL = re.compile(
    r"(?:^|[\s\[|])(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|FATAL|CRITICAL|SEVERE|PANIC|info|warn|error|fatal|debug)(?=[\]\s:|])"
    r"|\blevel=\"?(\w{3,8})"
)


def _plain_level(text: str) -> str | None:
    hit = _PLAIN_LEVEL.search(text[:200])
    return _LEVEL_NAMES.get((hit[1] or hit[2]).lower()) if hit else None
