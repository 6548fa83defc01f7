"""The deployment summary: every sentence on evidence, every format safe against what a log may hold."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from dashboard.attempts import attempts_of, commit_subjects
from dashboard.judgement import Judgement, judge_paths
from dashboard.report import (
    Attempt,
    Summary,
    lint_annotations,
    lint_document,
    report_document,
    step_summary,
    summarise,
    to_junit,
    to_markdown,
    to_sarif,
    verdict_annotations,
)
from dashboard.report.escaping import command_value, plain, xml_text
from parsers import (
    Check,
    CheckId,
    Evidence,
    InputError,
    MigrationRun,
    Reason,
    ReasonCode,
    TranscriptLine,
    VerdictValue,
    deployment_document,
    finding_document,
    lint_files,
    run_document,
    verdict_document,
)

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMAS = REPOSITORY / "dashboard/schemas"


@cache
def story() -> Judgement:
    """The founding story, judged once."""
    return judge_paths([str(REPOSITORY / "sample_logs/founding-story")])


def attempts(revision: int = 50) -> list[Attempt]:
    judgement = story()
    return attempts_of(judgement, next(one for one in judgement.deployments if one.revision == revision))


@cache
def report(revision: int = 50) -> Summary:
    return summarise(attempts(revision))


def conforms(name: str, document: object) -> None:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(json.loads(json.dumps(document)))


# ---- the story ----
def test_the_status_does_not_take_ecs_at_its_word() -> None:
    """ECS says SUCCESSFUL; the logs say that the migration failed and was masked."""
    assert report().status == "DEPLOYED, MIGRATION FAILED AND MASKED (P3005)"
    assert report().verdict.verdict is VerdictValue.FAIL


def test_the_first_reasons_are_the_migration_and_the_database() -> None:
    """What the team's own document needed five deployments to find."""
    first, second = report().headline[:2]

    assert "P3005" in first.text
    assert "the database" in second.text
    assert "appointmentId" in second.text


def test_every_statement_about_the_logs_has_a_proof() -> None:
    """Sentences of the head, the cause and the meaning quote lines that are there."""
    summary = report()
    ids = {finding.id for finding in story().findings} | {run.id for run in story().runs}

    for sentence in (*summary.headline, *summary.meaning):
        assert sentence.proofs, sentence.text
    for proof in summary.proofs:
        assert {proof.finding_id, proof.run_id} & ids
        assert proof.lines


def test_what_happened_at_start_up_is_quoted() -> None:
    """The guilty lines stand in the transcript, marked."""
    [start] = report().starts

    assert {"Error: P3005", "Continuing with application startup..."} <= {start.lines[number].text for number in start.guilty}


def test_the_remedy_is_the_baseline_and_not_what_the_team_wrote() -> None:
    """The card for P3005 baselines the older migrations and warns of both options of the original document."""
    card = report().remedy

    assert card is not None
    assert card.id == "prisma.no_history"
    assert "all 34 migrations" in card.means
    assert card.do_not[0].command == "npx prisma migrate resolve --applied <new>"
    assert any("INSERT INTO _prisma_migrations" in one.command for one in card.do_not)


def test_the_next_start_is_told() -> None:
    """P3005 stays until there is a history."""
    said = report().next_start

    assert said is not None
    assert "P3005 again, on every start" in said.text


def test_verification_asks_for_the_columns_the_request_and_the_log() -> None:
    """SQL for the refused column, the draft-save check, the log query."""
    texts = {one.kind: one.text for one in report().verification if "migrate status" not in one.text and "psql" not in one.text}

    assert "column_name IN ('appointmentId')" in texts["sql"]
    assert texts["command"].endswith("--expect 'POST /api/v1/clinical-notes 201'")
    assert r"\/api\/v1\/clinical-notes" in texts["query"]


