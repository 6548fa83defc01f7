"""Redaction at the door: takes persons' values and secrets out of log text before anything leaves `parsers`.

Structure first (a printed row, a Prisma invocation, SQL parameters, JSON by the names of its keys), then shapes
(parsers/identifiers.py). What can't be told apart by either, a name in a sentence, only `strict` takes out.
Redacting twice changes nothing; a line the redactor can't handle is hidden. The number of lines never changes.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from parsers.field_names import Meaning, always_person_id, is_person_object, meaning, normal
from parsers.fingerprints import Grouping, fingerprint, resolve, route_template, skeleton
from parsers.identifiers import NUMBERS, Mask, is_public_ipv4, looks_random, may_tell, possible_masks
from parsers.vocabulary import WORDS

__all__ = ["Grouping", "Redactor", "fingerprint", "resolve", "route_template", "show", "skeleton"]

MAX_LINE_CHARS = 4_096           # of a line of text; the rest is hidden and counted
MAX_JSON_CHARS = 65_536          # of a line of JSON; longer ones are read as text
MAX_JSON_TEXT_CHARS = 16_384     # of all messages in it together; the rest collapses
MAX_REMEMBERED = 8_192           # paths: every access line asks for one
MAX_PASSES = 5                   # until a text no longer changes
MAX_DEPTH = 5                    # strings in strings in strings
UNREADABLE = "<redacted: unreadable>"
PLACEHOLDER = re.compile(
    r"<(?:[a-z_]{2,16}:[0-9a-f]{8}|(?:string|text) \d{1,7}|number|secret|birth_date|query|values|credentials|redacted: [a-z0-9 ]{1,60})>"
)
_ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CUT_MARK = re.compile(r"<redacted: \d{1,9} more characters>\Z")

_EMPTY_VALUES = frozenset(("", "-", "null", "undefined", "None", "nil", "NULL", "true", "false", "True", "False", "NaN", "[object Object]", "[Circular]"))
_TYPE_NAMES = frozenset(
    "string number integer boolean object array null undefined nan date bigint symbol function map set unknown never NaN void any float int bool "
    "Date String Number Boolean Object Array".split()
)
_SCHEMA_WORDS = _EMPTY_VALUES | frozenset(
    "new DateTime String Int Float Boolean Json Decimal BigInt Bytes Date Object Array connect disconnect create createMany update upsert where data "
    "include select set datetime UUID ObjectId Buffer Some Map Set infinity Symbol Circular Getter Function class struct".split()
)


def _quoted_or_balanced() -> re.Pattern[str]:
    return re.compile(r'(?<!\\)"(?:[^"\\\n]|\\.)*"|(?<![\w\\])\'(?:[^\'\\\n]|\\.)*\'(?!\w)|[\[({]|[\])}]')


_BRACKET = _quoted_or_balanced()
_REGION_STOP = re.compile(r"\n(?![ \t\]})\"'+?~\n]|→)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """A structural rule: what stands between `head` and `end` on one line is dropped and `to` stands there instead."""

    needle: str
    head: re.Pattern[str]
    end: Callable[[str, int, int], int]   # text, start, end of the line -> end of what is dropped
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
        token = hit[0]
        if token in "[({":
            depth += 1
        elif token in "])}":
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
_ROW_ENDS_LATER = re.compile(r"(\)\.)[ \t]*(?=\n|\Z)")
_NEW_EVENT = re.compile(r"\n(?:\{\"|\d{4}-\d\d-\d\d|\[|[A-Z]+:? )")
_KEY_VALUE_END = re.compile(r"\) (?:already exists|is not present|is still referenced|conflicts with|is duplicated)")


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
    _Cut(needle="Failing row contains (", head=re.compile(r"Failing row contains \("), end=_row),
    _Cut(needle=")=(", head=re.compile(r"\b[Kk]ey \([^()\n]{0,200}(?:\([^()\n]{0,100}\)[^()\n]{0,100}){0,4}\)=\("), end=_key_values),
    _Cut(needle="Duplicate entry '", head=re.compile(r"Duplicate entry '"), end=_until(r"' for key")),
    _Cut(needle="duplicate key value is (", head=re.compile(r"duplicate key value is \("), end=_until_last(r"\)\.?(?=[\"'`\\]|\s*$)")),
    _Cut(needle="dup key: {", head=re.compile(r"dup key: "), end=_balanced, to="{ <values> }"),
    _Cut(needle="input_value=", head=re.compile(r"\binput_value="), end=_until(r", input_type=\w+\]?\s*$|\]\s*$|, input_type=\w+\]?\s*\n")),
    _Cut(needle="rejected value [", head=re.compile(r"rejected value \["), end=_until(r"\]; |\]$|\]\)")),
    _Cut(needle="got invalid value ", head=re.compile(r"got invalid value "), end=_value),
    _Cut(needle="arameters", head=re.compile(r"\[parameters: (?=[\[({])"), end=_balanced),
    _Cut(needle="arameters=[", head=re.compile(r"\bParameters=\["), end=_inside),
    _Cut(needle="arams", head=re.compile(r"(?:-- PARAMETERS|\bParams): (?=[\[({])"), end=_balanced, to="[<values>]"),
    _Cut(needle="ARAMETERS: ", head=re.compile(r"-- PARAMETERS: (?=[\[({])"), end=_balanced, to="[<values>]"),
    _Cut(needle="params: ", head=re.compile(r"(?<![\w.])params: (?![\[{])"), end=_until(r"\n")),
    _Cut(needle="arameters: $1", head=re.compile(r"\bparameters: (?=\$1)"), end=_until(r"\n")),
    _Cut(needle="binding parameter", head=re.compile(r"binding parameter [^\n\[]{0,60}(?:\[\w+\] as \[\w+\] - |<- )\["), end=_until_last(r"\]")),
    _Cut(
        needle="] ",
        head=re.compile(r"\[(?:generated in|cached since|raw sql|no key|dialect|caching disabled)[^\]\n]{0,60}\] (?=[\[({])"),
        end=_until(r"\n"),
    ),
    _Cut(needle="nexpected token", head=re.compile(r"Unexpected token [^\n]{1,12}?, (?=\.{0,3}\")"), end=_until_last(r" is not valid JSON"), to='"<values>"'),
    _Cut(needle="Path `", head=re.compile(r"\bPath `[^`\n]{1,120}` \("), end=_until(r"\) ")),
    _Cut(needle="PRIVATE KEY-----", head=re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"), end=_until(r"-----END "), to="<secret>"),
)

_QUOTED = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.|''|'(?=\w))*'|`[^`\n]*`"
_VALUE_BEFORE = re.compile(
    r"\b(?P<word>[Rr]eceived|[Vv]alues?|got|input|parsing(?: time)?|time data|from [Ss]tring|with base \d{1,2}|to (?:float|int|number)|hex string|cannot parse"
    r"|out of range|could not (?:parse|convert)(?: string)?|text|literal|unconverted data|[Mm]alformed \w{1,30}|[Ii]nvalid (?:email|phone|date|number|id|uuid)"
    rf"|for type \w{{1,40}}|for enum \w{{1,60}}|[Rr]ecipient|[Mm]ember|[Pp]atient|[Cc]lient|[Cc]ustomer|named person)(?P<sep>:? {{1,2}})(?P<quoted>{_QUOTED})"
)
_VALUE_AFTER = re.compile(
    r"(?<=[\"'`])(?: is (?:not a valid|an invalid|not one of|not in the)| cannot be parsed| could not be parsed| is not a number"
    r"| (?:is |has )?already (?:been )?(?:taken|in use|registered)| for column | for key )"
)
_VALUE_WORDS = (  # one of them stands in every text that _VALUE_BEFORE matches
    "eceived", "alue", "got", "input", "arsing", "time data", "tring", "base ", "to float", "to int", "to number", "cannot parse", "range", "could not",
    "text", "literal", "unconverted", "alformed", "nvalid ", "for type", "for enum", "ecipient", "ember", "atient", "lient", "ustomer", "named person",
)  # fmt: skip
_VALUE_FOLLOWERS = (" is ", " cannot be parsed", " could not be parsed", "already ", " for column ", " for key ")
_SQL_WORDS = ("INSERT INTO", "UPDATE", "DELETE FROM", "SELECT", "RETURNING")
_ESCAPED = re.compile(r"(?<![\w.@$-])(?P<key>[A-Za-z_][\w.]{0,40})(?P<sep>=|: )\"(?P<content>(?:[^\"\\\n]|\\.)*)\"")
_CREDENTIALS = re.compile(r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]{1,30}://)([^\s\"'`<>/?]*)@")
_DB_CREDENTIALS = re.compile(
    r"(?<![A-Za-z0-9+.-])((?:postgres|postgresql|mysql|mariadb|mongodb|redis|rediss|amqp|amqps|mssql|sqlserver|oracle|cockroachdb|clickhouse)"
    r"(?:\+[a-z0-9_]{1,20})?://)([^\s\"'`<>@/]{0,80}:[^\s\"'`<>]{0,200})@(?=[\w.\[-])"
)
_QUOTED_QUERY = re.compile(r"(\"(?:[A-Z]{3,7} )?[^\"\s?]{0,2000})\?[^\"\n=]{0,200}=[^\"\n]*?(?=\s+HTTP/\d|\s+\d{3}\b|\\?\")")
_QUERY = re.compile(r"(?<=[\w/\]}>%.~-])\?[^\s\"'`<>=\\]*=[^\s\"'`\\]*")
_COMBINED = re.compile(r"(?m)^([^\n\"\[]{0,120}?\S) (\S{1,120}) (\S{1,120}) (?=\[\d\d/[A-Z][a-z]{2}/\d{4}:)")
_PATH_NUMBER = re.compile(r"(?<=[\w/:}>-]/)(\d{6,20})(?=[/\s?\"'#,;)\]]|$)", re.MULTILINE)
_PLACEHOLDERS_ONLY = re.compile(r"\((?:[\s,]|\$\d+|\?|%\(\w+\)s|%s|:\w+|@\w+|NULL|DEFAULT|null|default|<values>|now\(\)|::\w+)*\)\Z")
_SQL_WORD = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM|SELECT|RETURNING)\b")
_BOUND_VALUES = re.compile(r"(?<=[\s)])\[(?=[\"'\d\[]|nil\b)")
_INVOCATION = re.compile(r"Invalid `[^`\n]{1,120}` invocation[^\n]*\n")
_CODE_FRAME = re.compile(r"\A\s{0,40}(?:→\s{0,20})?\d{1,7}\s")
_MARKED_LINE = re.compile(r"\A\s{0,200}(?:[+?](?=\s)|~)[^\"'\d\n]*\Z")
_REGION = re.compile(
    r"(?<![\w$.-])(?P<q>[\"']?)(?P<key>[A-Za-z_][\w$.-]{0,60})(?P=q) ?(?::|=>|=) ?(?:%|#?<?[A-Z]\w{0,60} ?)?(?=[\[{])"
)
_REGION_TOKEN = re.compile(
    r"(?P<kept><(?:[a-z_]{2,16}:[0-9a-f]{8}|(?:string|text) \d{1,7}|number|secret|birth_date|query|values)>|~+|\[(?:Object|Array|Function[^\]\n]{0,60}|Circular[^\]\n]{0,20})\])"
    r"|(?P<string>\"(?:[^\"\\\n]|\\.)*(?:\"|(?=\n)|\Z)|'(?:[^'\\\n]|\\.|''|'(?=\w))*(?:'|(?=\n)|\Z)|`[^`\n]*(?:`|(?=\n)|\Z))"
    r"|(?P<word>[^\W\d][\w$.-]*)|(?P<number>[+-]?\d[\w.:/+-]*)"
)
_IS_KEY = re.compile(r"\??\s{0,2}(?::(?!:)|=>|=)")
_IS_CALL = re.compile(r" ?[({]|>")
_NO_TOKEN = r"(?!(?<=<)[a-z_]{2,16}:[0-9a-f]{8}>)"  # not inside a token of ours
_KV = re.compile(
    rf"(?:(?<![\w.@$-])|(?<=\.)(?=[\"'])){_NO_TOKEN}(?:(?P<key>\"[^\"\n]{{1,80}}\"|'[^'\n]{{1,80}}'|[\w@$][\w.@$-]{{0,80}}(?: Id)?)(?P<sep>\s?(?:=>|[:=])\s{{0,2}})"
    r"(?P<value>\"(?:[^\"\\\n]|\\.|\"(?=\w))*(?:\"|(?=\n)|\Z)|'(?:[^'\\\n]|\\.|''|'(?=\w))*(?:'|(?=\n)|\Z)|`[^`\n]*`)"
    r"|(?<!\\)(?P<lone>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'(?!\w)|`[^`\n]*`))"
)
_BARE = re.compile(
    rf"(?<![\w.@$-]){_NO_TOKEN}(?P<q>[\"']?)(?P<key>[A-Za-z_@$][\w.@$-]{{0,80}}(?:(?<=[Uu]ser) [Ii][Dd])?)(?P=q)(?P<sep>\s?(?:=>|[=:])\s{{0,2}})"
    r"(?=[^\s\"'`=\[{(<>,;)}\]:/])"
)
_TOKEN_END = re.compile(r"[\s,;\"')}\]]")
_PHRASE_END = re.compile(r"[,;\"')}\]\n]|\s+[\w.$-]{1,40}(?:=|:(?!\d))|\s{2,}")
_LINE_END = re.compile(r"[\"'\n]")
_HEADERS = frozenset(("authorization", "proxyauthorization", "cookie", "setcookie", "xauthorization", "cookies"))
_SAFE_NAME = re.compile(r"\A(?:[a-z][\w.:/@-]*|[A-Z]\w*(?:Error|Exception|Warning|Fault|Failure|Issue)|[A-Z]{2,}[A-Z0-9_]*)\Z")
_IDENTIFIER_SHAPE = re.compile(r"\A@?(?:[^\s\"'@]|@(?=\d)){1,160}\Z")
_LONG_NUMBER = re.compile(r"\d{6,}")
_MIGRATION_SHAPE = re.compile(r"(?<!\d)(?:V?\d{4,14}(?:[_.]\d+){0,6}_{1,2}\w|\d{14}\b)|(?<!\w)(?:[A-Za-z_]{6,120}\d{13}\b|\w{1,60}[./]\d{4}_\w)")
_HTTP_LINE = re.compile(r"\A(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|CONNECT|TRACE) \S+(?: HTTP/[\d.]+)?\Z")
_CALL_VALUE = re.compile(
    r"\b(?P<call>(?:Date|Decimal|BigInt|ObjectI[dD]|UUID|Buffer|Timestamp|DateTime|LocalDate|datetime|date|Some)\()"
    r"(?P<quoted>\"[^\"\n]{0,120}\"|'[^'\n]{0,120}'|`[^`\n]{0,120}`)(?=\))|\b(?P<dated>datetime\.(?:date|datetime)\()[\d, ]{{6,60}}"
)
_SQL_LINE = re.compile(r"\A\s{0,200}(?:INSERT|SELECT|UPDATE|DELETE|CREATE|ALTER|DROP|WITH|BEGIN|COMMIT|ROLLBACK|TRUNCATE|SET)\b", re.IGNORECASE)
_PROSE_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_CODE_TOKEN = re.compile(r"[\w.$:/#*+-]+")
_CODE_SIGN = re.compile(r"[a-z][A-Z]|[_.:/#$\d]|[A-Z]{2}")
_MILD_KEYS = frozenset(("role", "roles", "type", "status", "code"))
_NAMESAKES = frozenset(("Mark", "Will", "Grant", "May", "Ruby", "Rose", "Jest", "Chase", "Puma", "Koa", "Rich", "Frank"))
_MESSAGE_LIKE = re.compile(
    r"\b(?:required|invalid|must|is|are|expected|missing|not|valid|should|cannot|can't|taken|exists?|too|least|most|blank|null|unique|allowed)\b", re.IGNORECASE
)
_JSON_START = re.compile(r"\{\s{0,4}\"|\[\s{0,4}\{\s{0,4}\"|\{\}")


class Redactor:
    """Takes persons' values and secrets out of text. Keyed: equal values give equal tokens within one installation.

    `words` are further words that `strict` may show (those of the rule packs).
    """

    def __init__(self, key: bytes = b"", *, strict: bool = False, words: frozenset[str] = frozenset()) -> None:
        self._key = hashlib.blake2b(key or b"triage", digest_size=32).digest()
        self._words = WORDS | words if words else WORDS
        self.strict = strict
        self._paths: dict[str, str] = {}

    def token(self, kind: str, value: str) -> str:
        """`<kind:3f9c01ab>`: the same value gives the same token under the same key. A token of ours stays what it is."""
        if PLACEHOLDER.fullmatch(value):
            return value
        plain = value.strip().casefold().encode("utf-8", "replace")
        return f"<{kind}:{hashlib.blake2b(plain, key=self._key, digest_size=4).hexdigest()}>"

    def text(self, text: str) -> str:
        """A redacted line or block: as many lines as before, ANSI colours off. Never raises: what it can't handle is hidden."""
        try:
            return self._text(text)
        except Exception:  # noqa: BLE001  fails closed, whatever it was
            return "\n".join([UNREADABLE] * (str(text).count("\n") + 1))

    def line(self, text: str) -> str:
        """A redacted line; line ends inside it become blanks."""
        return self.text(str(text).replace("\r", " ").replace("\n", " "))

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A structured record with its values redacted by their keys. Never raises."""
        try:
            walked = self._walk(fields, "", _Context(), 0)
            return walked if isinstance(walked, dict) else {}
        except Exception:  # noqa: BLE001  fails closed, whatever it was
            return {"redacted": UNREADABLE}

    def path(self, path: str) -> str:
        """A URL path without query and fragment; ids of six digits and more, e-mail addresses, UUIDs and secrets as tokens."""
        try:
            shown = self._paths.get(path)
            if shown is None:
                if len(self._paths) >= MAX_REMEMBERED:
                    self._paths.clear()
                shown = self._paths[path] = self._path(path[:2_048])
            return shown
        except Exception:  # noqa: BLE001  fails closed, whatever it was
            return UNREADABLE

    def request_id(self, value: str | None) -> str | None:
        """A request's id: counters (`req-12`) stay, everything longer is a token; a record's `id` may as well be a person's."""
        if not value or _SHORT_ID.match(value) or PLACEHOLDER.fullmatch(value):
            return value
        return self.token("request", value)

    # --- text ---------------------------------------------------------------------------------------------------------

    def _text(self, text: str) -> str:
        if "\x1b" in text:
            text = _ANSI.sub("", text)
        for _ in range(MAX_PASSES):
            done = self._pass(text)
            if done == text:
                return done
            text = done
        again = self._pass(text).split("\n")  # what never comes to rest is hidden
        return "\n".join(line if line == other else UNREADABLE for line, other in zip(text.split("\n"), again, strict=True))

    def _pass(self, text: str) -> str:
        done = self._block(text, 0)
        return "\n".join(map(self._strict_line, done.split("\n"))) if self.strict else done

    def _block(self, text: str, depth: int) -> str:
        """Lines that are JSON by their keys, everything else as one text."""
        if depth > MAX_DEPTH:
            return _collapsed(text)
        if len(text) <= MAX_LINE_CHARS and ("{" not in text or '"' not in text or "}" not in text):
            return self._plain(text, depth)
        parts: list[str] = []
        plain: list[str] = []
        for line in text.split("\n"):
            found = self._json_line(line, depth)
            if found is None:
                plain.append(_shortened(line))
                continue
            if plain:
                parts.append(self._plain("\n".join(plain), depth))
                plain = []
            parts.append(found)
        if plain:
            parts.append(self._plain("\n".join(plain), depth))
        return "\n".join(parts)

    def _json_line(self, line: str, depth: int) -> str | None:
        """A line that ends with a JSON object or array, redacted; None when it does not."""
        if line.rstrip()[-1:] not in ("}", "]") or len(line) > MAX_JSON_CHARS:
            return None
        hit = _JSON_START.search(line)
        if hit is None:
            return None
        try:
            value = json.loads(line[hit.start() :])
        except (ValueError, RecursionError):
            return None
        walked = self._walk(value, "", _Context(level=depth), 0)
        before = self._plain(line[: hit.start()], depth)
        if walked == value:
            return before + line[hit.start() :]
        separators = (", ", ": ") if '": ' in line else (",", ":")
        return before + json.dumps(walked, ensure_ascii=line.isascii(), separators=separators)

    def _plain(self, text: str, depth: int) -> str:
        if not may_tell(text) and not (":" in text and _has_telling_key(text)):
            return text
        if ('\\"' in text or "\\n" in text) and (messages := _escaped_messages(text)):
            return self._around(messages, text, depth)
        if "://" in text and "@" in text:
            text = _DB_CREDENTIALS.sub(r"\1<credentials>@", text)
            text = _CREDENTIALS.sub(r"\1<credentials>@", text)
        text = self._cuts(text)
        text = self._patterns(text)
        text = self._addresses(text)
        if " invocation" in text:
            text = self._invocations(text)
        if "{" in text or "[" in text:
            text = self._regions(text)
        text = self._sql(text)
        if '"' in text or "'" in text or "`" in text:
            text = self._quotations(text, depth)
        return self._bare(text) if "=" in text or ":" in text else text

    def _around(self, messages: list[re.Match[str]], text: str, depth: int) -> str:
        """`msg="… \\"quoted\\" …"`: what was escaped once is read as it was before, and escaped again."""
        done: list[str] = []
        position = 0
        for hit in messages:
            shown = self._nested(hit["content"], '"', depth)
            done += (self._plain(text[position : hit.start()], depth), f'{hit["key"]}{hit["sep"]}"{shown}"')
            position = hit.end()
        return "".join(done) + self._plain(text[position:], depth)

    def _quotations(self, text: str, depth: int) -> str:
        if any(word in text for word in _VALUE_WORDS):
            text = _VALUE_BEFORE.sub(_value_before, text)
        if any(word in text for word in _VALUE_FOLLOWERS):
            text = _values_before(text)
        if '("' in text or "('" in text or "datetime." in text:
            text = _CALL_VALUE.sub(_value_of_call, text)
        return _KV.sub(functools.partial(self._pair, depth=depth), text)

    def _patterns(self, text: str) -> str:
        """The named masks: shapes that betray themselves."""
        for mask in possible_masks(text):
            text = mask.pattern.sub(functools.partial(self._masked, mask=mask), text)
        return text

    def _masked(self, hit: re.Match[str], mask: Mask) -> str:
        named = "value" in hit.re.groupindex
        value = hit["value"] if named else hit[0]
        if mask.check is not None and not mask.check(value):
            return hit[0]
        token = self.token(mask.kind, value) if mask.keyed else f"<{mask.kind}>"
        return hit[0][: hit.start("value") - hit.start()] + token + hit[0][hit.end("value") - hit.start() :] if named else token

    def _addresses(self, text: str) -> str:
        """Query strings, ids in paths, the user of an access line."""
        if "?" in text:
            text = _QUERY.sub("?<query>", _QUOTED_QUERY.sub(r"\1?<query>", text))
        if "/" not in text:
            return text
        numbers = NUMBERS(text.encode("utf-8", "replace"))
        if b"/000000" in numbers:
            text = _PATH_NUMBER.sub(lambda hit: self.token("id", hit[1]), text)
        return _COMBINED.sub(self._access_user, text) if b"00/Aaa/0000:" in numbers else text

    def _access_user(self, hit: re.Match[str]) -> str:
        users = [value if value == "-" or PLACEHOLDER.fullmatch(value) else self.token("user", value) for value in (hit[2], hit[3])]
        return f"{hit[1]} {users[0]} {users[1]} "

    @staticmethod
    def _cuts(text: str) -> str:
        for cut in _CUTS:
            if cut.needle in text:
                text = _cut_out(text, cut)
        return text

    @staticmethod
    def _invocations(text: str) -> str:
        """Prisma prints the whole call: model, argument names and marks stay, values go."""
        done: list[str] = []
        position = 0
        for hit in _INVOCATION.finditer(text):
            if hit.end() < position:
                continue
            done.append(text[position : hit.end()])
            position = _end_of_invocation(text, hit.end())
            done.extend(map(_invocation_line, text[hit.end() : position].splitlines(keepends=True)))
        return "".join(done) + text[position:]

    @staticmethod
    def _regions(text: str) -> str:
        """`data: {…}`, `_original: {…}`, `user: {…}`, `parameters: […]`: keys stay, values go."""
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

    @staticmethod
    def _sql(text: str) -> str:
        """Literals in VALUES (…) and the bound values that Rails and Ecto print after a statement."""
        if ("alues" in text or "ALUES" in text) and "(" in text:
            text = _cut_out(text, _VALUES_LIST)
        if "]" in text and any(word in text for word in _SQL_WORDS):
            text = "\n".join(map(_without_bound_values, text.split("\n")))
        return text

    # --- key and value in text ----------------------------------------------------------------------------------------

    def _pair(self, hit: re.Match[str], depth: int) -> str:
        if hit["lone"] is not None:
            quoted = hit["lone"]
            return quoted[0] + self._lone(quoted[1:-1], quoted[0], depth) + quoted[-1]
        quoted, key = hit["value"], hit["key"].strip("\"'")
        quote = quoted[0]
        closed = len(quoted) > 1 and quoted[-1] == quote
        content = quoted[1:-1] if closed else quoted[1:]
        if content in _EMPTY_VALUES or PLACEHOLDER.fullmatch(content):
            return hit[0]
        if _is_prose(hit):
            shown = self._lone(content, quote, depth)
        else:
            shown = self._by_key(key, content, quote, depth)
        return f"{hit['key']}{hit['sep']}{quote}{shown}{quote if closed else ''}"

    def _by_key(self, key: str, content: str, quote: str, depth: int) -> str:
        if key.endswith(("Error", "Exception", "Warning")):
            return self._lone(content, quote, depth)
        what = meaning(key)
        if what in (Meaning.TEXT, Meaning.ERRORS):
            return self._nested(content, quote, depth)
        return self._string(what, key, content, depth)

    def _nested(self, content: str, quote: str, depth: int) -> str:
        """A message inside quotes: what it says is redacted like any text."""
        if "\\" not in content:
            return self._block(content, depth + 1)
        plain = _UNESCAPE.sub(_unescaped, content)
        shown = self._block(plain, depth + 1)
        return content if shown == plain else _escaped(shown, quote)

    def _lone(self, content: str, quote: str, depth: int) -> str:
        """Something quoted in a sentence: names of the schema and words of programs stay."""
        if content in _EMPTY_VALUES or PLACEHOLDER.fullmatch(content):
            return content
        if _IDENTIFIER_SHAPE.match(content):
            return content if _is_named_thing(content) else _collapsed(content)
        if _HTTP_LINE.match(content) or ("://" in content[:12] and " " not in content):
            return content  # paths and queries have been seen to in the whole text
        if _SQL_LINE.match(content):
            return self._nested(content, quote, depth)
        if quote == "`" or _known(content):
            return content
        if ("{" in content or "[" in content or "=" in content) and _MESSAGE_LIKE.search(content) is None:
            return _collapsed(content)
        return self._nested(content, quote, depth) if self._mostly_known(content) else _collapsed(content)

    def _mostly_known(self, content: str) -> bool:
        words = _PROSE_WORD.findall(PLACEHOLDER.sub(" ", content))
        return len(words) > 3 and sum(word.lower() in self._words for word in words) * 10 >= len(words) * 9

    def _string(self, what: Meaning, key: str, value: str, depth: int) -> str:
        """A string by the meaning of its key; never one of the messages, which `_nested` and `_walk` see to."""
        if value in _EMPTY_VALUES or PLACEHOLDER.fullmatch(value):
            return value
        if what is Meaning.SECRET:
            return "<secret>"
        if what is Meaning.ID:
            return self._id(key, value)
        if what is Meaning.PATH:
            return self._url(value, depth)
        if what is Meaning.NAME:
            return value if _SAFE_NAME.match(value) and self._patterns(value) == value else _collapsed(value)
        if what in (Meaning.IDENTIFIER, Meaning.PLAIN):
            return self._identifier(value)
        if what is Meaning.SHAPED and _known(value):
            return self._patterns(value)
        if (what is Meaning.DATA and value in _TYPE_NAMES) or (what in (Meaning.UNKNOWN, Meaning.PERSON) and _says_a_rule(value)):
            return value
        if _HTTP_LINE.match(value):
            return self._plain(value, depth + 1)
        return _host_or_collapsed(value) if normal(key) == "address" else _collapsed(value)

    def _id(self, key: str, value: str) -> str:
        if not always_person_id(key) and _SHORT_ID.match(value):
            return value
        return value if _own_address(value) else self.token("id" if normal(key).endswith("id") else "user", value)

    def _identifier(self, value: str) -> str:
        if _IDENTIFIER_SHAPE.match(value):
            masked = self._patterns(value)
            return masked if masked != value or _is_named_thing(value) or value.isdigit() and len(value) < 6 else _collapsed(value)
        return self._patterns(value) if _known(value) else _collapsed(value)

    def _url(self, value: str, depth: int) -> str:
        if value.startswith("/") and not any(char.isspace() for char in value):
            return self._path(value) + ("?<query>" if "?" in value else "")
        if "://" in value[:40]:
            return self._plain(value, depth + 1)
        return self._identifier(value)

    def _path(self, path: str) -> str:
        path = path.split("?", 1)[0].split("#", 1)[0]
        return "/".join(self._segment(part) for part in path.split("/"))

    def _segment(self, part: str) -> str:
        if part.isdigit():
            return self.token("id", part) if len(part) >= 6 else part
        if len(part) < 4 or part.isalpha() and part.islower():
            return part
        masked = self._patterns(part.replace("%40", "@"))
        if masked != part.replace("%40", "@"):
            return masked if PLACEHOLDER.fullmatch(masked) else self.token("id", part)
        if any(char.isspace() for char in part) or "%20" in part or "+" in part[1:]:
            return self.token("id", part)
        digits = sum(map(str.isdigit, part))
        return self.token("id", part) if digits >= 6 and not _MIGRATION_SHAPE.match(part) and "." not in part else part

    # --- values without quotes ----------------------------------------------------------------------------------------

    def _bare(self, text: str) -> str:
        if not _has_telling_key(text):
            return text
        done: list[str] = []
        position = 0
        for hit in _BARE.finditer(text):
            if hit.start() < position:
                continue
            end, shown = self._bare_value(hit, text)
            if end > hit.end():
                done += (text[position : hit.end()], shown)
                position = end
        return "".join(done) + text[position:] if done else text

    def _bare_value(self, hit: re.Match[str], text: str) -> tuple[int, str]:
        """(end, what to show) of the value after `key=` or `key:`; an end before the value leaves it alone."""
        key, spaced = hit["key"], hit["sep"].strip() == ":" and hit["sep"][-1:].isspace()
        what = meaning(key)
        leave = (hit.end(), "")
        if what is Meaning.SECRET:
            return self._bare_secret(hit, text, spaced=spaced)
        if what is Meaning.ID:
            end = _ends(_TOKEN_END, text, hit.end())
            value = text[hit.end() : end]
            if value in _EMPTY_VALUES or value.lower() in self._words or "<" in value or (spaced and not any(c.isdigit() for c in value)):
                return leave
            return end, self._id(key, value)
        if what in (Meaning.PERSON, Meaning.DATA) or (what is Meaning.NAME and not spaced):
            end = _ends(_PHRASE_END, text, hit.end())
            value = text[hit.end() : end]
            shown = self._bare_person(what, value, spaced=spaced)
            return (end, shown) if shown != value else leave
        return leave

    def _bare_secret(self, hit: re.Match[str], text: str, *, spaced: bool) -> tuple[int, str]:
        header = normal(hit["key"]) in _HEADERS
        end = _ends(_LINE_END if header else _TOKEN_END, text, hit.end())
        value = text[hit.end() : end].rstrip()
        if value in _EMPTY_VALUES or PLACEHOLDER.fullmatch(value):
            return hit.end(), ""
        if spaced and value.lower().strip(".!") in self._words:
            return hit.end(), ""
        return hit.end() + len(value), "<secret>"

    def _bare_person(self, what: Meaning, value: str, *, spaced: bool) -> str:
        stripped = value.rstrip()
        if stripped in _EMPTY_VALUES or PLACEHOLDER.sub("", stripped).strip(" .") == "" or _own_address(stripped):
            return value
        if what is Meaning.NAME and _SAFE_NAME.match(stripped):
            return value
        if _known(stripped) and (spaced or _PROSE_WORD.search(stripped)) and not stripped[:1].isdigit():
            return value
        kept = value[len(stripped) :]
        return ("<number>" if stripped.replace(".", "").isdigit() else _collapsed(stripped)) + kept

    # --- JSON ---------------------------------------------------------------------------------------------------------

    def _walk(self, value: Any, key: str, context: _Context, depth: int) -> Any:
        if depth > 24:
            return _collapsed(str(value))
        if isinstance(value, Mapping):
            return self._object(value, key, context, depth)
        if isinstance(value, list | tuple):
            return [self._walk(inner, key, context, depth + 1) for inner in value]
        if isinstance(value, str):
            return self._json_string(value, key, context)
        if isinstance(value, bool) or value is None:
            return value
        return self._json_number(value, key, context) if isinstance(value, int | float) else _collapsed(str(value))

    def _object(self, value: Mapping[str, Any], key: str, context: _Context, depth: int) -> dict[str, Any]:
        if isinstance(value.get("key"), str) and "value" in value and len(value) <= 3:  # OpenTelemetry: {"key": …, "value": {"stringValue": …}}
            named = value["key"]
            inner = value["value"]
            if isinstance(inner, Mapping):
                shown: Any = {kind: self._walk(one, named, context, depth + 1) for kind, one in inner.items()}
            else:
                shown = self._walk(inner, named, context, depth + 1)
            return {**{k: v for k, v in value.items() if k not in ("key", "value")}, "key": self._key_name(named), "value": shown}
        if set(value) == {"stringValue"} and normal(key) == "body":
            return {"stringValue": self._walk(value["stringValue"], "message", context, depth + 1)}
        below = context.below(key)
        return {self._key_name(str(name)): self._walk(inner, str(name), below, depth + 1) for name, inner in value.items()}

    def _key_name(self, name: str) -> str:
        """A key that is itself a value (an e-mail address, a person's id) is redacted like one."""
        if name.replace("_", "").isalpha() and len(name) <= 64:
            return name
        masked = self._patterns(name)
        if masked != name:
            return masked
        return name if len(name) <= 80 and not _LONG_NUMBER.search(name) and name.count(" ") < 4 else _collapsed(name)

    def _json_string(self, value: str, key: str, context: _Context) -> str:
        if value in _EMPTY_VALUES or PLACEHOLDER.fullmatch(value):
            return value
        what = meaning(key)
        if context.data:
            return self._data_string(what, key, value, context)
        if context.errors and what not in (Meaning.DATA, Meaning.TEXT, Meaning.PATH, Meaning.IDENTIFIER, Meaning.PLAIN, Meaning.NAME):
            return self._message(value, context) if _MESSAGE_LIKE.search(value[:500]) else self._string(what, key, value, context.level)
        if what in (Meaning.TEXT, Meaning.ERRORS):
            return self._message(value, context)
        return self._string(what, key, value, context.level)

    def _message(self, value: str, context: _Context) -> str:
        context.spent[0] += len(value)
        return self._block(value, context.level + 1) if context.spent[0] <= MAX_JSON_TEXT_CHARS else _collapsed(value)

    def _data_string(self, what: Meaning, key: str, value: str, context: _Context) -> str:
        if what is Meaning.SECRET:
            return "<secret>"
        if what is Meaning.ID:
            return self._id(key, value)
        if context.person and normal(key) in ("role", "roles", "type", "status", "scope"):
            return self._identifier(value)
        masked = self._patterns(value)
        return masked if PLACEHOLDER.fullmatch(masked) else _collapsed(value)

    def _json_number(self, value: float, key: str, context: _Context) -> Any:
        what = meaning(key)
        if what in (Meaning.PERSON, Meaning.DATA, Meaning.SECRET) or (context.data and what is not Meaning.ID):
            return "<number>"
        if what is Meaning.ID:
            return self.token("id", str(value)) if always_person_id(key) or len(str(value)) >= 6 else value
        if what in (Meaning.PLAIN, Meaning.IDENTIFIER) or normal(key) in _NUMBER_KEYS:
            return value
        return "<number>" if isinstance(value, int) and abs(value) >= 100_000 and not _is_epoch(value) else value

    # --- strict -------------------------------------------------------------------------------------------------------

    def _strict_line(self, line: str) -> str:
        """Words of programs, codes, names of the schema, routes and numbers up to four digits; the rest as `<text n>`."""
        if not line or line == UNREADABLE:
            return line
        shown = _STRICT_TOKEN.sub(self._strict_token, line)
        return _TEXT_RUN.sub(_joined, shown)

    def _strict_token(self, hit: re.Match[str]) -> str:
        token = hit[0]
        if token.startswith("<") and PLACEHOLDER.fullmatch(token):
            return token
        word = token.strip(".,:;!?-—…'’")
        if not word or not any(map(str.isalnum, word)) or word.lower() in self._words or self._strict_code(word):
            return token
        parts = re.findall(r"[^\W\d_]+", word)
        if parts and all(part.lower() in self._words for part in parts) and not _LONG_NUMBER.search(word):
            return token
        return f"<text {len(token)}>"

    def _strict_code(self, word: str) -> bool:
        if _STRICT_NUMBER.match(word) or _STRICT_CODE.match(word) or _MIGRATION_SHAPE.match(word):
            return True
        humps = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", word)
        joined = len(humps) > 1 and word.isascii() and re.fullmatch(r"[\w.$/:#@-]+", word) is not None
        return joined and not _LONG_NUMBER.search(word) and (any(h.lower() in self._words for h in humps) or "_" in word or "/" in word)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    """Where in a structured record a value stands."""

    data: bool = False      # inside an object of the caller's: every value goes
    person: bool = False    # … that describes a person: roles stay
    errors: bool = False    # inside a list of errors: strings are messages
    level: int = 0          # how many texts this record stands in
    spent: list[int] = field(default_factory=lambda: [0])  # characters of messages read so far, shared by the whole record

    def below(self, key: str) -> _Context:
        if self.data or not key:
            return self
        if self.errors and normal(key) in _REQUEST_PARTS:  # celebrate: {"validation": {"body": {"message": …}}}
            return self
        person = is_person_object(key)
        if person or meaning(key) in (Meaning.DATA, Meaning.PERSON, Meaning.SECRET):
            return replace(self, data=True, person=person)
        listed = meaning(key) is Meaning.ERRORS or normal(key) in _ERROR_LISTS
        return replace(self, errors=True) if listed else self


