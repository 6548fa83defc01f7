"""The fast path gives the reading of the reference reader, hit for hit."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.access import access_of_parts, alike, parse_access
from parsers.batch import Batch, in_batches
from parsers.bulk import SMALL_BYTES, BulkReader, read, scanner_for
from parsers.columns import count_access
from parsers.formats import decode
from parsers.masks import Redactor
from parsers.model import Access, Event, StreamKey
from parsers.reading import Reader, Reading, in_order
from parsers.reading import read as read_by_reference
from parsers.requests import count_key
from parsers.rules import load_packs
from parsers.scan import Candidates, LiteralEngine, Scanner

LAB = Path(__file__).resolve().parents[2].parent / "shared" / "lab"
SAMPLES = Path(__file__).resolve().parents[2] / "sample_logs"
RULES = load_packs()
REDACTOR = Redactor(b"a key of the tests")


class Kept(dict):
    put = dict.__setitem__


CACHE = Kept()
SCANNER = scanner_for(RULES, cache=CACHE)


@pytest.fixture(autouse=True, scope="module")
def forms_are_made_at_once() -> Iterator[None]:
    """Made-up logs are too short for lines that are only told apart by their form after many others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("parsers.forms.LINES_BEFORE", 2)
        yield


def reference(events: list[Event]) -> Reading:
    return read_by_reference(events, rules=RULES, redactor=REDACTOR)


def fast(events: list[Event], *, batch_bytes: int = 1 << 22, scanner: Scanner | None = None) -> Reading:
    """Stream by stream in order, as the contract of `feed` wants it, but interleaved and in batches of any size."""
    reader = BulkReader(Reader(rules=RULES, redactor=REDACTOR), scanner=scanner or SCANNER)
    for batch in in_batches(in_order(events), batch_bytes):
        reader.feed(batch)
    return reader.take()


def assert_same(events: list[Event], other: Reading) -> None:
    wanted = reference(events)
    assert other.parts.keys() == wanted.parts.keys()
    for key, (one,) in wanted.parts.items():
        assert other.parts[key] == (one,), key


def lab_events(path: Path) -> list[Event]:
    events = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        data = json.loads(line)
        stream = StreamKey(log_group=data.get("logGroup", ""), log_stream=data["logStreamName"])
        ids = {"event_id": data.get("eventId"), "ingestion_ms": data.get("ingestionTime")}
        events.append(
            Event(stream=stream, timestamp_ms=data["timestamp"], text=data["message"], file=path.name, line=number, **ids)
        )
    return events


SHIPPED = sorted(path for path in SAMPLES.glob("*/*.jsonl"))
CAPTURED = sorted(LAB.glob("*/*.jsonl"))


@pytest.mark.parametrize("path", SHIPPED, ids=[f"{path.parent.name}/{path.name}" for path in SHIPPED])
def test_the_sample_logs_read_the_same(path):
    """Every scene that ships: facts, counts, open ends and coverage of every stream."""
    events = lab_events(path)

    assert_same(events, fast(events))


@pytest.mark.lab
@pytest.mark.parametrize("path", CAPTURED or [None], ids=[f"{path.parent.name}/{path.name}" for path in CAPTURED] or ["none"])
def test_the_captured_logs_read_the_same(path):
    """Every captured log, in small batches, so that records and requests lie across them."""
    assert path is not None, "shared/lab is there and holds no captured log"  # without the folder the marker skips, and says so
    events = lab_events(path)

    assert_same(events, fast(events, batch_bytes=70_001))


