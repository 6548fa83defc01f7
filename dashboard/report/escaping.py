"""Nothing of a log becomes markup: text made inert for Markdown, XML and GitHub's workflow commands."""

from __future__ import annotations

import re

from parsers import show

_MARKDOWN = re.compile(r"([\\`*_\[\]|~$])")
_AT_START = re.compile(r"^(\s*)([-+](?=\s|$)|[-=]+(?=\s*$)|#{1,6}(?=\s|$)|\d+[.)](?=\s|$))")
_XML_ILLEGAL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plain(text: str) -> str:
    """Log text as plain words in Markdown: no link, image, HTML, mention, issue number, emoji or table cell comes of it."""
    safe = show(text)
    safe = safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    safe = _MARKDOWN.sub(r"\\\1", safe)
    safe = _AT_START.sub(lambda hit: f"{hit[1]}{hit[2][:-1]}\\{hit[2][-1]}", safe)
    safe = re.sub(r"#(?=\d)", "&#35;", safe)
    safe = safe.replace("@", "&#64;").replace("://", ":&#47;&#47;")
    safe = re.sub(r"(?i)\bwww\.", "www&#46;", safe)
    return re.sub(r":(?=[A-Za-z_+-][\w+-]*:)", "&#58;", safe)


def fenced(lines: list[str], info: str = "text") -> list[str]:
    """A code block whose fence is longer than any run of backticks in it."""
    shown = [show(line) for line in lines]
    longest = max((len(run) for line in shown for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{info}", *shown, fence]


def xml_text(text: str) -> str:
    """Text that XML 1.0 can hold: control codes as escapes, what is left of illegal characters as U+FFFD."""
    return _XML_ILLEGAL.sub("\ufffd", show(text, newlines=True))


def command_value(text: str) -> str:
    """The message of a workflow command: one line, percent and line ends encoded as GitHub reads them."""
    return show(text, newlines=True).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """A property of a workflow command."""
    return command_value(text).replace(":", "%3A").replace(",", "%2C")