_ERROR_LISTS = frozenset(("errors", "detail", "details", "issues", "messages", "constraints", "errormessages", "validation", "meta_errors"))
_REQUEST_PARTS = frozenset(("body", "query", "params", "headers", "cookies", "querystring"))
_NUMBER_KEYS = frozenset(("time", "ts", "timestamp", "pid", "duration", "bytes", "size", "length", "expires", "exp", "iat", "nbf", "uptime", "rss", "heap"))
_SHORT_ID = re.compile(r"\A(?:\d{1,5}|[A-Za-z]{1,5}[-_.]?\d{1,6}|[a-z]{1,3})\Z")
_VALUES_LIST = _Cut(needle="(", head=re.compile(r"\b[Vv][Aa][Ll][Uu][Ee][Ss] ?(?=\()|(?<=\(<values>\)),\s?(?=\()"), end=_balanced, to="(<values>)")
_UNESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_STRICT_TOKEN = re.compile(r"<[a-z_: 0-9]{2,40}>|[^\s\"'`()\[\]{}<>=,;|]+")
_TEXT_RUN = re.compile(r"<text \d{1,7}>(?:[ ,;.]{1,2}<text \d{1,7}>)+")
_STRICT_NUMBER = re.compile(
    r"\A(?:[+-]?\d{1,4}(?:\.\d{1,3})?(?:ms|s|m|h|kB|MB|GB|%|B)?|\d{4}-\d\d-\d\d(?:T[\d:.]{4,20}(?:Z|[+-]\d\d:?\d\d)?)?|\d\d:\d\d:\d\d(?:[.,]\d{1,9})?Z?)\Z"
)
_STRICT_CODE = re.compile(r"\A(?:[A-Z]{1,5}\d{2,6}|E[A-Z]{3,20}|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[0-9][0-9A-Z]{4}|FST_\w+|HTTP/[\d.]+|P\d{4})\Z")


