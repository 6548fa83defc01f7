"""Loaded rule packs, kept between two calls of the command: parsing TOML and patterns anew costs more than a small file.

The cache is a convenience: keyed by the packs' own bytes and the program's version, ignored when it is damaged, stale or
cannot be written. JSON, never a pickle: a cache folder is no place to run code from.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from parsers import RuleSet, load_packs, packs_digest, rules_from_plain, rules_to_plain

FORMAT = 2


def cached_packs(extra: Sequence[str] = ()) -> RuleSet:
    """The shipped packs and the user's own. Raises PackError as `load_packs` does."""
    digest = packs_digest(extra)
    path = _folder() / f"packs-{FORMAT}-{digest}.json"
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        return rules_from_plain(msgspec.json.decode(path.read_bytes()), digest)
    rules = load_packs(extra)
    _write(path, msgspec.json.encode(rules_to_plain(rules)))
    return rules


class ScanCache:
    """What the fast path derives from the packs, kept in files: its start is then a third of a second, not three."""

    def get(self, key: str) -> bytes | None:
        with suppress(OSError):
            return (_folder() / f"scan-{key}").read_bytes()
        return None

    def put(self, key: str, value: bytes) -> None:
        _write(_folder() / f"scan-{key}", value)


def _folder() -> Path:
    """`$TRIAGE_CACHE`, else the user's cache folder."""
    chosen = os.environ.get("TRIAGE_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "triage"


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all: written beside and renamed. A folder that cannot be written costs time, nothing else."""
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(name).replace(path)
