"""Access lines: one request each, its own status, in every format; and what only looks like one."""

# ruff: noqa: E501  log lines are as long as they are

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from parsers.access import is_health_check, parse_access, path_of
from parsers.formats import decode
from parsers.layouts import LAYOUTS, MAYBE, read_line
from parsers.model import Access

LAB = Path(__file__).resolve().parents[2].parent / "shared" / "lab"
needs_lab = pytest.mark.skipif(not LAB.is_dir(), reason="the captured logs in `shared/` are not beside the checkout")


def access(line: str | dict) -> Access | None:
    return parse_access(decode(line if isinstance(line, str) else json.dumps(line)))


PINO_END = {
    "level": 30,
    "time": 1,
    "req": {"id": 7, "method": "POST", "url": "/v1/notes?x=1"},
    "res": {"statusCode": 400},
    "responseTime": 5,
    "msg": "request completed",
}
CADDY = {
    "level": "info",
    "ts": 1.5,
    "logger": "http.log.access.log0",
    "msg": "handled request",
    "request": {"remote_ip": "192.0.2.1", "method": "GET", "host": "h:400", "uri": "/x?y=404"},
    "duration": 0.1,
    "size": 404,
    "status": 401,
}
TRAEFIK = {
    "ClientHost": "192.0.2.1",
    "DownstreamStatus": 400,
    "OriginStatus": 200,
    "Duration": 564849,
    "RequestMethod": "GET",
    "RequestPath": "/x",
    "RequestCount": 404,
    "level": "info",
    "msg": "",
}
ENVOY = {
    "method": "POST",
    "path": "/x",
    "protocol": "HTTP/1.1",
    "response_code": "503",
    "response_flags": "UAEX",
    "duration": "0",
    "upstream_host": "-",
    "request_id": "abc",
}
API_GATEWAY = {
    "requestId": "abc",
    "ip": "192.0.2.1",
    "httpMethod": "POST",
    "resourcePath": "/notes/{id}",
    "path": "/prod/notes/7",
    "status": "400",
    "integrationStatus": "200",
    "responseLength": "87",
}
LOGRAGE = {
    "method": "POST",
    "path": "/notes",
    "format": "json",
    "controller": "NotesController",
    "action": "create",
    "status": 422,
    "duration": 28.4,
}
ECHO = {
    "time": "t",
    "id": "",
    "remote_ip": "192.0.2.1",
    "host": "h",
    "method": "POST",
    "uri": "/x?a=1",
    "user_agent": "curl",
    "status": 400,
    "error": "code=400, message=no",
    "latency": 404,
    "bytes_out": 500,
}
EXPRESS_WINSTON = {
    "level": "warn",
    "message": "HTTP POST /x",
    "meta": {
        "req": {"method": "POST", "url": "/x", "headers": {"user-agent": "curl"}},
        "res": {"statusCode": 403},
        "responseTime": 405,
    },
}