def _is_epoch(value: int) -> bool:
    """Seconds, ms, µs or ns since 1970, between 2001 and 2096."""
    return any(1_000_000_000 * unit <= value < 4_000_000_000 * unit for unit in (1, 1_000, 1_000_000, 1_000_000_000))


def _shortened(line: str) -> str:
    if len(line) <= MAX_LINE_CHARS:
        return line
    room = MAX_LINE_CHARS * 3 // 4  # tokens may be longer than what they stand for
    return f"{line[:room]} <redacted: {len(line) - room} more characters>"


def _collapsed(value: str) -> str:
    return value if PLACEHOLDER.fullmatch(value) else f"<string {len(value)}>"


def _own_address(value: str) -> bool:
    """An address or host of our own machines, perhaps with a port: `10.0.1.7:5432`, `localhost`, `db.internal`."""
    host = re.sub(r":\d{1,5}\Z", "", value)
    if re.fullmatch(r"(?:\d{1,3}\.){3}\d{1,3}", host):
        return not is_public_ipv4(host)
    return host in ("localhost", "::1", "::") or re.fullmatch(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:internal|local)", host) is not None


def _host_or_collapsed(value: str) -> str:
    return value if _own_address(value) else _collapsed(value)


def _known(content: str) -> bool:
    """Whether a text is made of words of programs and of code-like names alone."""
    plain = PLACEHOLDER.sub(" ", content)
    words = _PROSE_WORD.findall(_CODE_TOKEN.sub(_without_code, plain))
    if _LONG_NUMBER.search(plain) and not _MIGRATION_SHAPE.search(plain):
        return False
    return all(word.lower() in WORDS for word in words) and not (words and words[0] in _NAMESAKES)


