"""The commands that the shell itself knows, as a walk meets them."""

from __future__ import annotations

import re
from collections.abc import Callable

from parsers.lint.commands import UNKNOWN, Peeled, migration_tool
from parsers.lint.expressions import Sum, test_value
from parsers.lint.shell import Simple
from parsers.lint.state import (
    FALSE,
    MAX_CALLS,
    NOT_KNOWN,
    OK,
    Endless,
    Exit,
    Jump,
    Return,
    Status,
    Value,
    Walking,
    set_options,
)  # fmt: skip
from parsers.lint.words import as_number, read_script

DECLARATIONS = frozenset({"local", "export", "declare", "readonly", "typeset"})
Builtin = Callable[[Walking, list[str], list[Value], Simple], Status]


def _b_status(code: int) -> Builtin:
    return lambda _walker, _texts, _words, _node: Status(code=code)


def _b_exit(walker: Walking, texts: list[str], words: list[Value], node: Simple) -> Status:
    status = walker.shell.last
    if len(texts) > 1:
        number = as_number(words[1].text)
        status = Status(code=1 if number is None else number & 255, failure=walker.tape.failing and number != 0)
        if words[1].text is None and walker.choices.choose(2) == 1:
            status = OK
    if status.code == 0 and walker.tape.failing and walker.tape.loss is None:
        walker.lose("exit_zero", node.line)
    raise Exit(status, node.line)


def _b_return(walker: Walking, texts: list[str], words: list[Value], node: Simple) -> Status:
    if len(texts) == 1:
        raise Return(walker.shell.last)
    number = as_number(words[1].text)
    if number == 0 and walker.tape.failing:
        walker.lose("exit_zero", node.line)
    raise Return(Status(code=1 if number is None else number & 255, failure=walker.tape.failing and number != 0))


def _b_jump(walker: Walking, texts: list[str], words: list[Value], _node: Simple) -> Status:
    if not walker.tape.in_loop:
        return OK
    levels = as_number(words[1].text) if len(words) > 1 else 1
    raise Jump(levels or 1, texts[0] == "continue")


def _b_set(walker: Walking, _texts: list[str], words: list[Value], _node: Simple) -> Status:
    rest = set_options(walker.shell, words[1:])
    if rest is not None:
        walker.shell.arguments = tuple(rest) if all(value.text != UNKNOWN for value in rest) else None
    return OK


def _b_shopt(walker: Walking, texts: list[str], _words: list[Value], _node: Simple) -> Status:
    if "inherit_errexit" in texts:
        walker.shell.inherit_errexit = "-u" not in texts
    return OK


def _b_shift(walker: Walking, _texts: list[str], _words: list[Value], _node: Simple) -> Status:
    if walker.shell.arguments:
        walker.shell.arguments = walker.shell.arguments[1:]
    return OK


def _b_declare(walker: Walking, _texts: list[str], words: list[Value], _node: Simple) -> Status:
    for value in words[1:]:
        match = re.match(r"([A-Za-z_]\w*)=(.*)", value.text or "", re.DOTALL)
        if match:
            walker.shell.variables[match[1]] = Value(text=match[2], failure=value.failure, clock=value.clock, job=value.job)
    return OK


def _b_test(walker: Walking, texts: list[str], words: list[Value], node: Simple) -> Status:
    operands = words[1:-1] if texts[0] == "[" else words[1:]
    raws = [word.raw for word in node.words][1 : len(operands) + 1]
    return walker.answer(test_value(walker, operands, raws))


def _b_trap(walker: Walking, texts: list[str], _words: list[Value], _node: Simple) -> Status:
    if len(texts) < 3 or texts[1] in {"-l", "-p"}:
        return OK
    action = texts[2:] if texts[1] == "--" else texts[1:]
    for signal in action[1:]:
        name = {"0": "EXIT"}.get(signal, signal.upper().removeprefix("SIG"))
        if action[0] in {"-", UNKNOWN}:
            walker.shell.traps.pop(name, None)
        else:
            walker.shell.traps[name] = action[0]
    return OK


