"""Patterns that are compiled when first asked: a look at ten lines needs few of hundreds, and compiling them all is a third of its time."""

from __future__ import annotations

import re
from typing import Any, cast


def late(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Like `re.compile`, at the first use. A mistake in `pattern` shows only then: a test compiles them all."""
    return cast("re.Pattern[str]", Late(pattern, flags))


class Late:
    """Stands for a compiled pattern and becomes its methods: after the first call, nothing stands between."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern, self._flags = pattern, flags

    def __getattr__(self, name: str) -> Any:  # only for what is not there yet
        if name.startswith("__"):
            raise AttributeError(name)
        compiled = re.compile(self.pattern, self._flags)
        for one in (
            "search",
            "match",
            "fullmatch",
            "finditer",
            "findall",
            "split",
            "sub",
            "subn",
            "flags",
            "groups",
            "groupindex",
        ):
            self.__dict__[one] = getattr(compiled, one)
        return getattr(compiled, name)