SHAPES = (
    '203.0.113.7 - - [18/Nov/2025:15:03:31 +0000] "POST /api/notes/{n}?x=400 HTTP/1.1" {status} 383 "-" "Mozilla/5.0 (error: no)"',
    '10.0.1.23 - - [18/Nov/2025:15:03:31 +0000] "GET /health HTTP/1.1" 200 36 "-" "ELB-HealthChecker/2.0"',
    '203.0.113.7 - - [18/Nov/2025:15:03:31 +0000] "GET /reports HTTP/1.1" - - "-" "Mozilla/5.0"',
    'INFO:     127.0.0.1:55394 - "GET /v1/orders/{n} HTTP/1.1" {status} OK',
    'INFO:     127.0.0.1:55394 - "GET /v1/{n}/{n}/lines/{n}px/392e0153-37da-426e-8f0a-6a27c2b67{n:03d}-x HTTP/1.1" {status} OK',
    '\x1b[32mINFO\x1b[0m:     127.0.0.1:55394 - "GET /v1/orders/{n} HTTP/1.1" \x1b[33m{status} OK\x1b[0m',
    '{{"level":30,"reqId":"392e0153-37da-426e-8f0a-6a27c2b67{n:03d}","req":{{"method":"POST","url":"/x/{n}?a=1"}},"msg":"incoming request"}}',
    '{{"level":30,"reqId":"392e0153-37da-426e-8f0a-6a27c2b67{n:03d}","res":{{"statusCode":{status}}},"responseTime":3.5,"msg":"request completed"}}',
    '{{"level":30,"req":{{"id":{n},"method":"GET","url":"/x/{n}"}},"res":{{"statusCode":{status}}},"responseTime":5,"msg":"request completed"}}',
    '{{"log":"203.0.113.7 - - [18/Nov/2025:15:03:31 +0000] \\"GET /x HTTP/1.1\\" {status} 3 \\"-\\" \\"-\\"\\n","stream":"stdout"}}',
    '{{"log":"  data: {{\\n","stream":"stdout"}}',
    '{{"level":"error","message":"Database error","error":"Null constraint violation on the fields: (`a`)","requestId":"r{n}"}}',
    '{{"level":"warn","message":"Invalid token","statusCode":401,"method":"GET","path":"/x/{n}"}}',
    '{{"level":50,"err":{{"stack":"Error: boom\\n    at run (/app/x.js:1:2)"}},"msg":"cut here',
    'level=error msg="pq: null value in column \\"name\\" violates not-null constraint" status={status}',
    "2026-09-26T10:17:03 WARNING ocr.api: [{n}] failed status={status} duration=120.014s error=ReadTimeout",
    'level=info msg="request done" method=get path=/x/{n} status_code={status} duration=3',
    'level=info msg="Request started" method=get path=/x/{n} request_id=r{n}',
    'level=info msg="request done" request_id=r{n} status={status} duration=3',
    "GET /x/{n} {status} 4.032 ms - 250",
    "Started POST \"/notes/{n}\" for 192.0.2.7 at 2025-11-18",
    "Completed {status} Unprocessable Entity in 12ms",
    "Error: P3005",
    "The database schema is not empty. Read more about how to baseline an existing production database",
    "Running database migrations...",
    "Migration command exited with code 1",
    "Server listening on port {n}",
    "Error creating note: PrismaClientKnownRequestError: ",
    "Invalid `prisma.note.create()` invocation:",
    "Null constraint violation on the fields: (`sessionDate`)",
    "    at run (/app/x.js:1:{n}) {{",
    "  code: 'P2011',",
    "  data: {{",
    "}}",
    "{{",
    "[",
    "Traceback (most recent call last):",
    '  File "/app/main.py", line {n}, in access',
    'psycopg.errors.NotNullViolation: null value in column "a" of relation "b" violates not-null constraint',
    "cache: {n} hits",
    "ERROR something that no rule knows {n}",
    "app-1  | Error: P1001: Can't reach database server at `db`:`5432`",
    "two\nlines of one event, the second: Error: P3009",
    "half a line\x00 with a NUL",
    "✓ déjà vu {n}",
    "   ",
)  # fmt: skip


def made_up(seed: int, count: int) -> list[Event]:
    """Events of three streams in shapes that meet each other in every order; many share a millisecond."""
    rng = random.Random(seed)
    now = 1_763_478_000_000
    events = []
    for number in range(count):
        now += rng.choice((0, 0, 0, 1, 7, 900, 2_500))
        shape = rng.choice(SHAPES)
        text = shape.format(n=rng.randrange(40), status=rng.choice((200, 200, 201, 304, 400, 404, 422, 500)))
        stream = StreamKey(log_stream=f"app/web/{rng.randrange(3)}")
        events.append(
            Event(stream=stream, timestamp_ms=now, text=text, event_id=f"{number:040d}", undecodable=rng.random() < 0.01)
        )
    return events