def _says_a_rule(content: str) -> bool:
    """`email must be an email`: words of programs that state what a value has to be."""
    return content.count(" ") >= 2 and _MESSAGE_LIKE.search(content) is not None and _known(content)


def _is_named_thing(content: str) -> bool:
    """A name without blanks that may stand: no long number, unless it is a migration's; nothing drawn at random."""
    if _LONG_NUMBER.search(content) and not _MIGRATION_SHAPE.search(content):
        return False
    return len(content) < 20 or not looks_random(content)


def _without_code(hit: re.Match[str]) -> str:
    """Nothing for what looks like code (`dueDate`, `due_date`, `SQLSTATE`), the word itself otherwise."""
    return " " if _CODE_SIGN.search(hit[0]) else hit[0]


def _is_prose(hit: re.Match[str]) -> bool:
    """`ValidationError: "email" must be …`: a colon of a sentence, not of a key."""
    if hit["key"][0] in "\"'" or not hit["sep"].startswith(":") or not hit["sep"][-1:].isspace():
        return False
    following = hit.string[hit.end() : hit.end() + 2]
    return len(following) == 2 and following[0] == " " and following[1].isalpha()


def _opens_region(key: str, bracket: str) -> bool:
    what = meaning(key)
    if what in (Meaning.DATA, Meaning.PERSON, Meaning.SECRET):
        return True
    return is_person_object(key) and bracket == "{" or bracket == "{" and normal(key) == "target"


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


