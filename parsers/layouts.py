"""The layouts of access lines in plain text: an ordered registry, a cheap literal test, then one bounded pattern each.

What the programs really print is collected from their sources and documents; the first layout that reads a line wins.
Only a server's own answers are read here. What a client library says about somebody else's server (httpx `HTTP Request:
POST https://…`, urllib3 `https://host:443 "GET / HTTP/1.1" 404`) has no layout, and quoted requests behind an absolute
URL are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from parsers.frozen import quickly_made

MAX_LINE_CHARS = 16_384
METHODS = (
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "PROPFIND", "PROPPATCH", "MKCOL", "COPY",
    "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "PURGE", "QUERY", "LINK", "UNLINK", "MKCALENDAR", "PRI",
)  # fmt: skip
KNOWN_METHODS = frozenset(METHODS)
COMMON_METHODS = METHODS[:9]
_METHOD = "(?P<method>" + "|".join(METHODS) + ")"
_DURATION = r"\d[\d.,]{0,20} ?(?:ns|us|µs|μs|ms|s|sec|msecs|micros|m)\b"


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one access line says, raw: nothing in it is masked yet."""

    method: str | None
    target: str | None  # as printed: path and query, or an absolute URL
    status: int | None
    aborted: bool = False
    request_id: str | None = None
    client: str | None = None
    agent: str = ""  # where a user agent may stand: searched for load balancers' names
    opening: bool = False


Reader = Callable[[re.Match[str], str], Line | None]


@dataclass(frozen=True, kw_only=True)
class Layout:
    name: str
    literal: str  # stands in every line of this layout
    pattern_text: str
    read: Reader

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compiled when a line first holds the literal: a look at ten lines needs one or two of all."""
        return re.compile(self.pattern_text)


_REQUEST = re.compile(r"([A-Z][A-Z_-]{1,19}) (\S.{0,8190}?)(?: (HTTP/\d(?:\.\d)?|\d\.\d))?$")
_CLF_TIME = re.compile(r"\[\d\d/[A-Z][a-z]{2}/\d{4}[: ]\d\d:\d\d:\d\d")
_ABSOLUTE_BEFORE = re.compile(r"https?://\S{1,300} $")
_ADDRESS = re.compile(r"^[(\[']{0,2}((?:\d{1,3}\.){3}\d{1,3}|(?:::1|[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{0,4}){2,7}))(?=[ :,'\])]|$)")
_ADDRESS_INSIDE = re.compile(
    r"(?:^|[ \[('])((?:\d{1,3}\.){3}\d{1,3}|::1|[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{0,4}){2,7})(?=[ :,'\])]|$)"
)


def split_request(request: str) -> tuple[str, str, str] | None:
    """Method, target and protocol of a quoted request line; None when it is no HTTP request (TLS bytes, `-`)."""
    hit = _REQUEST.match(request)
    if hit is None or (hit[3] is None and hit[1] not in KNOWN_METHODS):
        return None
    return hit[1], hit[2], hit[3] or ""


def address_in(text: str) -> str | None:
    """The address of a client in what stands before a request; None when there is none."""
    hit = _ADDRESS.match(text) or _ADDRESS_INSIDE.search(text)
    return hit[1] if hit is not None else None


def _quoted(hit: re.Match[str], text: str) -> Line | None:
    """`… "METHOD target HTTP/1.1" status …`: combined, common, uvicorn, gunicorn, Werkzeug, Django, Envoy, Tomcat, Traefik."""
    before = text[: hit.start()]
    request = split_request(hit["request"])
    status = hit["status"]
    if request is None:
        refused = status[0] in "45" and len(status) == 3
        if not refused or (_CLF_TIME.search(text[: hit.start() + 40]) is None):
            return None
        return Line(method=None, target=None, status=int(status), client=address_in(before), agent=text[hit.end() :])
    if "://" in before and _ABSOLUTE_BEFORE.search(before[-320:]) is not None:
        return None  # urllib3: another server's answer
    method, target, protocol = request
    if status in ("-", "0", "000"):
        if protocol[:1].isdigit():
            return None  # hypercorn's second line of a request that its first line has counted
        return Line(method=method, target=target, status=None, aborted=True, client=address_in(before), agent=text[hit.end() :])
    return Line(method=method, target=target, status=int(status), client=address_in(before), agent=text[hit.end() :])


def _simple(hit: re.Match[str], text: str) -> Line | None:
    """Any pattern with groups method, target and status; the rest is looked up where it stands."""
    groups = hit.groupdict()
    status = groups.get("status") or "-"
    method = groups.get("method")
    return Line(
        method=method.upper() if method else None,
        target=groups.get("target"),
        status=int(status) if status.isdigit() and status != "0" else None,
        aborted=not status.isdigit() or status == "0",
        request_id=groups.get("request_id"),
        client=address_in(text[: hit.start()]) or groups.get("client"),
        agent=text[hit.end() :],
    )


def _status_first(hit: re.Match[str], text: str) -> Line | None:
    """HAProxy, ALB, uvicorn's other form: the status stands before the quoted request."""
    request = split_request(hit["request"])
    status = int(hit["status"])
    aborted = status in (-1, 460)
    client = hit.groupdict().get("client")
    method, target = (request[0], request[1]) if request is not None else (None, None)
    return Line(
        method=method,
        target=target,
        status=status if status > 0 else None,
        aborted=aborted,
        client=address_in(client) if client else None,
        request_id=hit.groupdict().get("request_id"),
        agent=text[hit.end() :],
    )


