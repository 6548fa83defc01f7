"""What programs print that holds a caller's values, by its structure: rows, bound parameters, whole calls, objects, SQL.

Every function takes a text of any number of lines and gives one of as many lines: names stay, values are placeholders.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from parsers.field_names import Meaning, is_person_object, meaning, normal
from parsers.identifiers import looks_random
from parsers.late import late
from parsers.wording import EMPTY_VALUES, IDENTIFIER, LONG_NUMBER, PLACEHOLDER, TYPE_NAMES, collapsed, names_a_thing, says_a_rule

_SCHEMA_WORDS = EMPTY_VALUES | frozenset(
    "new DateTime String Int Float Boolean Json Decimal BigInt Bytes Date Object Array connect disconnect create createMany update upsert where data "
    "include select set datetime UUID ObjectId Buffer Some Map Set infinity Symbol Circular Getter Function class struct".split()
)
_BRACKET = late(r'(?<!\\)"(?:[^"\\\n]|\\.)*"|(?<![\w\\])\'(?:[^\'\\\n]|\\.)*\'(?!\w)|[\[({]|[\])}]')
_REGION_STOP = late(r"\n(?![ \t\]})\"'+?~\n]|→)")
_QUOTED = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.|''|'(?=\w))*'|`[^`\n]*`"
_VALUE_BEFORE = late(
    r"\b(?P<word>[Rr]eceived|[Vv]alues?|got|input|parsing(?: time)?|time data|from [Ss]tring|with base \d{1,2}|to (?:float|int|number)"
    r"|hex string|cannot parse|out of range|could not (?:parse|convert)(?: string)?|text|literal|unconverted data|[Mm]alformed \w{1,30}"
    r"|[Ii]nvalid (?:email|phone|date|number|id|uuid)|for type \w{1,40}|for enum \w{1,60}"
    r"|[Rr]ecipient|[Mm]ember|[Pp]atient|[Cc]lient|[Cc]ustomer|named person)"
    rf"(?P<sep>:? {{1,2}})(?P<quoted>{_QUOTED})"
)
_VALUE_AFTER = late(
    r"(?<=[\"'`])(?: is (?:not a valid|an invalid|not one of|not in the)| cannot be parsed| could not be parsed| is not a number"
    r"| (?:is |has )?already (?:been )?(?:taken|in use|registered)| for column | for key )"
)
_VALUE_WORDS = (  # one of them stands in every text that _VALUE_BEFORE matches
    "eceived", "alue", "got", "input", "arsing", "time data", "tring", "base ", "to float", "to int", "to number",
    "cannot parse", "range", "could not",
    "text", "literal", "unconverted", "alformed", "nvalid ", "for type", "for enum",
    "ecipient", "ember", "atient", "lient", "ustomer", "named person",
)  # fmt: skip
_VALUE_FOLLOWERS = (" is ", " cannot be parsed", " could not be parsed", "already ", " for column ", " for key ")
_SQL_WORDS = ("INSERT INTO", "UPDATE", "DELETE FROM", "SELECT", "RETURNING")
_CREDENTIALS = late(r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]{1,30}://)([^\s\"'`<>/?]*)@")
_DB_CREDENTIALS = late(
    r"(?<![A-Za-z0-9+.-])((?:postgres|postgresql|mysql|mariadb|mongodb|redis|rediss|amqp|amqps|mssql|sqlserver|oracle|cockroachdb|clickhouse)"
    r"(?:\+[a-z0-9_]{1,20})?://)([^\s\"'`<>@/]{0,80}:[^\s\"'`<>]{0,200})@(?=[\w.\[-])"
)
_QUOTED_QUERY = late(r"(\"(?:[A-Z]{3,7} )?[^\"\s?]{0,2000})\?[^\"\n=]{0,200}=[^\"\n]*?(?=\s+HTTP/\d|\s+\d{3}\b|\\?\")")
_QUERY = late(r"(?<=[\w/\]}>%.~-])\?[^\s\"'`<>=\\]*=[^\s\"'`\\]*")
_PLACEHOLDERS_ONLY = late(r"\((?:[\s,]|\$\d+|\?|%\(\w+\)s|%s|:\w+|@\w+|NULL|DEFAULT|null|default|<values>|now\(\)|::\w+)*\)\Z")
_SQL_WORD = late(r"\b(?:INSERT INTO|UPDATE|DELETE FROM|SELECT|RETURNING)\b")
_BOUND_VALUES = late(r"(?<=[\s)])\[(?=[\"'\d\[]|nil\b)")
_INVOCATION = late(r"Invalid `[^`\n]{1,120}` invocation[^\n]*\n")
_CODE_FRAME = late(r"\A\s{0,40}(?:→\s{0,20})?\d{1,7}\s")
_MARKED_LINE = late(r"\A\s{0,200}(?:[+?](?=\s)|~)[^\"'\d\n]*\Z")
_REGION = late(
    r"(?<![\w$.-])(?P<q>[\"']?)(?P<key>[A-Za-z_][\w$.-]{0,60})(?P=q) ?(?::|=>|=) ?(?:%|#?<?[A-Z]\w{0,60} ?)?(?=[\[{]|(?<==)\()"
)
_REGION_TOKEN = late(
    r"(?P<kept><(?:[a-z_]{2,16}:[0-9a-f]{8}|(?:string|text) \d{1,7}|number|secret|birth_date|query|values)>|~+"
    r"|\[(?:Object|Array|Function[^\]\n]{0,60}|Circular[^\]\n]{0,20})\])"
    r"|(?P<string>\"(?:[^\"\\\n]|\\.)*(?:\"|(?=\n)|\Z)|'(?:[^'\\\n]|\\.|''|'(?=\w))*(?:'|(?=\n)|\Z)|`[^`\n]*(?:`|(?=\n)|\Z))"
    r"|(?P<word>[^\W\d][\w$.-]*)|(?P<number>[+-]?\d[\w.:/+-]*)"
)
_IS_KEY = late(r"\??\s{0,2}(?::(?!:)|=>|=)")
_IS_CALL = late(r" ?[({]|>")
_CALL_VALUE = late(
    r"\b(?P<call>(?:Date|Decimal|BigInt|ObjectI[dD]|UUID|Buffer|Timestamp|DateTime|LocalDate|datetime|date|Some)\()"
    r"(?P<quoted>\"[^\"\n]{0,120}\"|'[^'\n]{0,120}'|`[^`\n]{0,120}`)(?=\))|\b(?P<dated>datetime\.(?:date|datetime)\()[\d, ]{{6,60}}"
)
_MILD_KEYS = frozenset(("role", "roles", "type", "status", "code"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """A structural rule: what stands between `head` and `end` on one line is dropped and `to` stands there instead."""

    needle: str
    head: re.Pattern[str]
    end: Callable[[str, int, int], int]  # text, start, end of the line -> end of what is dropped
    to: str = "<values>"


def _until(pattern: str) -> Callable[[str, int, int], int]:
    compiled = re.compile(pattern)

    def end(text: str, start: int, line_end: int) -> int:
        hit = compiled.search(text, start, line_end)
        return hit.start() if hit is not None else line_end

    return end


def _until_last(pattern: str) -> Callable[[str, int, int], int]:
    compiled = re.compile(pattern)

    def end(text: str, start: int, line_end: int) -> int:
        last = line_end
        for hit in compiled.finditer(text, start, line_end):
            last = hit.start()
        return last

    return end


def _balanced(text: str, start: int, line_end: int) -> int:
    """End of the bracketed group or quoted string that begins at `start`; the end of the line when it stays open."""
    depth = 0
    for hit in _BRACKET.finditer(text, start, line_end):
        bracket = hit[0]
        if bracket in "[({":
            depth += 1
        elif bracket in "])}":
            depth -= 1
        if depth <= 0:
            return hit.end() if depth == 0 else hit.start()
    return line_end


def _inside(text: str, start: int, line_end: int) -> int:
    """End of what stands inside the bracket just before `start`."""
    end = _balanced(text, start - 1, line_end)
    return end - 1 if end > start and text[end - 1 : end] in ("]", ")", "}") else end


def _row(text: str, start: int, line_end: int) -> int:
    """End of a printed row: the last `)` that ends a quotation or the line; a row of several lines ends where a line ends with `).`."""
    end = _LAST_OF_ROW(text, start, line_end)
    if end < line_end or line_end == len(text):
        return end
    further = _ROW_ENDS_LATER.search(text, line_end, min(len(text), line_end + 4_000))
    return further.start(1) if further is not None and _NEW_EVENT.search(text, line_end, further.start(1)) is None else end


_LAST_OF_ROW = _until_last(r"\)\.?(?=[\"'`\\]|\s*$|\s*\n|\s+(?:CONTEXT|HINT|WHERE|STATEMENT|\[SQL))")
_ROW_ENDS_LATER = late(r"(\)\.)[ \t]*(?=\n|\Z)")
_NEW_EVENT = late(r"\n(?:\{\"|\d{4}-\d\d-\d\d|\[|[A-Z]+:? )")
_KEY_VALUE_END = late(r"\) (?:already exists|is not present|is still referenced|conflicts with|is duplicated)")


def _key_values(text: str, start: int, line_end: int) -> int:
    hit = _KEY_VALUE_END.search(text, start, line_end)
    return hit.start() if hit is not None else _LAST_OF_ROW(text, start, line_end)


def _value(text: str, start: int, line_end: int) -> int:
    """End of one printed value: a quoted string, a bracketed group, or up to a separator."""
    if text[start : start + 1] in ('"', "'", "{", "[", "("):
        return _balanced(text, start, line_end)
    hit = re.compile(r"[;,\]})\n]").search(text, start, line_end)
    return hit.start() if hit is not None else line_end


_CUTS: tuple[_Cut, ...] = (
    _Cut(needle="Failing row contains (", head=late(r"Failing row contains \("), end=_row),
    _Cut(needle=")=(", head=late(r"\b[Kk]ey \([^()\n]{0,200}(?:\([^()\n]{0,100}\)[^()\n]{0,100}){0,4}\)=\("), end=_key_values),
    _Cut(needle="Duplicate entry '", head=late(r"Duplicate entry '"), end=_until(r"' for key")),
    _Cut(
        needle="duplicate key value is (",
        head=late(r"duplicate key value is \("),
        end=_until_last(r"\)\.?(?=[\"'`\\]|\s*$)"),
    ),
    _Cut(needle="dup key: {", head=late(r"dup key: "), end=_balanced, to="{ <values> }"),
    _Cut(
        needle="input_value=",
        head=late(r"\binput_value="),
        end=_until(r", input_type=\w+\]?\s*$|\]\s*$|, input_type=\w+\]?\s*\n"),
    ),
    _Cut(needle="rejected value [", head=late(r"rejected value \["), end=_until(r"\]; |\]$|\]\)")),
    _Cut(needle="got invalid value ", head=late(r"got invalid value "), end=_value),
    _Cut(needle="arameters", head=late(r"\[parameters: (?=[\[({])"), end=_balanced),
    _Cut(needle="arameters=[", head=late(r"\bParameters=\["), end=_inside),
    _Cut(needle="arams", head=late(r"(?:-- PARAMETERS|\bParams): (?=[\[({])"), end=_balanced, to="[<values>]"),
    _Cut(needle="ARAMETERS: ", head=late(r"-- PARAMETERS: (?=[\[({])"), end=_balanced, to="[<values>]"),
    _Cut(needle="params: ", head=late(r"(?<![\w.])params: (?![\[{])"), end=_until(r"\n")),
    _Cut(needle="arameters: $1", head=late(r"\bparameters: (?=\$1)"), end=_until(r"\n")),
    _Cut(
        needle="binding parameter",
        head=late(r"binding parameter [^\n\[]{0,60}(?:\[\w+\] as \[\w+\] - |<- )\["),
        end=_until_last(r"\]"),
    ),
    _Cut(
        needle="] ",
        head=late(r"\[(?:generated in|cached since|raw sql|no key|dialect|caching disabled)[^\]\n]{0,60}\] (?=[\[({])"),
        end=_until(r"\n"),
    ),
    _Cut(
        needle="nexpected token",
        head=late(r"Unexpected token [^\n]{1,12}?, (?=\.{0,3}\")"),
        end=_until_last(r" is not valid JSON"),
        to='"<values>"',
    ),
    _Cut(needle="Path `", head=late(r"\bPath `[^`\n]{1,120}` (?:is invalid )?\("), end=_until(r"\)[ .,]|\)$")),
    _Cut(needle=" constant (", head=late(r"\bInvalid \w{1,30} constant \("), end=_until(r"\) ")),
    _Cut(
        needle="nvalid ",
        head=late(
            r"\b[Ii]nvalid (?:\w{1,20} ){0,2}(?:string|value|id|number|date|format|email|uuid): (?=[^\s\"'`]{1,200}\s*(?:\n|\Z))"
        ),
        end=_until(r"\s"),
    ),
    _Cut(needle="|", head=late(r"\b(?:PID|NK1|IN1|GT1|PV1|OBX|NTE)\|(?=[^\n|]{0,80}\|)"), end=_until(r"\n")),
    _Cut(
        needle="PRIVATE KEY-----",
        head=late(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"),
        end=_until(r"-----END "),
        to="<secret>",
    ),
)
_VALUES_LIST = _Cut(
    needle="(", head=late(r"\b[Vv][Aa][Ll][Uu][Ee][Ss] ?(?=\()|(?<=\(<values>\)),\s?(?=\()"), end=_balanced, to="(<values>)"
)


def _cut_out(text: str, cut: _Cut) -> str:
    done: list[str] = []
    position = 0
    search = cut.head.search
    while (hit := search(text, position)) is not None:
        start = hit.end()
        line_end = text.find("\n", start)
        line_end = len(text) if line_end < 0 else line_end
        end = max(start, cut.end(text, start, line_end))
        if end == start or PLACEHOLDER.match(text, start) or (cut is _VALUES_LIST and _PLACEHOLDERS_ONLY.match(text[start:end])):
            done.append(text[position : max(end, start + 1)])
            position = max(end, start + 1)
            continue
        done += (text[position:start], cut.to, "\n" * text.count("\n", start, end))
        position = end
    return "".join(done) + text[position:] if done else text


def _without_bound_values(line: str) -> str:
    """Rails and Ecto print a statement and after it the values: `INSERT … VALUES ($1)  [["email", "…"]]`."""
    stripped = line.rstrip()
    if not stripped.endswith("]"):
        return line
    statement = _SQL_WORD.search(line)
    bound = _BOUND_VALUES.search(line, statement.end()) if statement is not None else None
    return line if bound is None else line[: bound.start()] + "[<values>]"


def _end_of_invocation(text: str, start: int) -> int:
    """Where Prisma's printed call ends: at the first line that begins with a word. Line ends of 400 lines are looked at."""
    position = start
    for _ in range(400):
        line_end = text.find("\n", position)
        line = text[position : line_end if line_end >= 0 else len(text)]
        if line[:1] not in ("", " ", "\t", "{", "}", "+", "~", "?", "→", "]", "/") or line.startswith("Error"):
            return position
        if line_end < 0:
            return len(text)
        position = line_end + 1
    return position


