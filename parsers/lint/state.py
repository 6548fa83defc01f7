"""What one walk through a script knows: the shell's state, values, statuses, and the choices still to be tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Protocol

from parsers.lint.shell import Command, Script, Simple, Word

MAX_STEPS = 6_000
"""Commands walked on one way: more is an endless loop."""
MAX_TURNS = 150
"""Turns of one loop before it counts as endless."""
MAX_CALLS = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Where the failing status was lost: the rule that names the idiom, and the line."""

    rule: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A command that should not stand in a start script whatever happens."""

    rule: str
    line: int
    command: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is known around a script."""

    dialect: str = "sh"  # sh | bash
    options: tuple[str, ...] = ()  # options of the shell's own command line, of the #! line or SHELL
    package_scripts: Mapping[str, tuple[str, int]] = field(default_factory=dict)  # name -> (text, line in package.json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A word's value: `text` None when it is not known before the script runs."""

    text: str | None
    failure: bool = False  # it holds the migration's failing status
    clock: bool = False  # changes with time: a deadline
    job: int | None = None


EMPTY = Value(text="")
NOT_KNOWN = Value(text=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    code: int
    failure: bool = False  # this is the failing migration's status


OK = Status(code=0)
FALSE = Status(code=1)


class Exit(Exception):  # noqa: N818  control flow of the walked script, no error of ours
    def __init__(self, status: Status, line: int) -> None:
        self.status = status
        self.line = line


class Return(Exception):  # noqa: N818
    def __init__(self, status: Status) -> None:
        self.status = status


class Jump(Exception):  # noqa: N818
    def __init__(self, levels: int, again: bool) -> None:
        self.levels = levels
        self.again = again


class Endless(Exception):  # noqa: N818
    def __init__(self, rule: str, line: int) -> None:
        self.rule = rule
        self.line = line


class Cut(Exception):  # noqa: N818
    pass


class Choices:
    """Depth-first over what cannot be known: each walk replays a prefix and takes the likely answer after it."""

    def __init__(self) -> None:
        self.prefix: list[int] = []
        self.taken: list[tuple[int, int]] = []

    def choose(self, options: int) -> int:
        index = len(self.taken)
        pick = self.prefix[index] if index < len(self.prefix) else 0
        self.taken.append((pick, options))
        return pick

    def next(self) -> bool:
        while self.taken:
            pick, options = self.taken.pop()
            if pick + 1 < options:
                self.prefix = [taken for taken, _ in self.taken] + [pick + 1]
                self.taken = []
                return True
        return False


@dataclass(slots=True, kw_only=True)
class Shell:
    """The state that a subshell copies."""

    dialect: str
    variables: dict[str, Value] = field(default_factory=dict)
    arrays: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    functions: dict[str, Command] = field(default_factory=dict)
    errexit: bool = False
    was_errexit: bool = False
    pipefail: bool = False
    errtrace: bool = False
    inherit_errexit: bool = False
    traps: dict[str, str] = field(default_factory=dict)
    arguments: tuple[Value, ...] | None = None  # None: the container's own command, not known
    last: Status = OK
    pipe_statuses: tuple[Status, ...] = ()
    job: int | None = None

    def child(self) -> Shell:
        other = copy(self)
        other.variables = dict(self.variables)
        other.arrays = dict(self.arrays)
        other.functions = dict(self.functions)
        other.traps = {name: action for name, action in self.traps.items() if name != "EXIT" and (name != "ERR" or self.errtrace)}
        return other


@dataclass(slots=True, kw_only=True)
class Tape:
    """What one walk has seen."""

    failed_line: int | None = None
    command: str = ""
    server_started: bool = False
    failing: bool = False  # failed, and not succeeded since
    loss: Loss | None = None
    status_read: int | None = None  # the line where `$?` of the failure was read
    read_late: int | None = None  # … where it was read too late
    since_failure: int = 0  # commands since the failure was last the status
    in_loop: int = 0
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Option:
    """An option given outside a script (`bash -e`), shaped like a value."""

    text: str | None


def set_options(shell: Shell, words: Sequence[Value | Option]) -> list[Value] | None:
    """`set -euo pipefail`, `set +e`; returns what follows `--`, None when the arguments stay."""
    index = 0
    while index < len(words):
        text = words[index].text or ""
        if text == "--":
            return [word for word in words[index + 1 :] if isinstance(word, Value)]
        if text[:1] not in {"-", "+"} or len(text) < 2:
            return [word for word in words[index:] if isinstance(word, Value)]
        on = text[0] == "-"
        flags = text.removeprefix("--") if text.startswith("--") else text[1:]
        if not text.startswith("--"):
            if "e" in flags:
                _errexit(shell, on)
            if "E" in flags:
                shell.errtrace = on
            if flags.endswith("o") and index + 1 < len(words):
                index += 1
                _named_option(shell, words[index].text or "", on)
        index += 1
    return None


def _named_option(shell: Shell, name: str, on: bool) -> None:
    if name == "errexit":
        _errexit(shell, on)
    elif name == "pipefail":
        shell.pipefail = on
    elif name == "errtrace":
        shell.errtrace = on


def _errexit(shell: Shell, on: bool) -> None:
    shell.errexit = on
    shell.was_errexit |= on


class Walking(Protocol):
    """What builtins, tests and sums need of the walk around them."""

    shell: Shell
    tape: Tape
    choices: Choices
    ignoring: list[str]
    jobs: list[Status]
    calls: int

    def script(self, script: Script) -> Status: ...
    def call(self, texts: list[str], words: list[Value], node: Simple) -> Status: ...
    def external(self, texts: list[str], node: Simple, *, replaces: bool = False) -> Status: ...
    def migrate(self, tool: str, texts: list[str], line: int) -> Status: ...
    def lose(self, rule: str, line: int, *, force: bool = False) -> None: ...
    def decide(self, key: str, operands: tuple[str | None, ...], *, clock: bool = False) -> bool: ...
    def count(self, key: str) -> int: ...
    def answer(self, truth: bool) -> Status: ...
    def expand(self, word: Word, substituted: list[Status] | None = None) -> Value: ...
    def environment(self, name: str) -> Value: ...
    def last_status(self, line: int) -> Value: ...