FORMATS = [
    ("morgan combined", '203.0.113.7 - - [18/Nov/2025:15:03:31 +0000] "POST /x?limit=404 HTTP/1.1" 400 383 "-" "Mozilla/5.0 (404)"', "POST", "/x", 400),
    ("common", '2001:db8::7334 - frank [18/Nov/2025:15:03:31 +0000] "GET /x HTTP/1.0" 403 199', "GET", "/x", 403),
    ("vhost", 'www.example.com:443 192.0.2.4 - - [25/Oct/2021:11:05:52 +0200] "GET /x HTTP/1.1" 403 6963 "a" "b"', "GET", "/x", 403),
    ("ingress", '192.0.2.1 - - [24/Aug/2021:09:52:13 +0000] "GET /x HTTP/1.1" 404 13 "-" "UA" 502 0.001 [up] [] 192.0.2.2:5678 13 0.000 200 99', "GET", "/x", 404),
    ("target with blanks", '192.0.2.1 - - [29/Sep/2021:12:37:05 +0000] "GET /a.php?cmd=ls -al&u=http://x/??" 400 226', "GET", "/a.php", 400),
    ("absolute target", '127.0.0.2 - - [08/Aug/2022:21:18:26 +0000] "GET http://other:80/ip4.php HTTP/1.0" 400 255 "-" "-"', "GET", "/ip4.php", 400),
    ("connect", '127.0.0.1 - - [24/Sep/2021:06:20:32 +0000] "CONNECT foo.example:25 HTTP/1.1" 400 166 "-" "-"', "CONNECT", "foo.example:25", 400),
    ("tls bytes", r'192.0.2.1 - - [17/Oct/2023:05:57:49 +1100] "\x16\x03\x01\x01 \x02" 400 226 "-" "-"', None, None, 400),
    ("no request", '192.0.2.1 - - [15/Feb/2013:06:00:31 +0000] "-" 408 0 "-" "-"', None, None, 408),
    ("morgan short", "::1 - POST /x HTTP/1.1 400 29 - 16.860 ms", "POST", "/x", 400),
    ("morgan tiny", "POST /x 400 29 - 12.854 ms", "POST", "/x", 400),
    ("morgan dev", "\x1b[0mPOST /x \x1b[33m400\x1b[0m 19.634 ms - 84\x1b[0m", "POST", "/x", 400),
    ("morgan in docker-compose", "api-1  | POST /x 400 22.572 ms - 29", "POST", "/x", 400),
    ("express-winston, one line", "info: PATCH /x/123 403 405ms", "PATCH", "/x/:id", 403),
    ("next.js", " POST /api/x 404 in 200ms", "POST", "/api/x", 404),
    ("koa-logger", "  --> GET /x 404 12ms 5b", "GET", "/x", 404),
    ("django middleware", "INFO POST /x/ - 400 - 0.005s - RequestID: 763ccb54-0d3d-4ebb-b423-93be1309f0f7", "POST", "/x/", 400),
    ("uvicorn", 'INFO:     127.0.0.1:55394 - "POST /x?y=200 HTTP/1.1" 422 Unprocessable Entity', "POST", "/x", 422),
    ("uvicorn websocket", 'INFO:     127.0.0.1:55394 - "WebSocket /ws" 403', None, "/ws", 403),
    ("uvicorn, status first", 'INFO     2025-07-16T19:42:45 - [127.0.0.1:32894] 401 Unauthorized "POST /x HTTP/1.1"', "POST", "/x", 401),
    ("gunicorn-uvicorn", "[2019-02-28 16:15:06 +0000] [45] [INFO] ('172.20.0.2', 51610) - \"POST /x/ HTTP/1.1\" 422", "POST", "/x/", 422),
    ("hypercorn", '[2023-11-21 10:17:54 +0100] [1] [INFO] 127.0.0.1:64983 - - [21/Nov/2023:10:17:54 +0100] "GET /x 1.1" 404 5 "-" "curl"', "GET", "/x", 404),
    ("werkzeug", '127.0.0.1 - - [18/Nov/2025 15:03:31] "POST /x HTTP/1.1" 400 -', "POST", "/x", 400),
    ("django runserver", '[10/Feb/2025 09:55:00] "POST /x/ HTTP/1.1" 400 38', "POST", "/x/", 400),
    ("daphne", '127.0.0.1:1234 - - [18/Nov/2025:15:03:31] "GET /x" 404 12', "GET", "/x", 404),
    ("tomcat in syslog", 'Mar 24 14:02:50 web1 tomcat.log: 127.0.0.1 - - "GET /x HTTP/1.1" 404 65508 4.386', "GET", "/x", 404),
    ("lograge", "method=POST path=/x format=json controller=Notes action=create status=422 duration=28.40 view=0.00 db=4.04", "POST", "/x", 422),
    ("aspnet 8", "Request finished HTTP/1.1 POST http://localhost/x application/json 62 - 400 - application/problem+json 12.3ms", "POST", "/x", 400),
    ("aspnet 6", "Request finished HTTP/2 GET https://localhost:5001/x?a=1 - - - 404 0 - 0.3ms", "GET", "/x", 404),
    ("aspnet reason", "info: Microsoft.AspNetCore.Hosting.Diagnostics[2]\n      Request finished HTTP/1.1 POST http://h:5002/x - 403 Forbidden in 5ms", "POST", "/x", 403),
    ("play", "[info] AccessLogFilter [1e60d1e5] 192.0.2.1 POST /api/v1/login took 8ms and returned 401 65 bytes", "POST", "/api/v1/login", 401),
    ("chi", '2026/01/15 10:20:29 "GET http://h:8080/x?b=1 HTTP/1.1" from 192.0.2.4:5 - 404 19B in 30.9µs', "GET", "/x", 404),
    ("chi, short", '2026/01/15 10:20:29 "GET /x" - 404 500B in 24µs', "GET", "/x", 404),
    ("serilog", "[10:00:00 INF] HTTP POST /api/x/999 responded 400 in 12.3456 ms", "POST", "/api/x/:id", 400),
    ("serilog quoted", '10:00:00 [Information] HTTP "GET" "/api/x/999" responded 404 in 3.1 ms', "GET", "/api/x/:id", 404),
    ("tracing span", '{"level":"DEBUG","fields":{"message":"finished processing request","latency":"2 ms","status":404},"target":"tower_http::trace::on_response","span":{"method":"POST","uri":"/x/999","name":"request"}}', "POST", "/x/:id", 404),
    ("coloured in a message", json.dumps({"level": "info", "message": "\x1b[0mGET /x/999 \x1b[33m404\x1b[0m 1.234 ms - 150\x1b[0m"}), "GET", "/x/:id", 404),
    ("logfmt in a message", json.dumps({"level": "info", "message": "method=POST path=/x/999 format=json status=422 duration=12.3"}), "POST", "/x/:id", 422),
    ("gin", '[GIN] 2024/11/04 - 10:31:45 | 404 |      89.2µs |       127.0.0.1 | GET      "/x/999"', "GET", "/x/:id", 404),
    ("fiber", "12:00:00 | 404 | 1.2ms | 192.0.2.9 | GET | /x", "GET", "/x", 404),
    ("slog", "time=2025-11-18T15:03:30Z level=INFO msg=request method=POST path=/x status=422 duration=1.2ms", "POST", "/x", 422),
    ("method in msg", 'time="2025-01-30" level=warning msg="HTTP: POST http://h/auth/login" elapsedTime="792.5µs" httpStatus=401 remoteAddr=192.0.2.1', "POST", "/auth/login", 401),
    ("envoy", '[2019-07-25T13:03:51.144Z] "POST /x HTTP/2" 503 UF "-" 2515 404 13 12 "-" "grpc" "id" "h:6565" "10.1.1.7:6565"', "POST", "/x", 503),
    ("alb", 'https 2023-04-26T19:53:46.679895Z app/lb/490d 192.0.2.13:44740 - -1 -1 -1 404 - 204 167 "GET https://h:443/x?a HTTP/1.1" "UA" E TLSv1.2 - "Root=1"', "GET", "/x", 404),
    ("haproxy", 'Nov  4 08:32:18 d haproxy[3]: 192.0.2.1:34500 [04/Nov/2020:08:32:18.194] fe be/srv 0/0/0/0/0 405 501 - - ---- 1/1/0/1/0 0/0 "POST /x HTTP/1.1"', "POST", "/x", 405),
    ("traefik", '192.0.2.1 - - [08/Dec/2021:09:16:05 +0000] "GET /x HTTP/1.1" 404 414 "-" "-" 500 "test@docker" "http://192.0.2.3:80" 0ms', "GET", "/x", 404),
    ("iis", "2015-01-13 00:32:17 192.0.2.81 GET /robots.txt a=1 80 - 203.0.113.161 Mozilla/5.0+(x) - 404 0 2 1405 242 283", "GET", "/robots.txt", 404),
    ("uwsgi", "[pid: 1|app: 0|req: 1/1] 127.0.0.1 () {38 vars in 696 bytes} [Sun Mar 13 22:49:12 2016] POST /x => generated 47 bytes in 129 msecs (HTTP/1.1 400) 9 headers", "POST", "/x", 400),
    ("php", "[Tue Nov 18 15:03:30 2025] 127.0.0.1:52134 [404]: GET /favicon.ico - No such file or directory", "GET", "/favicon.ico", 404),
    ("tornado", "[W 251118 15:03:30 web:2348] 404 GET /x (127.0.0.1) 0.52ms", "GET", "/x", 404),
    ("ktor", "INFO  ktor.application - 404 Not Found: GET - /x in 12ms", "GET", "/x", 404),
    ("sanic", "[2025-11-18 15:03:30 +0000] - (sanic.access)[INFO][127.0.0.1:5000]: GET http://h:8000/x  404 12", "GET", "/x", 404),
    ("hapi", "251118/150330.123, [response,api] http://h:3000: get /x {} 404 (12ms)", "GET", "/x", 404),
    ("heroku router", 'at=info method=POST path="/x?y=1" host=h.example request_id=8601b555 fwd="192.0.2.1" dyno=web.1 connect=1ms service=18ms status=401 bytes=13', "POST", "/x", 401),
    ("caddy console", '2025/11/18 15:03:30.1 ERROR http.log.access handled request {"request": {"method": "GET", "uri": "/x"}, "duration": 0.1, "status": 404}', "GET", "/x", 404),
    ("pino-http", PINO_END, "POST", "/v1/notes", 400),
    ("express-winston json", EXPRESS_WINSTON, "POST", "/x", 403),
    ("winston around morgan", {"level": "http", "message": "POST /x 400 12.3 ms - 29\n"}, "POST", "/x", 400),
    ("winston around morgan json", {"level": "http", "message": {"method": "POST", "url": "/x", "status": "400", "response_time": "12"}}, "POST", "/x", 400),
    ("structlog", {"event": "http_request", "method": "GET", "path": "/x", "status_code": 422, "duration_ms": 400.1, "level": "info"}, "GET", "/x", 422),
    ("django-structlog", {"event": "request_finished", "code": 404, "request": "GET /x", "level": "warning", "request_id": "a"}, "GET", "/x", 404),
    ("lograge json", LOGRAGE, "POST", "/notes", 422),
    ("echo", ECHO, "POST", "/x", 400),
    ("caddy", CADDY, "GET", "/x", 401),
    ("traefik json", TRAEFIK, "GET", "/x", 400),
    ("envoy json", ENVOY, "POST", "/x", 503),
    ("api gateway", API_GATEWAY, "POST", "/prod/notes/:id", 400),
    ("api gateway v2", {"requestId": "a", "routeKey": "POST /auth", "status": "401", "responseLatency": "87"}, "POST", "/auth", 401),
    ("google", {"httpRequest": {"requestMethod": "GET", "requestUrl": "https://h/x?a=1", "status": 404, "latency": "0.1s", "remoteIp": "192.0.2.1"}}, "GET", "/x", 404),
    ("spring json", {"@timestamp": "t", "message": "GET /x 404", "method": "GET", "requested_uri": "/x", "uri": "/x", "status_code": 404, "elapsed_time": 12}, "GET", "/x", 404),
    ("zap", {"level": "info", "ts": 1.5, "msg": "/x", "status": 404, "method": "GET", "path": "/x", "latency": 0.1}, "GET", "/x", 404),
]  # fmt: skip