def _invocation_line(line: str) -> str:
    body = line.rstrip("\n")
    if _CODE_FRAME.match(body) or _MARKED_LINE.match(body) or body.startswith("/"):
        return line
    return _emptied(body) + line[len(body) :]


def _opens_region(key: str, bracket: str) -> bool:
    what = meaning(key)
    if what in (Meaning.DATA, Meaning.PERSON, Meaning.SECRET):
        return True
    return (is_person_object(key) and bracket == "{") or (bracket == "{" and normal(key) == "target")


def _emptied(region: str, *, mild: bool = False) -> str:
    """A printed object: keys, brackets, marks, null and type names stay; strings and numbers go.

    `mild`: by the name of its key it may as well be a list of what is wrong with a field: rules and roles stay.
    """
    last_key = [""]

    def token(hit: re.Match[str]) -> str:
        found = hit[0]
        is_key = _IS_KEY.match(region, hit.end()) is not None
        if hit["kept"] is not None:
            return found
        bare = found.strip("\"'`")
        if is_key:
            last_key[0] = bare
            return found if _may_be_key(bare) or PLACEHOLDER.fullmatch(bare) else found.replace(bare, f"<string {len(bare)}>")
        if hit["string"] is not None:
            return _emptied_string(found, bare, named=mild and last_key[0] in _MILD_KEYS, mild=mild)
        if hit["number"] is not None:
            return "<number>"
        return found if bare in _SCHEMA_WORDS or _IS_CALL.match(region, hit.end()) else f"<text {len(found)}>"

    return _REGION_TOKEN.sub(token, region)


