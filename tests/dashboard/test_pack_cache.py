"""The cache of packs: read back whole, bounded, shared by several processes."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dashboard import pack_cache
from dashboard.pack_cache import KEPT, ScanCache, cached_packs


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("TRIAGE_CACHE", str(tmp_path))
    return tmp_path


def aged(path: Path, seconds: int) -> None:
    """As if the file had been written so many seconds earlier."""
    at = path.stat().st_mtime - seconds
    os.utime(path, (at, at))


def test_the_newest_of_each_kind_stay(folder):
    """Packs and databases of other versions and other packs go once newer ones push them out; nothing else is touched."""
    others = [folder / f"packs-1-{number:016x}.json" for number in range(9)]
    for number, path in enumerate(others):
        path.write_bytes(b"{}")
        aged(path, 1000 - number)
    own = folder / "notes.txt"
    own.write_text("mine")
    aged(own, 10**6)
    cache = ScanCache()
    for number in range(20):
        cache.put(f"hyperscan-0.9.1-{number:024x}", b"database")
        aged(folder / f"scan-hyperscan-0.9.1-{number:024x}", 100 - number)

    rules = cached_packs()

    packs = sorted(path.name for path in folder.glob("packs-*"))
    assert packs == sorted([*(path.name for path in others[-3:]), f"packs-{pack_cache.FORMAT}-{rules.digest}.json"])
    assert [cache.get(f"hyperscan-0.9.1-{number:024x}") for number in (7, 8, 19)] == [None, b"database", b"database"]
    assert len(list(folder.glob("scan-*"))) == KEPT["scan-hyperscan-*"]
    assert own.exists()


def test_a_file_another_process_is_writing_stays(folder):
    """Half-written files of an hour ago were left by a killed process; younger ones are somebody's."""
    young, old = folder / "abc.tmp", folder / "def.tmp"
    for path, age in ((young, 60), (old, 7200)):
        path.write_bytes(b"half")
        aged(path, age)

    ScanCache().put("needles-1-a-66", b"needles")

    assert (young.exists(), old.exists()) == (True, False)


def test_several_writers_at_once_never_fail_nor_lose_the_newest(folder):
    """Files that vanish while they are listed are no error; what was written last can be read."""
    cache = ScanCache()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: cache.put(f"needles-1-{number}-66", b"%d" % number), range(200)))
    cache.put("needles-1-last-66", b"last")

    assert cache.get("needles-1-last-66") == b"last"
    assert len(list(folder.iterdir())) == KEPT["scan-needles-*"]
