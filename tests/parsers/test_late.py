"""Patterns compiled at the first use: the same answers, nothing compiled before, and no mistake that waits for its day."""

import gc
import importlib
import pkgutil
import re

import parsers
from parsers.late import Late, late


def test_a_late_pattern_answers_like_a_compiled_one():
    """Every method that is used, flags and groups included, before and after the first use."""
    text = "one=1, Two=22\nthree=3"
    now, then = re.compile(r"(?P<key>^\w+|\w+)=(\d+)", re.MULTILINE), late(r"(?P<key>^\w+|\w+)=(\d+)", re.MULTILINE)

    for _ in range(2):
        assert then.findall(text) == now.findall(text)
        assert [hit.span() for hit in then.finditer(text, 3)] == [hit.span() for hit in now.finditer(text, 3)]
        assert then.sub(r"\2", text) == now.sub(r"\2", text)
        assert then.search(text)["key"] == now.search(text)["key"]
        assert (then.pattern, then.flags, then.groups, then.split(text)) == (now.pattern, now.flags, now.groups, now.split(text))


def test_nothing_is_compiled_before_it_is_asked():
    """A broken pattern does no harm until its first use: so nothing was compiled."""
    broken = late("(")

    try:
        broken.search("x")
    except re.error:
        return
    raise AssertionError("the broken pattern was taken")


def test_every_late_pattern_compiles():
    """All of the package's: the mistake that `re.compile` would have shown at import shows here."""
    for module in pkgutil.walk_packages(parsers.__path__, "parsers."):
        importlib.import_module(module.name)
    every = [one for one in gc.get_objects() if type(one) is Late and one.pattern != "("]

    assert len(every) > 150
    for one in every:
        assert re.compile(one.pattern, one.__dict__["_flags"]), one.pattern