@settings(derandomize=True, deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 30), count=st.integers(1, 400), batch_bytes=st.sampled_from([300, 4_000, 1 << 20]))
def test_made_up_logs_read_the_same(seed, count, batch_bytes):
    """Any mixture of shapes, cut into batches anywhere: the same reading."""
    events = made_up(seed, count)

    assert_same(events, fast(events, batch_bytes=batch_bytes))


def record(rng: random.Random, logger: int) -> str:
    """A JSON line of one of many loggers, answered, outbound, informing or broken; no beginnings of requests."""
    shape = random.Random(logger)  # what is the same in all lines of a logger: keys, their order, separators
    number, status = rng.randrange(1_000), rng.choice((200, 200, 204, 404))
    uuid = f"{rng.getrandbits(32):08x}-ab12-4c3d-8e9f-{rng.getrandbits(48):012x}"
    path = rng.choice(("/api/notes", f"/api/notes/{number}", f"/api/notes/{uuid}/lines/{number}", "/health"))
    path += rng.choice(("", f"?page={number}", f"?q={number} Bad Request"))
    level = shape.choice((30, "info", "warn", None)) if rng.random() < 0.95 else shape.choice((50, "error"))
    method = shape.choice(("GET", "POST", "get", "FETCH"))
    ids = shape.choice(({}, {"requestId": uuid}, {"reqId": number}, {"id": ""}, {"trace_id": f"t{number}"}))
    times = shape.choice(({"time": 1_763_478_000_000 + number}, {"timestamp": f"2025-11-18T15:00:0{number % 10}Z"}, {}))
    some = shape.choice((
        {
            "req": {"id": number, "method": method, "url": path, "remoteAddress": "10.0.0.9"},
            "res": {"statusCode": status},
            "responseTime": number,
            "msg": "request completed",
        },
        {"method": method, "path": path, "status_code": status, "duration_ms": number / 7, "event": "http_request"},
        {"method": method, "url": path, "status": str(status), "message": f"{method} {path} {status} {number}ms"},
        {"message": f'203.0.113.7 - - [18/Nov/2025:15:03:31 +0000] "GET {path} HTTP/1.1" {status} {number} "-" "ELB-HealthChecker/2.0"'},
        {"msg": f"GET {path} {status} {number}.4 ms - {number}"},
        {"msg": "outgoing request", "method": method, "url": f"https://api.example.com{path}", "status": status},
        {"msg": f"saved {number} in {number} ms", "status": rng.choice(("SENT", 200)), "noteId": uuid, "count": number},
        {"msg": "query: could not read", "elapsedMs": number, "errors": [uuid, "x"]},
        {"message": "done", "context": {"method": method, "path": path, "statusCode": status, "port": number}},
        {"log": f"GET {path} {status} 4.032 ms - 250", "stream": "stdout"},
    ))  # fmt: skip
    parts = [("level", level), *times.items(), *some.items(), *ids.items()]
    shape.shuffle(parts)
    text = json.dumps(dict(parts), separators=shape.choice(((",", ":"), (", ", ": "), None)))
    return text if rng.random() < 0.97 else text[: rng.randrange(len(text))] + rng.choice(("", "}", '"}', " 007}", "\x01"))


@cache
def record_scanner() -> Scanner:
    """Its needles are chosen for such lines: with others most of them would hold one and be read one by one."""
    return scanner_for(RULES, "\n".join(record(random.Random(number), number) for number in range(300)).encode(), cache=CACHE)


