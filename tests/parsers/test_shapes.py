"""Records of one class say the same of a request; what access.py looks at is a part of the class."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.access import access_of_record
from parsers.formats import structured, structured_of
from parsers.shapes import LOOKED_AT, Odd, Sayings, Shapes

UUIDS = ("392e0153-37da-426e-8f0a-6a27c2b67001", "0a2e0153-37da-426e-8f0a-6a27c2b67fff")
TARGETS = (
    "/api/notes", "/api/notes/5", "/api/notes/123456", f"/api/notes/{UUIDS[0]}", f"/api/notes/{UUIDS[1]}/lines/7?x=1", "/health", "/health/5",
    "/api/notes?status=5", "http://10.0.0.1/a/5", "https://example.com", "/a;v=1/5", "/a#b", "/a/5#b", "sessionDate", "", "/x/:id", "/x/0", "/x/*",
    "/api/v1/x", "/api/v2/x", "/x/12345678901234567890", "/x/5/6/7", "//5", "/x/5.json",
)  # fmt: skip
MESSAGES = (
    "request completed", "incoming request", "request aborted", "saved 5 notes in 12 ms", "saved 7 notes in 3 ms",
    "axios: GET /x 200", "HTTP Request: 5",
    "GET /x/5 200 4.032 ms - 250", f"GET /x/{UUIDS[0]} 200 14 ms - 2", "GET /x/7 404 1 ms - 3", "POST /x", "GET /x/5", "GET /x/6 200", "",
    '203.0.113.7 - - [18/Nov/2025:15:03:31 +0000] "GET /x/5?a=1 HTTP/1.1" 200 383 "-" "Mozilla/5.0"',
    '203.0.113.8 - - [18/Nov/2025:15:03:32 +0000] "GET /x/6 HTTP/1.1" 200 38 "https://app.example.com/" "curl/8"',
    '203.0.113.8 - - [18/Nov/2025:15:03:32 +0000] "GET /x/6 HTTP/1.1" 200 - "-" "ELB-HealthChecker/2.0"',
    '203.0.113.8 - - [18/Nov/2025:15:03:33 +0000] "FETCH /x/6 HTTP/1.1" 500 - "-" "x"',
    "\x1b[32mGET /x/9 200 4.032 ms - 250\x1b[0m", 'level=info status=200 method=GET path=/x/5 duration=3',
    "level=info status=200 method=get path=/x/5", "level=info status=404 method=get path=/x/6", "Completed 200 OK in 12ms", "12ms - 5", "-",
    "upstream 3 said 5", "{not json}", '{"msg":"inner","status":200}', "request finished 5", "status=5", "/5", "client 5 aborted", '"GET /x" 404',
)  # fmt: skip
IDS = ("", "-", "r1", UUIDS[0], UUIDS[1], 0, 5, 7.5, None, True, ["a"], {"a": 1}, "0")
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    1.0,
    2.5,
    "",
    "-",
    "x",
    "200",
    "404",
    200,
    404,
    499,
    [],
    ["a"],
    [200],
    {},
    {"a": 1},
    {"id": 5},
)
STATUSES = (200, 201, 404, 500, 499, "200", "-", 0, None, 200.0, True, "OK", [200])
AGENTS = ("", "Mozilla/5.0", "curl/8", "kube-probe/1.2", "ELB-HealthChecker/2.0", ["kube-probe", "x"], None, 5)
LEVELS = (30, 40, 50, "info", "warn", "error", None, "30")
METHODS = ("GET", "POST", "get", "FETCH", None, 5, "HEAD")
NAMES = {
    "targets": ("url", "path", "originalUrl", "uri", "route", "request_uri", "requestPath", "target",
    "x-envoy-origin-path", "http.target", "url.path"),
    "messages": ("message", "msg", "event", "log", "text", "body", "request", "routeKey"),
    "ids": ("reqId", "requestId", "request_id", "id", "trace_id", "traceId", "ip", "remoteAddress", "client_ip", "correlationId", "userId", "noteId"),
    "statuses": ("status", "statusCode", "status_code", "http_status", "code", "elb_status_code", "res.statusCode", "http.status_code"),
    "agents": ("user-agent", "userAgent", "user_agent", "ua", "agent", "useragent"),
    "levels": ("level", "severity", "lvl", "log.level"),
    "methods": ("method", "verb", "http_method", "req.method"),
    "odd": ("err", "error", "stack", "details", "config", "name", "logger", "host", "step", "duration_ms", "responseTime", "latency", "port", "time",
            "timestamp", "count", "amount", "line", "stream", "Protocol", "container_id", "x", "span", "fields", "headers", "data"),
}  # fmt: skip
VALUES = {
    "targets": TARGETS, "messages": MESSAGES, "ids": IDS, "statuses": STATUSES, "agents": AGENTS, "levels": LEVELS,
    "methods": METHODS, "odd": ODD_VALUES,
}  # fmt: skip
HOLDERS = (
    "req",
    "res",
    "http",
    "request",
    "response",
    "meta",
    "context",
    "fields",
    "httpRequest",
    "data",
    "span",
    "headers",
    "url",
    "err",
    "trace",
    "message",
)


def made(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    """A record of keys that loggers print, with values that they print, and with others."""
    record: dict[str, Any] = {}
    for _ in range(rng.randrange(1, 9 if not depth else 5)):
        kind = rng.choice(tuple(NAMES))
        name = rng.choice(NAMES[kind])
        record[name] = rng.choice(VALUES[kind] if rng.random() < 0.9 else ODD_VALUES)
    for _ in range(rng.randrange(3) if depth < 3 else 0):
        record[rng.choice(HOLDERS)] = made(rng, depth + 1)
    return record


def changed(rng: random.Random, record: dict[str, Any]) -> dict[str, Any]:
    """The same keys with some other values of the same kinds: what two lines of one logger look like."""
    other = copy.deepcopy(record)
    _change(rng, other)
    return other


def _change(rng: random.Random, record: dict[str, Any]) -> None:
    for name, value in record.items():
        if isinstance(value, dict):
            _change(rng, value)
        elif rng.random() < 0.5:
            kind = next((kind for kind, names in NAMES.items() if name in names), "odd")
            same = [one for one in VALUES[kind] if type(one) is type(value)]
            record[name] = rng.choice(same) if same else value


def said(record: dict[str, Any]) -> tuple[Any, ...] | None:
    """What a class answers for: all of the reading that is counted, and whether the request has an id."""
    whole = structured_of(record)
    if whole is None:
        return None
    access = access_of_record(*whole)
    if access is None:
        return (whole[1],)
    return (
        whole[1],
        access.method,
        access.route,
        access.status,
        access.aborted,
        access.health_check,
        access.opening,
        access.framework,
        bool(access.request_id),
    )


@settings(derandomize=True, deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 40))
def test_records_of_one_class_say_the_same(seed: int) -> None:
    """Whatever the keys and values: equal classes, equal answers; and a record that is Odd is no other's class."""
    rng = random.Random(seed)
    shapes = Shapes()
    answers: dict[Any, tuple[Any, tuple[Any, ...] | None]] = {}
    for _ in range(12):
        first = made(rng)
        for record in (first, *(changed(rng, first) for _ in range(12))):
            try:
                key = shapes.class_of(record)
            except Odd:
                continue
            other, answer = answers.setdefault(key, (record, said(record)))
            assert said(record) == answer, (record, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"method": "GET", "url": "/x/5?a=1", "status": 200, "reqId": "a"}, {"method": "GET", "url": "/x/77", "status": 200, "reqId": "b"}),
        ({"msg": "saved 5 notes", "noteId": "x", "amount": 3.5}, {"msg": "saved 7 notes", "noteId": "y", "amount": 7.25}),
        (
            {"message": '203.0.113.7 - - [18/Nov/2025:15:03:31 +0000] "GET /x/5 HTTP/1.1" 200 383 "-" "Mozilla/5.0"'},
            {"message": '203.0.113.9 - - [18/Nov/2025:15:04:01 +0000] "GET /x/6?y HTTP/1.1" 200 9 "https://a/" "curl/8"'},
        ),
        ({"req": {"url": "/x", "headers": {"cookie": "a"}}, "res": {"statusCode": 200}},
         {"req": {"url": "/x", "headers": {"cookie": "b"}}, "res": {"statusCode": 200}}),
        ({"message": "GET /x/5 200 4.03 ms - 250"}, {"message": "GET /x/6 200 14.1 ms - 1"}),
    ],
)  # fmt: skip
def test_what_varies_from_line_to_line_is_of_no_class(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Ids, queries, amounts, headers, times and sizes make no class of their own."""
    shapes = Shapes()

    assert shapes.class_of(one) == shapes.class_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"status": 200}, {"status": 201}),
        ({"status": 1}, {"status": True}),
        ({"status": 1}, {"status": 1.0}),
        ({"reqId": "a"}, {"reqId": ""}),
        ({"reqId": "a"}, {"reqId": "-"}),
        ({"url": "/api/v1"}, {"url": "/api/v2"}),
        ({"userAgent": "curl"}, {"userAgent": "kube-probe/1"}),
        ({"a": 1, "b": 1}, {"b": 1, "a": 1}),
        ({"req": {"log": "x"}}, {"req": {"log": "y"}}),
        # a request inside of a message, whose method is no word that access lines hold: parsers/access.py reads it as logfmt
        ({"msg": "level=info status=200 method=get path=/x/5"}, {"msg": "level=info status=404 method=get path=/x/5"}),
    ],
)
def test_what_matters_makes_another_class(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Statuses, routes, probes, missing ids, types and the order of keys part two records."""
    shapes = Shapes()

    assert shapes.class_of(one) != shapes.class_of(other)


@pytest.mark.parametrize(
    "record", [{"log": "x"}, {"MESSAGE": "x", "_PID": 5}, {"msg": '{"a":1}'}, {"level": 30, "fields": {"message": "{}"}}]
)
def test_what_has_to_be_opened_is_odd(record: dict[str, Any]) -> None:
    """A wrapper is odd even after a part of a record had the same keys."""
    shapes = Shapes()
    shapes.class_of({"level": 30, "data": {"log": "x"}})
    with pytest.raises(Odd):
        shapes.class_of(record)


class _Watched(dict[str, Any]):
    """A record that notes of which keys the values are asked for."""

    asked: set[str]

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)