def _opening(hit: re.Match[str], text: str) -> Line | None:
    groups = hit.groupdict()
    return Line(
        method=groups["method"],
        target=groups["target"],
        status=None,
        request_id=_tag(text, hit.start(), groups),
        client=groups.get("client"),
        opening=True,
    )


def _closing(hit: re.Match[str], text: str) -> Line | None:
    return Line(method=None, target=None, status=int(hit["status"]), request_id=_tag(text, hit.start(), hit.groupdict()))


_TAG = re.compile(r"\[([0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12})\]|\brequest_id=(\S{8,80})")


def _tag(text: str, end: int, groups: dict[str, str | None]) -> str | None:
    """The request id that a Rails tag or Phoenix metadata puts before the line."""
    hit = _TAG.search(text[:end])
    return (hit[1] or hit[2]) if hit is not None else groups.get("request_id")


def _layout(name: str, literal: str, pattern: str, read: Reader = _simple) -> Layout:
    return Layout(name=name, literal=literal, pattern_text=pattern, read=read)


_TARGET = r"(?P<target>/\S{0,8192})"
_STATUS = r"(?P<status>\d{3})"
_CLIENT = r"(?P<client>[\d.a-fA-F:]{3,45})"
_REQUEST_LINE = r'"(?P<request>(?:[^"\\\n]|\\.){0,8192})"'

