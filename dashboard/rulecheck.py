"""`triage rules check`: every pack's examples, the literals' truth, overlaps between rules, and pumped lines against each pattern.

Lives here and not in `parsers`, because it looks at the clock.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from parsers import Rule, RuleSet, decode, match_text, shorten

PUMP_CHARS = 65_536
PUMP_LIMIT_MS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    rule_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesReport:
    rules: int
    examples: int
    problems: tuple[Problem, ...]
    overlaps: tuple[str, ...]  # "b.rule also takes 3 examples of a.rule"
    slowest_ms: float
    slowest_rule: str


def check_rules(rules: RuleSet) -> RulesReport:
    """Runs every rule against its own examples, everybody else's, and hostile lines made of its own words (CPU ms, best of three)."""
    problems = [problem for rule in rules.rules for problem in _examples_hold(rule, rules)]
    spent = {rule.id: _pumped_ms(rule) for rule in rules.rules}
    problems += [
        Problem(rule_id=i, text=f"{ms:.0f} ms on a pumped line of 64 kB") for i, ms in spent.items() if ms > PUMP_LIMIT_MS
    ]
    slowest = max(spent, key=lambda rule_id: spent[rule_id], default="")
    return RulesReport(
        rules=len(rules.rules),
        examples=sum(len(r.examples) + len(r.counter_examples) + len(r.todo_examples) for r in rules.rules),
        problems=tuple(problems),
        overlaps=tuple(_overlaps(rules)),
        slowest_ms=spent.get(slowest, 0.0),
        slowest_rule=slowest,
    )


def _text(events: tuple[str, ...]) -> str:
    return shorten("\n".join(decode(event).text for event in events))


def _examples_hold(rule: Rule, rules: RuleSet) -> Iterator[Problem]:
    for number, example in enumerate(rule.examples, 1):
        text = _text(example.events)
        if rule.search(text) is None:
            yield Problem(rule_id=rule.id, text=f"match example {number} is not taken")
        elif rule not in rules.candidates(text):
            yield Problem(rule_id=rule.id, text=f"match example {number} holds none of the rule's literals {rule.literals}")
    for number, example in enumerate(rule.counter_examples, 1):
        if rule.search(_text(example.events)) is not None:
            yield Problem(rule_id=rule.id, text=f"no_match example {number} is taken")
    for number, example in enumerate(rule.todo_examples, 1):
        if rule.search(_text(example.events)) is not None:
            yield Problem(rule_id=rule.id, text=f"todo_match example {number} is taken by now: move it to match")


def _overlaps(rules: RuleSet) -> Iterator[str]:
    """Rules of the same category that decide over another rule's own example: the priority says who wins."""
    found: Counter[tuple[str, str]] = Counter()
    for rule in rules.rules:
        for example in rule.examples:
            first = next((m for m in match_text(_text(example.events), rules) if m.category is not None), None)
            if first is not None and first.rule_id != rule.id and rule.category == first.category:
                found[first.rule_id, rule.id] += 1
    for (winner, loser), count in sorted(found.items()):
        yield f"{winner} decides over {loser} on {count} of its examples"


def pumped_lines(rule: Rule) -> Iterator[str]:
    """Hostile lines of 64 kB: the rule's own examples, their pieces and its literals, repeated and cut before they fit."""
    for example in rule.examples[:2]:
        text = _text(example.events)
        yield (text + "\n") * (PUMP_CHARS // (len(text) + 1) + 1)
        yield text[: max(1, len(text) // 2)] * (2 * PUMP_CHARS // len(text) + 1)
        yield text[:-1] + " " * PUMP_CHARS
    for literal in rule.literals[:2]:
        for gap in ("", " ", "\n"):
            yield (literal + gap) * (PUMP_CHARS // (len(literal) + len(gap)))
    for piece in ("a", " ", "\n ", "x: ", "0", "/a"):
        yield piece * (PUMP_CHARS // len(piece))


def _pumped_ms(rule: Rule) -> float:
    return max((min(_spent_ms(rule, shorten(line[:PUMP_CHARS])) for _ in range(3)) for line in pumped_lines(rule)), default=0.0)


def _spent_ms(rule: Rule, text: str) -> float:
    started = time.process_time()
    rule.search(text)
    return (time.process_time() - started) * 1000
