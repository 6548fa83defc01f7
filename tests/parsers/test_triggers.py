"""Needles stand in everything that a rule takes: as it came, and wrapped in JSON, colours, prefixes."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.batch import Batch
from parsers.formats import decode
from parsers.model import Event, StreamKey
from parsers.rules import Rule, RuleSet, load_packs, parse_pack
from parsers.scan import ANY_RULE, Scanner, _chosen
from parsers.triggers import Needle, candidates, loosened, worth

RULES = load_packs()
NUMBERS = {rule.id: number for number, rule in enumerate(RULES.rules)}
SCANNER = Scanner(RULES)
STREAM = StreamKey(log_stream="s")


def holds(choice: tuple[Needle, ...], text: str) -> bool:
    return any(needle.text in (text.lower() if needle.caseless else text) for needle in choice)


def texts(pattern: str, *, escaped: bool = False) -> set[frozenset[str]]:
    return {frozenset(needle.text for needle in choice) for choice in candidates(pattern, escaped=escaped)}


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        (r"Error: (?P<code>P3005)\b", {"Error: P3005"}),
        (r"\bcode: '(?P<code>P2\d{3})", {"code: 'P2"}),
        (r"(?i)\bdeadlock detected\b", {"deadlock detected"}),
        (r"^[^\n]{0,80}\bNull (?:constraint|value) violation", {"Null constraint violation", "Null value violation"}),
        (r"\.{2,200} ok\s*$", {".. ok"}),
    ],
)
def test_a_patterns_fixed_text_is_its_needle(pattern, wanted):
    """Anchors, boundaries and variable parts fall away; alternatives are written out."""
    assert frozenset(wanted) in texts(pattern)


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        (r"\bcode: '(?P<code>23505)'", {"23505"}),
        (r"\berr\.code: 'ABCDEF'", {"ABCDEF"}),
        (r"violates not-null constraint", {"violates not-null constraint"}),
        (r"-> done", {"-> done", "\\u003e done"}),
        (r"✖ failed", {"✖ failed", "\\u2716 failed"}),
    ],
)
def test_an_escaped_needle_holds_nothing_that_decoding_made(pattern, wanted):
    """Quotes, colons and dots may be made by decoding; what JSON may escape is looked for in both ways."""
    found = texts(pattern, escaped=True)

    assert frozenset(wanted) in found
    assert not any(char in text for some in found for text in some for char in "\"':.")


def test_a_small_number_may_be_an_index():
    """`errors.0.code`: the 0 is made by decoding, so a needle never begins with it; 500 can't be an index."""
    assert all(not text[0].isdigit() for some in texts(r"errors\.12 things", escaped=True) for text in some)
    assert frozenset({"500"}) in texts(r"status: 500\b", escaped=True)


@pytest.mark.parametrize(
    ("pattern", "apart"),
    [
        (r"\bError: (?P<code>1048)\b", True),
        (r"\bstatus: ?500\b", True),
        (r"\bnumber 1048 of", None),  # no needle begins with the digits
        (r"\bv\d{0,4}1048 is", False),
        (r"[0-9a-f]+1048", False),
    ],
)
def test_a_number_stands_apart_where_the_pattern_says_so(pattern, apart):
    """Behind a blank, a quote or a colon: then it is not looked for within times and ids, where any number stands somewhere."""
    found = {n.apart for some in candidates(pattern, escaped=True) for n in some if n.text[0].isdigit() and not n.alone}

    assert (True in found) is bool(apart)
    assert apart is not None or not found
    assert not any(needle.apart for some in candidates(pattern, escaped=False) for needle in some)


def test_a_number_within_another_marks_nothing():
    """The times of JSON loggers hold every number of four digits sooner or later."""
    number = NUMBERS["mysql.not_null"]
    texts = [
        '{"time":1763478001048,"msg":"saved"}',
        '{"id":"a1048","msg":"x"}',
        '{"msg":"Error 1048 (23000): x"}',
        '{"code":1048}',
    ]
    events = [Event(stream=STREAM, timestamp_ms=0, text=text) for text in texts]

    marked = SCANNER.mark(Batch.of(events)).rules

    assert [number in marked.get(event, ()) for event in range(4)] == [False, False, True, True]


def test_the_rarest_of_frequent_choices_is_taken():
    """What is telling and rare is taken at once; a sample decides otherwise, and two frequent ones must both be there."""
    strong, common, rare = ["eviolates foreign key"], ["estatus"], ["emessage"]
    counts = {"status": 900.0, "message": 3.0}

    def frequency(needle):
        return counts.get(needle.text, 0.0)

    assert [[n.text for n in c] for c in _chosen([strong, common], frequency)] == [["violates foreign key"]]
    assert [[n.text for n in c] for c in _chosen([common, rare], frequency)] == [["message"]]
    counts["message"] = 500.0
    assert [[n.text for n in c] for c in _chosen([common, rare], frequency)] == [["message"], ["status"]]
    assert _chosen([], frequency) == []
    assert worth((Needle("violates foreign key"),)) > worth((Needle("status"),))


