"""Redaction at the door: takes persons' values and secrets out of log text before anything leaves `parsers`.

Structure first (a printed row, a Prisma invocation, SQL parameters, JSON by the names of its keys), then shapes
(parsers/identifiers.py). What can't be told apart by either, a name in a sentence, only `strict` takes out.
Redacting twice changes nothing; a line the redactor can't handle is hidden. The number of lines never changes.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from parsers.documents import without_documents
from parsers.field_names import Meaning, always_person_id, holds_prose, is_person_object, meaning, normal
from parsers.fingerprints import Grouping, fingerprint, plain_path, resolve, route_template, skeleton
from parsers.identifiers import NUMBERS, Mask, may_tell, possible_masks
from parsers.late import late
from parsers.shown import show
from parsers.strict import strict_line
from parsers.structures import (
    without_credentials,
    without_invocations,
    without_literals,
    without_objects,
    without_queries,
    without_quoted_values,
    without_rows,
)
from parsers.surrogates import whole, whole_escapes
from parsers.vocabulary import WORDS
from parsers.wording import (
    CODE_NAME,
    DATE,
    EMPTY_VALUES,
    IDENTIFIER,
    LONG_NUMBER,
    MESSAGE_LIKE,
    MIGRATION,
    PLACEHOLDER,
    PROSE_WORD,
    STAMP,
    TYPE_NAMES,
    collapsed,
    is_known,
    is_own_address,
    names_a_thing,
    says_a_rule,
)

__all__ = ["Grouping", "Redactor", "fingerprint", "plain_path", "resolve", "route_template", "show", "skeleton"]

MAX_LINE_CHARS = 4_096  # of a line of text; the rest is hidden and counted
MAX_JSON_CHARS = 65_536  # of a line of JSON; longer ones are read as text
MAX_JSON_TEXT_CHARS = 16_384  # of all messages in it together; the rest collapses
MAX_REMEMBERED = 8_192  # paths: every access line asks for one
MAX_REMEMBERED_SEGMENT = 80  # characters of a path's segment: routes have a few hundred of them
MAX_TIMED = 4_096  # access lines that differ in nothing but their time of day
MAX_PASSES = 5  # until a text no longer changes
MAX_DEPTH = 5  # strings in strings in strings
UNREADABLE = "<redacted: unreadable>"
_ANSI = late(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_ESCAPED = late(r"(?<![\w.@$-])(?P<key>[A-Za-z_][\w.]{0,40})(?P<sep>=|: )\"(?P<content>(?:[^\"\\\n]|\\.)*)\"")
_COMBINED = late(r"(?m)^([^\n\"\[]{0,120}?\S) (\S{1,120}) (\S{1,120}) (?=\[\d\d/[A-Z][a-z]{2}/\d{4}:)")
# An access line around its time of day: clients that try again print it over and over.
_TIMED = late(
    r"\A([^\n\[]{1,160}\[\d\d/[A-Z][a-z]{2}/\d{4}:)((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)( [+-]\d{4}\] \"[A-Z]{3,7} /[^\n]{1,800})\Z"
)
_DATE_CHARS = len("[18/Nov/2025:")
_PATH_NUMBER = late(r"(?<=[\w/:}>-]/)(\d{6,20})(?=[/\s?\"'#,;)\]]|$)", re.MULTILINE)
_OUTSIDE_TOKENS = r"(?!(?<=<)[a-z_]{2,16}:[0-9a-f]{8}>)"  # not inside a token of ours
_KV = late(
    rf"(?:(?<![\w.@$-])|(?<=\.)(?=[\"'])){_OUTSIDE_TOKENS}"
    r"(?:(?P<key>\"[^\"\n]{1,80}\"|'[^'\n]{1,80}'|[\w@$][\w.@$-]{0,80}(?: Id)?)(?P<sep>\s?(?:=>|[:=])\s{0,2})"
    r"(?P<value>\"(?:[^\"\\\n]|\\.|\"(?=\w))*(?:\"|(?=\n)|\Z)|'(?:[^'\\\n]|\\.|''|'(?=\w))*(?:'|(?=\n)|\Z)|`[^`\n]*`)"
    r"|(?<!\\)(?P<lone>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'(?!\w)|`[^`\n]*`))"
)
_BARE = late(
    rf"(?<![\w.@$])(?<![\w.@$]-){_OUTSIDE_TOKENS}(?P<q>[\"'`]?)(?P<key>[A-Za-z_@$][\w.@$-]{{0,80}}(?:(?<=[Uu]ser) [Ii][Dd])?)(?P=q)"
    r"(?P<sep>\s?(?:=>|[=:])\s{0,2})(?=[^\s\"'`=\[{(<>,;)}\]:/])"
)
_TOKEN_END = late(r"[\s,;\"')}\]]")
_PHRASE_END = late(r"[,;)}\]\n]|[\"'](?!\w)|\s+[\w.$-]{1,40}(?:=|:(?!\d))|\s{2,}")
_PROSE_END = late(r"\n|,\s+[\w.$-]{1,40}(?:=|: )|\s[\w.$-]{1,40}=|[\"')}\]]+\s*(?=\n|\Z)")
_LINE_END = late(r"[\"'\n]")
_HEADERS = frozenset(("authorization", "proxyauthorization", "cookie", "setcookie", "xauthorization", "cookies"))
_USER = late(
    r"(?P<lead>\b(?:[Ff]or|[Ii]nvalid|[Uu]nknown|[Ff]or invalid|[Ll]ogin) user |\b[Uu]ser (?=[\"'`]))"
    r"(?:(?P<quoted>\"[^\"\n]{1,120}\"|'[^'\n]{1,120}'|`[^`\n]{1,120}`)|(?P<bare>[^\s\"'`<(,;:]{1,120}))"
)
_PERSON_WORDS = (
    *("atient ", "lient ", "ember ", "ustomer ", "herapist ", "rovider ", "Dr. ", "Mr. ", "Mrs. ", "Ms. ", "Prof. "),
    *("uardian", "aregiver", "atient:", "atient=", "ext of kin", "ubscriber", "nsured", "eneficiary"),
)
_PERSON = late(
    r"(?P<lead>\b(?:(?:[Pp]atient|[Cc]lient|[Mm]ember|[Cc]ustomer|[Tt]herapist|[Pp]rovider) (?=[A-Z]\S{1,40} [A-Z][a-z])|(?:Dr|Mrs?|Ms|Prof)\. "
    r"|(?:[Pp]atient|[Gg]uardian|[Cc]aregiver|[Nn]ext of kin|[Ss]ubscriber|[Ii]nsured|[Bb]eneficiary)(?::|=|: | )(?=[A-Z]\S{1,40} [A-Z][a-z])))"
    r"(?P<name>[A-Z][^\W\d_]{1,40}(?:[ '’-][A-Z][^\W\d_]{1,40}){0,3})"
)
_LEAF = late(
    r"(?m)^(?P<lead>(?:[^\n\"']{0,200} )?(?P<key>[\w.$@-]{1,120})(?:: (?=')|=(?=\"[^\n]*\"\"$)))(?P<quote>[\"'])(?P<content>[^\n]*)(?P=quote)$"
)
_NAMED = late(
    r"[A-Z][^\W\d_]{1,40}(?: [A-Z][^\W\d_]{1,40}){1,3}(?=[ \t]*(?:\n|\Z|[,;)}])|  )"
)  # `name: Jane Doe`, two words no program uses
_NAMED_FILE = late(
    r"(?<=[/\\])(?P<name>[A-Z][^\W\d_]{1,40}(?:[-_ ][A-Z][^\W\d_]{1,40}){0,3})[-_ ](?:\d{4}-\d\d-\d\d|\d{8})(?=\.[a-z]{2,4}\b)"
)
_ROLES = frozenset(
    ("postgres", "root", "admin", "rdsadmin", "sa", "mysql", "public", "anonymous", "nobody", "app", "www-data", "node")
)
_ELEMENT = late(r"(?P<open><(?:[\w-]{1,40}:)?(?P<name>[A-Za-z][\w.-]{0,60})(?: [^<>\n]{0,400})?>)(?P<text>[^<>\n]{1,4000})</")
_UUID = late(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\Z")
_HTTP_LINE = late(r"\A(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|CONNECT|TRACE) \S+(?: HTTP/[\d.]+)?\Z")
_SQL_LINE = late(
    r"\A\s{0,200}(?:INSERT|SELECT|UPDATE|DELETE|CREATE|ALTER|DROP|WITH|BEGIN|COMMIT|ROLLBACK|TRUNCATE|SET)\b", re.IGNORECASE
)
_JSON_START = late(r"\{\s{0,4}\"|\[\s{0,4}\{\s{0,4}\"|\{\}")


class Redactor:
    """Takes persons' values and secrets out of text. Keyed: equal values give equal tokens within one installation.

    `words` are further words that `strict` may show (those of the rule packs).
    """

    def __init__(self, key: bytes = b"", *, strict: bool = False, words: frozenset[str] = frozenset()) -> None:
        self._key = hashlib.blake2b(key or b"triage", digest_size=32).digest()
        self._words = WORDS | words if words else WORDS
        self.strict = strict
        self._paths: dict[str, str] = {}
        self._segments: dict[str, str] = {}
        self._timed: dict[tuple[bool, str, str], tuple[str, str]] = {}

    def token(self, kind: str, value: str) -> str:
        """`<kind:3f9c01ab>`: the same value gives the same token under the same key. A token of ours stays what it is."""
        if PLACEHOLDER.fullmatch(value):
            return value
        plain = value.strip().casefold().encode("utf-8", "replace")
        return f"<{kind}:{hashlib.blake2b(plain, key=self._key, digest_size=4).hexdigest()}>"

    def text(self, text: str) -> str:
        """A redacted line or block: as many lines as before, ANSI colours off. Never raises: what it can't handle is hidden."""
        try:
            timed = _TIMED.match(text)
            return self._text(text) if timed is None else self._access_line(*timed.groups())
        except Exception:  # noqa: BLE001  fails closed, whatever it was
            return "\n".join([UNREADABLE] * (str(text).count("\n") + 1))

    def grouping_text(self, text: str) -> str:
        """As `text`, never strict: what fingerprints are made of does not change with a setting."""
        if not self.strict:
            return self.text(text)
        loose = copy.copy(self)
        loose.strict = False
        return loose.text(text)

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
            return self._paths[path] if path in self._paths else self._remembered(path)
        except Exception:  # noqa: BLE001  fails closed, whatever it was
            return UNREADABLE

    def request_id(self, value: str | None) -> str | None:
        """A request's id: counters (`req-12`) stay, everything longer is a token; a record's `id` may as well be a person's."""
        if not value or _SHORT_ID.match(value) or PLACEHOLDER.fullmatch(value):
            return value
        return self.token("request", value)

    # --- text ---------------------------------------------------------------------------------------------------------

    def _access_line(self, before: str, time: str, after: str) -> str:
        """A line that was redacted with another time of day is known: what a mask looks at is never the time of a day."""
        known = self._timed.get((self.strict, before, after))
        if known is not None:
            return time.join(known)
        shown = self._text(f"{before}{time}{after}")
        parts = shown.split(time)
        if len(parts) == 2 and parts[0].endswith(before[-_DATE_CHARS:]):  # where it stood: nothing else in the line reads like it
            if len(self._timed) >= MAX_TIMED:
                self._timed.clear()
            self._timed[self.strict, before, after] = parts[0], parts[1]
        return shown

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
        return self._block(text, 0)

    def _strict_line(self, line: str) -> str:
        return line if line == UNREADABLE else strict_line(line, self._words)

    def _block(self, text: str, depth: int) -> str:
        """Lines that are JSON by their keys, everything else as one text."""
        if depth > MAX_DEPTH:
            return collapsed(text)
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
            value = json.loads(whole_escapes(line[hit.start() :]))
        except (ValueError, RecursionError):
            return None
        walked = self._walk(value, "", _Context(level=depth), 0)
        before = self._plain(line[: hit.start()], depth)
        if walked == value:
            return before + line[hit.start() :]
        separators = (", ", ": ") if '": ' in line else (",", ":")
        return before + json.dumps(walked, ensure_ascii=line.isascii(), separators=separators)

    def _plain(self, text: str, depth: int) -> str:
        shown = self._redacted(text, depth)
        return "\n".join(map(self._strict_line, shown.split("\n"))) if self.strict else shown

    def _redacted(self, text: str, depth: int) -> str:
        if not may_tell(text) and not (":" in text and _has_telling_key(text)):
            return text
        if ('\\"' in text or "\\n" in text) and (messages := _escaped_messages(text)):
            return self._around(messages, text, depth)
        if "'\n" in text or text.endswith(("'", '""')):
            text = _LEAF.sub(functools.partial(self._leaf, depth=depth), text)
        text = without_rows(without_credentials(text))
        text = without_documents(self._users(self._addresses(self._patterns(text))))
        if "</" in text:
            text = _ELEMENT.sub(functools.partial(self._element, depth=depth), text)
        text = without_literals(without_objects(without_invocations(text)))
        if '"' in text or "'" in text or "`" in text:
            text = _KV.sub(functools.partial(self._pair, depth=depth), without_quoted_values(text))
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

    def _leaf(self, hit: re.Match[str], depth: int) -> str:
        """`err.message: '… 'quoted' …'`: a field as `formats.decode` writes it, whose text holds quotes of its own."""
        content = hit["content"]
        if hit["quote"] not in content:
            return hit[0]
        what = meaning(hit["key"])
        shown = (
            self._block(content, depth + 1)
            if what in (Meaning.TEXT, Meaning.ERRORS)
            else self._string(what, hit["key"], content, depth)
        )
        return f"{hit['lead']}{hit['quote']}{shown}{hit['quote']}"

    def _users(self, text: str) -> str:
        """`for user "…"`, `invalid user …`: an account's name is half of its credentials."""
        if "ser " in text:
            text = _USER.sub(self._user, text)
        if any(word in text for word in _PERSON_WORDS):
            text = _PERSON.sub(self._person, text)
        return _NAMED_FILE.sub(self._file, text) if "/" in text or "\\" in text else text

    def _file(self, hit: re.Match[str]) -> str:
        """`/Doe-1980-01-02.pdf`: a person's name and date as a file's; words of programs (`Backup-…`) are none."""
        named = not any(word.lower() in WORDS for word in re.split(r"[-_ ]", hit["name"]))
        return self.token("name", hit[0]) if named else hit[0]

    def _person(self, hit: re.Match[str]) -> str:
        """`patient Jane Doe`, `Dr. Doe`: names that their title gives away; words of programs are none."""
        named = not any(word.lower() in WORDS for word in hit["name"].split())
        return hit["lead"] + self.token("name", hit["name"]) if named else hit[0]

    def _user(self, hit: re.Match[str]) -> str:
        name = hit["quoted"] or hit["bare"]
        plain = name.strip("\"'`")
        if plain in EMPTY_VALUES or plain in _ROLES or plain.lower() in WORDS or PLACEHOLDER.fullmatch(plain):
            return hit[0]
        return hit["lead"] + name.replace(plain, self.token("user", plain))

    def _element(self, hit: re.Match[str], depth: int) -> str:
        """`<FirstName>…</FirstName>`: by the element's name."""
        what = meaning(hit["name"])
        shown = (
            self._block(hit["text"], depth + 1) if what is Meaning.TEXT else self._string(what, hit["name"], hit["text"], depth)
        )
        return hit["open"] + shown + "</"

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
        text = without_queries(text)
        if "/" not in text:
            return text
        numbers = NUMBERS(text.encode("utf-8", "replace"))
        if b"/000000" in numbers:
            text = _PATH_NUMBER.sub(lambda hit: self.token("id", hit[1]), text)
        return _COMBINED.sub(self._access_user, text) if b"00/Aaa/0000:" in numbers else text

    def _access_user(self, hit: re.Match[str]) -> str:
        users = [
            value if value == "-" or PLACEHOLDER.fullmatch(value) else self.token("user", value) for value in (hit[2], hit[3])
        ]
        return f"{hit[1]} {users[0]} {users[1]} "

    # --- key and value in text ----------------------------------------------------------------------------------------

    def _pair(self, hit: re.Match[str], depth: int) -> str:
        if hit["lone"] is not None:
            quoted = hit["lone"]
            return quoted[0] + self._lone(quoted[1:-1], quoted[0], depth) + quoted[-1]
        quoted, key = hit["value"], hit["key"].strip("\"'")
        quote = quoted[0]
        closed = len(quoted) > 1 and quoted[-1] == quote
        content = quoted[1:-1] if closed else quoted[1:]
        if content in EMPTY_VALUES or PLACEHOLDER.fullmatch(content):
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
        plain = whole(_UNESCAPE.sub(_unescaped, content))
        shown = self._block(plain, depth + 1)
        return content if shown == plain else _escaped(shown, quote)

    def _lone(self, content: str, quote: str, depth: int) -> str:
        """Something quoted in a sentence: names of the schema and words of programs stay."""
        if content in EMPTY_VALUES or PLACEHOLDER.fullmatch(content):
            return content
        if IDENTIFIER.match(content):
            return content if names_a_thing(content) and not DATE.match(content) else collapsed(content)
        if _HTTP_LINE.match(content) or ("://" in content[:12] and " " not in content):
            return content  # paths and queries have been seen to in the whole text
        if _SQL_LINE.match(content):
            return self._nested(content, quote, depth)
        if quote == "`" or is_known(content):
            return content
        if ("{" in content or "[" in content or "=" in content) and MESSAGE_LIKE.search(content) is None:
            return collapsed(content)
        return self._nested(content, quote, depth) if self._mostly_known(content) else collapsed(content)

    def _mostly_known(self, content: str) -> bool:
        words = PROSE_WORD.findall(PLACEHOLDER.sub(" ", content))
        return len(words) > 3 and sum(word.lower() in self._words for word in words) * 10 >= len(words) * 9

    def _string(self, what: Meaning, key: str, value: str, depth: int) -> str:
        """A string by the meaning of its key; never one of the messages, which `_nested` and `_walk` see to."""
        if value in EMPTY_VALUES or PLACEHOLDER.fullmatch(value):
            return value
        if what is Meaning.SECRET:
            return "<secret>"
        if what is Meaning.ID:
            return self._id(key, value)
        if what is Meaning.PATH:
            return self._url(value, depth)
        if what is Meaning.NAME:
            return value if CODE_NAME.match(value) and self._patterns(value) == value else collapsed(value)
        if what in (Meaning.IDENTIFIER, Meaning.PLAIN):
            return self._identifier(value)
        if what is Meaning.SHAPED and is_known(value):
            return self._patterns(value)
        if (what is Meaning.DATA and value in TYPE_NAMES) or (what in (Meaning.UNKNOWN, Meaning.PERSON) and says_a_rule(value)):
            return value
        if _HTTP_LINE.match(value):
            return self._plain(value, depth + 1)
        return _host_or_collapsed(value) if normal(key) == "address" else collapsed(value)

    def _id(self, key: str, value: str) -> str:
        if not always_person_id(key) and _SHORT_ID.match(value):
            return value
        return value if is_own_address(value) else self.token("id" if normal(key).endswith("id") else "user", value)

    def _identifier(self, value: str) -> str:
        if STAMP.match(value):
            return value
        if IDENTIFIER.match(value):
            masked = self._patterns(value)
            return masked if masked != value or names_a_thing(value) or (value.isdigit() and len(value) < 6) else collapsed(value)
        return self._patterns(value) if is_known(value) else collapsed(value)

    def _url(self, value: str, depth: int) -> str:
        if value.startswith("/") and not any(char.isspace() for char in value):
            return self._path(value) + ("?<query>" if "?" in value else "")
        if "://" in value[:40]:
            return self._plain(value, depth + 1)
        return self._identifier(value)

    def _path(self, path: str) -> str:
        path = plain_path(path)
        return "/".join(self._segment(part) for part in path.split("/"))

    def _remembered(self, path: str) -> str:
        if len(self._paths) >= MAX_REMEMBERED:
            self._paths.clear()
        shown = self._paths[path] = self._path(path[:2_048])
        return shown

    def _segment(self, part: str) -> str:
        if part.isdigit():
            return self.token("id", part) if len(part) >= 6 else part
        if len(part) < 4 or (part.isalpha() and part.islower()):
            return part
        if len(part) == 36 and _UUID.match(part):  # as the masks would, which is most of what a path costs
            return self.token("uuid", part)
        shown = self._segments.get(part)
        if shown is None:
            shown = self._masked_segment(part)
            if len(part) <= MAX_REMEMBERED_SEGMENT:
                if len(self._segments) >= MAX_REMEMBERED:
                    self._segments.clear()
                self._segments[part] = shown
        return shown

    def _masked_segment(self, part: str) -> str:
        masked = self._patterns(part.replace("%40", "@"))
        if masked != part.replace("%40", "@"):
            return masked if PLACEHOLDER.fullmatch(masked) else self.token("id", part)
        if any(char.isspace() for char in part) or "%20" in part or "+" in part[1:]:
            return self.token("id", part)
        digits = sum(map(str.isdigit, part))
        return self.token("id", part) if digits >= 6 and not MIGRATION.match(part) and "." not in part else part

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
        if hit["q"] == "`" and hit["sep"].strip() != "=":
            return hit.end(), ""  # Prisma: Invalid value for argument `dateOfBirth`: …
        key, spaced = hit["key"], hit["sep"].strip() == ":" and hit["sep"][-1:].isspace()
        what = meaning(key)
        leave = (hit.end(), "")
        if what is Meaning.SECRET:
            return self._bare_secret(hit, text, spaced=spaced)
        if what is Meaning.ID:
            end = _ends(_TOKEN_END, text, hit.end())
            value = text[hit.end() : end]
            if (
                value in EMPTY_VALUES
                or value.lower() in self._words
                or "<" in value
                or (spaced and not any(c.isdigit() for c in value))
            ):
                return leave
            return end, self._id(key, value)
        if what is Meaning.NAME and spaced:
            named = _NAMED.match(text, hit.end())
            if named is None or any(word.lower() in self._words for word in named[0].split()):
                return leave
            return named.end(), self.token("name", named[0])
        if what in (Meaning.PERSON, Meaning.DATA, Meaning.NAME):
            if spaced and what is Meaning.DATA and not _is_key_of_value(hit):
                return leave
            long = spaced and (what is Meaning.DATA or holds_prose(key))
            end = _ends(_PROSE_END if long else _PHRASE_END, text, hit.end())
            if not long and what is Meaning.PERSON:
                end = _first_word(key, text, hit.end(), end)
            value = text[hit.end() : end]
            shown = self._bare_person(what, value)
            return (end, shown) if shown != value else leave
        return leave

    def _bare_secret(self, hit: re.Match[str], text: str, *, spaced: bool) -> tuple[int, str]:
        header = normal(hit["key"]) in _HEADERS
        end = _ends(_LINE_END if header else _TOKEN_END, text, hit.end())
        value = text[hit.end() : end].rstrip()
        if value in EMPTY_VALUES or PLACEHOLDER.fullmatch(value):
            return hit.end(), ""
        if spaced and value.lower().strip(".!") in self._words:
            return hit.end(), ""
        return hit.end() + len(value), "<secret>"

    def _bare_person(self, what: Meaning, value: str) -> str:
        stripped = value.rstrip()
        if stripped in EMPTY_VALUES or PLACEHOLDER.sub("", stripped).strip(" .") == "" or is_own_address(stripped):
            return value
        if what is Meaning.NAME and CODE_NAME.match(stripped):
            return value
        if is_known(stripped) and PROSE_WORD.search(stripped) and not any(char.isdigit() for char in stripped):
            return value
        kept = value[len(stripped) :]
        return ("<number>" if stripped.replace(".", "").isdigit() else collapsed(stripped)) + kept

    # --- JSON ---------------------------------------------------------------------------------------------------------

    def _walk(self, value: Any, key: str, context: _Context, depth: int) -> Any:
        if depth > 24:
            return collapsed(str(value))
        if isinstance(value, Mapping):
            return self._object(value, key, context, depth)
        if isinstance(value, list | tuple):
            return [self._walk(inner, key, context, depth + 1) for inner in value]
        if isinstance(value, str):
            return self._json_string(value, key, context)
        if isinstance(value, bool) or value is None:
            return value
        return self._json_number(value, key, context) if isinstance(value, int | float) else collapsed(str(value))

    def _object(self, value: Mapping[str, Any], key: str, context: _Context, depth: int) -> dict[str, Any]:
        if (
            isinstance(value.get("key"), str) and "value" in value and len(value) <= 3
        ):  # OpenTelemetry: {"key": …, "value": {"stringValue": …}}
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
        return name if len(name) <= 80 and not LONG_NUMBER.search(name) and name.count(" ") < 4 else collapsed(name)

    def _json_string(self, value: str, key: str, context: _Context) -> str:
        if value in EMPTY_VALUES or PLACEHOLDER.fullmatch(value):
            return value
        what = meaning(key)
        if context.data:
            return self._data_string(what, key, value, context)
        if context.errors and what not in (
            Meaning.DATA,
            Meaning.TEXT,
            Meaning.PATH,
            Meaning.IDENTIFIER,
            Meaning.PLAIN,
            Meaning.NAME,
        ):
            return (
                self._message(value, context)
                if MESSAGE_LIKE.search(value[:500])
                else self._string(what, key, value, context.level)
            )
        if what in (Meaning.TEXT, Meaning.ERRORS):
            return self._message(value, context)
        return self._string(what, key, value, context.level)

    def _message(self, value: str, context: _Context) -> str:
        context.spent[0] += len(value)
        return self._block(value, context.level + 1) if context.spent[0] <= MAX_JSON_TEXT_CHARS else collapsed(value)

    def _data_string(self, what: Meaning, key: str, value: str, context: _Context) -> str:
        if what is Meaning.SECRET:
            return "<secret>"
        if what is Meaning.ID:
            return self._id(key, value)
        if context.person and normal(key) in ("role", "roles", "type", "status", "scope"):
            return self._identifier(value)
        masked = self._patterns(value)
        return masked if PLACEHOLDER.fullmatch(masked) else collapsed(value)

    def _json_number(self, value: float, key: str, context: _Context) -> Any:
        what = meaning(key)
        if what in (Meaning.PERSON, Meaning.DATA, Meaning.SECRET) or (context.data and what is not Meaning.ID):
            return "<number>"
        if what is Meaning.ID:
            return self.token("id", str(value)) if always_person_id(key) or len(str(value)) >= 6 else value
        if what in (Meaning.PLAIN, Meaning.IDENTIFIER) or normal(key) in _NUMBER_KEYS:
            return value
        return "<number>" if isinstance(value, int) and abs(value) >= 100_000 and not _is_epoch(value) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    """Where in a structured record a value stands."""

    data: bool = False  # inside an object of the caller's: every value goes
    person: bool = False  # … that describes a person: roles stay
    errors: bool = False  # inside a list of errors: strings are messages
    level: int = 0  # how many texts this record stands in
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


