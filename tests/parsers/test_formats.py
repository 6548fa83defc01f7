"""Wrappers opened: what rules and the access reader get to see of an event."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.formats import decode, field_of, leaves, logfmt, strip_controls, strip_prefix

PINO = {
    "level": 50,
    "time": 1795378332009,
    "pid": 7,
    "hostname": "ip-10-0-1-55",
    "err": {"type": "Error", "message": "boom", "stack": "Error: boom\n    at run (/app/x.js:1:2)"},
    "msg": "request failed",
}


@pytest.mark.parametrize(
    ("record", "level", "message"),
    [
        (PINO, "error", "request failed"),
        ({"level": "error", "message": "x", "timestamp": "2025-11-18T15:03:30.332Z"}, "error", "x"),
        (
            {"name": "api", "hostname": "h", "pid": 1, "level": 40, "msg": "slow", "time": "2025-11-18T15:03:30Z", "v": 0},
            "warn",
            "slow",
        ),
        ({"event": "request_failed", "level": "warning", "timestamp": "2025-11-18T15:03:30Z"}, "warn", "request_failed"),
        ({"asctime": "2025-11-18 15:03:30,332", "name": "app", "levelname": "CRITICAL", "message": "out"}, "fatal", "out"),
        ({"time": "2025-11-18T15:03:30Z", "level": "INFO", "msg": "listening"}, "info", "listening"),
        ({"@timestamp": "2025-11-18T15:03:30Z", "log.level": "error", "message": "x"}, "error", "x"),
        ({"timestamp": "2025-11-18T15:03:30Z", "level": "ERROR", "fields": {"message": "x"}, "target": "app"}, "error", "x"),
        ({"level": "30", "time": "1795378332009", "msg": "a number as a string"}, "info", "a number as a string"),
        ({"severity": "ERROR", "textPayload": "x"}, "error", "x"),
        ({"level": True, "msg": "x"}, None, "x"),
    ],
    ids=["pino", "winston", "bunyan", "structlog", "python", "slog", "elastic", "tracing", "strings", "google", "bool"],
)
def test_a_loggers_json_gives_level_and_message(record, level, message):
    """Each logger's own keys and levels come out as one vocabulary."""
    payload = decode(json.dumps(record))

    assert (payload.level, payload.message) == (level, message)
    assert payload.text.startswith(message)


def test_json_becomes_text_line_by_line():
    """The message first, then every other leaf with its dotted path; strings of several lines stand raw; chatter is left out."""
    assert decode(json.dumps(PINO)).text.split("\n") == [
        "request failed",
        "err.type: 'Error'",
        "err.message: 'boom'",
        "Error: boom",
        "    at run (/app/x.js:1:2)",
    ]


def test_a_message_array_is_a_message_of_several_lines():
    """NestJS answers with an array of texts: each is a line of its own."""
    payload = decode('{"statusCode":400,"message":["email must be an email","name should not be empty"],"error":"Bad Request"}')

    assert payload.message == "email must be an email\nname should not be empty"
    assert payload.text.split("\n")[:2] == ["email must be an email", "name should not be empty"]


LINE = "Error: P3005"


@pytest.mark.parametrize(
    "wrapped",
    [
        json.dumps({"container_id": "1", "container_name": "app", "source": "stdout", "log": LINE}),
        json.dumps({"log": LINE + "\n", "stream": "stdout", "time": "2025-11-18T15:03:30.1Z"}),
        json.dumps({"date": 1.5, "log": LINE}),
        json.dumps({"log": json.dumps({"log": LINE + "\n", "stream": "stderr"}), "source": "stderr"}),
        f"app-1  | {LINE}",
        f"web_1         | {LINE}",
        f"2025-11-18T15:03:30.119Z stdout F {LINE}",
        f"10:53:01 0|app  | {LINE}",
        f"Nov 18 15:03:30 ip-10-0-1-23 app[17]: {LINE}",
        f"<134>Nov 18 15:03:30 ip-10-0-1-23 app: {LINE}",
        f"<134>1 2025-11-18T15:03:30.119Z host app 17 - - {LINE}",
        f"app[web.1]: {LINE}",
        f"2025-11-18T15:03:30.119+00:00 app[web.1]: {LINE}",
        f"@app/api:dev: {LINE}",
        f"#9 0.329 {LINE}",
        f"remote: {LINE}",
        f"\x1b[31m{LINE}\x1b[39m",
        f"\x1b]0;title\x07\x1b[2K{LINE}",
        f"{LINE}\r\n",
        f"10%\r50%\r{LINE}",
        f"app-1  | 2025-11-18T15:03:30.119Z stdout F \x1b[1m{LINE}\x1b[0m",
    ],
)
def test_wrappers_prefixes_and_colours_come_off(wrapped):
    """Whatever stands around the line, rules see the line itself."""
    assert decode(wrapped).text == LINE


