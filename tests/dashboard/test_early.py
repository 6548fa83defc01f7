"""Pages name the code that they are drawn with in their head; nothing else is touched."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import streamlit

from dashboard.early import EarlyCode, element_code

TOP, BELOW = "./static/js/PlotlyChart.abc.js", "./static/js/Button.abc.js"


def answer(path, *, content_type="text/html; charset=utf-8", status=200, body=b"<html><head><title>x</title></head></html>"):
    """(start, body, headers the inner application saw) of one request; the body comes in two pieces."""
    seen, sent = [], []

    async def inner(scope, receive, send):
        seen.extend(scope["headers"])
        headers = [(b"Content-Type", content_type.encode()), (b"content-length", str(len(body)).encode()), (b"etag", b"e")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body[:9], "more_body": True})
        await send({"type": "http.response.body", "body": body[9:]})

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "headers": [(b"accept-encoding", b"gzip"), (b"host", b"x")]}
    with ThreadPoolExecutor(1) as pool:  # a loop of its own: the browser's tests leave theirs running in this thread
        pool.submit(lambda: asyncio.run(EarlyCode(inner, top=[TOP], below=[BELOW])(scope, None, send))).result()
    return sent[0], b"".join(message["body"] for message in sent[1:]), seen


@pytest.mark.parametrize("path", ["/", "/failures", "/triage/failures"])
def test_a_page_names_what_it_needs_in_its_head(path):
    """So that the browser reads it while it waits; the length is mended, all else stays."""
    start, body, seen = answer(path)
    before, head, after = re.fullmatch(rb"(<html><head><title>x</title>)(.+)(</head></html>)", body).groups()
    assert (before, after) == (b"<html><head><title>x</title>", b"</head></html>")
    assert re.findall(rb'<link rel="modulepreload" crossorigin href="([^"]+)">', head) == [TOP.encode(), BELOW.encode()]
    assert re.findall(rb'<link rel="preload" as="fetch" crossorigin href="([^"]+)">', head) == [
        b"./_stcore/health",
        b"./_stcore/host-config",
    ]
    headers = dict(start["headers"])
    assert headers[b"content-length"] == str(len(body)).encode()
    assert headers[b"etag"] == b"e"
    assert seen == [(b"host", b"x")]  # a compressed page could not be added to


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("/static/js/index.js", {"content_type": "text/javascript"}),
        ("/_stcore/health", {}),
        ("/failures", {"content_type": "text/plain"}),
        ("/failures", {"status": 404}),
    ],
)
def test_everything_else_passes_as_it_is(path, given):
    """Files, Streamlit's own answers, and what is no page."""
    _, body, _ = answer(path, **given)
    assert body == b"<html><head><title>x</title></head></html>"


def test_the_installed_streamlit_has_that_code():
    """Under another name elements would come as late as without it."""
    static = Path(streamlit.__file__).with_name("static")
    top, below = element_code(static)
    assert len(top) == 3
    assert len(below) == 7
    assert all((static / one).is_file() for one in (*top, *below))


def test_a_streamlit_with_other_names_is_served_without(tmp_path):
    """Later, not broken."""
    assert element_code(tmp_path) == ([], [])
