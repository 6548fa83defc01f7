"""The command line's contract: what goes to stdout, what to stderr, and the exit codes."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dashboard.cli import main
from dashboard.terminal import WIDTH, without_middle

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = REPOSITORY / "sample_logs"
STORY = str(SAMPLES / "founding-story")

FINDING_KEYS = (
    "schema_version kind id rule_id category system code db_code implied_code severity outcome layer status aborted "
    "method route path fields title evidence fingerprint log_group log_stream task_id timestamp event_ids request_id "
    "client cause_link run_id"
).split()
RUN_KEYS = (
    "schema_version kind id tool outcome confidence error_code implied_code db_code migrations_found applied_count "
    "applied failed_migration exit_code application_continued log_group log_stream task_id started_at ended_at event_ids "
    "transcript"
).split()


def documents(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(list(arguments)) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_key_is_always_present(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON documents have the same keys whatever is known; null where it is not."""
    told = documents(capsys, "classify", str(SAMPLES / "crash-loop"), str(SAMPLES / "without-migrations"), "--format", "json")

    assert {tuple(d) for d in told if d["kind"] == "finding"} == {tuple(FINDING_KEYS)}
    assert {tuple(d) for d in told if d["kind"] == "migration_run"} == {tuple(RUN_KEYS)}
    assert {d["kind"] for d in told} == {"finding", "migration_run", "request_count", "coverage"}


def test_the_same_input_in_any_order_gives_the_same_bytes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A file's lines reversed."""
    lines = (SAMPLES / "crash-loop" / "billing.jsonl").read_text().splitlines()
    for name, order in (("billing.jsonl", lines), ("reversed.jsonl", lines[::-1])):
        (tmp_path / name).write_text("\n".join(order) + "\n")

    first = documents(capsys, "classify", str(tmp_path / "billing.jsonl"), "--format", "json")
    second = documents(capsys, "classify", str(tmp_path / "reversed.jsonl"), "--format", "json")

    assert _without_places(first) == _without_places(second)


def _without_places(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """File and line of evidence do depend on the file: everything else must not."""
    for document in told:
        for evidence in document.get("evidence", []):
            del evidence["file"], evidence["line"]
    return told


def test_verify_exits_with_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    """0 PASS, 1 FAIL, 3 INCONCLUSIVE; --dry-run is 0, --inconclusive maps the third."""
    cut = str(SAMPLES / "cut-before-the-migration")

    assert main(["verify", "--from", STORY, "--task-definition", ":50"]) == 1
    assert main(["verify", "--from", STORY, "--task-definition", ":50", "--dry-run"]) == 0
    assert (
        main(["verify", "--from", STORY, "--task-definition", "mentalspace-backend-prod:50", "--at", "2025-11-19T02:57:30Z"]) == 3
    )
    assert main(["verify", "--from", STORY, "--commit", "c3a7950", "--at", "2025-11-19T02:57:30Z", "--inconclusive", "fail"]) == 1
    assert main(["verify", "--from", cut]) in (1, 3)
    assert "✖ FAIL" in capsys.readouterr().out


def test_the_check_of_a_fix_says_what_the_reasons_say(capsys: pytest.CaptureFixture[str]) -> None:
    """No tick beside FIX NOT EFFECTIVE: nobody claimed a fix, and the refusal moved from layer to layer all the same."""
    said = {}
    for revision in (46, 50):
        main(["verify", "--from", STORY, "--task-definition", f":{revision}"])
        said[revision] = " ".join(capsys.readouterr().out.split())

    assert "✔ fix effective no fix was claimed ✔" in said[46]
    assert "✖ fix effective no fix was claimed, and the refusal of POST /api/v1/clinical-notes has only moved" in said[50]


def test_evidence_that_was_cut_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """A JSON line of a thousand characters ends in an ellipsis, in text and in JSON; a shorter one does not."""
    texts = [
        one["text"] for found in documents(capsys, "findings", "--from", STORY, "--format", "json") for one in found["evidence"]
    ]
    cut = [text for text in texts if len(text) == 500]

    assert cut
    assert all(text.endswith("…") for text in cut)
    assert max(map(len, texts)) == 500


def test_what_runs_in_no_service_is_listed_and_not_judged(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`deployments` names it with who started it and how it ended; `verify` says why there is nothing to judge."""
    ecs = json.loads((SAMPLES / "founding-story" / "ecs.json").read_text())
    for answer in (ecs["describe_tasks"], *(shot["response"] for shot in ecs["describe_tasks_snapshots"])):
        for task in answer["tasks"]:
            if not task["group"].startswith("service:"):
                task["taskDefinitionArn"] = task["taskDefinitionArn"].rsplit("/", 1)[0] + "/nightly:3"
                task["startedBy"] = "events-rule/nightly-report"
    (tmp_path / "ecs.json").write_text(json.dumps(ecs))
    (tmp_path / "app.log").write_text("hello\n")

    assert main(["deployments", "--from", str(tmp_path)]) == 0
    listed = " ".join(capsys.readouterr().out.split())
    assert main(["verify", "--from", str(tmp_path), "--task-definition", "nightly:3"]) == 3
    refused = capsys.readouterr().err
    mapped = [
        main(["verify", "--from", str(tmp_path), "--task-definition", "nightly:3", *more])
        for more in (["--inconclusive", "fail"], ["--inconclusive", "pass"], ["--dry-run"])
    ]

    assert mapped == [1, 0, 0]
    assert "? INCONCLUSIVE nightly:3: 1 task, scheduled by nightly-report; the newest 2025-11-19 03:11:20Z" in listed
    assert "INCONCLUSIVE: nightly:3 runs in no service (scheduled by nightly-report)" in refused


def test_looking_never_fails_whatever_it_finds(capsys: pytest.CaptureFixture[str]) -> None:
    """`classify`, `findings` and `deployments` exit 0 on a scene full of failures."""
    for command in (["classify", STORY], ["findings", "--from", STORY], ["deployments", "--from", STORY]):
        assert main(command) == 0
    assert "P3005" in capsys.readouterr().out


def test_what_is_not_there_is_said_with_a_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2: a missing path, an unknown deployment, an unknown rule, a bad time; each with a hint, nothing on stdout."""
    for arguments in (
        ["classify", "no-such-file.log"],
        ["verify", "--from", STORY, "--task-definition", ":51"],
        ["rules", "prisma.p305"],
        ["deployments", "--from", STORY, "--at", "yesterday"],
        ["findings"],
    ):
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert len(captured.err.splitlines()) >= 2


def test_a_rule_that_is_nearly_named_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    """`triage rules prisma.p305`: did you mean prisma.p3005?"""
    main(["rules", "prisma.p305"])

    assert "prisma.p3005" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x00\x00",
        b'{"timestamp": 1, "message": "cut',
        b"\xff\xfe broken \xff bytes\n" * 3,
        gzip.compress(b"Error: P3005\n" * 4_000)[:60],
        b"x" * 1_048_576,
        b"[]",
        b'{"events": []}',
    ],
    ids=["empty", "nul", "cut JSON", "bad bytes", "half gzip", "one line of 1 MB", "empty array", "empty answer"],
)
def test_broken_input_is_read_as_far_as_it_goes(capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes) -> None:
    """No crash, exit 0, valid JSON lines; what could not be read is counted, not lost."""
    path = tmp_path / "broken.log"
    path.write_bytes(content)

    told = documents(capsys, "classify", str(path), "--format", "json")

    assert all(d["kind"] in ("coverage", "finding", "request_count", "migration_run") for d in told)