def _may_be_key(name: str) -> bool:
    return (
        len(name) <= 64
        and not LONG_NUMBER.search(name)
        and "@" not in name
        and not any(c.isspace() for c in name)
        and not looks_random(name)
    )


def _emptied_string(found: str, bare: str, *, named: bool, mild: bool) -> str:
    if bare in EMPTY_VALUES or PLACEHOLDER.fullmatch(bare) or (mild and says_a_rule(bare)):
        return found
    if named and IDENTIFIER.match(bare) and names_a_thing(bare):
        return found
    closed = len(found) > 1 and found[-1] == found[0]
    return f"{found[0]}<string {len(bare)}>{found[-1] if closed else ''}"


def _value_before(hit: re.Match[str]) -> str:
    quoted = hit["quoted"]
    content = quoted[1:-1]
    if content in EMPTY_VALUES or PLACEHOLDER.fullmatch(content) or content in TYPE_NAMES or "://<credentials>@" in content[:50]:
        return hit[0]
    return f"{hit['word']}{hit['sep']}{quoted[0]}{collapsed(content)}{quoted[-1]}"


def _values_before(text: str) -> str:
    """`"…" is not a valid choice`: what is quoted before such words goes."""
    done: list[str] = []
    position = 0
    for hit in _VALUE_AFTER.finditer(text):
        end = hit.start() - 1
        start = _opening(text, end, position)
        content = text[start:end]
        if start > position and content not in EMPTY_VALUES and not PLACEHOLDER.fullmatch(content):
            done += (text[position:start], collapsed(content))
            position = end
    return "".join(done) + text[position:] if done else text