@settings(derandomize=True, deadline=None, max_examples=12, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 30), opened=st.booleans())
def test_json_records_read_by_class_read_the_same(seed, opened):
    """Lines that differ in ids, times and durations are read once for all of them: with the answer that each would get."""
    rng = random.Random(seed)
    loggers = [rng.randrange(10_000) for _ in range(4)]
    texts = [record(rng, rng.choice(loggers)) for _ in range(250)]
    if opened:
        beginning = '{"level":30,"reqId":%d,"req":{"method":"POST","url":"/x"},"msg":"incoming request"}'
        texts[100:100] = [beginning % rng.randrange(1_000) for _ in range(30)]
    streams = [StreamKey(log_stream=f"app/web/{number}") for number in range(2)]
    events = [
        Event(stream=rng.choice(streams), timestamp_ms=1_763_478_000_000 + 500 * number, text=text, event_id=f"{number:040d}")
        for number, text in enumerate(texts)
    ]

    assert_same(events, fast(events, batch_bytes=rng.choice((2_000, 1 << 20)), scanner=record_scanner()))


@pytest.mark.parametrize("size", [17_000, 1_100_000])
def test_a_long_line_among_short_ones_that_are_written_alike_reads_the_same(size):
    """It is read by itself; one that is too long to be decoded whole is salvaged member by member."""
    shape = '{"method":"GET","path":"/x/%d","status":%d,"duration_ms":5,"message":"request completed","note":"%s"}'
    texts = [shape % (number, 200 + 204 * (number % 2), "x" * (size if number == 20 else 5)) for number in range(40)]
    stream = StreamKey(log_stream="app/web/1")
    events = [Event(stream=stream, timestamp_ms=1_763_478_000_000 + number, text=text) for number, text in enumerate(texts)]

    assert_same(events, fast(events))


@pytest.mark.parametrize("batch_bytes", [1_000, 1 << 20])
def test_answers_close_their_requests_from_the_first_opening_on(batch_bytes):
    """Before, an answer is only counted; from then on each is looked at, whether its own request was opened or not."""
    answer = '{"level":30,"reqId":%d,"method":"GET","url":"/x/%d","status":200,"duration_ms":3,"msg":"request completed"}'
    opening = '{"level":30,"reqId":%d,"req":{"method":"POST","url":"/x/5"},"msg":"Incoming Request"}'
    texts = [answer % (number, number) for number in range(20)]
    texts += [
        text for number in range(40, 60) for text in (opening % number, opening % (number + 100), answer % (number, number))
    ]
    stream = StreamKey(log_stream="app/web/1")
    events = [
        Event(stream=stream, timestamp_ms=1_763_478_000_000 + number, text=text, event_id=f"{number:040d}")
        for number, text in enumerate(texts)
    ]

    read_fast = fast(events, batch_bytes=batch_bytes, scanner=record_scanner())

    assert len(read_fast.parts[stream][0].openings) == 20
    assert_same(events, read_fast)


FAILURES = (
    {"message": "Zod validation error", "errors": [{"code": "invalid_type", "message": "Required", "path": "sessionDate"}], "path": "/api/notes"},
    {"event": "request_validation_failed", "errors": [{"loc": "body.customer_id", "msg": "Field required", "type": "missing"}]},
    {"err": {"type": "DatabaseError", "stack": "Null constraint violation on the fields: (`a`)\n  code: 'P2011'"}, "msg": "request failed"},
    {"message": "Invalid token", "statusCode": 401, "method": "GET", "path": "/api/notes"},
    {"message": "Forbidden"},
    {"message": "Error: P3005"},
    {"message": "something that no rule knows went wrong"},
    {"log": '{"level":"error","message":"Error: P3009"}', "stream": "stderr"},
    {"message": '{"level":"error","message":"Error: P3009"}'},
    {"fields": {"message": "Database error", "error": "duplicate key value violates unique constraint \"users_email_key\""}},
)  # fmt: skip
ID_VALUES = (
    "r{n}", "392e0153-37da-426e-8f0a-6a27c2b67{n:03d}", "a request of {n}", "P3005", "Error: P{n:04d}", "", "-", "<request:0123abcd>", "\0",
    '[{{"code":"invalid_type","message":"Required","path":"field{n}"}}]', "Unique constraint failed on the fields: (`f{n}`)",
)  # fmt: skip
ID_NAMES = ("requestId", "reqId", "request_id", "trace_id", "traceId", "x-request-id", "spanId", "id")
TIME_NAMES = ("time", "timestamp", "ts", "duration", "duration_ms", "responseTime")
ODD_IDS = (5, 70_123, 7.5, None, True, [], ["a"], {"a": "P3005"}, [{"message": "Required", "path": "x", "code": "invalid_type"}])


