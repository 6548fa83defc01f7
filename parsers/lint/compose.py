"""`command:` and `entrypoint:` of compose files, and of YAML like them: the few forms of a YAML value that they are written in.

No YAML reader: a form that is none of these (an anchor, an alias, a tag) is left out, never guessed at.
https://docs.docker.com/reference/compose-file/services/#command
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_KEY = re.compile(r"^(?P<indent>[ ]*)(?P<dash>- )?(?P<key>command|entrypoint):(?:[ \t]+(?P<value>.*))?$")
_PARENT = re.compile(r"^(?P<indent>[ ]*)(?P<name>[\w.-]+):[ \t]*(?:#.*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: a text that is split into words, or the words; the line of its key, `web.command`."""

    text: str | tuple[str, ...]
    line: int
    where: str


def commands(text: str) -> Iterator[Command]:
    """Every command that is written out, in the order of the file."""
    rows = text.replace("\r\n", "\n").split("\n")
    parents: list[tuple[int, str]] = []
    for number, row in enumerate(rows):
        if parent := _PARENT.match(row):
            indent = len(parent["indent"])
            parents = [*(one for one in parents if one[0] < indent), (indent, parent["name"])]
        key = _KEY.match(row)
        if key is None:
            continue
        indent = len(key["indent"]) + len(key["dash"] or "")
        value = _value((key["value"] or "").strip(), _below(rows, number, indent))
        name = next((name for depth, name in reversed(parents) if depth < indent), "")
        if value:
            yield Command(text=value, line=number + 1, where=f"{name}.{key['key']}".lstrip("."))


def _below(rows: Sequence[str], number: int, indent: int) -> list[str]:
    """The lines that belong to the key: further right, or the items of its list; blank ones between them too."""
    found = []
    for row in rows[number + 1 :]:
        depth = len(row) - len(row.lstrip(" "))
        if row.strip() and not (depth > indent or (depth == indent and row.lstrip().startswith("- "))):
            break
        found.append(row)
    return found


def _value(value: str, below: Sequence[str]) -> str | tuple[str, ...] | None:
    if value[:1] in ("&", "*", "!"):
        return None
    if value[:1] in (">", "|"):
        lines = [line.strip() for line in below]
        return _plain((" " if value[0] == ">" else "\n").join(lines).strip())
    whole = " ".join([value, *(line.strip() for line in below)]).strip()
    if not value and whole.startswith("- "):
        items = [_scalar(line.strip()[2:]) for line in below if line.strip().startswith("- ")]
        return tuple(items) if len(items) == len([line for line in below if line.strip()]) else None
    if whole.startswith("["):
        return _flow(whole)
    return _scalar(whole) or None


_ITEM = re.compile(r"\"(?:[^\"\\\\]|\\\\.)*\"|'(?:[^']|'')*'|[^\s,\[\]'\"]+")


def _flow(text: str) -> tuple[str, ...] | None:
    """`["sh", "-c", "…"]`, with single quotes as well."""
    end = text.rfind("]")
    return tuple(_scalar(item) for item in _ITEM.findall(text[: end + 1])) or None


def _scalar(text: str) -> str:
    text = text.strip()
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        try:
            return _plain(str(json.loads(text)))
        except ValueError:
            return _plain(text[1:-1])
    if text.startswith("'") and text.endswith("'") and len(text) > 1:
        return _plain(text[1:-1].replace("''", "'"))
    return _plain(re.sub(r"\s#.*$", "", text))


def _plain(text: str) -> str:
    """`$$` is compose's way to write a dollar sign."""
    return text.replace("$$", "$")