def test_an_empty_folder_is_an_empty_scene(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Nothing to read is no error: the summary says so."""
    assert main(["classify", str(tmp_path)]) == 0
    assert "0 events" in capsys.readouterr().out


def test_a_bad_pack_is_refused_with_its_place(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A bad pattern, a rule without an example, an unknown key: exit 2, the file and the rule are named."""
    for text, words in (
        ("[[rule]]\nid='a.b'\npattern='(('\nmatch=['x']\n", "bad pattern"),
        ("[[rule]]\nid='a.b'\npattern='x'\n", "match"),
        ("[[rule]]\nid='a.b'\npatern='x'\nmatch=['x']\n", "did you mean 'pattern'"),
        ("[[rule]]\nid='a.b'\npattern='(?=x)x'\nmatch=['x']\n", "look-around"),
    ):
        pack = tmp_path / "mine.toml"
        pack.write_text(text)
        assert main(["explain", "x", "--packs", str(pack)]) == 2
        assert words in capsys.readouterr().err


def test_own_packs_take_part(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A user's rule beside the shipped ones, same format."""
    (tmp_path / "mine.toml").write_text(
        "name='mine'\n[[rule]]\nid='mine.quux'\ntitle='quux'\ncategory='database'\npattern='quux (?P<code>Q\\d+)'\nmatch=['quux Q7']\n"
    )
    assert main(["explain", "quux Q7 happened", "--packs", str(tmp_path)]) == 0
    assert "mine.quux" in capsys.readouterr().out


def test_terminal_codes_in_a_log_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """ESC, C1 and bidi controls are shown, never sent."""
    (tmp_path / "evil.log").write_text("ERROR \x1b]0;owned\x07 boom \u202egnp.exe \x9b31m\n")
    main(["classify", str(tmp_path / "evil.log")])
    out = capsys.readouterr().out

    assert not set(out) & {"\x1b", "\x07", "\u202e", "\x9b"}


def test_show_prints_the_transcript(capsys: pytest.CaptureFixture[str]) -> None:
    """A migration finding shows its run, guilty lines marked."""
    told = documents(capsys, "classify", str(SAMPLES / "crash-loop"), "--format", "json")
    finding = next(d for d in told if d["kind"] == "finding" and d["category"] == "migration")

    assert main(["show", finding["id"], "--from", str(SAMPLES / "crash-loop")]) == 0
    out = capsys.readouterr().out
    assert "Transcript" in out
    assert "> " in out


def test_help_and_small_inputs_import_nothing_heavy() -> None:
    """pandas, polars, hyperscan, streamlit, boto3 and plotly stay out of a small classification."""
    code = (
        "import sys; from dashboard.cli import main; main(['classify', sys.argv[1], '--format', 'json']);"
        "sys.exit(','.join({'pandas','polars','hyperscan','streamlit','boto3','plotly','rich'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(SAMPLES / "crash-loop" / "billing.jsonl")],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )

    assert done.stderr.strip() == ""


def test_a_closed_pipe_is_no_error() -> None:
    """`triage rules | head -1` ends quietly."""
    done = subprocess.run(
        f"{sys.executable} -m dashboard.cli rules | head -1",
        shell=True,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )

    assert done.stderr == ""


def test_show_prints_the_lines_around_a_finding(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`--context 2`: two lines before and after, read again from the file, redacted, the proof marked."""
    body = ["one", "two jane@example.org", 'FATAL: password authentication failed for user "app"', "four", "five", "six"]
    rows = [
        {
            "logStreamName": "ecs/app/0f3c9a51d7e24b6892aa4d1c5be07f31",
            "timestamp": 1_763_521_000_000 + n * 3_000,
            "message": text,
            "eventId": str(n + 1),
        }
        for n, text in enumerate(body)
    ]
    path = tmp_path / "app.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    finding = next(d for d in documents(capsys, "classify", str(path), "--format", "json") if d["kind"] == "finding")
    main(["show", finding["id"], "--from", str(path), "--context", "2"])
    context = capsys.readouterr().out.split("Context")[1]

    assert [word in context for word in ("one", "two", "four", "five", "six")] == [True, True, True, True, False]
    assert "jane@example.org" not in context
    assert "> " in context


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fetch", "--log-group", "/g", "--quota-share", "0"], "'0' is not a number from 1 on"),
        (["fetch", "--log-group", "/g", "--quota-share", "101"], "more than the whole quota"),
        (["fetch", "--log-group", "/g", "--since", "banana"], "a duration (90s, 10m, 2h"),
        (["show", "f-1", "--context", "-3"], "'-3' is not a number from 1 on"),
    ],
)
def test_numbers_and_times_that_mean_nothing_are_usage_errors(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    """Before anything is asked of AWS: exit code 2, and what would be taken."""
    monkeypatch.setenv("TRIAGE_STORE", str(tmp_path / "store.db"))
    try:
        code: object = main(arguments)
    except SystemExit as ended:
        code = ended.code

    assert code == 2
    assert said in capsys.readouterr().err


def test_the_deciding_line_is_shown_to_its_end() -> None:
    """A refused statement is long, and what was wrong with it stands behind it; a line without blanks is broken, not lost."""
    assert without_middle("create table x - relation exists", 80) == "create table x - relation exists"
    cut = without_middle("create table " + "column, " * 60 + '- relation \x1b[31m"orders" already exists', 160)
    assert len(cut) <= 160
    assert cut.startswith("create table column,")
    assert cut.endswith('"orders" already exists')
    assert "\x1b" not in cut


def test_verify_shows_why_the_statement_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """Within the width, on as many lines as it takes."""
    assert main(["verify", "--from", str(SAMPLES / "crash-loop")]) == 1

    out = capsys.readouterr().out
    assert "already exists" in " ".join(out.split())
    assert max(len(line) for line in out.splitlines() if "--from" not in line) <= WIDTH  # a path is for copying


def test_lines_without_times_are_shown_without(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Plain text that tells no time is not of 1970, a file is no task, and an empty one says so."""
    (tmp_path / "plain.log").write_text("Error: P3005\n\nThe database schema is not empty.\n", "utf-8")
    (tmp_path / "empty.log").touch()

    assert main(["classify", str(tmp_path / "plain.log")]) == 0
    told = capsys.readouterr().out
    assert "without times" in told
    assert "in plain.log" in told
    assert "1970" not in told
    assert "00:00:00" not in told
    assert main(["classify", str(tmp_path / "empty.log")]) == 0
    assert "nothing to read" in capsys.readouterr().out


def test_show_says_where_else_the_lines_are(capsys: pytest.CaptureFixture[str]) -> None:
    """A console link and an `aws logs` command for the stream; an Insights link and a search for the code."""
    story = str(REPOSITORY / "sample_logs" / "founding-story")
    finding = next(one for one in documents(capsys, "findings", "--from", story, "--format", "json") if one["code"] == "P2011")
    main(["show", finding["id"], "--from", story])
    told = capsys.readouterr().out.split("Elsewhere")[1]

    for words in (
        "#logsV2:log-groups/log-group/$252Fecs",
        "aws logs get-log-events",
        "#logsV2:logs-insights",
        "aws logs filter-log-events",
    ):
        assert words in told