@pytest.mark.parametrize(("line", "method", "route", "status"), [pytest.param(*case[1:], id=case[0]) for case in FORMATS])
def test_every_format_gives_its_own_answer(line, method, route, status):
    """Method, route template and the status in the status position, whatever other numbers stand around it."""
    found = access(line)

    assert found is not None
    assert (found.method, found.route, found.status) == (method, route, status)
    assert (found.framework, found.opening, found.aborted) == (False, False, False)


@pytest.mark.parametrize(
    "line",
    [
        case[1]
        for case in FORMATS
        if isinstance(case[1], str) and "=" not in case[1].split(" ")[0] and "handled request" not in case[1]
    ],
)
def test_the_cheap_first_test_lets_every_layout_through(line):
    """The fast path asks MAYBE first: a line that a layout reads always passes it."""
    text = decode(line).text

    assert read_line(text) is None or MAYBE.search(text)


@pytest.mark.parametrize(
    "line",
    [
        '203.0.113.19 - - [18/Nov/2025:15:05:20 +0000] "GET /api/v1/reports HTTP/1.1" - - "https://h/" "Mozilla"',
        "GET /api/v1/reports - - - - ms",
        "GET /api/v1/reports - - ms - -",
        '[2019-07-25T13:03:56.544Z] "GET /api/v1/reports HTTP/1.1" 0 DC "-" 130 0 1 - "-" "UA"',
        '192.0.2.1 - - [08/Jun/2020:06:49:01 +0000] "GET /api/v1/reports HTTP/1.1" 000 0 "-" "-"',
        json.dumps({**CADDY, "status": 0, "request": {"method": "GET", "uri": "/api/v1/reports"}}),
        '{"req":{"method":"GET","url":"/api/v1/reports"},"res":{"statusCode":null},"responseTime":900,"level":30,"msg":"request aborted"}',
        'https 2023-04-26T19:53:46.679895Z app/lb/490d 192.0.2.13:44740 - -1 -1 -1 460 - 204 0 "GET https://h:443/api/v1/reports HTTP/1.1" "UA"',
        '192.0.2.1:34500 [04/Nov/2020:08:32:18.194] fe be/srv 0/0/-1/-1/9 -1 0 - - CH-- 1/1/0/1/0 0/0 "GET /api/v1/reports HTTP/1.1"',
    ],
)
def test_a_client_that_gave_up_is_aborted(line):
    """No status was sent: the request is counted as aborted, not as an error."""
    found = access(line)

    assert found is not None
    assert found.aborted
    assert found.status in (None, 460)
    assert found.route == "/api/v1/reports"


