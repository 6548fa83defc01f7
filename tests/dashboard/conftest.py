"""A served dashboard and a browser, for the tests that look at real pages."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
REPOSITORY = Path(__file__).resolve().parents[2]
STARTER = """
import sys
import streamlit as st
from dashboard.launch import Exposure, streamlit_options
st.App(sys.argv[1]).run(config=streamlit_options(Exposure(port=int(sys.argv[2]))))
"""
PRODUCT = """
import sys
from dashboard.launch import Exposure, serve_settings
from dashboard.settings import load_settings
serve_settings(load_settings({"from": [sys.argv[1]], "store": sys.argv[2]}), Exposure(port=int(sys.argv[3])))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_served(url: str, process: subprocess.Popen) -> None:
    """Until the server answers; its own death is an error at once."""
    for _ in range(300):
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
    raise AssertionError("the server did not answer")


def serve(starter: str, *arguments: str) -> Iterator[str]:
    """Runs `starter` with the arguments and a free port; yields the address, ends the server."""
    port = free_port()
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen([sys.executable, "-c", starter, *arguments, str(port)], cwd=REPOSITORY, env=environment)
    try:
        wait_until_served(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """Address of the pages over the fake workspace, with the shipped settings."""
    yield from serve(STARTER, str(REPOSITORY / "tests" / "dashboard" / "page_script.py"))


@pytest.fixture(scope="session")
def served_story(tmp_path_factory) -> Iterator[str]:
    """Address of the product itself, reading the founding story into a new store."""
    store = tmp_path_factory.mktemp("story") / "store.db"
    yield from serve(PRODUCT, str(REPOSITORY / "sample_logs" / "founding-story"), str(store))


@pytest.fixture(scope="session")
def browser(chromium):
    """Debian's Chromium, headless."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def contexts(browser):
    """One browser profile for each kind of look (theme, size): pages of one kind share what is loaded already."""
    opened = {}

    def of(**options):
        key = repr(sorted(options.items()))
        if key not in opened:
            given = {"viewport": {"width": 1280, "height": 900}, "timezone_id": "America/New_York"} | options
            opened[key] = browser.new_context(**given)
        return opened[key]

    yield of
    for context in opened.values():
        context.close()


@pytest.fixture
def look(contexts):
    """`look(url, **options)` opens a page and waits until it is drawn."""
    pages = []

    def open_page(url: str, **options):
        page = contexts(**options).new_page()
        pages.append(page)
        page.set_default_timeout(60_000)  # a busy machine is no failure
        page.goto(url)
        settle(page)
        return page

    yield open_page
    for page in pages:
        page.close()


def settle(page) -> None:
    """Until the script that draws the page has ended."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_function("document.querySelectorAll('[data-testid=stMainBlockContainer] [data-stale=true]').length === 0")
