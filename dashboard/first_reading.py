"""The first reading of a dashboard that was started on files: in a process of its own, begun before the server is up.

Reading the sample takes seconds of one processor. In the server's own process the pages would wait for their turn; here the
other processor reads into the same store while Streamlit starts and draws what is there already.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from dashboard.settings import Settings
from parsers import InputError, TriageError


class FirstReading:
    """Looks like a Workspace to `Refresh`: `collect` waits for the process and passes its news on; `close` ends it."""

    def __init__(self, settings: Settings) -> None:
        context = multiprocessing.get_context("spawn")
        self._news, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_read, args=(settings, theirs), name="triage-reading", daemon=True)
        self._process.start()
        theirs.close()

    def collect(self, progress: Callable[..., Any] | None = None) -> object:
        """The report of the reading. Raises what the reading raised."""
        while True:
            try:
                kind, told = self._news.recv()
            except EOFError:
                raise InputError("the reading ended without a word", hint="Refresh reads again") from None
            if kind == "report":
                return told
            if kind == "error":
                raise told
            if progress is not None:
                progress(*told)

    def close(self) -> None:
        """What was stored until now stays: a scene is one write."""
        self._process.terminate()
        self._process.join(5)
        self._news.close()


def _read(settings: Settings, news: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's to hear; it ends us
    from dashboard.workspace import Workspace

    try:
        with Workspace.open(settings) as workspace:
            report = workspace.collect(lambda *step: news.send(("progress", step)))
        news.send(("report", report))
    except BrokenPipeError:  # nobody listens any more
        return
    except TriageError as error:
        news.send(("error", error))