def test_499_is_a_status_and_an_abort():
    """nginx and Traefik write 499 when the client left: a 4xx line, and marked."""
    found = access('192.0.2.1 - - [08/Jun/2020:06:49:01 +0000] "GET /x HTTP/1.1" 499 0 "-" "-"')

    assert found is not None
    assert (found.status, found.aborted) == (499, True)


@pytest.mark.parametrize(
    "line",
    [
        'HTTP Request: POST https://api.example.com/v1/x "HTTP/1.1 400 Bad Request"',
        'DEBUG urllib3.connectionpool https://api.example.com:443 "GET /v1/x HTTP/1.1" 404 None',
        "requests.exceptions.HTTPError: 400 Client Error: Bad Request for url: https://api.example.com/x",
        "Error: Request failed with status code 400",
        "An error occurred (400) when calling the HeadObject operation: Bad Request",
        "Received HTTP response headers after 12.3ms - 400",
        "400 Bad Request from POST http://api.example.com/x",
        '{"level":"info","logger":"httpx","message":"HTTP Request: GET https://api.example.com/x \\"HTTP/1.1 404 Not Found\\"","status":404}',
        '{"level":"info","msg":"outgoing request","method":"GET","url":"https://api.example.com/x","status":404,"duration":12}',
        '{"level":"error","msg":"call failed","config":{"url":"/x"},"method":"get","url":"/x","status":500}',
        '{"requestId":"a","integrationStatus":"400","responseLatency":"87"}',
        '2021/12/02 11:53:15 [error] 1#1: *4 connect() failed (111: Connection refused) while connecting to upstream, request: "GET / HTTP/1.1", upstream: "http://10.0.0.1/"',
        'INFO  exec: step=3/5 method=POST endpoint=/employee status=422 error="no"',
    ],
)
def test_another_servers_answer_is_no_access_line(line):
    """Clients' words, proxies' upstreams and absolute URLs of other hosts count nothing."""
    assert access(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "Processed 400 rows",
        "Completed 1000 requests",
        "Completed 500 of 1000 items in 12ms",
        "GET /notes/4001",
        "listening on port 4000",
        "Mark-Compact 984.7 (1024.3) -> 400.1 MB",
        "✓ returns 400 when body is invalid",
        "  actual: 400,",
        "[FAILED] node=sim-node-01 status=422 error=HTTP 422",
        '{"level":"info","message":"Clinical note saved","status":"SIGNED","noteId":"7"}',
        '{"level":"warn","message":"Route not found: GET /.env"}',
        '{"level":"info","msg":"job done","status":200}',
        '[2023-11-21 10:17:54 +0100] [1] [INFO] 127.0.0.1:64983 - - [21/Nov/2023:10:17:54 +0100] "GET / 1.1" - - "-" "curl"',
        '[2019-07-25T13:03:56.544Z] "- - -" 0 - "-" 130 164 1 - "-" "-"',
        '2021/12/02 11:53:15 [error] 1#1: *4 limiting requests, excess: 5.428 by zone "z", client: ::1, request: "GET / HTTP/1.1", host: "h"',
        'Executing (default): INSERT INTO "errors" VALUES (400)',
        "took 400 ms",
        "GET /x took 400 ms",
        "",
    ],
)
def test_numbers_that_are_no_status_count_nothing(line):
    """Counts, ids, ports, sizes, durations, tests and business states are no answers."""
    assert access(line) is None