@pytest.mark.parametrize(
    "line",
    [
        "Error: P1001: Can't reach database server at `db`:`5432`",
        'psql:file.sql:15: ERROR:  relation "x" does not exist',
        "main.ts:12: Error: boom",
        "    at run (/app/x.js:1:2)",
        "{",
        "{ id: 1, name: 'x' }",
        "}",
        "",
    ],
)
def test_what_only_looks_like_a_wrapper_stays(line):
    """File names, stack frames and printed objects are no prefixes and no JSON."""
    payload = decode(line)

    assert payload.text == line
    assert payload.fields is None


def test_firelens_metadata_is_kept():
    """The task definition that FireLens writes into each record is the best proof of attribution."""
    payload = decode(
        json.dumps(
            {"log": "x", "source": "stdout", "ecs_cluster": "prod", "ecs_task_arn": "arn:t", "ecs_task_definition": "api:50"}
        )
    )

    assert payload.text == "x"
    assert payload.metadata == {"ecs_cluster": "prod", "ecs_task_arn": "arn:t", "ecs_task_definition": "api:50"}


def test_a_logger_inside_a_logger_speaks():
    """A JSON message in a JSON record: the inner record's level and message win, the outer one's fields stay."""
    inner = json.dumps({"level": "error", "msg": "boom", "code": 7})

    payload = decode(json.dumps({"level": "info", "message": inner, "service": "api", "task": "t1"}))

    assert (payload.level, payload.message) == ("error", "boom")
    assert payload.fields is not None
    assert payload.fields["task"] == "t1"
    assert "code: 7" in payload.text


def test_a_time_or_label_before_json_is_no_obstacle():
    """`[api] {…}` and `2025-… {…}` are the JSON behind them."""
    for prefix in ("[api] ", "2025-11-18T15:03:30.119Z ", "2025-11-18 15:03:30,119 "):
        assert decode(f'{prefix}{{"level":"warn","msg":"x"}}').level == "warn"


def test_cut_json_keeps_what_was_there():
    """JSON cut at 16 kB: the members before the cut are fields, the cut one keeps its beginning, and the record is marked."""
    whole = json.dumps({"level": 50, "err": {"code": "23502", "stack": "x" * 20_000}, "msg": "never reached"})

    payload = decode(whole[:16_384])

    assert payload.cut
    assert payload.level == "error"
    assert field_of(payload.fields, "err.code") == "23502"
    assert "err.code: '23502'" in payload.text


def test_broken_json_is_still_read():
    """What cannot be parsed is opened as text, so that quotes inside it are quotes."""
    payload = decode('{"level":"error",oops,"detail":"column \\"name\\" of relation"}')

    assert payload.cut
    assert payload.level == "error"
    assert 'column "name" of relation' in payload.text


def test_text_behind_json_is_kept():
    """Two records in one event: the first gives the fields, the rest is not lost."""
    payload = decode('{"msg":"a"}\n{"msg":"b"}')

    assert payload.fields == {"msg": "a"}
    assert '{"msg":"b"}' in payload.text


def test_logfmt_has_fields():
    """Quoted values are unescaped; the text that rules see has plain quotes."""
    payload = decode(r'time="2025-11-18T15:03:30Z" level=error msg="pq: null value in column \"name\"" status=422')

    assert payload.fields == {
        "time": "2025-11-18T15:03:30Z",
        "level": "error",
        "msg": 'pq: null value in column "name"',
        "status": "422",
    }
    assert (payload.level, payload.message) == ("error", 'pq: null value in column "name"')
    assert 'column "name"' in payload.text


@pytest.mark.parametrize(
    "line", ["listening port=3000 env=prod", "SELECT * FROM t WHERE a=1 AND b=2 AND c=3", "GET /x?a=1&level=2&msg=3 200"]
)
def test_equals_signs_alone_are_no_logfmt(line):
    """Settings, SQL and query strings stay text."""
    assert logfmt(line) is None


def test_field_of_takes_dotted_keys_and_paths():
    """`log.level` may be one key or two; the first path that is there wins; null is not there."""
    assert field_of({"log.level": "a"}, "log.level") == "a"
    assert field_of({"log": {"level": "a"}}, "log.level") == "a"
    assert field_of({"a": None, "b": 1}, "a", "b") == 1
    assert field_of(None, "a") is None


def test_leaves_are_bounded():
    """A value nested without end is passed over, not recursed into."""
    deep: dict = {}
    for _ in range(40):
        deep = {"a": deep or 1}

    assert list(leaves(deep)) == []
    assert list(leaves({"a": [1, {"b": 2}]})) == [("a.0", 1), ("a.1.b", 2)]


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=200))
def test_decode_never_raises_and_leaves_no_control_characters(text):
    """Any text at all: a payload comes back, without escape sequences."""
    assert "\x1b" not in decode(text).text
    assert strip_prefix(strip_controls(text)) is not None


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(derandomize=True, deadline=None)
@given(JSON_VALUES)
def test_any_json_object_is_opened_whole_and_cut(value):
    """A JSON object gives its own fields; any beginning of it gives a payload."""
    text = json.dumps({"level": "info", "value": value})

    fields = decode(text).fields

    assert fields is not None
    assert fields["level"] == "info"
    for end in range(2, len(text), max(1, len(text) // 7)):
        assert decode(text[:end]) is not None
