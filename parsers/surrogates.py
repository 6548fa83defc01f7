"""Half a surrogate pair (an emoji that was cut) is valid JSON and valid in a Python string, but can be written nowhere."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


def whole_escapes(text: str) -> str:
    r"""JSON text in which a lone `\ud83d` is the replacement character; pairs and everything else stay."""
    if "\\ud" not in text and "\\uD" not in text:
        return text
    return _ESCAPE.sub(lambda hit: hit[1] or "\\ufffd", text)


def whole(text: str) -> str:
    """Two halves that belong together become their character, a lone one the replacement character."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
