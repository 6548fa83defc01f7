"""Prisma Client: arguments, columns, the model, the database's own code."""

from __future__ import annotations

from parsers.extract.base import MAX_CHARS, Extracted, FirstOf, distinct, every, text_extractor
from parsers.late import late

_ARGUMENT = late(
    r"(?:Argument `?([\w.$]{1,120})`?(?: for [\w.$]{1,120})? is missing|Unknown (?:argument|field|arg) `([\w.$]{1,120})`"
    r"|Invalid value for argument `([\w.$]{1,120})`|Invalid value provided\. Expected [^\n]{0,200} for argument `([\w.$]{1,120})`"
    r"|Argument `?([\w.$]{1,120})`?(?: of type \w{1,80})?(?:: | must | needs )|Got invalid value [^\n]{0,300}? on prisma\."
    r"|Unknown field `([\w.$]{1,120})` for)"
)
_INVOCATION = late(r"Invalid `(?:prisma\.)?([\w$]{1,80})\.(\w{1,40})\(\)` invocation")
_MODEL_NAME = late(r"\bmodelName\"?: ['\"](\w{1,80})['\"]")
_TARGET = late(r"\bfields?: \(([^)\n]{1,400})\)|\bconstraint: \(([^)\n]{1,400})\)")
_META_TARGET = late(
    r"\bmeta\.target(?:\.\d{1,2})?: '([\w.]{1,80})'|\btarget\"?: ?\[\s{0,20}((?:['\"][\w.]{1,80}['\"],?\s{0,20}){1,10})\]"
)
_QUOTED = late(r"['\"]([\w.]{1,80})['\"]")
_NAME = late(r"[A-Za-z_$][\w.$ -]{0,100}")
_ORIGINAL_CODE = FirstOf(
    (("originalCode", "cause.code"), r"\b(?:originalCode|cause\.code)\"?: ['\"](\w{2,20})['\"]"),
    (("Raw query failed",), r"Raw query failed\. Code: `(\w{2,20})`"),
    (("SqlState(",), r"SqlState\(E?\"?(\w{5})\"?\)"),
    (("SqlState(",), r"\bcode: SqlState\(\"?E?(\w{5})"),
)
_NULL_COLUMN = late(r"null value in column \\?\"([^\"\\\n]{1,120})\\?\"")


@text_extractor
def prisma_arguments(text: str) -> Extracted:
    """Arguments that the client itself refused, and the model it was asked for."""
    found = (next((name for name in hit.groups() if name), "") for hit in every(_ARGUMENT, text))
    return Extracted(fields=distinct(found), table=_prisma_model(text))


@text_extractor
def prisma_known(text: str) -> Extracted:
    """Columns of a constraint, the model, the database's own code: of a PrismaClientKnownRequestError in any wrapping."""
    targets = every(_TARGET, text) if "field" in text else []
    names = [name.strip() for hit in targets for name in _NAME.findall(hit[1] or "")]
    if not names and "target" in text:  # a logger that keeps the error's `meta` and not its message
        names = [name for hit in every(_META_TARGET, text) for name in ([hit[1]] if hit[1] else _QUOTED.findall(hit[2]))]
        names = [name for name in names if not name.endswith(("_key", "_idx", "_pkey"))]
    null_column = _NULL_COLUMN.search(text[:MAX_CHARS])
    code = _ORIGINAL_CODE.search(text[:MAX_CHARS])
    db_code = code[1] if code else None
    return Extracted(
        fields=distinct(names or ([null_column[1]] if null_column else [])),
        table=_prisma_model(text),
        db_code=None if db_code in ("N", "NA") else db_code,
    )


def _prisma_model(text: str) -> str | None:
    model = _MODEL_NAME.search(text[:MAX_CHARS]) if "modelName" in text else None
    if model:
        return model[1]
    invocation = _INVOCATION.search(text[:MAX_CHARS])
    return invocation[1] if invocation and not invocation[1].startswith("$") and invocation[1] != "prisma" else None