def test_what_has_two_halves_needs_both_of_them():
    """Of two frequent texts one is not enough to mark an event, both are."""
    pack = """name = "p"
title = "p"
status = "measured"
references = ["https://example.com"]
[[rule]]
id = "p.two"
title = "x"
category = "http_4xx"
pattern = '''status[^\\n]{0,80}message'''
match = ["status and message"]
"""
    rules = RuleSet(packs=(parse_pack(pack, "p"),), digest="x")
    sample = b"status\n" * 50 + b"message\n" * 50
    scanner = Scanner(rules, sample=sample)
    batch = Batch.of(Event(stream=STREAM, timestamp_ms=1, text=text) for text in ("status", "message", "status and message"))

    assert scanner.mark(batch).rules == {2: {0}}


def test_patterns_of_brackets_are_loosened():
    """What holds no needle is looked for as it is, when it can be written for bytes."""
    text = loosened(r"^\s{0,4}\[\s{0,2}(?:\{\s{0,2})?$")

    assert text is not None
    assert re.compile(text.encode(), re.MULTILINE).search(b"ERROR\n  [ {\nx")
    assert loosened(r"(?P<a>x)(?P=a)") is None


@pytest.mark.parametrize("escaped", [False, True])
def test_every_shipped_pattern_has_a_needle(escaped):
    """A rule without a needle would have to be tried on every event: the fast path would be none."""
    bare = [rule.id for rule in RULES.rules for text in rule.pattern_texts if not candidates(text, escaped=escaped)]

    assert bare == []


def marked(*events: str) -> list[set[int]]:
    batch = Batch.of(Event(stream=STREAM, timestamp_ms=n, text=text) for n, text in enumerate(events))
    rules = SCANNER.mark(batch).rules
    return [rules.get(number, set()) for number in range(len(events))]


def wrappings(text: str) -> list[str]:
    """One event each: as it is, coloured, prefixed, and in the JSON of several loggers, strict ASCII and not."""
    some = [f"\x1b[31m{text}\x1b[39m", f"app-1  | {text}", text]
    for ascii_only in (True, False):
        some.append(json.dumps({"level": "info", "message": text}, ensure_ascii=ascii_only))
        some.append(json.dumps({"log": text + "\n", "stream": "stdout", "time": "t"}, ensure_ascii=ascii_only))
        some.append(
            json.dumps({"log": json.dumps({"level": 30, "err": {"stack": text}}), "source": "stdout"}, ensure_ascii=ascii_only)
        )
    return some


EXAMPLES = [(rule, event) for rule in RULES.rules for example in rule.examples for event in example.events]


def test_a_match_implies_a_mark_on_every_example_in_every_wrapping():
    """The law of the fast path: a rule that takes the decoded event was marked in the raw one."""
    cases = [(rule, event) for rule, text in EXAMPLES for event in wrappings(text)]
    missed = []
    for (rule, event), found in zip(cases, marked(*(event for _, event in cases)), strict=True):
        taken = (
            any(pattern.search(decode(event).text) for pattern in rule.patterns) and rule.search(decode(event).text) is not None
        )
        if taken and not found & {NUMBERS[rule.id], ANY_RULE}:
            missed.append((rule.id, event))

    assert missed == []


def generated(rule: Rule) -> st.SearchStrategy[str]:
    return st.one_of([st.from_regex(re.compile(text, re.MULTILINE), fullmatch=False) for text in rule.pattern_texts[:3]])


@settings(derandomize=True, deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_match_implies_a_mark_on_generated_texts(data):
    """Texts made from the patterns themselves, with whatever characters they allow."""
    rule = data.draw(st.sampled_from(RULES.rules))
    text = data.draw(generated(rule))
    for event in wrappings(text):
        if not event.strip():
            continue
        if rule.search(decode(event).text) is not None:
            assert marked(event)[0] & {NUMBERS[rule.id], ANY_RULE}, (rule.id, event)


def test_escapes_and_letters_that_needles_cannot_be_trusted_with():
    """JSON that escapes plain letters, and letters that IGNORECASE folds: every rule is tried."""
    assert ANY_RULE in marked('{"message":"\\u0045rror: P3005"}')[0]
    assert ANY_RULE in marked("connection loſt")[0]
    assert ANY_RULE in marked("code: 'P2٠٠١'")[0]
    assert marked("nothing to see")[0] == set()
