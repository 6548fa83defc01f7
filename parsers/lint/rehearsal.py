"""Rehearses a start script: what would it do if its migration failed? Walked through its syntax tree; nothing is run.

The shell's own rules decide: when `set -e` is off although it was switched on (conditions, `&&` lists, `!`), whose
status a pipeline, a background job or `local x=$(…)` has, what a trap makes of an exit. What the script cannot know (an
environment variable, another program's answer) is tried both ways, up to `MAX_PATHS` ways; the likely one first.

Manual: https://www.gnu.org/software/bash/manual/bash.html#The-Set-Builtin (errexit, pipefail, inherit_errexit).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from parsers.lint.shell import Script
from parsers.lint.state import Choices, Remark, Setting
from parsers.lint.walker import Ending, Walk, Walker

MAX_PATHS = 300
"""Ways through one script that are tried for one tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    tools: tuple[str, ...]  # the migrating tools that the script runs, in order of first sight
    walks: tuple[Walk, ...]  # the likely way first
    remarks: tuple[Remark, ...]
    cut: bool  # some ways were not tried


def rehearse(script: Script, setting: Setting) -> Rehearsal:
    """All ways through `script`, once per migrating tool with that tool failing every time."""
    remarks: dict[tuple[str, int], Remark] = {}
    tools: dict[str, None] = {}
    cut = False

    def every(failing: str | None) -> Iterator[Walk]:
        nonlocal cut
        choices = Choices()
        for _ in range(MAX_PATHS):
            walker = Walker(setting, choices, failing)
            walk = walker.walk(script)
            cut |= walk.cut
            tools.update(dict.fromkeys(walker.tools))
            remarks.update({(remark.rule, remark.line): remark for remark in walker.remarks})
            yield walk
            if not choices.next():
                return
        cut = True

    for _ in every(None):
        pass
    seen: list[str] = []
    walks: list[Walk] = []
    while waiting := [tool for tool in tools if tool not in seen]:
        seen.append(waiting[0])
        walks.extend(every(waiting[0]))
    return Rehearsal(
        tools=tuple(tools), walks=tuple(walk for walk in walks if walk.ending is not Ending.UNREACHED),
        remarks=tuple(remarks.values()), cut=cut,
    )  # fmt: skip
