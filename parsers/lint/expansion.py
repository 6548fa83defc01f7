"""What words become: parameters, substitutions, fields; and the answers that cannot be known."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import cast

from parsers.lint.commands import UNKNOWN
from parsers.lint.expressions import Sum
from parsers.lint.shell import Part, Script, Word
from parsers.lint.state import (
    EMPTY,
    NOT_KNOWN,
    OK,
    Choices,
    Option,
    Remark,
    Setting,
    Shell,
    Status,
    Tape,
    Value,
    Walking,
    set_options,
)
from parsers.lint.words import as_word, brace_words, joined_text, known_output

_ARRAY = re.compile(r'"?\$\{(\w+)\[[@*]\]\}"?')


class Expansion(ABC):
    """The walk's memory, and how it turns words into values."""

    def __init__(self, setting: Setting, choices: Choices, failing: str | None) -> None:
        self.setting = setting
        self.choices = choices
        self.failing = failing
        self.shell = Shell(dialect=setting.dialect)
        self.tape = Tape()
        self.ignoring: list[str] = []  # the constructs around us in which `set -e` does not count
        self.jobs: list[Status] = []
        self.answers: dict[str, tuple[tuple[str | None, ...], int]] = {}
        self.counts: dict[str, int] = {}
        self.calls = 0
        self.packages: list[str] = []
        self.tools: list[str] = []
        self.remarks: list[Remark] = []
        set_options(self.shell, [Option(option) for option in setting.options])

    @abstractmethod
    def script(self, script: Script) -> Status: ...

    @abstractmethod
    def subshell(self, run: Callable[[], Status], *, errexit: bool | None = None) -> Status: ...

    def fields(self, word: Word, substituted: list[Status] | None = None) -> list[Value]:
        """A word as the fields it becomes: braces and unquoted known text are split."""
        if word.raw in {"$@", '"$@"', "$*", "${@}", '"${@}"'}:
            if self.shell.arguments is not None:
                return list(self.shell.arguments)
            return [Value(text=UNKNOWN)]
        array = _ARRAY.fullmatch(word.raw)
        if array is not None:
            return list(self.shell.arrays.get(array[1], (Value(text=UNKNOWN),)))
        literal = word.literal
        if literal is not None and "{" in word.raw and not any(part.quoted for part in word.parts):
            return [Value(text=text) for text in brace_words(literal)]
        value = self.expand(word, substituted)
        if value.text is None or any(part.quoted for part in word.parts) or all(part.kind == "literal" for part in word.parts):
            return [value]
        if not value.text.split() and value.text != UNKNOWN:
            return []
        return [Value(text=text, failure=value.failure, clock=value.clock, job=value.job) for text in value.text.split()]

    def expand(self, word: Word, substituted: list[Status] | None = None) -> Value:
        texts: list[str | None] = []
        failure = clock = False
        job: int | None = None
        for part in word.parts:
            value = self._part(part, substituted, word.line)
            texts.append(value.text)
            failure |= value.failure
            clock |= value.clock
            job = value.job if value.job is not None else job
        known = [text for text in texts if text is not None]
        return Value(text="".join(known) if len(known) == len(texts) else None, failure=failure, clock=clock, job=job)

    def _part(self, part: Part, substituted: list[Status] | None, line: int) -> Value:
        if part.kind in {"literal", "pattern"}:
            return Value(text=part.text)
        if part.kind == "arith":
            number = self.arithmetic(part.text)
            return NOT_KNOWN if number is None else Value(text=str(number))
        if part.kind == "param":
            return self._parameter(part, line)
        assert part.script is not None
        return self._substitute(part.script, substituted if part.kind == "command" else None)

    def _substitute(self, script: Script, substituted: list[Status] | None) -> Value:
        known = known_output(script)
        if known is not None:
            if substituted is not None:
                substituted.append(OK)
            return known
        keeps = self.shell.dialect != "bash" or self.shell.inherit_errexit
        held = self.shell.errexit
        status = self.subshell(lambda: self.script(script), errexit=held and keeps)
        if substituted is not None:
            substituted.append(status)
        return NOT_KNOWN

    def _parameter(self, part: Part, line: int) -> Value:
        name = part.text
        if name == "?":
            return self.last_status(line)
        if name == "!":
            return Value(text=f"job{self.shell.job}", job=self.shell.job)
        if name == "PIPESTATUS":
            return self._pipe_status(part, line)
        if name in {"SECONDS", "EPOCHSECONDS", "RANDOM"}:
            return Value(text=None, clock=True)
        if name == "#":
            return NOT_KNOWN if self.shell.arguments is None else Value(text=str(len(self.shell.arguments)))
        if name.isdigit() and name != "0":
            arguments = self.shell.arguments
            held = None if arguments is None else arguments[int(name) - 1] if int(name) <= len(arguments) else EMPTY
        elif name in {"@", "*"}:
            held = None if self.shell.arguments is None else Value(text=joined_text(self.shell.arguments))
        else:
            held = self.shell.variables.get(name)
        return self._with_operator(part, held, line)

    def _with_operator(self, part: Part, held: Value | None, line: int) -> Value:
        if part.op in {":-", "-", ":=", "="}:
            if held is None:
                held = self.environment(part.text)
            if held.text == "":
                value = self.expand(as_word(part.argument, line))
                if "=" in part.op:
                    self.shell.variables[part.text] = value
                return value
            return held
        if part.op in {":+", "+"}:
            held = self.environment(part.text) if held is None else held
            return EMPTY if held.text == "" else self.expand(as_word(part.argument, line))
        if held is None:
            return self.environment(part.text) if not part.op else NOT_KNOWN
        return held if part.op in {"", ":?", "?"} else Value(text=None, failure=held.failure, clock=held.clock)

    def environment(self, name: str) -> Value:
        """A variable that the script did not set: not set, or set to something unknown. Once asked, it stays so."""
        if not name or name.isdigit() or name in {"@", "*"}:
            return NOT_KNOWN
        value = EMPTY if self.choices.choose(2) == 0 else NOT_KNOWN
        self.shell.variables[name] = value
        return value

    def last_status(self, line: int) -> Value:
        last = self.shell.last
        if last.failure and self.tape.failing:
            self.tape.status_read = self.tape.status_read or line
        elif self.tape.failing and self.tape.loss is not None and self.tape.status_read is None:
            self.tape.read_late = self.tape.read_late or line
        return Value(text=str(last.code), failure=last.failure)

    def _pipe_status(self, part: Part, line: int) -> Value:
        index = re.search(r"\[(\d+)\]", part.op)
        statuses = self.shell.pipe_statuses
        if index is None or int(index[1]) >= len(statuses):
            return NOT_KNOWN
        status = statuses[int(index[1])]
        if status.failure:
            self.tape.status_read = self.tape.status_read or line
        return Value(text=str(status.code), failure=status.failure)

    def count(self, key: str) -> int:
        self.counts[key] = self.counts.get(key, 0) + 1
        return self.counts[key]

    def decide(self, key: str, operands: tuple[str | None, ...], *, clock: bool = False) -> bool:
        """An answer that cannot be known. The same question with the same operands gets the same answer; a counter that
        moved, or a clock, turns it once: waiting ends."""
        before = self.answers.get(key)
        if before is not None:
            same, answer = before[0] == operands and not clock, before[1]
            if same:
                return answer == 0
            self.count(f"ask {key}")
            self.answers[key] = (operands, 1 - answer)
            return answer == 1
        answer = self.choices.choose(2)
        self.answers[key] = (operands, answer)
        return answer == 0

    def arithmetic(self, text: str) -> int | None:
        """The value of a shell arithmetic, its assignments done; None when it is not known."""
        return Sum(cast("Walking", self), text).value()