def failing(rng: random.Random, logger: int) -> str:
    """A JSON line of a failure that many requests have in common: its ids, times and durations differ."""
    shape = random.Random(logger)
    number = rng.randrange(1_000)
    some = [("level", shape.choice((40, 50, "warn", "error", "info", None))), *shape.choice(FAILURES).items()]
    for name in shape.sample(ID_NAMES, shape.randrange(3)):
        odd = rng.random() < 0.1
        some.append((name, rng.choice(ODD_IDS) if odd else rng.choice(ID_VALUES).format(n=number)))
    times = (1_763_478_000_000 + number, number / 7, f"2025-11-18T15:00:00.{number:03d}Z", "Error: P1001", None)
    some += [(name, rng.choice(times)) for name in shape.sample(TIME_NAMES, shape.randrange(3))]
    shape.shuffle(some)
    return json.dumps(dict(some), separators=(",", ":"))


def failures(seed: int, count: int) -> list[Event]:
    rng = random.Random(seed)
    loggers = [rng.randrange(10_000) for _ in range(5)]
    return [
        Event(
            stream=StreamKey(log_stream=f"app/web/{rng.randrange(2)}"),
            timestamp_ms=1_763_478_000_000 + 300 * number,
            text=failing(rng, rng.choice(loggers)),
            event_id=f"{number:040d}",
        )
        for number in range(count)
    ]


@settings(derandomize=True, deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 30))
def test_failures_that_say_the_same_are_read_once_as_each_would_be(seed):
    """What one record of a failure says is said of all that differ in passing values only, each with its own request id."""
    events = failures(seed, 60)

    assert_same(events, fast(events))


def test_a_failure_of_many_requests_is_read_once():
    """Requests refused for one reason cost one reading."""
    rng = random.Random(5)
    lines = [json.dumps({**FAILURES[0], "requestId": f"{rng.getrandbits(64):016x}", "time": number}) for number in range(200)]
    reader = BulkReader(Reader(rules=RULES, redactor=REDACTOR), scanner=SCANNER)
    stream = StreamKey(log_stream="app/web/1")

    reader.feed(Batch.of(Event(stream=stream, timestamp_ms=1_763_478_000_000 + n, text=line) for n, line in enumerate(lines)))

    assert len(reader._sayings) == 1
    assert len({match.request_id for fact in reader.take().streams[stream].facts for match in fact.matches}) == 200


def test_without_hyperscan_the_answers_are_the_same():
    """Polars' Aho-Corasick finds the same needles."""
    events = made_up(7, 600)

    assert_same(events, fast(events, scanner=scanner_for(RULES, cache=CACHE, engine=LiteralEngine)))


@pytest.mark.parametrize("limit", [0, 3, 40])
def test_forgetting_what_is_known_changes_nothing(monkeypatch, limit):
    """What is remembered of records is bounded; an open record goes on when all of it is forgotten."""
    for name in (
        "bulk.MAX_REMEMBERED",
        "bulk.MAX_LINES_KNOWN",
        "bulk.MAX_SAYINGS",
        "forms.MAX_KNOWN",
        "forms.MAX_SEEN",
        "written.MAX_REQUESTS",
        "written.MAX_SAID",
    ):
        monkeypatch.setattr(f"parsers.{name}", limit)
    events = in_order([*made_up(11, 500), *failures(11, 100)])
    reader = BulkReader(Reader(rules=RULES, redactor=REDACTOR), scanner=SCANNER)

    for batch in in_batches(events, 2_000):
        reader.feed(batch)

    forms, failures_known = reader._forms, reader.failures
    remembered = (reader.known_lines._known, reader._sayings, reader._payloads, reader._said)
    remembered += (forms._seen, forms._said, failures_known._forms._seen, failures_known._known, reader.requests._known)
    assert all(len(known) <= max(limit, 1) for known in remembered)
    assert_same(events, reader.take())


