"""One walk through a script with its migration failing: node by node, as the shell would go."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from parsers.lint.commands import UNKNOWN
from parsers.lint.expressions import DoubleBrackets
from parsers.lint.programs import Programs
from parsers.lint.shell import (
    AndOr,
    Arithmetic,
    Assignment,
    Case,
    Command,
    Condition,
    For,
    Function,
    Group,
    If,
    Loop,
    Pipeline,
    Script,
    Simple,
)  # fmt: skip
from parsers.lint.shell_builtins import BUILTINS, DECLARATIONS
from parsers.lint.state import (
    EMPTY,
    FALSE,
    MAX_CALLS,
    MAX_STEPS,
    MAX_TURNS,
    NOT_KNOWN,
    OK,
    Cut,
    Endless,
    Exit,
    Jump,
    Loss,
    Return,
    Status,
    Value,
)  # fmt: skip
from parsers.lint.words import breaks_out, or_rule, read_script


class Ending(StrEnum):
    """How one way through the script ends once the migration has failed."""

    STOPPED = "stopped"  # a non-zero exit, no server: as it should be
    HIDDEN = "hidden"  # the server starts, or the script says 0
    ENDLESS = "endless"  # it tries for ever, or stays up without a server
    UNREACHED = "unreached"  # the migration did not run, or did not fail, on this way


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One way through the script with the migrations of one tool failing."""

    ending: Ending
    failed_line: int | None
    command: str
    loss: Loss | None
    status: int
    cut: bool = False  # the step limit ended it


