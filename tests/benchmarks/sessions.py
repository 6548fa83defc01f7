"""What the server holds in memory while browsers look at a big store, and how long a warm reload takes.

    python tests/benchmarks/sessions.py STORE [--sessions 10]     # STORE as store_questions.py makes it

Each session is a browser context of its own, each on another page of the dashboard. Memory is VmRSS of the server's process
(Linux). A reload is from the navigation until the frame with the landing page's first chart is painted, in a profile that is kept as a
person's is; beside it, in the same run and turn by turn, an empty Streamlit page's first words, and a Streamlit page of one small chart.
The page itself notes when; beside it stands when the sign was found from outside, which a page that is busy answers later.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = ("", "deployment", "migrations", "failures", "ladder", "requests", "fields", "events", "sources", "")
MOST_MB = 500
# Notes the time after the frame in which the words, or the first bars or points of a chart, were painted.
NOTE_PAINTED = """
window.painted = {};
const wanted = {
    words: () => document.body && document.body.textContent.includes('Logs complete to'),
    chart: () => document.querySelector('.js-plotly-plot .main-svg :is(.bars, .points, .lines) path'),
};
const painted = name => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => { window.painted[name] = performance.now(); };
    channel.port2.postMessage(0);
});
new MutationObserver(() => {
    for (const name in wanted)
        if (wanted[name]?.()) { delete wanted[name]; painted(name); }
}).observe(document, {childList: true, subtree: true, characterData: true});
"""
WORDS, CHART = "text=Logs complete to", ".js-plotly-plot .main-svg"
DRAWN = "[data-testid=stApp][data-test-script-state=notRunning]"


def resident_mb(pid: int) -> float:
    """VmRSS of a process, MB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("ascii"))
    assert found is not None
    return int(found[1]) / 1000


def reloads(page: Any, url: str, bare: str, times: int = 9) -> dict[str, tuple[float, float]]:
    """Median ms of a navigation until what is looked at is painted, and until it is found from outside.

    Turn by turn; one of each comes first and is not counted.
    """
    cases = {
        "the empty page": (f"{bare}/?bench=empty", "words", WORDS),
        "a page of one small chart": (f"{bare}/?bench=chart", "chart", CHART),
        "the landing page's first chart": (url, "chart", CHART),
    }
    page.add_init_script(NOTE_PAINTED)
    painted: dict[str, list[float]] = {name: [] for name in cases}
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(times + 1):
        for name, (address, sign, selector) in cases.items():
            page.goto(address)
            page.wait_for_selector(selector)
            found[name].append(page.evaluate("performance.now()"))
            painted[name].append(page.wait_for_function("sign => window.painted[sign]", arg=sign).json_value())
            page.wait_for_selector(DRAWN)  # the next navigation does not pay for this page's rest
    return {name: (statistics.median(painted[name][1:]), statistics.median(found[name][1:])) for name in cases}


def main() -> int:
    """Prints memory and reload; 1 when the memory is too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--sessions", type=int, default=10)
    given = parser.parse_args()
    sys.path.insert(0, str(REPOSITORY))
    from playwright.sync_api import sync_playwright

    from tests.dashboard.conftest import FLAGS, STARTER, free_port, wait_until_served

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "dashboard", "dashboard", "--store", given.store, "--port", str(port), "--no-browser"]
    server = subprocess.Popen(command, cwd=REPOSITORY)
    script, bare_port = Path(__file__).with_name("pages_script.py"), free_port()
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    bare = subprocess.Popen([sys.executable, "-c", STARTER, str(script), str(bare_port)], cwd=REPOSITORY, env=environment)
    try:
        wait_until_served(url, server)
        wait_until_served(f"http://127.0.0.1:{bare_port}", bare)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            for number in range(given.sessions):
                page = browser.new_context().new_page()
                page.set_default_timeout(120_000)
                page.goto(f"{url}/{PAGES[number % len(PAGES)]}")
                page.wait_for_selector(DRAWN)
                print(f"{number + 1:3} sessions {resident_mb(server.pid):6.0f} MB", flush=True)
            most = resident_mb(server.pid)
            browser.close()
            with tempfile.TemporaryDirectory() as profile:
                kept = playwright.chromium.launch_persistent_context(
                    profile, executable_path=shutil.which("chromium"), args=FLAGS
                )
                taken = reloads(kept.new_page(), url, f"http://127.0.0.1:{bare_port}")
                kept.close()
            empty = taken["the empty page"]
            for name, took in taken.items():
                told = (f"{ms:5.0f} ms, {ms / bare_ms:.2f} x the empty page" for ms, bare_ms in zip(took, empty, strict=True))
                print(f"warm reload of {name:31} {'; from outside '.join(told)}")
    finally:
        for process in (server, bare):
            process.terminate()
            process.wait(10)
    return int(most > MOST_MB)


if __name__ == "__main__":
    raise SystemExit(main())