def _opening(text: str, end: int, earliest: int) -> int:
    """Where the quotation that closes at `end` begins: after the nearest such quote that no word precedes; -1 without one."""
    quote = text[end]
    earliest = max(earliest, text.rfind("\n", 0, end), end - 2_000, 0)
    start = text.rfind(quote, earliest, end)
    while start > earliest and text[start - 1].isalnum():
        start = text.rfind(quote, earliest, start)
    return start + 1 if start >= 0 else -1


def _value_of_call(hit: re.Match[str]) -> str:
    if hit["dated"]:
        return f"{hit['dated']}<values>"
    quoted = hit["quoted"]
    content = quoted[1:-1]
    if content in EMPTY_VALUES or PLACEHOLDER.fullmatch(content) or "row contains (<values>" in content:
        return hit[0]
    return f"{hit['call']}{quoted[0]}{collapsed(content)}{quoted[-1]}"


# --- the passes -------------------------------------------------------------------------------------------------------


def without_credentials(text: str) -> str:
    """`scheme://user:password@host/…` -> `scheme://<credentials>@host/…`."""
    if "://" not in text or "@" not in text:
        return text
    return _CREDENTIALS.sub(r"\1<credentials>@", _DB_CREDENTIALS.sub(r"\1<credentials>@", text))