def _escaped_messages(text: str) -> list[re.Match[str]]:
    return [hit for hit in _ESCAPED.finditer(text) if "\\" in hit["content"] and meaning(hit["key"]) is Meaning.TEXT]


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
    return len(name) <= 64 and not _LONG_NUMBER.search(name) and "@" not in name and not any(c.isspace() for c in name) and not looks_random(name)


def _emptied_string(found: str, bare: str, *, named: bool, mild: bool) -> str:
    if bare in _EMPTY_VALUES or PLACEHOLDER.fullmatch(bare) or (mild and _says_a_rule(bare)):
        return found
    if named and _IDENTIFIER_SHAPE.match(bare) and _is_named_thing(bare):
        return found
    closed = len(found) > 1 and found[-1] == found[0]
    return f"{found[0]}<string {len(bare)}>{found[-1] if closed else ''}"


def _value_before(hit: re.Match[str]) -> str:
    quoted = hit["quoted"]
    content = quoted[1:-1]
    if content in _EMPTY_VALUES or PLACEHOLDER.fullmatch(content) or content in _TYPE_NAMES or "://<credentials>@" in content[:50]:
        return hit[0]
    return f"{hit['word']}{hit['sep']}{quoted[0]}{_collapsed(content)}{quoted[-1]}"


