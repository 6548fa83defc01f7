"""The code that a page is drawn with is read by the browser while it still waits for the page, not when its parts have come.

Streamlit loads the code of each kind of element when a page first shows one: Plotly's alone is 4.7 MB. By then the page is
known, and reading the code is most of what is left to do. Named in the page itself, it is read while the server thinks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Elements of the top of a page, then those below. Together: what comes one by one is shown no faster than three a second, by
# React's throttle of boundaries that were still loading.
_TOP = ("PlotlyChart", "PageLink", "StreamlitMarkdown")
_BELOW = ("Button", "ButtonGroup", "DataFrame", "DownloadButton", "MenuButton", "Selectbox", "TextInput")
# What Streamlit's page asks first, one after the other, before it opens its socket.
_QUESTIONS = [f'<link rel="preload" as="fetch" crossorigin href="./_stcore/{name}">' for name in ("health", "host-config")]
_END = b"</head>"
# Running Plotly's code takes a tenth of a second in which a page can't ask the server for its content. It is run when the
# page has asked, that is after the first message on its socket.
_SCRIPT = (
    "(()=>{const socket=WebSocket.prototype,send=socket.send,load=all=>Promise.allSettled(all.map(one=>import(one)));"
    "socket.send=function(...data){socket.send=send;send.apply(this,data);"
    "setTimeout(()=>load(%s).then(()=>setTimeout(()=>load(%s),500)))}})()"
)


def element_code(static: Path) -> tuple[list[str], list[str]]:
    """Addresses, relative to a page, of what Streamlit draws the top of a page with, and what is below; those that it has."""
    folder = static / "static" / "js"
    top, below = ([file for name in names for file in sorted(folder.glob(f"{name}.*.js"))] for names in (_TOP, _BELOW))
    return [f"./static/js/{file.name}" for file in top], [f"./static/js/{file.name}" for file in below]


class EarlyCode:
    """ASGI middleware: pages name the code of their elements in their head. Everything else passes as it is."""

    def __init__(self, app: ASGIApp, *, top: Sequence[str], below: Sequence[str]) -> None:
        self._app = app
        self._tags = "".join((*_QUESTIONS, *map(_preload, (*top, *below)), _script(top, below))).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_page(scope["path"]):
            await self._app(scope, receive, send)
            return
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self._app({**scope, "headers": plain}, receive, _Page(send, self._tags))


def _preload(address: str) -> str:
    """Fetched and compiled at once, run later."""
    return f'<link rel="modulepreload" crossorigin href="{address}">'


def _script(top: Iterable[str], below: Iterable[str]) -> str:
    return f"<script>{_SCRIPT % (json.dumps(list(top)), json.dumps(list(below)))}</script>"


def _is_page(path: str) -> bool:
    """Streamlit answers every path that is no file and none of its own with its one HTML page."""
    return "." not in path and "/_stcore" not in path


class _Page:
    """Holds a response's head back until its body is known: the body grows."""

    def __init__(self, send: Send, tags: bytes) -> None:
        self._send, self._tags = send, tags
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_html(message):
            self._start = message
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)
        else:
            await self._send(message)

    async def _finish(self, start: Message) -> None:
        body = self._body.replace(_END, self._tags + _END, 1)
        kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        length = (b"content-length", str(len(body)).encode())
        await self._send({**start, "headers": [*kept, length]})
        await self._send({"type": "http.response.body", "body": body})


def _is_html(start: Message) -> bool:
    headers: dict[bytes, bytes] = {name.lower(): value for name, value in start["headers"]}
    return bool(start["status"] == 200) and headers.get(b"content-type", b"").startswith(b"text/html")
