"""Why a line was (not) recognised: what it was opened to, which rules were tried, what matched, what missed and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from parsers.access import parse_access
from parsers.classify import match_text, reads_like_error
from parsers.formats import Payload, decode
from parsers.masks import Redactor
from parsers.model import Access, Match
from parsers.rules import Rule, RuleSet, load_packs, shorten


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One rule whose literals stand in the text."""

    rule_id: str
    title: str
    matched: bool
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    text: str  # what the rules saw, redacted
    structured: bool  # JSON or logfmt
    level: str | None
    access: Access | None
    matches: tuple[Match, ...]
    attempts: tuple[Attempt, ...]  # rules whose literals occur, in trying order
    rules: int  # how many rules there are
    unexplained: bool  # reads like an error and no rule took it


def explain(text: str, *, rules: RuleSet | None = None, redactor: Redactor | None = None) -> Explanation:
    """Explains one record: a line, or the lines of one block."""
    rules = rules or load_packs()
    redactor = redactor or Redactor()
    payloads = [decode(line) for line in text.split("\n")] if not text.lstrip().startswith("{") else [decode(text)]
    payload = payloads[0]
    joined = "\n".join(one.text for one in payloads)
    access = parse_access(payload) if len(payloads) == 1 else None
    matches = match_text(joined, rules, payload.fields, redactor) if access is None or payload.fields is not None else ()
    return Explanation(
        text=redactor.text(joined),
        structured=payload.fields is not None,
        level=payload.level,
        access=access,
        matches=matches,
        attempts=tuple(_attempts(joined, rules, {match.rule_id for match in matches})),
        rules=len(rules.rules),
        unexplained=access is None and not matches and _error(payload, joined),
    )


def _error(payload: Payload, text: str) -> bool:
    return reads_like_error(payload, text)


def _attempts(text: str, rules: RuleSet, taken: set[str]) -> Sequence[Attempt]:
    seen = shorten(text)
    tried = [(rule, rule.search(seen) is not None) for rule in rules.candidates(seen)]
    quoted = next((rule.id for rule, matched in tried if matched and rule.dependency), "")
    return [
        Attempt(
            rule_id=rule.id,
            title=rule.title,
            matched=matched,
            why_not=_set_aside(rule, quoted) if matched and rule.id not in taken else _why_not(rule, seen),
        )
        for rule, matched in tried
    ]


def _set_aside(rule: Rule, quoted: str) -> str:
    """Why a rule whose pattern matches decides nothing here."""
    if rule.dependency:
        return "matches, as a hint: another server's answer, never a finding of ours"
    return (
        f"matches, but the record quotes another server's answer ({quoted})" if quoted else "matches, but the access line decides"
    )


def _why_not(rule: Rule, text: str) -> str:
    if not any(pattern.search(text) for pattern in rule.patterns):
        return "its pattern does not match"
    for pattern in rule.unless:
        if pattern.search(text):
            return f"ruled out by `unless`: {pattern.text}"
    for pattern in rule.requires:
        if not pattern.search(text):
            return f"misses what it `requires`: {pattern.text}"
    return ""