def _values_before(text: str) -> str:
    """`"…" is not a valid choice`: what is quoted before such words goes."""
    done: list[str] = []
    position = 0
    for hit in _VALUE_AFTER.finditer(text):
        end = hit.start() - 1
        start = _opening(text, end, position)
        content = text[start:end]
        if start > position and content not in _EMPTY_VALUES and not PLACEHOLDER.fullmatch(content):
            done += (text[position:start], _collapsed(content))
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
    if content in _EMPTY_VALUES or PLACEHOLDER.fullmatch(content) or "row contains (<values>" in content:
        return hit[0]
    return f"{hit['call']}{quoted[0]}{_collapsed(content)}{quoted[-1]}"


_KEY_BEFORE = re.compile(r"([A-Za-z_@$][\w.@$-]*|User Id|user id)[\"']?\s?\Z")
_TELLING = frozenset((Meaning.SECRET, Meaning.ID, Meaning.PERSON, Meaning.DATA, Meaning.NAME))


def _has_telling_key(text: str) -> bool:
    """Whether some `key=` or `key:` in the text names a secret, a person or an id; a time of day is none."""
    for sign in "=:":
        position = text.find(sign)
        while position >= 0:
            following = text[position + 1 : position + 2]
            if following != "/" and not (following.isdigit() and text[position - 1 : position].isdigit()):
                hit = _KEY_BEFORE.search(text, max(0, position - 84), position)
                if hit is not None and (meaning(hit[1]) in _TELLING or hit[1].endswith(("Id", "id"))):
                    return True
            position = text.find(sign, position + 1)
    return False


