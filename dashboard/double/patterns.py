"""CloudWatch Logs filter patterns, as the service reads them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
Case matters; `A B` is AND, `"exact phrase"`, `-x` excludes, `?A ?B` is OR (and ignored beside any other term),
`%regex%` and JSON selectors `{ $.level = "error" && $.status >= 400 }`. Space-delimited patterns are refused by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

Predicate = Callable[[str], bool]
_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]*)%|([^\s"%]+))')
_CONDITION = re.compile(r"\$\.([\w.]+)\s*(=|!=|<=|>=|<|>)\s*(\"[^\"]*\"|[^\s&|)]+)")


class PatternError(ValueError):
    """The pattern is not one that the service takes."""


def compile_pattern(pattern: str) -> Predicate:
    """A function that says whether a message matches.

    Raises:
        PatternError: longer than 1,024 characters, more than two regexes, or of a form the double does not know.
    """
    text = pattern.strip()
    if len(pattern) > 1024:
        raise PatternError("a filter pattern has at most 1024 characters")
    if not text:
        return lambda message: True  # noqa: ARG005
    if text.startswith("["):
        raise PatternError("space-delimited patterns are not served by the double")
    if text.startswith("{"):
        return _json_predicate(text)
    return _terms_predicate(text)


def _terms_predicate(text: str) -> Predicate:
    terms = [(sign, _term(quoted, regex, word)) for sign, quoted, regex, word in _TERM.findall(text)]
    if text.count("%") > 4:
        raise PatternError("a filter pattern has at most two regular expressions")
    must = [test for sign, test in terms if sign == ""]
    must_not = [test for sign, test in terms if sign == "-"]
    any_of = [test for sign, test in terms if sign == "?"] if not (must or must_not) else []

    def matches(message: str) -> bool:
        if any_of:
            return any(test(message) for test in any_of)
        return all(test(message) for test in must) and not any(test(message) for test in must_not)

    return matches


def _term(quoted: str, regex: str, word: str) -> Predicate:
    if regex:
        if "(" in regex or ")" in regex or "!" in regex:
            raise PatternError("no parentheses and no ! in a filter regex")
        compiled = re.compile(regex)
        return lambda message: compiled.search(message) is not None
    if quoted:
        phrase = quoted.replace('\\"', '"')
        return lambda message: phrase in message
    whole = re.compile(rf"(?<![A-Za-z0-9_]){re.escape(word)}(?![A-Za-z0-9_])")
    return lambda message: whole.search(message) is not None


def _json_predicate(text: str) -> Predicate:
    conditions = _CONDITION.findall(text)
    if not conditions:
        raise PatternError("not a JSON selector that the double knows")
    combine = any if "||" in text else all

    def matches(message: str) -> bool:
        try:
            record = json.loads(message)
        except ValueError:
            return False
        return combine(_holds(record, *condition) for condition in conditions)

    return matches


def _holds(record: object, path: str, operator: str, wanted: str) -> bool:
    value = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return False
    if wanted.startswith('"'):
        return _compare_text(str(value), operator, wanted.strip('"'))
    return _compare_number(value, operator, wanted)


def _compare_text(value: str, operator: str, wanted: str) -> bool:
    pattern = re.compile(".*".join(re.escape(part) for part in wanted.split("*")))
    same = pattern.fullmatch(value) is not None
    return same if operator == "=" else not same


def _compare_number(value: object, operator: str, wanted: str) -> bool:
    try:
        left, right = float(str(value)), float(wanted)
    except ValueError:
        return _compare_text(str(value), operator, wanted) if operator in ("=", "!=") else False
    comparisons = {
        "=": left == right,
        "!=": left != right,
        "<": left < right,
        ">": left > right,
        "<=": left <= right,
        ">=": left >= right,
    }
    return comparisons[operator]