_ERROR_LISTS = frozenset(
    ("errors", "detail", "details", "issues", "messages", "constraints", "errormessages", "validation", "meta_errors")
)
_REQUEST_PARTS = frozenset(("body", "query", "params", "headers", "cookies", "querystring"))
_NUMBER_KEYS = frozenset(
    ("time", "ts", "timestamp", "pid", "duration", "bytes", "size", "length", "expires", "exp", "iat", "uptime", "heap")
)
_SHORT_ID = late(r"\A(?:\d{1,5}|[A-Za-z]{1,5}[-_.]?\d{1,6}|[a-z]{1,3})\Z")
_UNESCAPE = late(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def _is_epoch(value: int) -> bool:
    """Seconds, ms, µs or ns since 1970, between 2001 and 2096."""
    return any(1_000_000_000 * unit <= value < 4_000_000_000 * unit for unit in (1, 1_000, 1_000_000, 1_000_000_000))


def _shortened(line: str) -> str:
    if len(line) <= MAX_LINE_CHARS:
        return line
    room = MAX_LINE_CHARS * 3 // 4  # tokens may be longer than what they stand for
    return f"{line[:room]} <redacted: {len(line) - room} more characters>"


def _host_or_collapsed(value: str) -> str:
    return value if is_own_address(value) else collapsed(value)


def _is_prose(hit: re.Match[str]) -> bool:
    """`ValidationError: "email" must be …`: a colon of a sentence, not of a key."""
    if hit["key"][0] in "\"'" or not hit["sep"].startswith(":") or not hit["sep"][-1:].isspace():
        return False
    following = hit.string[hit.end() : hit.end() + 2]
    return len(following) == 2 and following[0] == " " and following[1].isalpha()


def _escaped_messages(text: str) -> list[re.Match[str]]:
    return [hit for hit in _ESCAPED.finditer(text) if "\\" in hit["content"] and meaning(hit["key"]) is Meaning.TEXT]


_VALUE_KEYS = frozenset(("received", "payload", "input", "body", "data", "content", "requestbody", "rawbody"))
_KEY_BEFORE = late(r"([A-Za-z_@$][\w.@$-]*|User Id|user id)[\"'`]?\s?\Z")
_TELLING = frozenset((Meaning.SECRET, Meaning.ID, Meaning.PERSON, Meaning.DATA, Meaning.NAME))


def _is_key_of_value(hit: re.Match[str]) -> bool:
    """`value: …` and, at the beginning or after a separator, `input: …`; "Inconsistent column data: …" is a sentence."""
    name = normal(hit["key"])
    before = hit.string[max(0, hit.start() - 2) : hit.start()]
    return name == "value" or (name in _VALUE_KEYS and not (before[-1:].isspace() and before[:1].isalnum()))


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


def _first_word(key: str, text: str, start: int, end: int) -> int:
    """The end of a number or code (`zip=10115 geocode failed`) where only words of programs follow it."""
    head, _, rest = text[start:end].partition(" ")
    if not any(char.isdigit() for char in head) or "addr" in normal(key) or "street" in normal(key):
        return end
    plain = rest.strip()
    return start + len(head) if plain and not any(char.isdigit() for char in plain) and is_known(plain) else end


def _unescaped(hit: re.Match[str]) -> str:
    return chr(int(hit[1], 16)) if hit[1] else _SIMPLE_ESCAPES.get(hit[2], hit[2])


def _escaped(text: str, quote: str) -> str:
    plain = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return plain.replace(quote, "\\" + quote)