def test_an_applications_own_error_line_is_no_second_request():
    """`level: warn`, a message and `statusCode: 401`: it belongs to the access line of the same request."""
    found = access(
        '{"code":"UNAUTHORIZED","level":"warn","message":"Invalid or expired token","method":"GET","path":"/x","requestId":"r1","statusCode":401}'
    )

    assert found is not None
    assert (found.framework, found.method, found.status, found.request_id) == (True, "GET", 401, "r1")


def test_fastify_tells_a_request_in_three_lines():
    """The opening has method and url, the error line the cause, the end the status: joined by reqId, counted at the end."""
    opening = access('{"level":30,"reqId":"req-4","req":{"method":"POST","url":"/v1/sessions"},"msg":"incoming request"}')
    error = access(
        '{"level":30,"reqId":"req-4","res":{"statusCode":400},"err":{"type":"Error","message":"body must have x"},"msg":"body must have x"}'
    )
    end = access('{"level":30,"reqId":"req-4","res":{"statusCode":400},"responseTime":3.4,"msg":"request completed"}')

    assert opening is not None
    assert error is not None
    assert end is not None
    assert (opening.opening, opening.method, opening.route, opening.request_id) == (True, "POST", "/v1/sessions", "req-4")
    assert (error.framework, error.status, error.request_id) == (True, 400, "req-4")
    assert (end.opening, end.framework, end.method, end.status, end.request_id) == (False, False, None, 400, "req-4")


