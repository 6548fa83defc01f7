"""Remedy cards: each is sound, each proven one has its record, and the failing start's own log leads to its card."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from parsers.errors import PackError
from parsers.model import Confidence, Event, MigrationRun, Outcome, StreamKey
from parsers.reading import read
from parsers.remedies import Remedy, forecast, load_remedies, parse_remedies, remedy_for, with_values

RECORDS = Path(__file__).resolve().parents[1] / "lab/records/remedies"
CARDS = {card.id: card for card in load_remedies()}
PROVEN = sorted(card.id for card in CARDS.values() if card.status == "proven")
STREAM = StreamKey(log_stream="app/app/0123456789abcdef0123456789abcdef")


@cache
def record(card: str) -> dict[str, Any]:
    """What happened when the card was really played."""
    document: dict[str, Any] = json.loads((RECORDS / f"{card}.json").read_text("utf-8"))
    return document


def run(**changes: Any) -> MigrationRun:
    plain = MigrationRun(
        id="r-1", tool="prisma", outcome=Outcome.FAILED, confidence=Confidence.EXACT, error_code=None, implied_code=None, db_code=None,
        migrations_found=None, applied_count=None, applied=(), failed_migration=None, exit_code=1, application_continued=False, ready=False,
        stream=STREAM, started_ms=0, ended_ms=1, event_ids=(), transcript=(),
    )  # fmt: skip
    return replace(plain, **changes)


# ---- the records ----
def test_six_tools_are_proven() -> None:
    """Alembic, Django, Knex, Prisma and at least three more."""
    tools = {CARDS[card].tool for card in PROVEN}

    assert {"prisma", "alembic", "django", "knex"} <= tools
    assert len(tools) >= 7


@pytest.mark.parametrize("name", PROVEN)
def test_the_recommended_order_ends_well(name: str) -> None:
    """Every step worked, and at the end ledger = files = schema, with the data still there."""
    played = record(name)
    end = played["end"]

    assert [step["exit_code"] for step in (*played["steps"], *played["check"], played["next_start"])].count(0) == len(
        played["steps"]
    ) + len(played["check"]) + 1
    assert end["ledger"] == end["files"]
    assert end["schema"] == end["fresh_database"] != "empty"
    assert end["rows_kept"] is True


@pytest.mark.parametrize("name", PROVEN)
def test_the_record_is_of_this_card(name: str) -> None:
    """The commands that were played are the card's: a changed card must be played again."""
    played, card = record(name), CARDS[name]

    commands = [step["command"] for step in played["steps"] if step["command"]]
    expected = [text for step in card.steps for text in _commands(step.command, step.each, played["values"])]
    assert commands == expected
    assert [one["command"] for one in played["do_not"]] == [_filled(one.command, played["values"]) for one in card.do_not]
    assert [one["what"] for one in played["do_not"]] == [one.what for one in card.do_not]


def _commands(command: str, each: str, values: dict[str, Any]) -> list[str]:
    if not command:
        return []
    return [_filled(command, {**values, **({each: one} if each else {})}) for one in (values[each] if each else [""])]


def _filled(command: str, values: dict[str, Any]) -> str:
    for key, value in values.items():
        if isinstance(value, str):
            command = command.replace("{" + key + "}", value)
    return command


@pytest.mark.parametrize("name", PROVEN)
def test_each_wrong_way_ends_as_the_card_says(name: str) -> None:
    """A ledger that lies is content at the next start; a failure fails there; data that is gone, a failure that is hidden."""
    for one in record(name)["do_not"]:
        after = one["next_start"]["exit_code"]
        assert one["ends"] in {"fails", "ledger_lies", "loses_data", "stays_forked", "failure_hidden"}
        if one["ends"] == "fails":
            assert after != 0
        if one["ends"] == "ledger_lies":
            assert after == 0
        if one["ends"] == "failure_hidden":
            assert one["exit_code"] == 0