@settings(derandomize=True, deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 40))
def test_only_keys_of_the_list_are_looked_at(seed: int) -> None:
    """A key that access.py asks for and LOOKED_AT does not name would make one class of records that say different things."""
    rng = random.Random(seed)
    asked: set[str] = set()

    def watched(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        some = _Watched({key: watched(inner) for key, inner in value.items()})
        some.asked = asked
        return some

    for _ in range(20):
        whole = structured_of(watched(made(rng)))
        if whole is not None:
            access_of_record(*whole)

    assert asked - LOOKED_AT <= {"headers", "user-agent", "User-Agent"}


def test_the_short_way_to_a_record_is_the_long_one() -> None:
    """A record decoded already is read as its text would be."""
    for record in ({"level": 30, "msg": "a"}, {"log": "x"}, {"msg": '{"a":1}'}, {"a": 1}):
        assert structured(json.dumps(record)) == structured_of(record)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"msg": "a", "time": 5, "reqId": "x"}, {"msg": "a", "time": 7, "reqId": "y"}, True),
        ({"msg": "a", "time": 5}, {"msg": "b", "time": 5}, False),
        ({"msg": "a", "reqId": "x"}, {"msg": "a", "reqId": ""}, False),
        ({"msg": "a", "reqId": "5"}, {"msg": "a", "reqId": 5}, False),
        ({"msg": "a", "reqId": True}, {"msg": "a", "reqId": 1}, False),
        ({"msg": "a", "reqId": ["P3005"]}, {"msg": "a", "reqId": ["P3009"]}, False),
        ({"msg": "a", "amount": 1}, {"msg": "a", "amount": 1.0}, False),
        ({"msg": "a", "err": {"time": 5}}, {"msg": "a", "err": {"time": 7}}, False),
        ({"msg": "a", "id": 5}, {"msg": "a", "id": 7}, False),
        ({"a": "b"}, {"b": "a"}, False),
    ],
)
def test_records_that_say_the_same_differ_in_passing_values_only(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    """Times and ids of requests by their usual names part no records, everything else does."""
    sayings = Sayings()

    assert (sayings.class_of(one) == sayings.class_of(other)) is same


@pytest.mark.parametrize("record", [{"log": "x"}, {f"{number:050d}": 1 for number in range(100)}])
def test_wrappers_and_endless_names_are_read_by_themselves(record: dict[str, Any]) -> None:
    """What has to be opened first, and what would fill the memory with its keys."""
    for _ in range(2):
        with pytest.raises(Odd):
            Sayings().class_of(record)
    with pytest.raises(Odd):
        Shapes().class_of(record)
