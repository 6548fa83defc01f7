"""One event -> the request that it says was answered (or given up): method, path, route template, status.

Own answers only. A line about another server's answer (axios, httpx, requests, botocore, an upstream in a proxy's log) is
no access line. An application's own error line that names a status (`level: warn`, a message, `statusCode: 404`) is no
access line either: it is marked `framework`, belongs to the access line of the same request and counts only where no
access lines exist.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from parsers.formats import Payload, decode, field_of, strip_controls
from parsers.layouts import KNOWN_METHODS, METHODS, Line, address_in, read_candidate, read_line
from parsers.masks import plain_path, route_template
from parsers.model import Access

STATUS_KEYS = (
    "res.statusCode", "statusCode", "status_code", "response.statusCode", "response.status_code", "response.status",
    "http.status_code", "http.response.status_code", "httpStatus", "http_status", "httpStatusCode", "http.status",
    "res.status", "response_code", "DownstreamStatus", "StatusCode", "httpRequest.status", "httpResponse.status",
    "responseStatus", "response_status", "sc-status", "elb_status_code", "status",
)  # fmt: skip
METHOD_KEYS = (
    "req.method", "method", "request.method", "http.method", "http.request.method", "http_method", "httpMethod",
    "requestMethod", "request_method", "RequestMethod", "httpRequest.requestMethod", "verb", "Method", "cs-method", ":method",
)  # fmt: skip
PATH_KEYS = (
    "req.originalUrl", "req.url", "path", "url", "originalUrl", "uri", "request.uri", "request.url", "request.path",
    "url.path", "http.path", "http.target", "http.url", "http_path", "request_path", "requestPath", "request_uri",
    "requestUri", "RequestPath", "Path", "path_info", "httpRequest.requestUrl", "requestUrl", "cs-uri-stem", "resourcePath",
    "x-envoy-origin-path", ":path", "route",
)  # fmt: skip
REQUEST_ID_KEYS = (
    "requestId", "reqId", "request_id", "req.id", "correlationId", "correlation_id", "x-request-id", "requestID", "req_id",
    "traceId", "trace_id", "trace.id", "request.id", "awsRequestId", "aws_request_id", "@trace_id", "id",
)  # fmt: skip
CLIENT_KEYS = (
    "ip", "remoteAddress", "req.remoteAddress", "remote_ip", "clientIp", "client_ip", "remote_addr", "remoteAddr",
    "request.client_ip", "request.remote_ip", "ClientHost", "httpRequest.remoteIp",
)  # fmt: skip
AGENT_KEYS = (
    "req.headers.user-agent", "userAgent", "user_agent", "user-agent", "ua", "useragent", "http.useragent",
    "httpRequest.userAgent", "request.headers.User-Agent", "request_User-Agent", "agent",
)  # fmt: skip
CONTAINERS = (
    "meta",
    "context",
    "http",
    "fields",
    "attributes",
    "data",
    "extra",
    "httpRequest",
    "access",
    "message",
    "msg",
    "Properties",
)
_DURATIONS = frozenset((
    "responseTime", "response_time", "response_time_ms", "response-time", "duration", "duration_ms", "durationMs",
    "duration_s", "latency", "latency_ms", "latencyMs", "latency_human", "elapsed", "elapsed_ms", "elapsedMs", "elapsedTime",
    "elapsed_time", "took", "took_ms", "ms", "time_taken", "timeTaken", "time_ms", "request_time", "requestTime",
    "processing_time", "process_time", "exec_time", "Duration", "Elapsed", "ElapsedMilliseconds", "responseLatency",
    "request_duration", "bytes_sent", "bytes_out", "content_length", "contentLength", "responseSize", "responseLength",
    "response_size",
))  # fmt: skip
ERROR_SIGNS = ("err", "error", "errors", "exception", "exc_info", "stack", "stack_trace", "details", "validation", "code")
TARGET_HOLDERS = ("request", "routeKey", "http_request")  # `GET /x` in one text
LOGGER_KEYS = ("logger", "name", "logger_name", "target")
_ANY_METHOD = "|".join(METHODS)
_ACCESS_WORDS = re.compile(
    rf"^(?:\[?response\]?\b|https?[ _:-]+(?:request|access|response|{_ANY_METHOD})\b|https?_request$|request$|access\b"
    rf"|(?:{_ANY_METHOD}) /"
    r"|(?:request|response)[ _](?:completed?|finished|handled|processed|ended|sent|served|errored|aborted|done|log)\b"
    r"|(?:finished|completed|handled|served|processed) (?:processing )?request\b)",
    re.IGNORECASE,
)
OPENING_WORDS = r"incoming request|request (?:started|received|begin)|request_started|started request|<-- "  # in any case
_OPENING_WORDS = re.compile(rf"^(?:{OPENING_WORDS})", re.IGNORECASE)
_ABORTED_WORDS = re.compile(r"^(?:request|client|connection)\b.{0,20}\b(?:aborted|closed|cancell?ed|premature)", re.IGNORECASE)
_OUTBOUND_WORDS = re.compile(
    r"\b(?:outgoing|outbound|upstream|downstream|third[- ]party|http client|axios|webhook|HTTP Request:|"
    r"external (?:api|service|call))\b",
    re.IGNORECASE,
)
_OUTBOUND_LOGGERS = frozenset((
    "httpx", "urllib3", "requests", "botocore", "axios", "got", "undici", "httpclient", "resttemplate", "webclient", "feign",
    "faraday", "guzzle",
))  # fmt: skip
LOGFMT_MAYBE = "(?:" + "|".join(re.escape(key) for key in (*STATUS_KEYS, "code")) + f")=|(?i:{OPENING_WORDS})"
"""Every plain line that holds a request in logfmt holds one of these: the fast path's first test, beside layouts.MAYBE."""
METHOD_AND_TARGET = re.compile(rf"^(?:HTTP:? |\[?response\]? )?({_ANY_METHOD}) (/\S*|https?://\S+)")

