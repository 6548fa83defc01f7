"""What the words of a start script stand for: which command migrates, which one starts the server, which one only wraps.

Recognisers over `commands.toml`; a new tool is a line there.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

MAX_COMMAND_CHARS = 2_000
"""Patterns see at most this much of a command."""
UNKNOWN = "\0"
"""Stands for a word whose text is not known before the script runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peeled:
    """A command with its wrappers off (`timeout 60 npx prisma …` -> `prisma …`)."""

    words: tuple[str, ...]
    script: str | None = None  # `sh -c '…'`: the text that a further shell runs
    options: tuple[str, ...] = ()  # that shell's options (`-e`, `-o pipefail`)
    interpreter: str = ""  # sh, bash, …
    package_script: str | None = None  # `npm run NAME`

    @property
    def text(self) -> str:
        return " ".join(self.words)[:MAX_COMMAND_CHARS]


def _data() -> dict[str, Any]:
    return tomllib.loads(files("parsers.lint").joinpath("commands.toml").read_text("utf-8"))


_DATA = _data()
_MIGRATIONS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (tool, re.compile(rf"(?:\S*/)?(?:{pattern})")) for tool, pattern in _DATA["migrations"]
)
_SERVERS = re.compile(rf"(?:\S*/)?(?:{'|'.join(_DATA['servers'])})(?: |$)")
_REMARKS = tuple(
    (rule, text, re.compile(rf"(?:\S*/)?(?:python[\d.]* )?(?:{pattern})")) for rule, text, pattern in _DATA["remarks"]
)
_WRAPPERS: dict[str, str] = _DATA["wrappers"]
_OPERANDS: dict[str, int] = _DATA["operands"]
_LAUNCHERS = tuple(tuple(prefix) for prefix in _DATA["launchers"]["prefixes"])
_LAUNCHER_ARGUMENTS = frozenset(_DATA["launchers"]["options_with_value"])
_NPM_OWN = frozenset(_DATA["launchers"]["own_commands"])
_RUNTIME = re.compile(
    r"(?:\S*/)?(?:node|nodejs|python[\d.]*|ruby|php|ts-node|tsx|deno run|bun|java|dotnet)(?: --?[\w-]+(?:=\S+)?)* (?:-m )?"
)
_NO_MIGRATION = re.compile(
    r"\b(?:status|generate|create|make|new|rollback|down|undo|check|lint|test|revert|info|list|history|current)\b"
)

_SCRIPT_NAME = re.compile(
    r"(?:^|[:\-_])(?:migrat\w*|db[:\-](?:deploy|push|update|setup|prepare|upgrade)|schema[:\-](?:apply|update))", re.IGNORECASE
)
_SERVER_NAME = re.compile(r"^(?:start|serve|server|dev|preview|prod)(?:[:\-_]|$)")
SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "ksh", "busybox"})
_MANAGERS = frozenset({"npm", "yarn", "pnpm", "bun"})
_ASSIGN = re.compile(r"[A-Za-z_]\w*=")


def peel(words: Sequence[str]) -> Peeled:
    """The command behind its wrappers: `env`, `timeout 60`, `npx --yes`, `poetry run`, `sh -c`, `npm run`."""
    rest = list(words)
    while rest:
        name = rest[0].rsplit("/", 1)[-1]
        if _ASSIGN.match(rest[0]):
            rest = rest[1:]
        elif name in _WRAPPERS:
            rest = _skip_options(rest[1:], _WRAPPERS[name])[_OPERANDS.get(name, 0) :]
        elif name == "su":
            return _su(rest)
        elif name == "busybox" and len(rest) > 1:
            rest = rest[1:]
        elif name in SHELLS:
            return _shell(name, rest)
        elif name in _MANAGERS and (found := _package_script(rest)) is not None:
            return found
        elif (launched := _launched(rest)) is not None:
            rest = launched
        else:
            break
    return Peeled(words=tuple(rest))


def _skip_options(words: list[str], with_value: str) -> list[str]:
    index = 0
    while index < len(words) and words[index].startswith("-"):
        word = words[index]
        index += 1
        if word == "--":
            break
        if len(word) == 2 and word[1] in with_value:
            index += 1
    while index < len(words) and _ASSIGN.match(words[index]):
        index += 1
    return words[index:]