def test_rails_tells_a_request_in_two_lines():
    """Started has method and path, Completed the status; a tag joins them."""
    tag = "[0b3c9d52-7d3c-4b0a-9d2f-1f6f5c1c9a10]"
    opening = access(
        f'I, [2025-11-18T15:03:30.1 #1]  INFO -- : {tag} Started POST "/notes?x=1" for 192.0.2.7 at 2025-11-18 15:03:30 +0000'
    )
    end = access(
        f"I, [2025-11-18T15:03:30.2 #1]  INFO -- : {tag} Completed 422 Unprocessable Entity in 12ms (Views: 0.7ms | ActiveRecord: 5.3ms)"
    )

    assert opening is not None
    assert end is not None
    assert (opening.opening, opening.method, opening.route) == (True, "POST", "/notes")
    assert (end.method, end.status, end.request_id) == (None, 422, opening.request_id)
    assert access("Completed 404 Not Found in 3ms (ActiveRecord: 0.0ms)").status == 404


@pytest.mark.parametrize(
    ("line", "health"),
    [
        ('10.0.1.23 - - [18/Nov/2025:15:03:30 +0000] "GET / HTTP/1.1" 200 36 "-" "ELB-HealthChecker/2.0"', True),
        ('10.0.1.23 - - [18/Nov/2025:15:03:30 +0000] "GET /x HTTP/1.1" 200 36 "-" "kube-probe/1.29"', True),
        ('10.0.1.23 - - [18/Nov/2025:15:03:30 +0000] "GET /api/v1/health/live HTTP/1.1" 200 36 "-" "curl"', True),
        (
            '{"req":{"method":"GET","url":"/","headers":{"user-agent":"GoogleHC/1.0"}},"res":{"statusCode":200},"responseTime":1}',
            True,
        ),
        ('10.0.1.23 - - [18/Nov/2025:15:03:30 +0000] "GET /api/v1/clients?q=/health HTTP/1.1" 200 36 "-" "Mozilla"', False),
        ('10.0.1.23 - - [18/Nov/2025:15:03:30 +0000] "GET /api/v1/health-records/7 HTTP/1.1" 200 36 "-" "Mozilla"', False),
        ('10.0.1.23 - - [18/Nov/2025:15:03:30 +0000] "POST /api/v1/health HTTP/1.1" 200 36 "-" "Mozilla"', False),
        ('10.0.1.23 - - [18/Nov/2025:15:03:30 +0000] "GET /api/v1/notes/status HTTP/1.1" 200 36 "-" "Mozilla"', False),
    ],
)
def test_probes_are_marked(line, health):
    """By the prober's name or by the path it asks for; a resource whose name begins alike is none."""
    assert access(line).health_check is health


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/healthz",
        "/health/live",
        "/healthcheck",
        "/health-check",
        "/livez",
        "/readyz",
        "/ready",
        "/ping",
        "/status",
        "/actuator/health",
        "/actuator/health/readiness",
        "/_health",
        "/api/health",
        "/up",
        "/__lbheartbeat__",
    ],
)
def test_the_usual_health_paths(path):
    """The list that needs no setting."""
    assert is_health_check("GET", path, "")