class Walker(Programs):
    """One walk. Methods named after the node they walk; each returns the node's exit status."""

    # ---- the whole ----
    def walk(self, script: Script) -> Walk:
        tape = self.tape
        status, ending, cut = OK, None, False
        try:
            status = self.main(script)
        except Endless as endless:
            if tape.server_started:
                ending = Ending.HIDDEN
            else:
                ending = Ending.ENDLESS if tape.failing else Ending.UNREACHED
                tape.loss = Loss(rule=endless.rule, line=endless.line)
        except (Cut, RecursionError):
            cut, ending = True, Ending.UNREACHED
        if ending is None:
            hidden = tape.server_started or status.code == 0
            ending = Ending.UNREACHED if not tape.failing else Ending.HIDDEN if hidden else Ending.STOPPED
        return Walk(
            ending=ending, failed_line=tape.failed_line, command=tape.command, loss=self._blame(), status=status.code, cut=cut
        )  # fmt: skip

    def _blame(self) -> Loss | None:
        tape = self.tape
        if tape.loss is None or tape.loss.rule.startswith(("endless", "kept_alive", "trap")):
            return tape.loss
        if tape.status_read is not None:
            return Loss(rule="status_ignored", line=tape.status_read)
        if tape.read_late is not None:
            return Loss(rule="status_read_too_late", line=tape.read_late)
        return tape.loss

    def main(self, script: Script) -> Status:
        """The script as its own process: an exit ends it, its EXIT trap has the last word."""
        try:
            status = self.script(script)
            line = 0
        except Exit as leave:
            status, line = leave.status, leave.line
        except Return as leave:
            status, line = leave.status, 0
        except Jump:
            status, line = self.shell.last, 0
        action = self.shell.traps.pop("EXIT", None)
        if action:
            self.shell.last = status
            after = self._trap(action, line)
            if after is not None:
                if status.failure and not after.failure and after.code == 0:
                    self.lose("trap_hides_exit", line, force=True)
                status = after
        return status

    def _trap(self, action: str, line: int) -> Status | None:
        """The status that a trap's action exits with; None when it does not exit."""
        held, self.shell.errexit = self.shell.errexit, False
        try:
            self.script(read_script(action, line))
        except Exit as leave:
            return leave.status
        except Return:
            return None
        finally:
            self.shell.errexit = held
        return None

    def lose(self, rule: str, line: int, *, force: bool = False) -> None:
        if self.tape.loss is None or force:
            self.tape.loss = Loss(rule=rule, line=line)

    # ---- lists ----
    def script(self, script: Script) -> Status:
        status = OK
        for index, item in enumerate(script.items):
            if index and status.failure:
                self._dropped(script.items[index - 1])
            status = self.and_or(item)
            self.shell.last = status
        return status

    def _dropped(self, item: AndOr) -> None:
        if self.tape.in_loop and breaks_out(item):
            return  # a retry: whether it gives up silently shows at the loop's end
        if self.ignoring and self.shell.errexit:
            self.lose("errexit_off_in_condition", item.line)
        elif self.shell.errexit:
            self.lose("and_list", item.line)
        elif self.shell.was_errexit:
            self.lose("set_plus_e", item.line)
        else:
            self.lose("semicolon" if item.semicolon else "no_errexit", item.line)

    def and_or(self, item: AndOr) -> Status:
        if item.background:
            return self._background(item)
        status = OK
        last = len(item.pipelines) - 1
        for index, pipeline in enumerate(item.pipelines):
            if index:
                operator = item.operators[index - 1]
                if (operator == "&&") != (status.code == 0):
                    continue
                self.shell.last = status
            before, failed_before = status, self.failures()
            if index < last:
                self.ignoring.append("list")
            try:
                status = self.pipeline(pipeline)
            finally:
                if index < last:
                    self.ignoring.pop()
            if index and before.failure and status.code == 0 and self.failures() == failed_before:
                self.lose(or_rule(pipeline), item.line)
        return status

    def _background(self, item: AndOr) -> Status:
        def run() -> Status:
            return self.and_or(AndOr(line=item.line, pipelines=item.pipelines, operators=item.operators))

        status = self.subshell(run)
        self.jobs.append(status)
        self.shell.job = len(self.jobs) - 1
        if status.failure:
            self.lose("background", item.line)
        return OK

    def pipeline(self, pipeline: Pipeline) -> Status:
        if pipeline.negated:
            self.ignoring.append("negation")
        try:
            status = self._commands(pipeline)
        finally:
            if pipeline.negated:
                self.ignoring.pop()
        if not pipeline.negated:
            return status
        if status.failure and not (self.ignoring and self.tape.in_loop):
            self.lose("negation" if not self.ignoring else "condition_goes_on", pipeline.line)
        return OK if status.code else FALSE

    def _commands(self, pipeline: Pipeline) -> Status:
        if len(pipeline.commands) == 1:
            status = self.command(pipeline.commands[0])
            self.shell.pipe_statuses = (status,)
            return status
        statuses = [self.subshell(partial(self.command, command)) for command in pipeline.commands]
        status = statuses[-1]
        failed = [found for found in statuses if found.code]
        if self.shell.pipefail and failed:
            status = failed[-1]
        elif any(found.failure for found in statuses[:-1]):
            self.lose("pipe_without_pipefail", pipeline.line)
        self.shell.pipe_statuses = tuple(statuses)
        self.shell.last = status
        return self.checked(status, pipeline.line)

    def checked(self, status: Status, line: int) -> Status:
        """What the shell does with a failing command: the ERR trap, then `set -e`."""
        if status.code == 0 or self.ignoring:
            return status
        action = self.shell.traps.get("ERR") if self.shell.dialect == "bash" else None
        if action:
            self.shell.last = status
            self.shell.traps["ERR"] = ""
            after = self._trap(action, line)
            self.shell.traps["ERR"] = action
            if after is not None:
                if status.failure and after.code == 0:
                    self.lose("trap_hides_exit", line, force=True)
                raise Exit(after, line)
        if self.shell.errexit:
            raise Exit(status, line)
        return status

    def subshell(self, run: Callable[[], Status], *, errexit: bool | None = None) -> Status:
        held, self.shell = self.shell, self.shell.child()
        if errexit is not None:
            self.shell.errexit = errexit
        try:
            status = run()
        except Exit as leave:
            status = leave.status
        except Return as leave:
            status = leave.status
        except Jump:
            status = self.shell.last
        finally:
            inner, self.shell = self.shell, held
        action = inner.traps.get("EXIT")
        if action:
            self.shell, inner.last = inner, status
            try:
                status = self._trap(action, 0) or status
            finally:
                self.shell = held
        return status

    # ---- commands ----
    def command(self, node: Command) -> Status:
        self.tape.steps += 1
        if self.tape.steps > MAX_STEPS:
            raise Cut
        match node:
            case Simple():
                return self.simple(node)
            case Group():
                if node.subshell:
                    return self.checked(self.subshell(lambda: self.script(node.body)), node.line)
                return self.script(node.body)
            case If():
                return self.if_(node)
            case Loop():
                return self.loop(node)
            case For():
                return self.for_(node)
            case Case():
                return self.case(node)
            case Function():
                self.shell.functions[node.name] = node.body
                return OK
            case Condition():
                return self.checked(self.answer(DoubleBrackets(self, node).value()), node.line)
            case Arithmetic():
                value = self.arithmetic(node.text)
                truth = self.decide(f"(({node.text}))", (None,)) if value is None else value != 0
                return self.checked(self.answer(truth), node.line)

    def condition(self, script: Script, line: int) -> bool:
        failed_before = self.failures()
        self.ignoring.append("condition")
        try:
            status = self.script(script)
        finally:
            self.ignoring.pop()
        self.shell.last = status
        if self.failures() > failed_before and self.tape.failing and not self.tape.in_loop:
            self.lose("condition_goes_on", line)
        return status.code == 0

    def if_(self, node: If) -> Status:
        for condition, body in node.branches:
            if self.condition(condition, node.line):
                return self.script(body)
        return self.script(node.otherwise) if node.otherwise is not None else OK

    def loop(self, node: Loop) -> Status:
        status, failed_before = OK, self.failures()

        def turn() -> bool:
            nonlocal status
            if self.condition(node.condition, node.line) == node.until:
                return False
            status = self.script(node.body)
            return True

        self._turns(node.line, turn)
        if self.failures() > failed_before and self.tape.failing:
            self.lose("retry_gives_up", node.line)
        return status

    def for_(self, node: For) -> Status:
        status, failed_before = OK, self.failures()
        if node.arithmetic is not None:
            start, check, step = node.arithmetic
            self.arithmetic(start)

            def counted() -> bool:
                nonlocal status
                value = self.arithmetic(check) if check else 1
                if (value is None and self.count(f"for {node.line}") > 2) or value == 0:
                    return False
                try:
                    status = self.script(node.body)
                finally:
                    self.arithmetic(step)
                return True

            self._turns(node.line, counted)
        else:
            values = iter(self._for_values(node))

            def each() -> bool:
                nonlocal status
                value = next(values, None)
                if value is None:
                    return False
                self.shell.variables[node.name] = value
                status = self.script(node.body)
                return True

            self._turns(node.line, each, counted=True)
        if self.failures() > failed_before and self.tape.failing:
            self.lose("retry_gives_up", node.line)
        return status

    def _for_values(self, node: For) -> list[Value]:
        if node.words is None:
            return [NOT_KNOWN]
        return [value for word in node.words for value in self.fields(word)][:MAX_TURNS]

    def _turns(self, line: int, turn: Callable[[], bool], *, counted: bool = False) -> None:
        seen: set[object] = set()
        self.tape.in_loop += 1
        try:
            for number in range(MAX_TURNS + 1):
                if not counted:
                    state = self._state()
                    if state in seen or number == MAX_TURNS:
                        raise Endless("endless_retry", line)
                    seen.add(state)
                try:
                    if not turn():
                        return
                except Jump as jump:
                    if jump.levels > 1:
                        raise Jump(jump.levels - 1, jump.again) from None
                    if not jump.again:
                        return
        finally:
            self.tape.in_loop -= 1

    def _state(self) -> object:
        shell = self.shell
        variables = tuple(sorted((name, value.text) for name, value in shell.variables.items() if value.text is not None))
        moving = tuple(sorted(self.counts.items())) if any(value.clock for value in shell.variables.values()) else ()
        asked = tuple(sorted((key, count) for key, count in self.counts.items() if key.startswith(("read", "ask"))))
        return variables, shell.errexit, self.tape.failing, moving, asked

    def case(self, node: Case) -> Status:
        subject = self.expand(node.subject)
        arms = list(node.arms)
        picked = self._arm(node, subject)
        if picked is None:
            return OK
        status = OK
        for _, body, terminator in arms[picked:]:
            status = self.script(body)
            if terminator != ";&":
                break
        return status

    def _arm(self, node: Case, subject: Value) -> int | None:
        star = [index for index, (patterns, _, _) in enumerate(node.arms) if any(word.raw == "*" for word in patterns)]
        if subject.text is None or subject.text == UNKNOWN:
            ways: list[int | None] = [*star] or [None]
            ways += [index for index in range(len(node.arms)) if index not in star]
            return ways[self.choices.choose(len(ways))]
        for index, (patterns, _, _) in enumerate(node.arms):
            for word in patterns:
                pattern = self.expand(word).text
                if pattern is not None and fnmatch.fnmatchcase(subject.text, pattern):
                    return index
        return None

    # ---- simple commands ----
    def simple(self, node: Simple) -> Status:
        failed_before = self.failures()
        substituted: list[Status] = []
        words = [value for word in node.words for value in self.fields(word, substituted)]
        if not words:
            return self._assignments(node, substituted)
        for assignment in node.assignments:
            self._value(assignment, substituted)
        texts = [UNKNOWN if value.text is None else value.text for value in words]
        if any(status.failure for status in substituted) and self.failures() > failed_before:
            rule = "declaration_hides_status" if texts[0] in DECLARATIONS else "status_of_substitution_lost"
            self.lose(rule, node.line)
        for redirect in node.redirects:
            for script in redirect.target.scripts if redirect.target else ():
                self.subshell(partial(self.script, script))
        status = self.call(texts, words, node)
        self.shell.last = status
        self.shell.pipe_statuses = (status,)
        return self.checked(status, node.line)

    def _assignments(self, node: Simple, substituted: list[Status]) -> Status:
        for assignment in node.assignments:
            value = self._value(assignment, substituted)
            if assignment.elements is not None:
                held_before = self.shell.arrays.get(assignment.name, ()) if assignment.append else ()
                elements = [one for word in assignment.elements for one in self.fields(word, substituted)]
                self.shell.arrays[assignment.name] = (*held_before, *elements)
            elif assignment.append:
                held = self.shell.variables.get(assignment.name, EMPTY)
                joined = None if held.text is None or value.text is None else held.text + value.text
                value = Value(text=joined, failure=value.failure or held.failure)
            self.shell.variables[assignment.name] = value
        status = substituted[-1] if substituted else OK
        self.shell.last = status
        return self.checked(status, node.line)

    def _value(self, assignment: Assignment, substituted: list[Status]) -> Value:
        return NOT_KNOWN if assignment.value is None else self.expand(assignment.value, substituted)

    def call(self, texts: list[str], words: list[Value], node: Simple) -> Status:
        name = texts[0]
        if name in self.shell.functions:
            return self._function(name, words)
        builtin = BUILTINS.get(name)
        if builtin is not None:
            return builtin(self, texts, words, node)
        return self.external(texts, node)

    def _function(self, name: str, words: list[Value]) -> Status:
        if self.calls >= MAX_CALLS:
            raise Cut
        held = self.shell.arguments
        self.shell.arguments = tuple(words[1:])
        self.calls += 1
        try:
            return self.command(self.shell.functions[name])
        except Return as leave:
            return leave.status
        finally:
            self.calls -= 1
            self.shell.arguments = held