HEALTH_AGENTS = (
    "ELB-HealthChecker", "kube-probe", "GoogleHC", "Consul Health Check", "Amazon-Route53-Health-Check", "Envoy/HC",
    "HAProxy-Check", "Docker-HealthCheck", "NS1 HTTP Monitoring", "LoadBalancer-Agent", "Load Balancer Agent",
)  # fmt: skip
_HEALTH_PATH = re.compile(
    r"^(?:(?:/[\w.-]{1,40}){0,4}/(?:_{0,2}(?:lb)?(?:health|heartbeat|healthz|livez|readyz|health[-_]?checks?|liveness|readiness)_{0,2})"
    r"(?:/(?:live|ready|liveness|readiness|startup|alive|db|status|check|ping)){0,1}"
    r"|(?:/api)?(?:/v\d)?/(?:ping|status|ready|live|alive|up|_ping|_status|isalive|is_alive|started|elb-status|lb-status))/?$",
    re.IGNORECASE,
)


def parse_access(payload: Payload, *, health_paths: Sequence[str] = ()) -> Access | None:
    """The answered request in one event, None when the event is no access line.

    `path` (without its query) and `client` are raw: the reader redacts them; `route` is the template.
    `opening`: only the request's beginning; its end carries the same request id and has no method and path of its own.
    `status` None and `aborted`: the client gave up, nothing was answered.
    `health_paths`: further paths of health checks, beside the usual ones; a trailing `*` takes every path below.
    """
    if payload.fields is None:
        return access_of_text(payload.text, health_paths=health_paths)
    return access_of_record(payload.fields, payload.level, payload.message, health_paths=health_paths)


def access_of_text(text: str, *, health_paths: Sequence[str] = (), candidate: bool = False) -> Access | None:
    """The answered request in a plain event. `candidate`: the event is known to hold what layouts.MAYBE asks for."""
    line = read_candidate(text) if candidate else read_line(text)
    if line is None and "handled request" in text:
        line = _caddy_console(text)
    return _access(line, health_paths) if line is not None else None


class Parts(NamedTuple):
    """A refused request of the two usual layouts, as the columns have told it apart (parsers/columns.py)."""

    method: str
    target: str
    status: int
    before: str  # what stands before the request's quotes
    after: str  # what stands behind them, the status first


def access_of_parts(parts: Parts, *, health_paths: Sequence[str] = ()) -> Access:
    """The request that the parts say."""
    client, agent = client_of(parts), parts.after[4:]
    return _access(Line(method=parts.method, target=parts.target, status=parts.status, client=client, agent=agent), health_paths)


def client_of(parts: Parts) -> str | None:
    return address_in(parts.before.partition("[")[0])


def alike(parts: Parts) -> tuple[str, str, int, str | None, bool]:
    """What `access_of_parts` depends on, but for the health paths: equal for requests that it says the same of."""
    return parts.method, parts.target.partition("?")[0], parts.status, client_of(parts), is_health_agent(parts.after[4:])


def access_of_record(
    fields: Mapping[str, Any], level: str | None, message: str, *, health_paths: Sequence[str] = ()
) -> Access | None:
    """The answered request in a structured record: by its fields, else by its message (a logger around an access log)."""
    found = access_of_fields(fields, level, message, health_paths=health_paths)
    if found is None and message:
        said = strip_controls(message).strip()  # colours: morgan's `dev` handed to winston
        line = read_line(said)
        if line is not None:
            return _access(line, health_paths)
        if "status=" in said and (inner := decode(said)).fields is not None:  # lograge, slog inside of a JSON logger
            return access_of_fields(inner.fields, level, inner.message, health_paths=health_paths)
    return found


