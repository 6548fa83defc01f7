"""Half an emoji in a log line, however it is written, becomes a sign that can be stored, and stops no reading."""

import json

import msgspec
import pytest

from parsers import Event, StreamKey, read
from parsers.formats import decode
from parsers.literals import loads
from parsers.surrogates import whole, whole_escapes

HALF = "\ud83d"
ISSUE = [{"code": "invalid_type", "path": [HALF], "message": HALF}]
LINES = {
    "a field in JSON": json.dumps(
        {"level": "warn", "message": "Zod validation error", "path": "/n", "method": "POST", "errors": ISSUE}
    ),
    "a column in JSON": json.dumps(
        {"level": "error", "message": f'null value in column "{HALF}" of relation "n" violates not-null constraint'}
    ),
    "JSON with other letters": '{"level":"error","message":"é null value in column \\"\\ud83d\\" of relation \\"n\\" violates not-null constraint"}',
    "a field in a dump": 'Zod validation error: [ { code: "invalid_type", path: [ "\\ud83d" ], message: "Required" } ]',
    "two halves in a dump": 'Zod validation error: [ { code: "invalid_type", path: [ "\\ud83d\\ude80" ], message: "Required" } ]',
}


@pytest.mark.parametrize("name", LINES)
def test_half_a_pair_can_be_kept(name):
    """What is read of such a line can be written as UTF-8: to the store, to a terminal, into a URL."""
    reading = read([Event(stream=StreamKey(log_stream="ecs/app/1"), timestamp_ms=1_763_520_999_926, text=LINES[name])])

    assert reading.findings
    msgspec.json.encode([*reading.findings])


def test_only_lone_halves_are_replaced():
    """A pair stays, and so does an escaped backslash before a word that merely looks like an escape."""
    assert whole_escapes(r'{"a":"\ud83d\ude80 \uD83D \ude80 \\ud83d"}') == r'{"a":"\ud83d\ude80 \ufffd \ufffd \\ud83d"}'
    assert whole("\ud83d\ude80 \ud83d") == "\U0001f680 \ufffd"
    assert loads('["\\ud83d\\ude80"]') == loads("['\\ud83d\\ude80']") == ["\U0001f680"]
    assert decode('{"msg":"\\ud83d x"}').message == "\ufffd x"