def test_health_paths_can_be_set():
    """A service's own probe path, exact or with everything below it."""
    line = 'INFO:     10.0.1.23:1 - "GET /internal/probe HTTP/1.1" 200 OK'

    assert not parse_access(decode(line)).health_check
    assert parse_access(decode(line), health_paths=("/internal/probe",)).health_check
    assert parse_access(decode(line), health_paths=("/internal/*",)).health_check


def test_queries_and_ids_never_come_out():
    """The route holds no query and no id; path and address stay with the reader, which tokenises them."""
    found = access(
        '203.0.113.7 - - [18/Nov/2025:15:03:31 +0000] "GET /clients/1abf6c7a-63c5-4fa0-9a38-9de1f6cba131/notes/17?name=Jane HTTP/1.1" 200 3 "-" "-"'
    )

    assert found is not None
    assert found.route == "/clients/:id/notes/:id"
    assert found.path is not None
    assert "?" not in found.path
    assert found.client == "203.0.113.7"


@pytest.mark.parametrize(
    ("target", "path"),
    [("/x?y#z", "/x"), ("https://h:1/x?y", "/x"), ("https://h", "/"), ("h:25", "h:25"), ("http://[bad/x", "/")],
)
def test_a_target_is_reduced_to_its_path(target, path):
    """Scheme, host, query and fragment off, whatever is sent."""
    assert path_of(target) == path


def test_every_layout_has_a_line_here():
    """A layout without an example in this file would be untested."""
    lines = [decode(case[1]).text for case in FORMATS if isinstance(case[1], str)]
    lines += [
        'Started GET "/" for 192.0.2.1 at',
        "Completed 200 OK in 5ms",
        "request_id=F1xabcdef [info] GET /x",
        "request_id=F1xabcdef [info] Sent 404 in 12ms",
    ]
    lines += ["Request finished in 12.5ms 400 application/json", "192.0.2.1: 38 B: POST /login (403) (1ms)"]

    unused = [
        layout.name for layout in LAYOUTS if not any(layout.pattern.search(line) for text in lines for line in text.split("\n"))
    ]

    assert unused == []


@pytest.mark.parametrize(
    "line",
    [
        '"' * 65_536,
        '"GET /' + "a" * 65_536,
        "GET /" + "a " * 32_768,
        '[x] "GET ' + "\\" * 65_536,
        "| 404 | " * 8_192,
        "0/0 " * 16_384,
        "POST /x " * 8_192,
        "- " * 32_768 + '"',
    ],
)
def test_hostile_lines_are_read_in_bounded_work(line):
    """No pattern backtracks without bound: each layout finishes on a pumped line (the run itself is the test)."""
    assert access(line) is None


@needs_lab
@pytest.mark.lab
@pytest.mark.parametrize(
    "file", sorted(path.relative_to(LAB).as_posix() for path in LAB.glob("seed-story/td*.jsonl")) or ["none"]
)
def test_the_storys_requests_are_counted_exactly(file):
    """Per task, method, route template and status: the counts of the morgan lines, counted here by other means."""
    uuid = re.compile(r"(?<=/)[0-9a-f-]{36}(?=/|$)")
    wanted: Counter = Counter()
    found: Counter = Counter()
    for text in (LAB / file).read_text("utf-8").splitlines():
        event = json.loads(text)
        stream, message = event["logStreamName"], event["message"]
        words = message.split(" ")
        if len(words) > 8 and words[1:3] == ["-", "-"] and words[7] == 'HTTP/1.1"':
            status = 0 if words[8] == "-" else int(words[8])
            wanted[stream, words[5][1:], uuid.sub(":id", words[6].split("?")[0]), status] += 1
        one = parse_access(decode(message))
        if one is not None and not one.framework and not one.opening:
            found[stream, one.method, one.route, one.status or 0] += 1

    assert sum(wanted.values()) > 200
    assert found == wanted