def without_queries(text: str) -> str:
    """`/path?name=value` -> `/path?<query>`."""
    return _QUERY.sub("?<query>", _QUOTED_QUERY.sub(r"\1?<query>", text)) if "?" in text else text


def without_rows(text: str) -> str:
    """Printed rows, keys' values, bound parameters, rejected values: what `_CUTS` names."""
    for cut in _CUTS:
        if cut.needle in text:
            text = _cut_out(text, cut)
    return text


def without_invocations(text: str) -> str:
    """Prisma prints the whole call: model, argument names and marks stay, values go."""
    if " invocation" not in text:
        return text
    done: list[str] = []
    position = 0
    for hit in _INVOCATION.finditer(text):
        if hit.end() < position:
            continue
        done.append(text[position : hit.end()])
        position = _end_of_invocation(text, hit.end())
        done.extend(map(_invocation_line, text[hit.end() : position].splitlines(keepends=True)))
    return "".join(done) + text[position:]


def without_objects(text: str) -> str:
    """`data: {…}`, `_original: {…}`, `user: {…}`, `parameters: […]`: keys stay, values go."""
    if "{" not in text and "[" not in text:
        return text
    done: list[str] = []
    position = 0
    for hit in _REGION.finditer(text):
        if hit.start() < position or not _opens_region(hit["key"], text[hit.end()]):
            continue
        stop = _REGION_STOP.search(text, hit.end())
        end = _balanced(text, hit.end(), stop.start() if stop is not None else len(text))
        done += (text[position : hit.end()], _emptied(text[hit.end() : end], mild=meaning(hit["key"]) is not Meaning.DATA))
        position = end
    return "".join(done) + text[position:] if done else text


def without_literals(text: str) -> str:
    """Literals in VALUES (…) and the bound values that Rails and Ecto print after a statement."""
    if ("alues" in text or "ALUES" in text) and "(" in text:
        text = _cut_out(text, _VALUES_LIST)
    if "]" in text and any(word in text for word in _SQL_WORDS):
        text = "\n".join(map(_without_bound_values, text.split("\n")))
    return text


def without_quoted_values(text: str) -> str:
    """`received "…"`, `"…" is not a valid choice`, `new Date("…")`: what is quoted as a value goes."""
    if any(word in text for word in _VALUE_WORDS):
        text = _VALUE_BEFORE.sub(_value_before, text)
    if any(word in text for word in _VALUE_FOLLOWERS):
        text = _values_before(text)
    if '("' in text or "('" in text or "datetime." in text:
        text = _CALL_VALUE.sub(_value_of_call, text)
    return text