def test_the_attempts_are_one_symptom() -> None:
    """46 to 50: each with what refused requests then; each but the first says that its fix was not effective."""
    rows = report().attempts

    assert [row.revision for row in rows] == [46, 47, 48, 49, 50]
    assert [row.not_effective is None for row in rows] == [True, False, False, False, False]
    assert "by a business rule" in (rows[1].not_effective or "")
    assert "now by the database" in (rows[4].not_effective or "")
    assert report().symptom is not None
    assert report().symptom.moved_down


def test_a_middle_attempt_is_reported_without_its_future() -> None:
    """The report of 48 knows nothing of 49 and 50."""
    summary = report(48)

    assert [row.revision for row in summary.attempts] == [46, 47, 48]
    assert "revision 49" not in to_markdown(summary)


@pytest.mark.parametrize("revision", [47, 48, 49, 50])
def test_the_symptom_told_is_that_of_the_route_refused_most(revision: int) -> None:
    """Two routes are refused again in revisions 47 and 48: the drafts are what everybody waits for."""
    symptom = report(revision).symptom

    assert symptom is not None
    assert symptom.route == "/api/v1/clinical-notes"
    assert len(symptom.steps) == revision - 45


def test_nothing_is_said_of_a_schema_that_nobody_looked_at() -> None:
    """P3005 tells of a missing history; whether revision 46 had anything to migrate, no line says."""
    assert not any("without this migration" in sentence.text for sentence in report(46).meaning)


def test_what_is_not_known_is_said() -> None:
    """No healthy deployment to compare with; placeholders that a person must fill in."""
    text = "\n".join(report().unknown)

    assert "No earlier deployment passed" in text
    assert "<older> in the commands is for you to fill in" in text


def test_nothing_is_invented_without_logs() -> None:
    """A deployment of which nothing was read gives no cause, no remedy, and says what is missing."""
    bare = replace(attempts()[-1], findings=(), runs=(), counts=())
    bare = replace(bare, deployment=replace(bare.deployment, commit=None, tasks=(), finished_ms=None, image_digest=None))
    summary = summarise([bare])

    assert not summary.root_cause
    assert summary.remedy is None
    assert not summary.starts
    missing = "\n".join(summary.unknown)
    for name in ("The commit is not known", "The image digest is not known", "no access lines", "no earlier deployment"):
        assert name in missing


