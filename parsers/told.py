"""What records tell of the task that printed them: FireLens writes family and revision beside each line.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_firelens.html (`enable-ecs-log-metadata`)
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from parsers.batch import TASK_DEFINITION
from parsers.formats import decode

MOST_TOLD = 8  # of one stream: a stream that holds more tasks than this is nobody's
_DEFINITION = re.compile(r'"ecs_task_definition"\s{0,4}:\s{0,4}"([\w./:-]{3,300})"')
_NAME = re.compile(r"[\w-]{1,255}:\d{1,9}")


def definitions_told(texts: Iterable[str], known: Iterable[str] = ()) -> tuple[str, ...]:
    """family:revision of every task definition that records name, those already known included; at most MOST_TOLD.

    Only what stands beside the application's line counts: a line that quotes such metadata tells nothing.
    """
    found = told_together(known)
    for text in texts:
        if TASK_DEFINITION not in text:
            continue
        hit = _DEFINITION.search(text)
        if hit is None or hit[1].rsplit("/", 1)[-1] in found:
            continue
        name = decode(text).metadata.get(TASK_DEFINITION, "").rsplit("/", 1)[-1]
        if _NAME.fullmatch(name):
            found = told_together(found, (name,))
    return found


def told_together(*some: Iterable[str]) -> tuple[str, ...]:
    """What stretches of one stream tell, joined: the first in order of the alphabet, so that it is the same however it was cut."""
    return tuple(sorted({name for one in some for name in one})[:MOST_TOLD])