SAYS_NOTHING = "drizzle.unbaselined"  # drizzle-kit ends with 1 and prints no reason: no card is guessed


def test_a_tool_that_prints_no_reason_gets_no_card() -> None:
    """An exit code alone does not say which remedy it wants."""
    assert remedy_for(run(tool="drizzle", exit_code=1), "start.exit_code") is None


@pytest.mark.parametrize("name", [name for name in PROVEN if name != SAYS_NOTHING])
def test_the_failing_starts_log_leads_to_its_card(name: str) -> None:
    """What the tool printed, read like any log, is a failed run of that tool for which this card, or its like, is found."""
    played = record(name)
    lines = [*played["trouble"]["printed"]]
    events = [Event(stream=STREAM, timestamp_ms=1_763_521_000_000 + 100 * number, text=line) for number, line in enumerate(lines)]
    reading = read(events)
    runs = [one for one in reading.migration_runs if one.outcome is Outcome.FAILED]

    assert runs, lines[-5:]
    finding = next((found for found in reading.findings if found.run_id == runs[0].id), None)
    card = remedy_for(runs[0], finding.rule_id if finding else None)
    assert card is not None
    assert card.id == name or (card.tool == CARDS[name].tool and _same_way(card, CARDS[name]))


def _same_way(one: Remedy, other: Remedy) -> bool:
    """Two cards of a tool that end in the same commands."""
    return {step.command for step in one.steps if "{" not in step.command and "<" not in step.command} == {
        step.command for step in other.steps if "{" not in step.command
    }


# ---- the cards ----
@pytest.mark.parametrize("name", sorted(CARDS))
def test_a_card_names_reasons_and_rules_that_exist(name: str) -> None:
    """Every `do_not` has its reason, every rule id is in a pack, every card can be found by something."""
    from parsers.rules import load_packs

    card, known = CARDS[name], load_packs().by_id
    assert all(one.reason and one.command for one in card.do_not)
    assert set(card.rules) <= set(known), set(card.rules) - set(known)
    assert card.rules or card.codes or card.db_codes or name.endswith(".step_failed")
    assert card.before
    assert card.start_script


def test_destructive_commands_stand_only_under_do_not() -> None:
    """No step of any card drops, resets, pushes with data loss, or deletes from a ledger."""
    for card in CARDS.values():
        for step in (*card.steps, *card.check):
            assert not re.search(r"(?i)drop |reset|accept-data-loss|delete from|truncate|--force\b", step.command), (
                card.id,
                step.command,
            )


def test_p3005_says_all_migrations_and_baselines_the_older_ones() -> None:
    """Not one migration is unrecorded but all of them; the new one is not to be marked."""
    card = remedy_for(run(error_code="P3005", migrations_found=34))

    assert card is not None
    assert "all 34 migrations are unrecorded" in card.means
    assert card.steps[0].command == "npx prisma migrate resolve --applied <older>"
    assert card.open_placeholders["older"].startswith("each migration whose SQL")


def test_names_from_the_log_are_filled_in() -> None:
    """P3009 names the migration: the commands hold it."""
    card = remedy_for(run(error_code="P3009", failed_migration="20250101000000_init"))

    assert card is not None
    assert card.steps[2].command == "npx prisma migrate resolve --rolled-back 20250101000000_init"
    assert not card.open_placeholders


@pytest.mark.parametrize("name", ["x; rm -rf /", "$(id)", "a b", "`id`", "'", "x\n", "é", "x" * 300, "a|b", ">out", "${IFS}"])
def test_what_is_not_safe_in_a_shell_is_never_filled_in(name: str) -> None:
    """A log may say anything; a command that people paste holds only letters, digits and `_ . : / -`."""
    card = remedy_for(run(error_code="P3009", failed_migration=name))

    assert card is not None
    assert all(name not in step.command for step in card.steps)
    assert "<migration>" in card.steps[2].command
    with pytest.raises(ValueError, match="not safe"):
        with_values(CARDS["prisma.failed_row"], {"migration": name})


