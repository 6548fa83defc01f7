"""The landing page's own name leads to it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin

import pytest

from dashboard.landing import LandingName
from dashboard.launch import LANDING
from dashboard.views import deployments


def answer(path: str, query: bytes = b"", kind: str = "http") -> dict:
    """What is sent first for one request; the application inside says 200."""
    sent = []

    async def inner(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        sent.append(message)

    scope = {"type": kind, "path": path, "query_string": query, "headers": []}
    with ThreadPoolExecutor(1) as pool:  # a loop of its own: the browser's tests leave theirs running in this thread
        pool.submit(lambda: asyncio.run(LandingName(inner, name=LANDING)(scope, None, send))).result()
    return sent[0]


@pytest.mark.parametrize(
    ("path", "query", "leads_to"),
    [
        ("/deployments", b"", "http://x/"),
        ("/deployments/", b"", "http://x/"),
        ("/deployments", b"svc=api&tz=local", "http://x/?svc=api&tz=local"),
        ("/triage/deployments", b"svc=%2F", "http://x/triage/?svc=%2F"),
        ("/triage/deployments/", b"", "http://x/triage/"),
    ],
)
def test_the_name_leads_to_the_landing_page_with_its_state(path, query, leads_to):
    """Below a proxy's path too."""
    told = answer(path, query)

    assert told["status"] == 307
    assert urljoin(f"http://x{path}", dict(told["headers"])[b"location"].decode()) == leads_to


def test_no_address_leads_to_another_host():
    """Where it leads begins with a dot, whatever was asked."""
    assert dict(answer("//other.example/deployments")["headers"])[b"location"] == b"./"


@pytest.mark.parametrize(
    ("path", "kind"), [("/", "http"), ("/deployment", "http"), ("/my-deployments", "http"), ("/deployments", "websocket")]
)
def test_everything_else_passes(path, kind):
    """Other pages, and what is no page."""
    assert answer(path, kind=kind)["status"] == 200


def test_the_name_is_the_landing_pages():
    """The launcher says it without loading the pages."""
    assert deployments.PATH == LANDING
