"""Files, folders and standard input become log events, whatever shape they have and however broken they are."""

import gzip
import io
import json
import subprocess
import sys
import zlib
from datetime import UTC, datetime

import pytest

from dashboard.fetchers import files
from dashboard.fetchers.files import find_scenes, read_paths
from parsers import Batch, Event, InputError, StreamKey
from parsers import read as reading_of

TASK = "455aa647b26d9310341733d58b9b7442"
STREAM = f"ecs/app/{TASK}"
BASE_MS = 1_763_478_185_031


def iso(timestamp_ms, *, spec="milliseconds", zone="Z"):
    text = datetime.fromtimestamp(timestamp_ms / 1000, UTC).isoformat(timespec=spec)
    return text.replace("+00:00", zone)


def event(number, message, **more):
    return {
        "logStreamName": STREAM, "timestamp": BASE_MS + number, "message": message, "ingestionTime": BASE_MS + 900 + number,
        "eventId": f"{number:056d}", **more,
    }  # fmt: skip


EVENTS = [
    event(0, "Running database migrations..."),
    event(5, "Error: P3005"),
    event(9, 'a "quoted" {brace}\nand a second line é'),
]


def jsonl(events):
    return "".join(json.dumps(one) + "\n" for one in events).encode()


def read(tmp_path, data, name="log"):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    scene = read_paths([str(path)])
    return list(scene.events), scene


def told(events):
    return [(e.stream.log_stream, e.timestamp_ms, e.text) for e in events]