def _ends(pattern: re.Pattern[str], text: str, start: int) -> int:
    hit = pattern.search(text, start)
    return hit.start() if hit is not None else len(text)


def _unescaped(hit: re.Match[str]) -> str:
    return chr(int(hit[1], 16)) if hit[1] else _SIMPLE_ESCAPES.get(hit[2], hit[2])


def _escaped(text: str, quote: str) -> str:
    plain = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return plain.replace(quote, "\\" + quote)


def _joined(hit: re.Match[str]) -> str:
    return f"<text {sum(map(int, re.findall(r'[0-9]+', hit[0])))}>"


# --- exits ------------------------------------------------------------------------------------------------------------

_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u17b5")


def show(text: str, *, newlines: bool = False) -> str:
    """Text for a terminal, a report or a page: control codes, bidi controls and invisible characters as escapes (`\\x1b`, `\\u202e`).

    Line ends are escapes too, so one event stays one row; with `newlines` they and tabs stay.
    """
    if text.isprintable() and _BLANK_LETTERS.isdisjoint(text):
        return text
    return "".join(_shown(char, newlines=newlines) for char in text)


def _shown(char: str, *, newlines: bool) -> str:
    if char.isprintable() and char not in _BLANK_LETTERS:
        return char
    if char in "\n\t":
        return char if newlines else {"\n": "\\n", "\t": "\\t"}[char]
    if unicodedata.category(char) == "Zs":
        return char
    number = ord(char)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
