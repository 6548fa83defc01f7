"""How long the store takes to answer what pages ask, cold of our own cache: p50 and p95 over distinct questions.

Wall time, and beside it the process's own CPU time, which other programs on the machine do not change.

    python tests/benchmarks/store_questions.py [STORE]     # without a store, one of 10 M cells and 100,000 findings is made
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import util
from pathlib import Path
from typing import Any

from dashboard.rows import Filters, Window
from dashboard.settings import Settings
from dashboard.workspace import Workspace
from parsers import Layer, Severity

MAKE = Path(__file__).parents[1] / "dashboard" / "make_store.py"


def questions(workspace: Workspace) -> Iterator[tuple[str, Callable[[], Any]]]:
    """(name, question) of everything that pages ask, with the filters they give."""
    rows = workspace.deployments()
    ids = [row.deployment.deployment_id for row in rows[:8]]
    newest = rows[0].deployment.created_ms or 0
    filters = [Filters(), Filters(service="service-1"), Filters(layer=Layer.DATABASE), Filters(severity=Severity.ERROR)]
    filters += [Filters(deployment_id=one) for one in ids]
    for hours in (1, 6, 24, 24 * 7, 24 * 30):
        filters.append(Filters(window=Window(start_ms=newest - hours * 3_600_000 + 7 * 60_000, end_ms=newest + 11 * 60_000)))
    by_filter = ("failures", "ladder", "requests", "failures_over_time", "fields", "migration_runs")
    for name in by_filter:
        for one in filters:
            yield name, lambda name=name, one=one: getattr(workspace, name)(one)
    groups = workspace.failures(Filters())
    for group in groups[:10]:
        yield "failure", lambda group=group: workspace.failure(group.fingerprint)
    for found in workspace.findings(Filters(), 10):
        yield "finding", lambda found=found: workspace.finding(found.id)
    for one in filters:
        yield "findings", lambda one=one: workspace.findings(one, 200)
    for one in ids:
        yield "timeline", lambda one=one: workspace.timeline(one)
        yield "comparison", lambda one=one: workspace.comparison(one)
    for name in ("services", "sources", "unexplained", "freshness", "version"):
        yield name, getattr(workspace, name)


def measure(workspace: Workspace, rounds: int = 3) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds of every question, our cache emptied before each; the judgement stays, as between two pages."""
    workspace.deployments()
    took: dict[str, list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for name, question in questions(workspace):
            kept = {key: workspace._answers[key] for key in (("judged",), ("deployments",)) if key in workspace._answers}
            workspace._answers.clear()
            workspace._answers.update(kept)
            start, cpu = time.perf_counter(), time.process_time()
            question()
            pair = ((time.perf_counter() - start) * 1000, (time.process_time() - cpu) * 1000)
            took.setdefault(name, []).append(pair)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", nargs="?", type=Path, help="a store, made here when it is not there yet")
    chosen: Path | None = parser.parse_args().store
    with tempfile.TemporaryDirectory() as folder:
        path = chosen or Path(folder) / "big.db"
        if not path.exists():
            spec = util.spec_from_file_location("make_store", MAKE)
            assert spec is not None
            assert spec.loader is not None
            module = util.module_from_spec(spec)
            spec.loader.exec_module(module)
            start = time.perf_counter()
            module.make_store(path).close()
            print(f"made in {time.perf_counter() - start:.0f} s, {path.stat().st_size / 1e6:.0f} MB")
        with Workspace.open(Settings(store=path)) as workspace:
            start = time.perf_counter()
            workspace.deployments()
            print(f"first judgement {(time.perf_counter() - start) * 1000:.0f} ms")
            print(f"{'question':<20} {'n':>4} {'p50 ms':>8} {'p95 ms':>8} {'cpu p50':>8} {'cpu p95':>8}")
            for name, times in measure(workspace).items():
                columns = [sorted(column) for column in zip(*times, strict=True)]
                figures = [column[int(len(column) * share)] for column in columns for share in (0.5, 0.95)]
                print(f"{name:<20} {len(times):>4} " + " ".join(f"{one:>8.1f}" for one in figures))


if __name__ == "__main__":
    main()