EXPECTED = [(STREAM, e["timestamp"], e["message"]) for e in EVENTS]
ANSWER = {"events": EVENTS, "searchedLogStreams": [{"logStreamName": STREAM, "searchedCompletely": True}], "nextToken": "Bxyz"}
FIREHOSE = {
    "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/ecs/app", "logStream": STREAM,
    "subscriptionFilters": ["all"],
    "logEvents": [{"id": e["eventId"], "timestamp": e["timestamp"], "message": e["message"]} for e in EVENTS],
}  # fmt: skip
CONTROL = {"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": "", "logEvents": [
    {"id": "", "timestamp": BASE_MS, "message": "CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}  # fmt: skip
SHAPES = {
    "json lines": jsonl(EVENTS),
    "json lines with log group": jsonl([{"logGroup": "/ecs/app", **e} for e in EVENTS]),
    "json lines, windows line ends": jsonl(EVENTS).replace(b"\n", b"\r\n"),
    "byte order mark": b"\xef\xbb\xbf" + jsonl(EVENTS),
    "utf-16": jsonl(EVENTS).decode().encode("utf-16"),
    "whole answer": json.dumps(ANSWER).encode(),
    "whole answer, pretty": json.dumps(ANSWER, indent=4, ensure_ascii=False).encode(),
    "answers one after the other": b"\n".join(json.dumps({"events": part}).encode() for part in (EVENTS[:1], EVENTS[1:])),
    "array": json.dumps(EVENTS, indent=2).encode(),
    "firehose": json.dumps(CONTROL).encode() + json.dumps(FIREHOSE).encode(),
    "firehose, lines": json.dumps(FIREHOSE).encode() + b"\n" + json.dumps(CONTROL).encode() + b"\n",
    "tail, detailed": "".join(f"{iso(e['timestamp'], zone='+00:00')} {STREAM} {e['message']}\n" for e in EVENTS).encode(),
    "tail, microseconds": "".join(
        f"{iso(e['timestamp'], spec='microseconds', zone='+00:00')} {STREAM} {e['message']}\n" for e in EVENTS
    ).encode(),
    "gzip": gzip.compress(jsonl(EVENTS)),
    "gzip in two members": gzip.compress(jsonl(EVENTS[:1])) + gzip.compress(jsonl(EVENTS[1:])),
    "gzip in gzip": gzip.compress(gzip.compress(json.dumps(FIREHOSE).encode())),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_events(tmp_path, shape):
    """Stream, time and text are the same however the events were exported."""
    events, scene = read(tmp_path, SHAPES[shape])

    assert told(events) == EXPECTED
    assert not any(e.undecodable for e in events)
    assert scene.notices == []


def test_an_event_knows_its_file_and_line(tmp_path):
    """Evidence can be looked up: lines count from 1, in a pretty-printed answer too."""
    lines, _ = read(tmp_path, jsonl(EVENTS))
    pretty_text = json.dumps({"events": EVENTS}, indent=4)
    pretty, _ = read(tmp_path, pretty_text.encode())

    assert [e.line for e in lines] == [1, 2, 3]
    expected = [n for n, line in enumerate(pretty_text.split("\n"), start=1) if line == "        {"]
    assert [e.line for e in pretty] == expected
    assert lines[0].file == str(tmp_path / "log")


def test_firehose_names_group_stream_and_account(tmp_path):
    """The envelope tells what its events leave out."""
    events, _ = read(tmp_path, SHAPES["firehose"])

    assert {(e.stream.log_group, e.stream.account) for e in events} == {("/ecs/app", "123456789012")}
    assert [e.event_id for e in events] == [e["eventId"] for e in EVENTS]


def test_export_objects_take_the_stream_from_their_path(tmp_path):
    """CreateExportTask writes `/` as `-`: the slash before the task id is certain, others come from the task definition."""
    data = "".join(f"{iso(e['timestamp'])} {e['message']}\n" for e in EVENTS).encode()
    name = f"export/4f2b/ecs-app-{TASK}/000000.gz"
    ecs = {"describe_task_definition": {"1": {"taskDefinition": {"containerDefinitions": [
        {"name": "app", "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-stream-prefix": "ecs"}}}]}}}}  # fmt: skip

    alone, _ = read(tmp_path, gzip.compress(data), name)
    (tmp_path / "ecs.json").write_text(json.dumps(ecs))
    (tmp_path / "export" / "aws-logs-write-test").write_text("Permission Check Successful")
    in_scene = list(read_paths([str(tmp_path)]).events)

    assert told(alone) == [(f"ecs-app/{TASK}", at, text) for _, at, text in EXPECTED]
    assert told(in_scene) == EXPECTED


def test_tail_short_has_seconds_and_no_stream(tmp_path):
    """`--format short` prints UTC seconds; the stream is then the file."""
    data = "".join(f"{iso(e['timestamp'], spec='seconds', zone='')} {e['message']}\n" for e in EVENTS).encode()

    events, _ = read(tmp_path, data, "tail.log")

    assert told(events) == [("tail.log", at // 1000 * 1000, text) for _, at, text in EXPECTED]


def test_tail_json_joins_the_pretty_printed_message(tmp_path):
    """Lines without a time belong to the event before them."""
    first, second = (f"{iso(BASE_MS + n, zone='+00:00')} {STREAM}" for n in range(2))
    data = f'{first} {{\n    "level": "error"\n}}\n{second} next\n'

    events, _ = read(tmp_path, data.encode())

    assert told(events) == [(STREAM, BASE_MS, '{\n    "level": "error"\n}'), (STREAM, BASE_MS + 1, "next")]


def test_coloured_tail(tmp_path):
    """`--color on` wraps time and stream."""
    data = f"\x1b[32m{iso(BASE_MS, zone='+00:00')}\x1b[0m \x1b[36m{STREAM}\x1b[0m Server started\n"

    events, _ = read(tmp_path, data.encode())

    assert told(events) == [(STREAM, BASE_MS, "Server started")]


def test_plain_text_is_one_event_a_line(tmp_path):
    """No time, no stream but the file's name; empty lines are dropped as the awslogs driver drops them, blanks are kept."""
    events, _ = read(tmp_path, b"Error: P3005\r\n\r\n  \nGET /api/v1/x 400\n", "app.log")

    assert told(events) == [("app.log", 0, "Error: P3005"), ("app.log", 0, "  "), ("app.log", 0, "GET /api/v1/x 400")]
    assert [e.line for e in events] == [1, 3, 4]


@pytest.mark.parametrize(
    "line",
    [
        '{"level":50,"time":1763478185031,"msg":"refused","message":"x","timestamp":"2025-11-18T15:03:05.031Z"}',
        '{"level":"error","message":"validation failed","timestamp":1763478185031,"service":"api"}',
        '{"events":3,"message":"x"}',
    ],
)
def test_an_applications_own_json_is_its_text(tmp_path, line):
    """Only a CloudWatch event is opened here; pino and winston lines are the parsers' business."""
    events, _ = read(tmp_path, (line + "\n" + line + "\n").encode())

    assert [e.text for e in events] == [line, line]


def test_standard_input(tmp_path):
    """`-` reads bytes and detects their shape too."""
    events = list(read_paths(["-"], stdin=io.BytesIO(SHAPES["gzip"])).events)

    assert told(events) == EXPECTED
    assert events[0].file == "-"


def test_a_folder_is_a_scene(tmp_path):
    """Every log file in it, sub-folders too, and ecs.json; notes, hidden files and expectations are no logs."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.jsonl").write_bytes(jsonl(EVENTS[1:]))
    (tmp_path / "one.jsonl").write_bytes(jsonl(EVENTS[:1]))
    (tmp_path / "ecs.json").write_text('{"_about": {"as_of": "2025-11-19T03:10:56.411+00:00"}, "list_tasks": {}}')
    for name in ("README.md", "expected.toml", ".hidden"):
        (tmp_path / name).write_text("Error: P3005\n")

    scene = read_paths([str(tmp_path)])

    assert scene.as_of_ms == 1_763_521_856_411
    assert sorted(told(scene.events)) == sorted(EXPECTED)
    assert "list_tasks" in scene.ecs


def test_the_clock_of_a_scene_without_ecs_is_its_last_ingestion(tmp_path):
    """Nothing is waited for: the newest ingestion time is now."""
    events, scene = read(tmp_path, jsonl(EVENTS))

    assert scene.as_of_ms == events[-1].ingestion_ms


def test_order_and_repetition_of_paths_do_not_matter(tmp_path):
    """The same files in any order, or twice, are the same sequence."""
    for name, part in (("a", EVENTS[:1]), ("b", EVENTS[1:])):
        (tmp_path / name).write_bytes(jsonl(part))
    a, b = str(tmp_path / "a"), str(tmp_path / "b")

    once = list(read_paths([a, b]).events)
    again = read_paths([b, a, b, str(tmp_path / "." / "a")])

    assert list(again.events) == once


def test_files_of_one_name_are_two_streams(tmp_path):
    """Plain files in two folders do not run into each other."""
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "app.log").write_text("hello\n")

    events = list(read_paths([str(tmp_path / "x" / "app.log"), str(tmp_path / "y" / "app.log")]).events)

    assert len({e.stream for e in events}) == 2


def test_scenes_under_a_folder(tmp_path):
    """A folder of scenes is each of them; a scene with sub-folders of logs is one."""
    for name in ("one", "two"):
        (tmp_path / name / "logs").mkdir(parents=True)
        (tmp_path / name / "ecs.json").write_text("{}")
        (tmp_path / name / "logs" / "x.log").write_text("x\n")
    (tmp_path / "README.md").write_text("scenes")

    assert find_scenes(str(tmp_path)) == [str(tmp_path / "one"), str(tmp_path / "two")]
    assert find_scenes(str(tmp_path / "one")) == [str(tmp_path / "one")]


# ---- broken input


def test_a_missing_path_is_an_input_error_before_anything_is_read(tmp_path):
    """What, where and what to do: exit code 2 and the nearest name."""
    (tmp_path / "td46.jsonl").write_text("")

    with pytest.raises(InputError, match=r"td64\.jsonl: no such file") as caught:
        read_paths([str(tmp_path / "td64.jsonl")])

    assert caught.value.exit_code == 2
    assert "td46.jsonl" in caught.value.hint


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_empty_input_is_no_error(tmp_path, kind):
    """An empty file has no events; an empty folder says so."""
    if kind == "file":
        (tmp_path / "empty").write_bytes(b"")

    scene = read_paths([str(tmp_path)])

    assert list(scene.events) == []
    assert scene.as_of_ms is None
    assert bool(scene.notices) == (kind == "folder")


def test_a_cut_json_line_keeps_its_stream_time_and_beginning(tmp_path):
    """The last line of a copy that broke off is counted where it belongs."""
    data = jsonl(EVENTS[:2]) + json.dumps(EVENTS[2]).encode()[:-150]
    assert b'"message"' in data.split(b"\n")[2]

    events, _ = read(tmp_path, data)

    assert told(events[:2]) == EXPECTED[:2]
    assert events[2].undecodable
    assert events[2].stream == events[0].stream
    assert events[2].timestamp_ms == BASE_MS + 9
    assert EVENTS[2]["message"].startswith(events[2].text)


@pytest.mark.parametrize("broken_at", [0, 1, 2])
def test_a_line_that_is_no_json_among_events(tmp_path, broken_at):
    """Whatever stands between events is one undecodable event; the others are read."""
    lines = [json.dumps(e) for e in EVENTS]
    lines.insert(broken_at, '{"logStreamName": broken')

    events, _ = read(tmp_path, "\n".join(lines).encode())

    assert [e.undecodable for e in events] == [n == broken_at for n in range(4)]
    assert told(e for e in events if not e.undecodable) == EXPECTED


def test_invalid_utf8_keeps_the_rest_of_the_line(tmp_path):
    """Bad bytes inside a message: text, stream and time are read, and the event is counted as undecodable."""
    data = jsonl(EVENTS).replace(b"P3005", b"P3005 \xff\xfe")

    events, _ = read(tmp_path, data)

    assert [e.undecodable for e in events] == [False, True, False]
    assert "P3005 \ufffd" in events[1].text
    assert events[1].timestamp_ms == BASE_MS + 5


def test_nul_bytes_stay_text(tmp_path):
    """A torn write leaves NULs; the lines around and the line itself are read."""
    events, _ = read(tmp_path, b"first\n\0\0\0\0second\nthird\n")

    assert [e.text for e in events] == ["first", "\0\0\0\0second", "third"]


def test_half_a_surrogate_pair_can_be_written_anywhere(tmp_path):
    """An emoji cut in JSON becomes the replacement character."""
    data = jsonl(EVENTS[:1]).replace(b"migrations", b"\\ud83d")

    events, _ = read(tmp_path, data)

    assert "\ufffd" in events[0].text
    events[0].text.encode()


@pytest.mark.parametrize("kept", [0.3, 0.9, -4])
def test_gzip_cut_in_half_gives_what_stands_before_the_cut(tmp_path, kept):
    """Events before the cut are read, the cut is one undecodable event and a notice."""
    many = [event(n, f"line {n} {zlib.crc32(str(n).encode()):x}") for n in range(5000)]
    whole = gzip.compress(jsonl(many))
    cut = whole[: int(len(whole) * kept)] if kept > 0 else whole[:kept]

    events, scene = read(tmp_path, cut)

    good = [e for e in events if not e.undecodable]
    assert told(good) == [(STREAM, e["timestamp"], e["message"]) for e in many[: len(good)]]
    assert len(good) > 1000
    assert events[-1].undecodable
    assert any("gzip" in notice for notice in scene.notices)


def test_a_whole_answer_that_breaks_off(tmp_path):
    """Events before the cut are read, pretty-printed or not."""
    for indent in (None, 4):
        text = json.dumps(ANSWER, indent=indent)
        cut = text[: text.index('a \\"quoted') + 3]

        events, _ = read(tmp_path, cut.encode())

        assert told(events[:2]) == EXPECTED[:2]
        assert [e.undecodable for e in events] == [False, False, True]
        assert events[2].stream == events[0].stream


def test_a_broken_object_inside_an_answer(tmp_path):
    """Reading goes on at the next event."""
    text = json.dumps({"events": EVENTS}).replace('"message": "Error: P3005"', '"message": Error: P3005')

    events, _ = read(tmp_path, text.encode())

    assert told(e for e in events if not e.undecodable) == [EXPECTED[0], EXPECTED[2]]
    assert sum(e.undecodable for e in events) == 1


def test_lines_of_a_megabyte(tmp_path):
    """Long lines are events like others, in every shape."""
    long = "x" * (1 << 20)
    plain, _ = read(tmp_path, f"a\n{long}\nb\n".encode())
    as_json, _ = read(tmp_path, jsonl([EVENTS[0], event(1, long), EVENTS[1]]))
    whole, _ = read(tmp_path, json.dumps({"events": [event(1, long)] * 5}).encode())

    assert [len(e.text) for e in plain] == [1, 1 << 20, 1]
    assert [len(e.text) for e in as_json] == [30, 1 << 20, 12]
    assert [len(e.text) for e in whole] == [1 << 20] * 5


@pytest.mark.parametrize("value", [-1, 10**30, "soon", None, True, 1e300])
def test_an_impossible_time_takes_its_neighbours(tmp_path, value):
    """The event stays where it stands and is counted as undecodable."""
    events, _ = read(tmp_path, jsonl([EVENTS[0], {**EVENTS[1], "timestamp": value}, EVENTS[2]]))

    assert [e.undecodable for e in events] == [False, True, False]
    assert events[1].timestamp_ms == BASE_MS
    assert events[1].text == "Error: P3005"


def test_other_json_in_an_event_file_is_counted(tmp_path):
    """A number, a list, an object without a message: undecodable, not lost."""
    events, _ = read(tmp_path, jsonl([EVENTS[0]]) + b'17\n[1]\n{"a": 1}\nnull\n' + jsonl([EVENTS[1]]))

    assert [e.undecodable for e in events] == [False, True, True, True, True, False]


def test_broken_ecs_answers_are_a_notice(tmp_path):
    """The logs are read all the same."""
    (tmp_path / "ecs.json").write_text('{"list_tasks": ')
    (tmp_path / "log").write_bytes(jsonl(EVENTS))

    scene = read_paths([str(tmp_path)])

    assert told(scene.events) == EXPECTED
    assert scene.ecs is None
    assert any("ecs.json" in notice for notice in scene.notices)


def test_a_picture_in_the_folder(tmp_path):
    """What is no text is left out with a notice."""
    (tmp_path / "log").write_bytes(jsonl(EVENTS))
    (tmp_path / "picture").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(3000))

    scene = read_paths([str(tmp_path)])

    assert [e for e in told(scene.events) if e[2]] == EXPECTED
    assert any("picture" in notice for notice in scene.notices)


def test_reading_files_imports_nothing_heavy():
    """`triage classify` on ten lines is instant: no pandas, polars, hyperscan, streamlit or boto3."""
    code = "import sys, dashboard.fetchers.files; print(*{m.split('.')[0] for m in sys.modules} & set(sys.argv[1:]))"
    heavy = ["pandas", "polars", "hyperscan", "streamlit", "boto3", "plotly", "numpy"]

    answer = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == ""


@pytest.mark.lab
def test_captured_logs_are_read_whole(lab):
    """Every event of every captured run, in file order."""
    for path in sorted(lab.rglob("*.jsonl")):
        expected = [json.loads(line) for line in path.read_text("utf-8").splitlines()]

        events = list(read_paths([str(path)]).events)

        assert [(e.stream.log_group, e.event_id, e.ingestion_ms) for e in events] == [
            (e["logGroup"], e["eventId"], e["ingestionTime"]) for e in expected
        ]
        assert told(events) == [(e["logStreamName"], e["timestamp"], e["message"]) for e in expected]


def test_half_a_character_in_a_name_stops_no_reading(tmp_path):
    """A log stream, a group or a message with half an emoji is read, and can be written down."""
    line = {
        "logGroup": "/ecs/\ud83d",
        "logStreamName": "ecs/\ud83d/1",
        "timestamp": 1_763_520_999_926,
        "message": {"a": "\ude80"},
    }
    (tmp_path / "one.jsonl").write_text(json.dumps(line) + "\n")

    (event,) = read_paths([str(tmp_path / "one.jsonl")]).events

    f"{event.stream.log_group} {event.stream.log_stream} {event.text}".encode()


LARGE = b"".join((
    b"\xef\xbb\xbfServer listening on port 3000\n\n",
    *(b'203.0.113.7 - - [18/Nov/2025:15:03:%02d +0000] "GET /x/%d HTTP/1.1" 200 3\r\n' % (n % 60, n) for n in range(40)),
    b"\r\n\n\n  at save (notes.ts:3:4)\n",
    "Error: P3005 \u00e9\u2028still the same line\n".encode(),
    b"cut \xe2\x82\nand \xff broken\n",
    b"long " + b"x" * 5_000 + b"\n",
    b"\x00NUL\rand a return\r\r\n" * 30,
    b'203.0.113.7 - - [18/Nov/2025:15:04:00 +0000] "POST /x HTTP/1.1" 400 3\n',
    b"no end of a line\r",
))  # fmt: skip


@pytest.fixture
def pieces(tmp_path, monkeypatch):
    """What a plain file is read as: in batches where `large`, else by events."""

    def read_as(large, data):
        path = tmp_path / "app.log"
        path.write_bytes(data)
        for name, value in {"CHUNK_BYTES": 100, "SNIFF_BYTES": 150, "BLOCK_BYTES": 300, "MAX_LINE_BYTES": 2_000}.items():
            monkeypatch.setattr(files, name, value)
        monkeypatch.setattr(files, "LARGE_BLOCKS", 3 if large else 1_000_000)
        return list(read_paths([str(path)]).pieces)

    return read_as


@pytest.mark.parametrize("data", [LARGE, LARGE + b"\n", LARGE.replace(b"\n", b"\n\n"), gzip.compress(LARGE)])
def test_a_large_plain_file_is_read_in_batches_of_the_same_events(pieces, data):
    """Blank lines, returns, broken characters, a line without an end: texts, line numbers and marks are those of event by event."""
    expected = pieces(False, data)

    batches = pieces(True, data)

    assert len(batches) > 3
    assert all(isinstance(piece, Batch) for piece in batches)
    assert [one for batch in batches for one in batch] == expected
    assert sum(one.undecodable for one in expected) == 2
    assert sum(one.text.count("x") for one in expected) == LARGE.count(b"x")


def test_a_large_plain_file_is_read_like_its_events(pieces):
    """Findings with their evidence, requests and coverage; batches and events of other files stand in one reading."""
    other = [
        Event(stream=StreamKey(log_group="", log_stream=STREAM), timestamp_ms=BASE_MS, text="Error: P3005", file="b", line=1)
    ]

    by_event, by_batch = (reading_of([*pieces(large, LARGE), *other]) for large in (False, True))

    assert by_batch.findings == by_event.findings
    assert [one.status for one in by_batch.findings if one.status] == [400]
    assert by_batch.request_counts == by_event.request_counts
    assert sum(one.count for one in by_batch.request_counts) == 41
    assert by_batch.coverage == by_event.coverage
