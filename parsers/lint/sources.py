"""Files -> the scripts in them: sh and bash, Dockerfiles, package.json, Procfiles, ECS task definitions, compose files."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from parsers.lint.commands import SHELLS
from parsers.lint.compose import commands
from parsers.lint.state import Setting

MAX_SCRIPT_CHARS = 200_000
"""Longer texts are not read: no start script is that long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One script inside a file: its text, the line where it begins, what it is run by."""

    text: str
    line: int
    setting: Setting
    where: str = ""
    build: bool = False
    readable: bool = True


def script_sources(path: str, text: str, near: Mapping[str, tuple[str, int]]) -> Iterator[Source]:
    name = posixpath.basename(path)
    if len(text) > MAX_SCRIPT_CHARS:
        yield Source(text="", line=1, setting=Setting(), readable=False)
    elif name == "package.json":
        yield from _package(text)
    elif name.endswith(".json"):
        yield from _task_definition(text, near)
    elif re.match(r"(?i)(?:docker|container)file(?:\.|$)", name) or name.lower().endswith((".dockerfile", ".containerfile")):
        yield from _dockerfile(text, near)
    elif name.endswith((".yml", ".yaml")):
        yield from compose_sources(text, near)
    elif name == "Procfile":
        for number, row in enumerate(text.splitlines(), 1):
            match = re.match(r"([A-Za-z0-9_-]+):\s*(.+)", row)
            if match:
                yield Source(text=match[2], line=number, setting=Setting(package_scripts=near), where=match[1])
    else:
        yield _script(text, near)


def _script(text: str, near: Mapping[str, tuple[str, int]]) -> Source:
    shebang = re.match(r"#!\s*(?:/usr/bin/env (?:-S )?)?(\S+)((?:[ \t]+\S+)*)", text)
    program = posixpath.basename(shebang[1]) if shebang else "bash"
    options = tuple(shebang[2].split()) if shebang else ()
    if program == "with-contenv":  # s6: the interpreter follows
        program, options = (posixpath.basename(options[0]), options[1:]) if options else ("sh", ())
    dialect = "sh" if program in {"sh", "ash", "dash"} else "bash"
    return Source(text=text, line=1, setting=Setting(dialect=dialect, options=options, package_scripts=near))


def package_scripts(text: str) -> dict[str, tuple[str, int]]:
    """name -> (command, line) of a package.json's scripts; empty when there are none or it is no JSON."""
    try:
        data = json.loads(text)
    except ValueError:
        return {}
    scripts = data.get("scripts") if isinstance(data, dict) else None
    if not isinstance(scripts, dict):
        return {}
    return {name: (command, _line_of(text, name)) for name, command in scripts.items() if isinstance(command, str)}


def _line_of(text: str, key: str) -> int:
    block = text.find('"scripts"')
    at = text.find(json.dumps(key), max(block, 0) + 9)
    return text.count("\n", 0, at) + 1 if at >= 0 else 1


_NOT_A_START = re.compile(
    r"^(?:dev|test|e2e|watch|local|lint|storybook|format|typecheck|coverage|ci|pre(?:dev|test)|post(?:dev|test))(?:[:\-_]|$)"
)


def _package(text: str) -> Iterator[Source]:
    scripts = package_scripts(text)
    if not scripts and not _is_json(text):
        yield Source(text="", line=1, setting=Setting(), readable=False)
    for name, (_, line) in scripts.items():
        if not _NOT_A_START.match(name):
            yield Source(text=f"npm run {name}", line=line, setting=Setting(package_scripts=scripts), where=f"scripts.{name}")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _task_definition(text: str, near: Mapping[str, tuple[str, int]]) -> Iterator[Source]:
    try:
        data = json.loads(text)
    except ValueError:
        yield Source(text="", line=1, setting=Setting(), readable=False)
        return
    definition = data.get("taskDefinition", data) if isinstance(data, dict) else {}
    for number, container in enumerate(definition.get("containerDefinitions") or ()):
        for key in ("entryPoint", "command"):
            words = container.get(key)
            if isinstance(words, list) and words and all(isinstance(word, str) for word in words):
                line = next((text.count("\n", 0, at) + 1 for word in words[-1:] if (at := text.find(json.dumps(word))) >= 0), 1)
                yield Source(
                    text=_quoted(words),
                    line=line,
                    setting=Setting(package_scripts=near),
                    where=f"containerDefinitions[{number}].{key}",
                )


def compose_sources(text: str, near: Mapping[str, tuple[str, int]]) -> Iterator[Source]:
    for one in commands(text):
        script = one.text if isinstance(one.text, str) else _quoted(list(one.text))
        yield Source(text=script, line=one.line, setting=Setting(package_scripts=near), where=one.where)


def _quoted(words: list[str]) -> str:
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)


_INSTRUCTION = re.compile(r"[ \t]*(?:ONBUILD[ \t]+)?(RUN|CMD|ENTRYPOINT|SHELL|HEALTHCHECK)[ \t]+(.*)", re.IGNORECASE | re.DOTALL)