def _b_exec(walker: Walking, texts: list[str], _words: list[Value], node: Simple) -> Status:
    if len(texts) == 1:
        return OK
    held, walker.ignoring = walker.ignoring, []
    try:
        status = walker.external(texts[1:], node, replaces=True)
    finally:
        walker.ignoring = held
    walker.shell.traps.pop("EXIT", None)
    raise Exit(status, node.line)


def _b_eval(walker: Walking, texts: list[str], _words: list[Value], node: Simple) -> Status:
    if UNKNOWN in texts or walker.calls >= MAX_CALLS:
        return OK
    walker.calls += 1
    try:
        return walker.script(read_script(" ".join(texts[1:]), node.line))
    finally:
        walker.calls -= 1


def _b_source(walker: Walking, texts: list[str], _words: list[Value], node: Simple) -> Status:
    peeled = Peeled(words=tuple(texts[1:2]))
    tool = migration_tool(peeled)
    return walker.migrate(tool, texts, node.line) if tool else OK


def _b_wait(walker: Walking, texts: list[str], words: list[Value], _node: Simple) -> Status:
    named = [value.job for value in words[1:] if value.job is not None]
    if "-n" in texts:
        failed = [status for status in walker.jobs if status.code]
        return failed[0] if failed else OK
    if not named:
        return OK
    status = walker.jobs[named[-1]]
    if status.failure and walker.tape.loss is not None and walker.tape.loss.rule == "background":
        walker.tape.loss = None  # it was waited for: what happens to the status now is what counts
    return status


def _b_command(walker: Walking, texts: list[str], words: list[Value], node: Simple) -> Status:
    if len(texts) > 1 and texts[1] in {"-v", "-V"}:
        return walker.answer(walker.decide(" ".join(texts), ()))
    return walker.call(texts[1:], words[1:], node) if len(texts) > 1 else OK


def _b_read(walker: Walking, texts: list[str], _words: list[Value], node: Simple) -> Status:
    for name in texts[1:]:
        if re.fullmatch(r"[A-Za-z_]\w*", name):
            walker.shell.variables[name] = NOT_KNOWN
    return OK if walker.count(f"read {node.line}") == 1 else FALSE


def _b_let(walker: Walking, texts: list[str], _words: list[Value], _node: Simple) -> Status:
    value = None
    for text in texts[1:]:
        value = Sum(walker, text).value()
    return FALSE if value == 0 else OK


def _b_kill(_walker: Walking, texts: list[str], _words: list[Value], node: Simple) -> Status:
    if any(text in {"1", str(UNKNOWN)} for text in texts[-1:]):
        raise Exit(Status(code=143), node.line)
    return OK


def _b_sleep(walker: Walking, texts: list[str], _words: list[Value], node: Simple) -> Status:
    if texts[-1] in {"infinity", "inf"} and walker.tape.failing:
        raise Endless("kept_alive", node.line)
    return OK


_NOTHING = ("true", ":", "echo", "printf", "cd", "unset", "umask", "ulimit", "alias", "hash", "pushd", "popd", "disown", "logger")
BUILTINS: dict[str, Builtin] = dict.fromkeys(_NOTHING, _b_status(0)) | {
    "false": _b_status(1), "sleep": _b_sleep, "exit": _b_exit, "return": _b_return, "break": _b_jump, "continue": _b_jump,
    "set": _b_set, "shopt": _b_shopt, "shift": _b_shift, "test": _b_test, "[": _b_test, "trap": _b_trap, "exec": _b_exec,
    "eval": _b_eval, "source": _b_source, ".": _b_source, "wait": _b_wait, "command": _b_command, "type": _b_command,
    "read": _b_read, "let": _b_let, "kill": _b_kill, **dict.fromkeys(sorted(DECLARATIONS), _b_declare),
}  # fmt: skip