def _access(line: Line, health_paths: Sequence[str], *, framework: bool = False) -> Access:
    path, route = _masked(line.target) if line.target is not None else (None, None)
    return Access(
        method=line.method,
        path=path,
        route=route,
        status=line.status,
        aborted=line.aborted or line.status == 499,
        health_check=is_health_check(line.method, line.target, line.agent, health_paths),
        request_id=line.request_id,
        client=line.client,
        opening=line.opening,
        framework=framework,
    )


@lru_cache(maxsize=8192)
def _masked(target: str) -> tuple[str, str]:
    path = path_of(target) or "/"
    return path, route_template(path)


def route_of(path: str) -> str:
    """The route template of a path, as `Access.route` has it."""
    return _masked(path)[1]


def path_of(target: str) -> str:
    """The path of a request target: scheme, host, query and fragment off. `host:port` of a CONNECT stays."""
    if target.startswith(("http://", "https://", "ws://", "wss://")):
        try:
            target = urlsplit(target).path or "/"
        except ValueError:
            target = "/"
    return plain_path(target)


def is_health_agent(agent: str) -> bool:
    """Whether a user agent is a prober's. A name after the other: that is ten times quicker than a pattern of them all."""
    return any(name in agent for name in HEALTH_AGENTS)


def is_health_check(method: str | None, target: str | None, agent: str, health_paths: Iterable[str] = ()) -> bool:
    """A load balancer's or orchestrator's probe, by its user agent or by the path it asks for."""
    if agent and is_health_agent(agent):
        return True
    return target is not None and method in ("GET", "HEAD", None) and _is_health_path(path_of(target), tuple(health_paths))


@lru_cache(maxsize=8192)
def _is_health_path(path: str, extra: tuple[str, ...]) -> bool:
    if len(path) < 200 and _HEALTH_PATH.match(path) is not None:
        return True
    return any(path.startswith(known[:-1]) if known.endswith("*") else path.rstrip("/") == known.rstrip("/") for known in extra)


# ---- structured lines: JSON and logfmt ----


def access_of_fields(
    fields: Mapping[str, Any], level: str | None, message: str, *, health_paths: Sequence[str] = ()
) -> Access | None:
    """The answered request in a structured record, None when it is none or another server's."""
    for scope in _scopes(fields):
        access = _in_scope(scope, fields, level, message, health_paths)
        if access is not None:
            return access
    return None