LAYOUTS: tuple[Layout, ...] = (
    # 203.0.113.7 - - [18/Nov/2025:15:03:31 +0000] "POST /x HTTP/1.1" 400 383 "-" "UA"   (morgan combined, nginx, Apache, …)
    # [2019-07-25T13:03:51.144Z] "POST /x HTTP/2" 200 - 0 512 30 15 "-" "UA"              (Envoy, Service Connect)
    _layout("combined", '] "', rf'\[[^\]\n"]{{8,40}}\] {_REQUEST_LINE} (?P<status>\d{{3}}|-|0)(?= |$)', _quoted),
    # https 2023-04-26T19:53:46.679895Z app/lb/id 192.0.2.13:44740 - -1 -1 -1 404 - 204 167 "GET https://h:443/x HTTP/1.1" "UA" …
    _layout(
        "alb",
        "Z ",
        r"^(?:https?|h2|wss?|grpcs?) \d{4}-\d\d-\d\dT\S{8,20}Z \S{1,200} (?P<client>\S{1,80}) \S{1,80}(?: -?[\d.]{1,12}){3} "
        rf"{_STATUS} (?:\d{{3}}|-) -?\d{{1,15}} -?\d{{1,15}} {_REQUEST_LINE}",
        _status_first,
    ),
    # … 203.0.113.24:10285 [12/Mar/2021:06:56:28.088] fe~ be/srv 0/0/0/1263/1264 200 20602 - - ---- 1/1/0/1/0 0/0 "GET / HTTP/1.1"
    _layout(
        "haproxy",
        ' "',
        r"(?<!\S)(?P<client>\S{3,60}):\d{1,5} \[[^\]\n]{10,40}\] \S{1,100} \S{1,200} [-\d/+]{9,80} (?P<status>-1|\d{3}) \+?\d{1,15}"
        r" \S{1,200} \S{1,200} [\w-]{4} [\d/+]{5,60} \d{1,8}/\d{1,8} (?:\{[^}\n]{0,500}\} ){0,2}" + _REQUEST_LINE,
        _status_first,
    ),
    # "GET http://h/x HTTP/1.1" from 198.51.100.4:5 - 404 19B in 30.9µs
    _layout(
        "chi",
        '" ',
        rf'"{_METHOD} (?P<target>[^\s"]{{1,8192}})(?: HTTP/[\d.]{{1,3}})?"(?: from (?P<client>\S{{1,80}}?)(?::\d{{1,5}})?)?'
        rf" - {_STATUS} \d{{1,15}}B in ",
    ),
    # INFO:     127.0.0.1:55394 - "POST /x HTTP/1.1" 422 Unprocessable Entity;   django.server: "POST /x HTTP/1.1" 422
    _layout("quoted", '" ', rf"{_REQUEST_LINE} (?P<status>\d{{3}}|-)(?=[ ,]|$)", _quoted),
    # INFO     2025-07-16T19:42:45 - [127.0.0.1:32894] 401 Unauthorized "POST /x HTTP/1.1"
    _layout(
        "status_quoted",
        ' "',
        rf"\[(?P<client>[\w.:]{{3,60}})\] {_STATUS} [A-Z][A-Za-z '-]{{1,40}} "
        r'"(?P<request>[^"\n]{1,8192} HTTP/[\d.]{1,3})"',
        _status_first,
    ),
    # INFO:     127.0.0.1:55394 - "WebSocket /ws" 403
    _layout("websocket", '"WebSocket ', rf'"WebSocket (?P<target>/[^\s"]{{0,8192}})" {_STATUS}'),
    # tiny: POST /x 400 29 - 12.854 ms;  dev: POST /x 400 22.572 ms - 29;  short: ::1 - POST /x HTTP/1.1 400 29 - 16.860 ms
    _layout(
        "morgan",
        " ms",
        rf"(?<![\w\"/.-]){_METHOD} (?P<target>/\S{{0,8192}}|\*) (?:HTTP/[\d.]{{1,3}} )?(?P<status>\d{{3}}|-)"
        r"(?: (?:\d{1,15}|-) - (?:[\d.]{1,20}|-) ms| (?:[\d.]{1,20}|-) ms - (?:\d{1,15}|-))(?:\s|$)",
    ),
    # express-winston, Next.js, koa, hono, Django: PATCH /x 403 405ms;  GET /x 200 in 12ms;  POST /x - 400 - 0.005s
    _layout(
        "duration",
        " /",
        rf"(?<![\w\"/.-]){_METHOD} {_TARGET} (?:- )?{_STATUS}(?: -)?(?: in)? {_DURATION}"
        r"(?:[^\n]{0,200}?\b[Rr]equest[-_ ]?[Ii][Dd][:=] ?(?P<request_id>[\w.:=-]{4,80}))?",
    ),
    # [GIN] 2024/11/04 - 10:31:45 | 404 | 89.2µs | 192.0.2.1 | GET      "/x";  fiber: 12:00:00 | 404 | 1ms | ip | GET | /x
    _layout(
        "pipes",
        "|",
        rf"\| {{0,4}}{_STATUS} {{0,4}}\| {{0,20}}[\d.]{{1,20}}[a-zµμ]{{1,2}}[\d.a-zµμ]{{0,20}} {{0,20}}"
        rf"\| {{0,60}}(?P<client>[\w.:%-]{{1,60}}) {{0,60}}\| {{0,4}}{_METHOD} {{1,20}}(?:\| {{0,4}})?"
        r'"?(?P<target>/[^\s"|]{0,8192})',
    ),
    # 172.17.0.1 POST /api/v1/login took 8ms and returned 401 65 bytes
    _layout("play", " took ", rf"{_METHOD} {_TARGET} took \d{{1,10}} ?ms and returned {_STATUS}\b"),
    # HTTP POST /x responded 400 in 12.3456 ms;  HTTP "POST" "/x" responded 400 in …   (Serilog's request logging)
    _layout(
        "serilog",
        " responded ",
        rf'\bHTTP "?{_METHOD}"? "?(?P<target>/[^\s"]{{0,8192}})"? responded {_STATUS} in [\d.,]{{1,20}} ?ms',
    ),
    # Request finished HTTP/1.1 POST http://host/x application/json 62 - 400 - application/problem+json 12.3ms
    _layout(
        "aspnet",
        "Request finished ",
        rf"Request finished HTTP/[\d.]{{1,3}} {_METHOD} (?P<target>\S{{1,8192}}) (?:[^\n]{{0,200}}? )??- {_STATUS}(?= |$)",
    ),
    _layout("aspnet_core2", "Request finished in ", rf"Request finished in [\d.,]{{1,20}} ?ms {_STATUS}(?= |$)", _closing),
    # Rails: Started POST "/x" for 192.0.2.7 at …;  Completed 422 Unprocessable Entity in 12ms
    _layout(
        "rails_started",
        "Started ",
        rf'\bStarted {_METHOD} "(?P<target>[^"\n]{{1,8192}})" for (?P<client>[\w.:]{{2,45}})',
        _opening,
    ),
    _layout(
        "rails_completed",
        "Completed ",
        r"\bCompleted (?P<status>[1-5]\d\d) (?:[A-Z][A-Za-z' -]{1,40} )?in [\d.]{1,12}ms",
        _closing,
    ),
    # Phoenix: request_id=F1x [info] GET /x;  request_id=F1x [info] Sent 404 in 12ms
    _layout("phoenix_sent", "Sent ", r"\bSent (?P<status>[1-5]\d\d) in [\d.]{1,12}(?:µs|ms|s)\b", _closing),
    _layout("phoenix_started", "[info] ", rf"\brequest_id=\S{{8,80}} \[info\]\s{{1,3}}{_METHOD} {_TARGET}$", _opening),
    # [pid: 1|…] 127.0.0.1 () {…} [Sun Mar 13 2016] POST /x => generated 47 bytes in 129 msecs (HTTP/1.1 200)
    _layout(
        "uwsgi",
        " => generated ",
        rf"{_METHOD} {_TARGET} => generated \d{{1,15}} bytes in \d{{1,15}} \w{{2,6}} \(HTTP/[\d.]{{1,3}} {_STATUS}\)",
    ),
    # 2015-01-13 00:32:17 192.0.2.81 GET /robots.txt - 80 - 203.0.113.161 UA - 404 0 2 1405 242 283   (IIS, W3C default fields)
    _layout(
        "iis",
        " - ",
        rf"^\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d (?:\S{{1,60}} )?{_METHOD} {_TARGET} \S{{1,8192}} \d{{1,5}} \S{{1,100}} {_CLIENT}"
        rf"(?: \S{{1,2000}}){{1,4}} {_STATUS} \d{{1,5}} \d{{1,10}}(?: \d{{1,15}}){{1,3}}$",
    ),
    # 198.51.100.4: 38 B: POST /login (403) (1ms)   (Joplin Server)
    _layout("parentheses", "ms)", rf"{_METHOD} {_TARGET} \({_STATUS}\) \([\d.]{{1,12}} ?ms\)"),
    # 127.0.0.1:52134 [404]: GET /favicon.ico - No such file   (PHP's built-in server)
    _layout("php", "]: ", rf"(?<![\w.:]){_CLIENT}:\d{{1,5}} \[{_STATUS}\]: {_METHOD} {_TARGET}"),
    # 404 GET /x (127.0.0.1) 1.2ms   (Tornado)
    _layout("tornado", "ms", rf"\b(?P<status>[1-5]\d\d) {_METHOD} {_TARGET} \({_CLIENT}\) [\d.]{{1,12}}ms"),
    # 404 Not Found: GET - /x in 12ms   (Ktor)
    _layout("ktor", " - /", rf"\b(?P<status>[1-5]\d\d) [A-Z][A-Za-z' -]{{1,40}}: {_METHOD} - {_TARGET}"),
    # (sanic.access)[INFO][127.0.0.1:5000]: GET http://host/x  404 12
    _layout("sanic", "sanic.access", rf"\[{_CLIENT}:\d{{1,5}}\]: {_METHOD} (?P<target>\S{{1,8192}})\s{{1,4}}{_STATUS}(?=\s|$)"),
    # 141015/093052.123, [response] http://host:3000: get /x {} 404 (12ms)   (hapi's good);  [response] get /x 404 (5ms)
    _layout(
        "hapi",
        "[response",
        r"\[response[^\]\n]{0,60}\] (?:https?://\S{1,200}: )?(?P<method>get|post|put|patch|delete|head|options)"
        rf" {_TARGET}(?: \{{[^\n]{{0,2000}}\}})? {_STATUS} \(\d{{1,9}}ms\)",
    ),
)

MAYBE = re.compile(
    r"\b(?:"
    + "|".join(METHODS)
    + r")\b|\" [45]\d\d\b|\bCompleted [1-5]|\bSent [1-5]|\bRequest finished in |\"WebSocket |\[response"
)
"""Every line that a layout can read holds one of these: the first test, and the fast path's."""


def read_line(text: str) -> Line | None:
    """The access line in `text` (one event, several lines allowed), None when there is none."""
    return None if MAYBE.search(text[:MAX_LINE_CHARS]) is None else read_candidate(text)


def read_candidate(text: str) -> Line | None:
    """As `read_line`, of a text that is known to hold what MAYBE asks for."""
    if len(text) > MAX_LINE_CHARS:
        text = text[:MAX_LINE_CHARS]
    for line in text.split("\n", 8)[:8] if "\n" in text else (text,):
        for layout in LAYOUTS:
            if layout.literal not in line:
                continue
            hit = layout.pattern.search(line)
            if hit is not None and (found := layout.read(hit, line)) is not None:
                return found
    return None
