"""Words and scripts inside scripts: what their text is, as far as it can be told."""

from __future__ import annotations

import re
from collections.abc import Sequence

from parsers.lint.commands import UNKNOWN
from parsers.lint.shell import AndOr, Group, Part, Pipeline, Script, ShellSyntaxError, Simple, Word, parse
from parsers.lint.state import MAX_TURNS, Value


def read_script(text: str, line: int) -> Script:
    """A script inside the script; what cannot be read does nothing (its own line was read, or the whole was refused)."""
    try:
        return parse(text, first_line=line)
    except ShellSyntaxError:
        return Script()


def as_word(text: str, line: int) -> Word:
    parsed = read_script(f": {text}" if text else ":", line)
    if parsed.items and isinstance(parsed.items[0].pipelines[0].commands[0], Simple):
        words = parsed.items[0].pipelines[0].commands[0].words[1:]
        parts = tuple(
            part for index, word in enumerate(words) for part in ((Part(kind="literal", text=" "),) if index else ()) + word.parts
        )
        return Word(raw=text, parts=parts, line=line)
    return Word(raw=text, parts=(Part(kind="literal", text=text),), line=line)


def joined_text(values: Sequence[Value]) -> str | None:
    texts = [value.text for value in values]
    return None if any(text is None for text in texts) else " ".join(text or "" for text in texts)


def as_number(text: str | None) -> int | None:
    try:
        return int(text.strip() or "0") if text is not None else None
    except ValueError:
        return None


def brace_words(text: str) -> list[str]:
    match = re.search(r"\{(-?\d+)\.\.(-?\d+)\}", text)
    if match:
        first, last = int(match[1]), int(match[2])
        step = 1 if last >= first else -1
        return [text.replace(match[0], str(number)) for number in range(first, last + step, step)][:MAX_TURNS]
    match = re.search(r"\{([^{},\s]*(?:,[^{},\s]*)+)\}", text)
    return [text.replace(match[0], piece) for piece in match[1].split(",")] if match else [text]


def known_output(script: Script) -> Value | None:
    """What a substitution prints when that can be told: `seq`, `echo`, and that a `date` is a clock."""
    if len(script.items) != 1 or len(script.items[0].pipelines) != 1 or len(script.items[0].pipelines[0].commands) != 1:
        return None
    command = script.items[0].pipelines[0].commands[0]
    if not isinstance(command, Simple) or not command.words or any(word.literal is None for word in command.words):
        return None
    texts = [word.literal or "" for word in command.words]
    numbers = [as_number(text) for text in texts[1:]]
    if texts[0] == "seq" and numbers and all(number is not None for number in numbers):
        known = [number for number in numbers if number is not None]
        first, step, last = (
            (1, 1, known[0])
            if len(known) == 1
            else (known[0], 1, known[1])
            if len(known) == 2
            else (known[0], known[1], known[2])
        )
        return Value(text=" ".join(str(number) for number in list(range(first, last + 1, max(step, 1)))[:MAX_TURNS]))
    if texts[0] == "echo":
        return Value(text=" ".join(texts[1:]))
    return Value(text=None, clock=True) if texts[0] == "date" else None


def or_rule(pipeline: Pipeline) -> str:
    """The name of the idiom on the right of `||`."""
    command = pipeline.commands[0]
    if isinstance(command, Group):
        return "or_group"
    if isinstance(command, Simple) and command.words:
        name = command.words[0].literal
        if name in {"true", ":"}:
            return "or_true"
        if name in {"echo", "printf", "logger"}:
            return "or_echo"
    return "or_other"


def breaks_out(item: AndOr) -> bool:
    commands = [command for pipeline in item.pipelines for command in pipeline.commands]
    return any(isinstance(command, Simple) and command.words and command.words[0].literal == "break" for command in commands)


def shown(words: Sequence[str]) -> str:
    """A command as it may be shown: assignments off, passwords out of URLs, at most 120 characters."""
    kept = [("…" if word == UNKNOWN else word) for word in words if not re.match(r"[A-Za-z_]\w*=", word)]
    text = re.sub(r"(\w+://)[^\s/@]+@", r"\1***@", " ".join(kept))
    text = re.sub(r"(?i)((?:password|passwd|secret|token|apikey|api-key)[= ])\S+", r"\1***", text)
    return text if len(text) <= 120 else f"{text[:119]}…"