def _launched(words: list[str]) -> list[str] | None:
    for launcher in _LAUNCHERS:
        if tuple(words[: len(launcher)]) == launcher:
            rest = words[len(launcher) :]
            while rest and rest[0].startswith("-"):
                taken = 2 if rest[0] in _LAUNCHER_ARGUMENTS else 1
                if rest[0] == "--":
                    return rest[1:]
                rest = rest[taken:]
            return [rest[0].split("@", 1)[0] if not rest[0].startswith("@") else rest[0], *rest[1:]] if rest else []
    return None


def _su(words: list[str]) -> Peeled:
    for index, word in enumerate(words[:-1]):
        if word in {"-c", "--command"}:
            return Peeled(words=tuple(words), script=words[index + 1], interpreter="sh")
    return Peeled(words=tuple(words))


def _shell(name: str, words: list[str]) -> Peeled:
    options: list[str] = []
    index = 1
    while index < len(words) and words[index][:1] in "-+" and len(words[index]) > 1:
        word = words[index]
        if word in {"-o", "+o", "-O"} and index + 1 < len(words):
            options += [word, words[index + 1]]
            index += 2
            continue
        options.append(word)
        index += 1
        if word.startswith("-") and not word.startswith("--") and "c" in word:
            if "o" in word and index < len(words):  # bash -eo pipefail -c is written -eoc pipefail too
                options.append(words[index])
                index += 1
            while index < len(words) and words[index].startswith("-"):
                options.append(words[index])
                index += 1
            return Peeled(
                words=tuple(words), script=words[index] if index < len(words) else "", options=tuple(options), interpreter=name
            )
        if word.startswith("-") and not word.startswith("--") and word.endswith("o") and index < len(words):
            options.append(words[index])
            index += 1
    return Peeled(words=tuple(words[index:]) or tuple(words))


def _package_script(words: list[str]) -> Peeled | None:
    rest = words[1:]
    while rest and rest[0].startswith("-"):
        rest = rest[2 if rest[0] in _LAUNCHER_ARGUMENTS else 1 :]
    if not rest:
        return None
    if rest[0] in {"run", "run-script"}:
        rest = rest[1:]
        while rest and rest[0].startswith("-"):
            rest = rest[2 if rest[0] in _LAUNCHER_ARGUMENTS else 1 :]
        return Peeled(words=tuple(words), package_script=rest[0]) if rest else None
    if rest[0] in {"start", "test", "stop", "restart"} and words[0] != "bun":
        return Peeled(words=tuple(words), package_script=rest[0])
    if words[0] == "npm" or rest[0] in _NPM_OWN or "." in rest[0]:
        return None
    return Peeled(words=tuple(words), package_script=rest[0], options=tuple(rest))


def migration_tool(peeled: Peeled) -> str | None:
    """Which tool this command migrates with; None when it does not migrate."""
    if peeled.package_script is not None:
        if peeled.options:  # `yarn prisma migrate deploy`: a script's name or a program's
            tool = _tool_of(" ".join(peeled.options))
            if tool:
                return tool
        name = peeled.package_script
        return "package script" if _SCRIPT_NAME.search(name) and not _NO_MIGRATION.search(name.replace(":", " ")) else None
    return _tool_of(peeled.text)


def _tool_of(text: str) -> str | None:
    bare = _RUNTIME.sub("", text, count=1)
    for tool, pattern in _MIGRATIONS:
        for candidate in (text, bare):
            match = pattern.fullmatch(candidate) if tool == "script" else pattern.match(candidate)
            if match and not (tool == "script" and _NO_MIGRATION.search(candidate)):
                return tool
    return None


def is_server(peeled: Peeled) -> bool:
    """Whether this command looks like the application itself."""
    if peeled.package_script is not None:
        return bool(_SERVER_NAME.search(peeled.package_script))
    return bool(_SERVERS.match(peeled.text)) or peeled.text.startswith(UNKNOWN)


def static_rule(peeled: Peeled) -> tuple[str, str] | None:
    """(rule, what it does) for a command that should not stand in a start script at all."""
    text = " ".join(peeled.options) if peeled.package_script is not None else peeled.text
    for rule, what, pattern in _REMARKS:
        if pattern.match(text):
            return rule, what
    return None