def test_the_rule_decides_before_the_database_code() -> None:
    """A run without code is found by its rule; one that exists already by the database's code; any failed step by its tool."""
    by_rule = remedy_for(run(tool="alembic"), "alembic.multiple_heads")
    by_code = remedy_for(run(tool="alembic", db_code="42P07"), "alembic.traceback")
    any_step = remedy_for(run(tool="dbmate", failed_migration="1_x.sql", db_code="42601"))

    assert (by_rule and by_rule.id, by_code and by_code.id, any_step and any_step.id) == (
        "alembic.multiple_heads", "alembic.unbaselined", "dbmate.step_failed",
    )  # fmt: skip


def test_a_database_that_did_not_answer_has_no_failed_step() -> None:
    """Whatever the tool: nobody is told to mend a migration, or to stamp one, because a port was closed."""
    for tool, code in (
        ("alembic", "ECONNREFUSED"),
        ("django", "3D000"),
        ("typeorm", "28P01"),
        ("rails", "57P03"),
        ("flyway", "ECONNREFUSED"),
    ):
        card = remedy_for(run(tool=tool, db_code=code), f"{tool}.traceback")
        assert card is not None
        assert (card.id, card.tool) == ("any.unreachable", tool)
        assert code in card.means


def test_a_tool_without_a_card_of_its_own_is_not_left_alone() -> None:
    """What is true of any tool: a migration that failed, and one that makes what exists."""
    failed = remedy_for(run(tool="rails", failed_migration="20251103090000_note_required", db_code="23502"))
    exists = remedy_for(run(tool="sqitch", failed_migration="create_orders", db_code="42P07"))

    assert failed is not None
    assert exists is not None
    assert (failed.id, exists.id) == ("any.step_failed", "any.already_exists")
    assert failed.means == "Migration 20251103090000_note_required failed: 23502."


def test_django_names_the_app() -> None:
    """The failed migration's app stands in the commands."""
    card = remedy_for(run(tool="django", failed_migration="orders.0003_add_note", db_code="42701"))

    assert card is not None
    assert card.steps[0].command == "python manage.py showmigrations orders"
    assert "app" not in card.open_placeholders


def test_no_card_for_what_went_well_or_is_unknown() -> None:
    """Success needs no remedy; an unknown tool gets no guess."""
    assert remedy_for(run(outcome=Outcome.APPLIED)) is None
    assert remedy_for(run(tool="homemade", error_code="P3005")) is None


def test_the_forecast_is_the_cards_or_the_outcomes() -> None:
    """A failed row stays P3009; what was applied is not applied again; nothing is said of an unknown end."""
    card = remedy_for(run(error_code="P3018", failed_migration="1_x"))

    assert "P3009 on every start from now on" in (forecast(run(), card) or "")
    assert "Nothing is left to apply" in (forecast(run(outcome=Outcome.APPLIED)) or "")
    assert forecast(run(outcome=Outcome.UNKNOWN)) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[remedy]]\nid = 'x'\n", "missing"),
        ("[[remedy", "not valid TOML"),
        ("[[remedy]]\nid = 'x'\nwhatever = 1\n", "unknown key"),
    ],
)
def test_a_card_that_does_not_hold_together_is_refused(text: str, says: str) -> None:
    """With the file, the card and what is wrong."""
    with pytest.raises(PackError, match=says):
        parse_remedies(text, "mine.toml")


def test_a_placeholder_that_nobody_explains_is_refused() -> None:
    """Every placeholder of a command is filled from the log or explained."""
    text = """
[[remedy]]
id = "x.y"
title = "t"
tool = "x"
means = "m"
next_start = "n"
steps = [{ do = "a", command = "x {nobody}" }]
check = [{ do = "b" }]
do_not = [{ what = "c", command = "d", reason = "e" }]
"""
    with pytest.raises(PackError, match="nobody says what"):
        parse_remedies(text, "mine.toml")
