"""Every shipped pack stands beside its own examples: they are the specification, this file runs them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parsers.classify import match_text
from parsers.explanation import explain
from parsers.formats import decode
from parsers.model import Match
from parsers.rules import EXTRACT_MAX_CHARS, Example, Pack, Rule, load_packs, shorten

RULES = load_packs()
IDS_FILE = Path(__file__).with_name("rule_ids.txt")
PUMP_CHARS = 65_536
NOTICEABLE_S = 0.030  # below this a pattern's cost is the clock's noise
OUTSIDE_OF_RE2 = re.compile(r"\(\?(?:[=!>]|<[=!]|P=|\()|(?<!\\)\\[1-9]|[*+?}]\+|\\[GKRXZz]")


def _text(example: Example) -> str:
    return "\n".join(decode(event).text for event in example.events)


def _examples(attribute: str) -> list[Any]:
    return [
        pytest.param(rule, example, id=f"{rule.id}-{number}")
        for rule in RULES.rules
        for number, example in enumerate(getattr(rule, attribute))
    ]


@pytest.mark.parametrize(("rule", "example"), _examples("examples"))
def test_a_rule_takes_each_of_its_match_examples(rule: Rule, example: Example) -> None:
    """A `match` example is taken by its own rule, and the values beside it come out of it."""
    text = shorten(_text(example))
    assert rule.search(text) is not None
    if example.expect:
        fields = decode(example.events[0]).fields if len(example.events) == 1 else None
        taken = [match for match in match_text(text, RULES, fields) if match.rule_id == rule.id]
        if not taken:
            assert rule.dependency  # another server's answer: taken, and nothing comes out of it
            return
        assert _comes_out(taken[0], example.expect) == dict(example.expect)


def _comes_out(match: Match, expect: Any) -> dict[str, Any]:
    mark = match.mark
    found: dict[str, Any] = {}
    for key, wanted in expect.items():
        if key in ("migration", "count", "exit_code") or key == "mark":
            value: Any = None if mark is None else getattr(mark, "kind" if key == "mark" else key)
        else:
            value = getattr(match, key)
        found[key] = list(value) if isinstance(wanted, list) else value if value is None else type(wanted)(value)
    return found


@pytest.mark.parametrize(("rule", "example"), _examples("counter_examples"))
def test_a_rule_leaves_each_of_its_no_match_examples(rule: Rule, example: Example) -> None:
    """A `no_match` example is a look-alike: its rule must not take it."""
    assert rule.search(shorten(_text(example))) is None


def test_a_known_miss_is_still_a_miss() -> None:
    """A `todo_match` example that is taken by now belongs into `match`."""
    taken = [rule.id for rule in RULES.rules for example in rule.todo_examples if rule.search(shorten(_text(example)))]

    assert taken == []


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.id) for rule in RULES.rules])
def test_a_rules_literals_stand_in_everything_it_takes(rule: Rule) -> None:
    """The fast path looks for the literals only: one of them is in every record that the rule takes."""
    for example in rule.examples:
        lowered = _text(example).lower()
        assert not rule.literals or any(literal in lowered for literal in rule.literals)


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.id) for rule in RULES.rules])
def test_patterns_stay_in_the_common_subset(rule: Rule) -> None:
    """Python, RE2 and Hyperscan read the same pattern the same way."""
    for text in (*rule.pattern_texts, *rule.unless_texts, *rule.requires_texts):
        assert OUTSIDE_OF_RE2.search(text) is None, text


@pytest.mark.parametrize("pack", [pytest.param(pack, id=pack.name) for pack in RULES.packs])
def test_a_pack_says_where_its_facts_come_from(pack: Pack) -> None:
    """measured (run by us, see tests/lab) or documented, with references; a migration tool says how it ends."""
    assert pack.status in ("measured", "documented")
    assert pack.title
    assert pack.references
    if pack.tool:
        assert pack.success in ("printed", "silent")


def test_ids_are_for_ever() -> None:
    """A rule id that was shipped once is neither renamed nor dropped: findings and suppressions name it."""
    shipped = set(IDS_FILE.read_text("utf-8").split())
    assert shipped - set(RULES.by_id) == set()
    assert set(RULES.by_id) - shipped == set(), f"add the new ids to {IDS_FILE.name}"


def pumps(rule: Rule) -> Iterator[str]:
    """Hostile lines for one rule: its own examples and their pieces, repeated to 64 kB, cut before they fit."""
    for example in rule.examples[:1]:
        text = _text(example)
        yield (text + "\n") * (PUMP_CHARS // (len(text) + 1) + 1)
        yield text[: max(1, len(text) // 2)] * (2 * PUMP_CHARS // len(text) + 1)
        yield text[:-1] + " " * PUMP_CHARS
        words = text.split()
        if words:
            yield f"{words[0]} " * (PUMP_CHARS // (len(words[0]) + 1))
    for literal in rule.literals[:2]:
        yield literal * (PUMP_CHARS // len(literal))
        yield f"{literal} " * (PUMP_CHARS // (len(literal) + 1))
        yield f"{literal}\n" * (PUMP_CHARS // (len(literal) + 1))
    if not rule.literals:  # without literals a rule is tried on every record
        yield "a" * PUMP_CHARS
        yield " " * PUMP_CHARS
        yield "\n " * (PUMP_CHARS // 2)
        yield "x: " * (PUMP_CHARS // 3)


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.id) for rule in RULES.rules])
def test_every_pattern_is_linear(rule: Rule) -> None:
    """Four times as much of a pumped line takes about four times as long (sixteen would be quadratic); tried again before it counts.

    What a pattern costs in milliseconds is for `triage rules check`.
    """
    for line in pumps(rule):
        for _ in range(4):
            short, long = _spent(rule, line[: EXTRACT_MAX_CHARS // 4]), _spent(rule, line[:EXTRACT_MAX_CHARS])
            if long < NOTICEABLE_S or long < 9 * short:
                break
        else:
            pytest.fail(f"{short * 1e3:.1f} ms, then {long * 1e3:.1f} ms for four times as much of {line[:60]!r}…")


def _spent(rule: Rule, text: str) -> float:
    started = time.process_time()
    rule.search(text)
    return time.process_time() - started


def test_explain_says_why_a_rule_that_matches_decides_nothing() -> None:
    """Another server's answer is a hint; what stands behind it in the record is set aside, with the reason."""
    one = explain("AxiosError: Request failed with status code 422", rules=RULES)

    said = {attempt.rule_id: attempt.why_not for attempt in one.attempts if attempt.matched}
    assert one.matches == ()
    assert said == {"http.dependency_node": "matches, as a hint: another server's answer, never a finding of ours"}
