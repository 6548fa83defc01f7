"""`/deployments` is the landing page, too.

Streamlit gives its default page the address `/` alone, and says "Page not found" above it at the name that the page has beside
the others. Whoever types that name, or cuts a link short, is sent on with what the address says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class LandingName:
    """ASGI middleware: sends the landing page's name on to the address above it, relative, so below a proxy's path too."""

    def __init__(self, app: ASGIApp, *, name: str) -> None:
        self._app = app
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        above = self._above(scope)
        if above is None:
            await self._app(scope, receive, send)
            return
        query: bytes = scope.get("query_string", b"")
        place = above + (b"?" + query if query else b"")
        await send({"type": "http.response.start", "status": 307, "headers": [(b"location", place), (b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    def _above(self, scope: Scope) -> bytes | None:
        """From the page's name to the folder it stands in; None for every other address."""
        if scope["type"] != "http":
            return None
        path: str = scope["path"]
        if path.endswith(f"/{self._name}"):
            return b"./"
        return b"../" if path.endswith(f"/{self._name}/") else None