def _dockerfile(text: str, near: Mapping[str, tuple[str, int]]) -> Iterator[Source]:
    shell: list[str] = ["/bin/sh", "-c"]
    entrypoint: list[str] = []
    for line, instruction in _instructions(text):
        match = _INSTRUCTION.match(instruction)
        if re.match(r"[ \t]*FROM[ \t]", instruction, re.IGNORECASE):
            shell, entrypoint = ["/bin/sh", "-c"], []
        yield from _copied_script(instruction, line, near)
        if not match or match[1].upper() == "HEALTHCHECK":
            continue
        keyword, rest = match[1].upper(), re.sub(r"^(?:--\S+[ \t]+)*", "", match[2])
        words = _exec_form(rest)
        if keyword == "SHELL":
            shell = words or shell
            continue
        setting = Setting(package_scripts=near)
        if words is not None:
            entrypoint = words if keyword == "ENTRYPOINT" else entrypoint
            before = entrypoint if keyword == "CMD" and _is_shell(entrypoint) else []  # ["sh", "-c"]: CMD is its script
            yield Source(text=_quoted([*before, *words]), line=line, setting=setting, where=keyword, build=keyword == "RUN")
            continue
        dialect = "bash" if posixpath.basename(shell[0]) == "bash" else "sh"
        setting = replace(
            setting, dialect=dialect, options=tuple(word for word in shell[1:] if not word.endswith("c") or word == "errexit")
        )
        if len(shell) > 1 and shell[1] != "-c" and shell[1].endswith("c"):
            setting = replace(setting, options=(shell[1][:-1], *setting.options))
        yield Source(text=_here_script(rest), line=line, setting=setting, where=keyword, build=keyword == "RUN")


_COPY = re.compile(
    r"[ \t]*(?:ONBUILD[ \t]+)?(?:COPY|ADD)[ \t]+(?:--\S+[ \t]+)*"
    r"<<(?P<tabs>-?)(?P<quote>[\"']?)(?P<end>\w+)[\"']?[ \t]+(?P<to>\S+)[ \t]*\n(?P<body>.*)",
    re.IGNORECASE | re.DOTALL,
)


def _copied_script(instruction: str, line: int, near: Mapping[str, tuple[str, int]]) -> Iterator[Source]:
    """The start script that stands in the Dockerfile itself: `COPY <<EOF /start.sh`. Other files than shell scripts are none."""
    match = _COPY.match(instruction)
    if match is None:
        return
    body = re.sub(rf"(?:\A|\n)[ \t]*{match['end']}[ \t]*\Z", "\n", match["body"])
    body = re.sub(r"(?m)^\t+", "", body) if match["tabs"] else body
    body = body if match["quote"] else body.replace("\\$", "$")  # unquoted: the build expands, and `\$` is what stays
    shebang = re.match(r"#!\s*(?:/usr/bin/env (?:-S )?)?(\S+)", body)
    if posixpath.basename(shebang[1]) in SHELLS if shebang else match["to"].endswith((".sh", ".bash")):
        yield replace(_script(body, near), line=line + 1, where=f"COPY {match['to']}")


def _is_shell(words: list[str]) -> bool:
    return len(words) > 1 and posixpath.basename(words[0]) in SHELLS and words[-1].startswith("-") and words[-1].endswith("c")


def _here_script(text: str) -> str:
    match = re.match(r"<<-?[\"']?(\w+)[\"']?[ \t]*\n", text)
    return re.sub(rf"\n\t*{match[1]}\s*$", "\n", "\n" + text[match.end() :]) if match else text


def _exec_form(text: str) -> list[str] | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        words = json.loads(re.sub(r"\\\n", " ", text))
    except ValueError:
        return None
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    """(line, instruction): continuation lines kept as `\\<line end>`, so that line numbers inside stay true."""
    escape = "`" if re.match(r"(?i)#\s*escape\s*=\s*`", text) else "\\"
    rows = text.replace("\r\n", "\n").split("\n")
    number = 0
    while number < len(rows):
        collected: list[str] = []
        start = number
        ended = False
        while number < len(rows) and not ended:
            row = rows[number]
            number += 1
            if row.lstrip().startswith("#"):
                collected += ["\\"] if collected else []
                start += 0 if collected else 1
                continue
            if not row.strip() and not collected:
                start += 1
                continue
            if row.rstrip().endswith(escape):
                collected.append(row.rstrip()[:-1] + "\\")
            else:
                collected.append(row if row.strip() else "\\")
                ended = bool(row.strip())
        here = re.search(r"<<-?[\"']?([A-Za-z_]\w*)[\"']?", collected[-1]) if collected else None
        while here and re.match(r"[ \t]*(?:ONBUILD[ \t]+)?(?:RUN|COPY|ADD)", collected[0], re.IGNORECASE) and number < len(rows):
            collected.append(rows[number])
            number += 1
            if collected[-1].strip() == here[1]:
                break
        if collected:
            yield start + 1, "\n".join(collected)
