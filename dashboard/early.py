"""The code that draws charts is read by the browser while it still waits for the page, not when the first chart has come.

Streamlit loads Plotly (4.7 MB of JavaScript) when a page shows its first chart: by then the page is known, and reading the
code is most of what is left to do. Named in the page itself, it is read while the server thinks.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CODE = "PlotlyChart.*.js"
_END = b"</head>"


def chart_code(static: Path) -> list[str]:
    """Addresses, relative to a page, of what Streamlit draws charts with; none where a version of it has other names."""
    return [f"./static/js/{file.name}" for file in sorted((static / "static" / "js").glob(_CODE))]


class EarlyCharts:
    """ASGI middleware: pages name the code of charts in their head. Everything else passes as it is."""

    def __init__(self, app: ASGIApp, *, code: Iterable[str]) -> None:
        self._app = app
        self._tags = "".join(f'<script type="module" crossorigin src="{one}"></script>' for one in code).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_page(scope["path"]):
            await self._app(scope, receive, send)
            return
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self._app({**scope, "headers": plain}, receive, _Page(send, self._tags))


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