def _scopes(fields: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The record itself, then the parts of it that loggers put a request's fields into."""
    yield fields
    for name in CONTAINERS:
        inner = fields.get(name)
        if isinstance(inner, dict):
            yield inner


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where records of one shape may say what: of each list of keys those that such a record has."""

    status: tuple[str, ...]
    method: tuple[str, ...]
    path: tuple[str, ...]
    request_id: tuple[str, ...]
    client: tuple[str, ...]
    agent: tuple[str, ...]
    timed: bool


def _plan_of(scope: Mapping[str, Any]) -> _Plan:
    return _plan(tuple(scope), tuple([(key, tuple(inner)) for key, inner in scope.items() if isinstance(inner, dict)]))


@lru_cache(maxsize=2_048)
def _plan(keys: tuple[str, ...], nested: tuple[tuple[str, tuple[str, ...]], ...]) -> _Plan:
    known = {*keys, *(f"{outer}.{key}" for outer, inner in nested for key in inner)}

    def present(wanted: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(path for path in wanted if path in known or ".".join(path.split(".")[:2]) in known)

    return _Plan(
        status=present(STATUS_KEYS),
        method=present(METHOD_KEYS),
        path=present(PATH_KEYS),
        request_id=present(REQUEST_ID_KEYS),
        client=present(CLIENT_KEYS),
        agent=present(AGENT_KEYS),
        timed=not _DURATIONS.isdisjoint(keys),
    )


def _in_scope(
    scope: Mapping[str, Any], record: Mapping[str, Any], level: str | None, message: str, health_paths: Sequence[str]
) -> Access | None:
    plan = _plan_of(scope)
    status, aborted = _status(scope, plan)
    if status is None and not aborted:
        return _opening(scope, plan, message, health_paths)
    method, target = _method_and_target(scope, plan, record, message)
    span = record.get("span")
    if target is None and scope is not record and isinstance(span, dict):  # Rust's tracing: the request is the span's
        method, target = _method_and_target(span, _plan_of(span), span, "")
    whole = plan if scope is record else _plan_of(record)
    ends_by_id = ("res" in scope or "res.statusCode" in scope) and target is None
    request_id = _first_text(scope, plan.request_id) or _first_text(record, whole.request_id)
    timed = plan.timed or whole.timed
    named = target is not None or (method is not None and level is None)
    if not named and not (ends_by_id and request_id) and not (timed and scope is record and _is_own_end(record, message)):
        return None
    if _is_outbound(record, whole, target, message):
        return None
    line = Line(
        method=method,
        target=target,
        status=status,
        aborted=aborted,
        request_id=request_id,
        client=_first_text(scope, plan.client) or _first_text(record, whole.client),
        agent=_agent(scope, plan),
    )
    weak = not ends_by_id and (not named or (method is None and not timed))
    return _access(line, health_paths, framework=weak or (not timed and _is_error_log(record, level, message)))


def _method_and_target(
    scope: Mapping[str, Any], plan: _Plan, record: Mapping[str, Any], message: str
) -> tuple[str | None, str | None]:
    raw = _first_text(scope, plan.method)
    method = raw.upper() if raw is not None and raw.upper() in KNOWN_METHODS else None
    target = next((value for key in plan.path if _is_target(value := field_of(scope, key))), None)
    if method is not None and target is not None:
        return method, target
    both = _first_text(record, TARGET_HOLDERS) or message
    hit = METHOD_AND_TARGET.match(both) if both else None
    if hit is not None:
        return method or hit[1], target or hit[2]
    return method, target


def _is_target(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("/", "http://", "https://")) and len(value) <= 8_192


def _status(scope: Mapping[str, Any], plan: _Plan) -> tuple[int | None, bool]:
    """The own status, and whether the record says that none was sent."""
    for key in plan.status:
        value = field_of(scope, key)
        if value is None or isinstance(value, bool):
            continue
        number = _number(value)
        if number is not None and 100 <= number <= 599:
            return number, False
        if number == 0 or value == "-":
            return None, True
    if scope.get("event") == "request_finished" and (number := _number(scope.get("code"))) is not None:
        return number, False  # django-structlog
    response = scope.get("res")
    if "responseTime" in scope and isinstance(response, dict) and response.get("statusCode", 0) is None:
        return None, True  # pino-http: the client left before anything was sent
    return None, False


def _number(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 3 else None


def _opening(scope: Mapping[str, Any], plan: _Plan, message: str, health_paths: Sequence[str]) -> Access | None:
    if _OPENING_WORDS.match(message) is None:
        return None
    method, target = _method_and_target(scope, plan, scope, message)
    request_id = _first_text(scope, plan.request_id)
    if method is None or target is None or request_id is None:
        return None
    client, agent = _first_text(scope, plan.client), _agent(scope, plan)
    line = Line(method=method, target=target, status=None, request_id=request_id, client=client, agent=agent, opening=True)
    return _access(line, health_paths)


def _agent(scope: Mapping[str, Any], plan: _Plan) -> str:
    value = next((value for key in plan.agent if (value := field_of(scope, key)) is not None), "")
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _first_text(scope: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    for key in keys:
        value = field_of(scope, key)
        if isinstance(value, str | int) and not isinstance(value, bool) and value not in ("", "-"):
            return str(value)[:200]
    return None


def _is_own_end(record: Mapping[str, Any], message: str) -> bool:
    """`failed status=422 duration=120.014s`: the end of some request, told without its method and path."""
    return "status" in record and "step" not in record and "host" not in record and _OUTBOUND_WORDS.search(message) is None


def _is_outbound(record: Mapping[str, Any], plan: _Plan, target: str | None, message: str) -> bool:
    """A record about a request that this service made, not one it answered."""
    if _OUTBOUND_WORDS.search(message[:300]) is not None or "config" in record:
        return True
    logger = _first_text(record, LOGGER_KEYS)
    if logger is not None and logger.split(".")[0].lower() in _OUTBOUND_LOGGERS:
        return True
    if target is None or not target.startswith("http"):
        return False
    return (
        _first_text(record, plan.client) is None
        and not _agent(record, plan)
        and "httpRequest" not in record
        and "Protocol" not in record
    )


def _is_error_log(record: Mapping[str, Any], level: str | None, message: str) -> bool:
    """An application's error line that names the answer, rather than the line that counts the request."""
    named = _ACCESS_WORDS.match(message) is not None
    told = any(record.get(sign) for sign in ERROR_SIGNS if not (named and sign == "code"))
    if named and not told:
        return False
    return level in ("warn", "error", "fatal") or (told and (level is not None or bool(message)))


def _caddy_console(text: str) -> Line | None:
    """Caddy's console format: words, then the JSON of the request."""
    start = text.find("{", text.find("handled request"))
    try:
        data, _ = json.JSONDecoder().raw_decode(text, start) if start > 0 else (None, 0)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    plan = _plan_of(data)
    status, aborted = _status(data, plan)
    method, target = _method_and_target(data, plan, data, "")
    if target is None or (status is None and not aborted):
        return None
    return Line(
        method=method,
        target=target,
        status=status,
        aborted=aborted,
        client=_first_text(data, plan.client),
        agent=_agent(data, plan),
    )