def test_records_that_begin_alike_and_go_on_otherwise_stay_apart():
    """The same lines in the same order are one record known; a pause, another line or another end make another."""
    trace = ["Error: boom", "    at run (/app/x.js:1:2) {", "  code: 'P2011',", "}"]
    pauses = (0, 0, 3_000, 0, 1)
    lines = [(pause, line) for pause in pauses for line in (*trace, "saved")]
    lines += [(pause, trace[number]) for pause, number in ((0, 0), (0, 2), (0, 0), (5_000, 1), (0, 2), (0, 0), (0, 0))]
    now, events = 1_763_478_000_000, []
    for number, (pause, text) in enumerate(lines):
        now += pause
        events.append(Event(stream=StreamKey(log_stream="a/b/c"), timestamp_ms=now, text=text, event_id=f"{number:040d}"))

    assert_same(events, fast(events))


def test_taking_in_between_loses_nothing():
    """What was read before and after a `take` adds up to the reading of the whole."""
    events = in_order(made_up(3, 500))
    reader = BulkReader(Reader(rules=RULES, redactor=REDACTOR), scanner=SCANNER)

    reader.feed(Batch.of(events[:250]))
    first = reader.take()
    reader.feed(Batch.of(events[250:]))
    both = first + reader.take()

    whole = reference(events)
    assert both.request_counts == whole.request_counts
    assert [finding.id for finding in both.findings] == [finding.id for finding in whole.findings]


