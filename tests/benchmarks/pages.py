"""What an interaction costs in a real browser, beside an empty Streamlit page in the same run.

    python tests/benchmarks/pages.py [--times 15]

Three pages of one server, each with the header's UTC | local switch, which reruns the whole page: `empty` (the switch and one
line), `chart` (the header and the largest time chart: 60 buckets of every layer), `landing` (the real landing page: table,
links and chart), `failures` (chart and a table of 200 kinds). Measured from the click until the page has come to rest, the
median of many clicks, beside the empty page's before and after it (a machine's pace changes within the minute); bytes are those of
the WebSocket's frames. The workspace answers from memory: the store's own time is
measured by the store's benchmark.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("pages_script.py")
LIMITS = {"chart": 1.8, "landing": 2.5, "failures": 2.5}
MOST_BYTES = 60_000

SETTLED = """shown => {
    const app = document.querySelector('[data-testid=stApp]');
    return document.body.innerText.includes(shown) && app.dataset.testScriptState === 'notRunning'
        && document.querySelectorAll('[data-stale=true]').length === 0;
}"""


def measure(page: Any, url: str, times: int) -> tuple[float, float]:
    """(median ms, median bytes) of one click on the switch."""
    received: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    page.goto(url)
    page.wait_for_function(SETTLED, arg="03:10:00Z")
    clocks, sizes = [], []
    for number in range(times + 2):
        choice, shown = (("local", "22:10:00-05:00"), ("UTC", "03:10:00Z"))[number % 2]
        page.wait_for_timeout(300)
        received.clear()
        before = page.evaluate("performance.now()")
        page.get_by_text(choice, exact=True).first.click()
        page.wait_for_function(SETTLED, arg=shown)
        clocks.append(page.evaluate("performance.now()") - before)
        sizes.append(sum(received))
    return statistics.median(clocks[2:]), statistics.median(sizes[2:])


def median_click(context: Any, port: int, name: str, times: int) -> tuple[float, float]:
    """The same of one of the pages, opened for it."""
    page = context.new_page()
    try:
        return measure(page, f"http://127.0.0.1:{port}/{'failures' if name == 'failures' else ''}?bench={name}", times)
    finally:
        page.close()


def main() -> int:
    """Prints one line a page; 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=15)
    times = parser.parse_args().times
    sys.path.insert(0, str(REPOSITORY))
    from playwright.sync_api import sync_playwright

    from tests.dashboard.conftest import FLAGS, STARTER, free_port, wait_until_served

    port = free_port()
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    server = subprocess.Popen([sys.executable, "-c", STARTER, str(SCRIPT), str(port)], cwd=REPOSITORY, env=environment)
    too_much = False
    try:
        wait_until_served(f"http://127.0.0.1:{port}", server)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            context = browser.new_context(viewport={"width": 1280, "height": 900}, timezone_id="America/New_York")
            before, _ = median_click(context, port, "empty", times)
            for name, limit in LIMITS.items():
                clock_ms, size = median_click(context, port, name, times)
                after, _ = median_click(context, port, "empty", times)
                ratio, before = clock_ms / statistics.mean((before, after)), after
                bad = ratio > limit or size > MOST_BYTES
                too_much |= bad
                told = f"{clock_ms:5.0f} ms beside {after:4.0f}: {ratio:4.2f} x empty (limit {limit})"
                print(f"{name:9} {told}  {size / 1000:6.1f} kB  {'TOO MUCH' if bad else 'ok'}", flush=True)
            browser.close()
    finally:
        server.terminate()
        server.wait(10)
    return int(too_much)


if __name__ == "__main__":
    raise SystemExit(main())