def test_commit_subjects_come_from_the_repository(tmp_path: Path) -> None:
    """Only what the repository knows; a folder that is none is an input error."""
    import subprocess

    def git(*words: str) -> str:
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
        return subprocess.run(
            ["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "fix: make drafts nullable\n\nmore")
    commit = git("rev-parse", "--short=7", "HEAD")

    assert commit_subjects(str(tmp_path), [commit, None, "fffffff", "--all"]) == {commit: "fix: make drafts nullable"}
    with pytest.raises(InputError):
        commit_subjects(str(tmp_path / "nowhere"), [commit])


# ---- formats ----
def test_the_documents_conform_to_their_schemas() -> None:
    """What is printed as JSON is what the published schemas say."""
    judgement = story()
    conforms("report", report_document(report()))
    for one in judgement.deployments:
        conforms("deployment", deployment_document(one))
    for verdict in judgement.verdicts:
        conforms("verdict", verdict_document(verdict))
    for finding in judgement.findings[::7]:
        conforms("finding", finding_document(finding))
    for run in judgement.runs:
        conforms("migration_run", run_document(run))
    for found in lint_files({"start.sh": "npx prisma migrate deploy || true\nnode x.js\n"}):
        conforms("lint", lint_document(found))


def test_the_schemas_say_all_codes() -> None:
    """No reason code, check id or outcome is missing from the published schemas."""
    verdict = json.loads((SCHEMAS / "verdict.json").read_text("utf-8"))["properties"]

    assert set(verdict["reasons"]["items"]["properties"]["code"]["enum"]) == set(ReasonCode)
    assert set(verdict["checks"]["items"]["properties"]["id"]["enum"]) == set(CheckId)


def test_junit_has_one_case_a_check() -> None:
    """FAIL is a failure, INCONCLUSIVE is skipped, PASS passes."""
    one = report()
    checks = (
        Check(id=CheckId.TARGET_RUNS, result=VerdictValue.PASS, text="a"),
        Check(id=CheckId.START_UP, result=VerdictValue.FAIL, text="b"),
        Check(id=CheckId.ENOUGH_EVIDENCE, result=VerdictValue.INCONCLUSIVE, text="c"),
    )
    root = ET.fromstring(to_junit([(one.deployment, replace(one.verdict, checks=checks, needed=("12 more requests",)))]))

    cases = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert cases == {"target_runs": ["system-out"], "start_up": ["failure"], "enough_evidence": ["skipped"]}
    assert (root.get("tests"), root.get("failures"), root.get("skipped"), root.get("errors")) == ("3", "1", "1", "0")


def test_junit_could_not_look_is_an_error() -> None:
    """No verdict at all is neither a failure nor a pass."""
    root = ET.fromstring(to_junit([], could_not_look="AccessDenied"))

    assert root.get("errors") == "1"
    assert root.find(".//error") is not None


def test_annotations_stay_within_githubs_limits() -> None:
    """At most ten of a kind; the last says how many more."""
    one = report()
    reasons = tuple(Reason(code=ReasonCode.NEW_FAILURE, text=f"reason {number}") for number in range(40))
    summary = replace(one, verdict=replace(one.verdict, reasons=reasons))
    lines = verdict_annotations(summary)

    assert len(lines) == 10
    assert lines[-1].endswith("::and 31 more")
    findings = [
        replace(lint_files({"a.sh": "npx prisma migrate deploy || true\nnode x.js"})[0], line=number) for number in range(1, 60)
    ]
    assert len(lint_annotations(findings)) == 10


def test_the_step_summary_is_cut_below_the_limit() -> None:
    """A long document is cut between lines, an open fence closed, the cut said."""
    text = "# x\n\n````text\n" + "a long line of a log\n" * 100_000 + "````\n"
    cut = step_summary(text, 50_000)

    assert len(cut.encode()) <= 50_000
    assert cut.count("````") == 2
    assert "Cut here" in cut
    assert step_summary("short\n") == "short\n"


def test_sarif_names_file_line_and_rule() -> None:
    """Every result points into the file, by a rule that the run lists."""
    findings = lint_files({"docker/start it.sh": "#!/bin/sh\nnpx prisma migrate deploy || true\nexec node x.js\n"})
    document = to_sarif(findings, "1.2.3")
    [run] = document["runs"]
    [result] = run["results"]

    assert document["version"] == "2.1.0"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "or_true"
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "docker/start%20it.sh"
    assert place["region"]["startLine"] == 2
    assert to_sarif([], "1.2.3")["runs"][0]["results"] == []


# ---- hostile text ----
HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "![x](https://evil.example/a.png)",
    "[x](javascript:alert(1))", "`code` ``` fence\n```\n# out", "a | b | c", "@everyone look", "see #123 and GH-1",
    "::error file=x::y",
    "##[error]x", "\n::set-output name=a::b", "::stop-commands::tok", "]]><x/>", "&amp; &#60;", "a\x00b\x08c\x0b", "\u202egnp.exe",
    "\ud800 lone", "$x^2$ and $$y$$", ":smile: :rocket:",
    "https://evil.example www.evil.example", "- [ ] task", "1. list", "# head", "=====", "\ufffe",
    "=cmd|' /C calc'!A1", "%0A::error::x", "**bold** __u__ ~~s~~", "\\` \\| \\", "a\r\nb\u2028c\u2029d",
)  # fmt: skip


def poisoned(text: str) -> Summary:
    """The story's last deployment with `text` wherever a log may put it."""
    *past, one = attempts()
    line = Evidence(timestamp_ms=1_763_521_076_060, text=text)
    findings = tuple(
        replace(f, title=text, evidence=(line,), fields=(text, *f.fields[:2]), route=f.route, table=text) for f in one.findings
    )
    runs = tuple(_poisoned_run(run, text) for run in one.runs)
    deployment = replace(one.deployment, image=text, commit=text, ecs_status=text, service=text)
    checks = tuple(replace(check, text=text) for check in one.verdict.checks)
    reasons = tuple(replace(reason, text=text) for reason in one.verdict.reasons)
    verdict = replace(one.verdict, checks=checks, reasons=reasons, needed=(text,))
    target = replace(one, findings=findings, runs=runs, deployment=deployment, verdict=verdict)
    return summarise([*past, target], subjects={text: text})


def _poisoned_run(run: MigrationRun, text: str) -> MigrationRun:
    lines = tuple(TranscriptLine(timestamp_ms=line.timestamp_ms, text=text, guilty=line.guilty) for line in run.transcript)
    return replace(run, transcript=lines, failed_migration=text, text=text)


def outside_fences(markdown: str) -> list[str]:
    """The lines of a document that are not inside a fence; fails when a fence stays open."""
    kept: list[str] = []
    fence = ""
    for line in markdown.split("\n"):
        bare = line.strip()
        ticks = re.match(r"`{3,}", bare)
        if fence:
            fence = "" if bare == fence else fence
        elif ticks:
            fence = ticks[0]
        else:
            kept.append(line)
    assert not fence
    return kept


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_holds_no_markup_of_a_log(text: str) -> None:
    """No HTML, image, link, mention, issue number, control code or broken table comes of a log line."""
    from markdown_it import MarkdownIt

    document = to_markdown(poisoned(text))
    html = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table").render(document)

    for tag in ("<script", "<img", "<a ", "<x/>", "<del>"):
        assert tag not in html
    for line in outside_fences(document):
        assert not re.search(r"(?<![&\w])@\w|(?<![&\\\w])#\d|https?://|(?<![&\w])\bwww\.", line), line
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", document)
    rows = [line for line in outside_fences(document) if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {7}


@pytest.mark.parametrize("text", HOSTILE)
def test_xml_is_well_formed_whatever_a_log_holds(text: str) -> None:
    """JUnit parses, and nothing of a log becomes an element."""
    summary = poisoned(text)
    root = ET.fromstring(to_junit([(summary.deployment, summary.verdict)]).encode("utf-8", "surrogatepass"))

    assert {element.tag for element in root.iter()} <= {"testsuites", "testsuite", "testcase", "failure", "skipped", "system-out"}


@pytest.mark.parametrize("text", HOSTILE)
def test_no_line_becomes_another_workflow_command(text: str) -> None:
    """Each annotation is one line and one command, whatever it quotes."""
    for line in verdict_annotations(poisoned(text)):
        assert re.match(r"::(error|warning|notice) title=[^:\r\n]*::[^\r\n]*$", line), line
        assert not any(char in line for char in "\r\n\u2028\u2029\x00")


@pytest.mark.parametrize("text", HOSTILE)
def test_json_and_commands_stay_what_they_are(text: str) -> None:
    """JSON conforms; no command that is offered for copying holds a log's own characters outside its words."""
    summary = poisoned(text)
    conforms("report", json.loads(json.dumps(report_document(summary)).encode("utf-8", "replace")))
    for one in summary.verification:
        assert one.kind == "query" or not re.search(r"[\x00-\x08\x1b\u202e]|\$\(|<script|[;`]\s*rm", one.text)
    for command in (step.command for step in summary.remedy.steps):  # type: ignore[union-attr]
        assert text not in command


def test_escaping_keeps_words_readable() -> None:
    """Ordinary sentences pass unchanged."""
    for text in (
        "POST /api/v1/notes is refused by the database (P2011, 23502): 40 of 71",
        "started at 02:57:56Z on task d64f",
        "well-known",
    ):
        assert plain(text) == text
    assert command_value("a%b\nc") == "a%25b%0Ac"
    assert xml_text("a\x00b") != "a\x00b"