def test_events_of_any_order_are_sorted_first():
    """`read` takes events as they come; from a megabyte on it takes the fast path, with the same answer."""
    events = made_up(5, 3_000)
    filler = [
        Event(stream=events[0].stream, timestamp_ms=events[-1].timestamp_ms, text="cache: " + "x" * 1_000)
        for _ in range(SMALL_BYTES // 1_000)
    ]
    mixed = [*events, *filler]
    random.Random(1).shuffle(mixed)
    mixed.sort(key=lambda event: event.event_id or "")  # equal events keep an order; the rest is shuffled

    one = read(mixed, rules=RULES, redactor=REDACTOR, cache=CACHE)

    assert one.parts == reference(mixed).parts


def test_a_small_input_imports_no_engine():
    """Ten lines on a command line: neither Hyperscan nor Polars nor numpy is imported."""
    script = (
        "import sys\n"
        "from parsers.bulk import read\n"
        "from parsers.model import Event, StreamKey\n"
        "read([Event(stream=StreamKey(log_stream='s'), timestamp_ms=n, text='Error: P3005') for n in range(10)])\n"
        "print([name for name in ('hyperscan', 'polars', 'numpy', 'pandas', 'pyarrow') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=SAMPLES.parent)

    assert done.stdout.strip() == "[]"


def test_a_damaged_cache_is_ignored():
    """What the cache gives back is checked; what does not fit is derived and compiled anew."""
    cache = Kept(CACHE)
    batch = Batch.of(made_up(11, 300))
    wanted = SCANNER.mark(batch).rules
    good = dict(cache)
    for key in cache:
        cache[key] = good[key][: len(good[key]) // 2]

    mended = scanner_for(RULES, cache=cache)

    assert mended.mark(batch).rules == wanted
    assert all(cache[key] == good[key] for key in good if key.startswith("needles"))
    with pytest.raises(ValueError, match="other rules"):
        Candidates.load(next(value for key, value in good.items() if key.startswith("needles")), 1)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 1 << 30), health_paths=st.sampled_from([("/v1/*",), ("/up",)])
)  # a digit in one: ids stay in their place
def test_columns_count_what_the_access_reader_counts(seed, health_paths):
    """A line that is counted in columns is an access line, with the same method, route, status and marks."""
    batch = Batch.of(made_up(seed, 200))

    counted = count_access(batch, None, health_paths)

    wanted: dict = {}
    for number in range(len(batch)):
        access = parse_access(decode(batch.text(number)), health_paths=health_paths)
        if counted.sure[number]:
            assert access is not None
            assert access.status is not None
            assert access.status < 400
            key = (int(batch.streams[number]), count_key(batch.timestamps_ms[number], access))
            wanted[key] = wanted.get(key, 0) + 1
    assert {(stream, key): n for stream, some in counted.counts.items() for key, n in some.items()} == wanted


def test_a_batch_gives_back_its_events():
    """From events and from lines, with texts of several lines and bad bytes."""
    events = made_up(2, 50)
    batch = Batch.of(events)
    lines = Batch.of_lines(b"one\n\xff\ntwo\n", timestamps_ms=[1, 2, 3], streams=[0, 0, 0], keys=(StreamKey(log_stream="s"),))

    assert list(batch) == events
    assert [batch.text(number) for number in range(50)] == [event.text for event in events]
    assert [event.text for event in lines] == ["one", "\ufffd", "two"]


REFUSED_TARGETS = ("/clients/4711?b=2", "/m;v=1/x?a", "/m;v=2/x", "/m;v=1/y")


def _refused_lines(chance: random.Random) -> Iterator[str]:
    """Access lines and what is nearly one: prefixes, users, addresses, controls, quotes, pairs, two lines in one."""
    pick = chance.choice
    for _ in range(4_000):
        address = pick(("203.0.113.7", "2001:db8::7", "::ffff:10.0.0.7", "::1", "db.internal", "203.0.113.7:4711", "-"))
        user = pick(("- -", "- -", "- -", "- jane", "- -  ", "jane doe"))
        common = "[18/Nov/2025:15:00:00 +0000]"
        time_ = pick((f"{common} ", f"{common} ", "[2025-11-18 15:00] ", "", "[x] ", common))
        usual = f"{address} {user} {time_}"
        before = pick((usual, f"INFO:     {address} - ", f"INFO: {address}:1 - ", f"level=info {usual}"))
        prefix = pick((*[""] * 12, "api-1  | ", "app[web.1]: ", "Jan 12 10:00:00 10.0.0.5 nginx: ", "\x1b[32m", "at=info "))
        target = pick(
            ("/x", "/clients/4711?a=1", "/health", "/a#b", "/c\\d", "/a b", "http://h/x", "/\x07", "/status=5", *REFUSED_TARGETS)
        )
        method = pick(("GET", "POST", "PUT", "DELETE", "get", "PROPFIND"))
        protocol = pick((" HTTP/1.1", " HTTP/1.1", " HTTP/1.1", " HTTP/2", "", " RTSP/1.0"))
        status = pick(("200", "400", "404", "499", "500", "503", "-", "4000", "4xx"))
        agent, second = ' 9 "-" "ELB-HealthChecker/2.0"', '\nsecond "GET /y HTTP/1.1" 500'
        rest = pick(("", ' 12 "-" "curl"', " Not Found", agent, " msg=x", "\r", second))
        yield f'{prefix}{before}"{method} {target}{protocol}" {status}{rest}'


def test_parts_of_a_refused_line_say_what_the_line_says() -> None:
    """Where the columns told a refused request apart, the reader of lines finds the very same request."""
    texts = list(_refused_lines(random.Random(31)))
    stream = StreamKey(log_stream="app/web/1")
    batch = Batch.of(Event(stream=stream, timestamp_ms=number, text=text) for number, text in enumerate(texts))

    refused = count_access(batch, None, ("/v1/*",)).refused

    assert len(refused) > 50
    said: dict[tuple[object, ...], Access] = {}
    for number, parts in refused.items():
        text = batch.text(number)
        if text.isprintable():  # others are read as lines
            access = access_of_parts(parts, health_paths=("/v1/*",))
            assert access == parse_access(decode(text), health_paths=("/v1/*",)), text
            probe = parts._replace(after=f'{parts.after} "kube-probe/1"')
            for one in (parts, probe):
                access = access_of_parts(one, health_paths=("/v1/*",))
                assert said.setdefault(alike(one), access) == access, text
            assert decode(text).text == text
            assert decode(text).fields is None
