"""Loaded rule packs, kept between two calls of the command: parsing TOML and patterns anew costs more than a small file.

The cache is a convenience: keyed by the packs' own bytes and the program's version, ignored when it is damaged, stale or
cannot be written. JSON, never a pickle: a cache folder is no place to run code from. Every version and every set of packs
leaves files; who writes one removes what is too old, so the folder stays at some 20 MB.
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
# Of each kind of file the newest that stay: four sets of packs, each with up to three databases to scan with.
KEPT = {"packs-*.json": 4, "scan-needles-*": 4, "scan-hyperscan-*": 12}
_ABANDONED_S = 3600  # a half-written file that is so much older belongs to nobody any more


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
        _prune(path)


def _prune(written: Path) -> None:
    """Removes what is older than the newest of its kind, and what a killed process left half-written.

    Other processes may read, write and remove at the same time: a reader whose file goes has it open already or makes it anew.
    Ages are told by the files' own times, against that of the file just written: no clock is asked.
    """
    old = [one for kind, count in KEPT.items() if written.match(kind) for one in _newest_first(written.parent, kind)[count:]]
    now_s = written.stat().st_mtime
    old += [(at, path) for at, path in _newest_first(written.parent, "*.tmp") if at < now_s - _ABANDONED_S]
    for _, path in old:
        with suppress(OSError):
            path.unlink()


def _newest_first(folder: Path, pattern: str) -> list[tuple[float, Path]]:
    found: list[tuple[float, Path]] = []
    for path in folder.glob(pattern):
        with suppress(OSError):  # another process removed it
            found.append((path.stat().st_mtime, path))
    return sorted(found, reverse=True)
