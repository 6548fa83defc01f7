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
    """family:revision of every task definition that records name, those already known included.

    Only what stands beside the application's line counts: a line that quotes such metadata tells nothing.
    """
    found = set(known)
    for text in texts:
        if TASK_DEFINITION not in text or len(found) >= MOST_TOLD:
            continue
        hit = _DEFINITION.search(text)
        if hit is None or hit[1].rsplit("/", 1)[-1] in found:
            continue
        name = decode(text).metadata.get(TASK_DEFINITION, "").rsplit("/", 1)[-1]
        if _NAME.fullmatch(name):
            found.add(name)
    return tuple(sorted(found))
