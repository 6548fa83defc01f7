"""Pieces of other formats inside log text whose values are known by their place: multipart bodies, X12, vCards, rows, print_r.

Every function takes a text of any number of lines, already through the named masks, and gives one of as many lines.
"""

from __future__ import annotations

import re

from parsers.field_names import Meaning, meaning
from parsers.late import late
from parsers.wording import CODE_NAME, DATE, EMPTY_VALUES, PLACEHOLDER, collapsed, is_known

_END = r"(?:(?:\\{1,4}r)?(?:\\{1,4}n|\\{0,3}\n))"  # a line end, escaped or not
_PART = late(
    rf"(?P<head>Content-Disposition: form-data;[^\n\\]*{_END}(?:Content-Type:[^\n\\]*{_END})?{_END}?)"
    r"(?P<value>(?!--|[^\n=]{0,60}\w=)(?:(?!\\{1,4}[rn])[^\n])+)"
)
_X12 = late(r"\b(?P<segment>NM1|DMG|N3|N4|PER|REF|SBR|HI|INS)\*(?P<value>[^~\n]{1,400})")
_CARD = late(r"(?P<key>(?:^|(?<=\\n)|(?<=\n)|(?<=\s))(?:FN|ADR|BDAY|NICKNAME)(?:;[^:\n]{0,60})?:)(?P<value>(?:(?!\\[rn])[^\n])+)")
_COMMON_NAME = late(r"(?P<key>;CN=)(?P<value>[^:;\n\"]{1,200})(?=[:;])")
_SUBJECT = late(r"(?P<key>> {0,2}Subject: )(?P<value>[^\n]+)")
_PRINT_R = late(
    r"\[(?P<key>[A-Za-z][\w-]{0,60})\] => (?P<value>[^\s\[\]()\n][^\[\]()\n]{0,400}?)(?=\s{1,8}\[[A-Za-z]|\s{0,8}\)|\s*$)",
    re.MULTILINE,
)
_LIKE = late(r"(?P<key>\b(?i:r?i?like) [\"'])(?P<value>%[^\"'\n]{1,200}|[^\"'\n%]{1,200}%)(?=[\"'])")
_PERSONAL = late(r"<(?:email|ssn|phone|name|mrn|card|iban):[0-9a-f]{8}>|<birth_date>")
_CELL = r"(?:\"[^\"\n]{0,200}\"|<(?:[a-z_]{2,16}:[0-9a-f]{8}|(?:string|text) \d{1,7}|number|birth_date)>|[^,\n\"'()\[\]{}<>=:\s]{0,80})"
_ROW = late(rf"(?<![^\s(\[{{:=])(?P<open>[A-Z]\w{{0,60}}\()?(?P<row>{_CELL}(?:,{_CELL}){{1,40}})(?![\w,])")


def without_documents(text: str) -> str:
    """Values of the formats above collapse; names of fields and segments stay."""
    if "form-data;" in text:
        text = _PART.sub(_collapsed_value, text)
    if "*" in text:
        text = _X12.sub(lambda hit: f"{hit['segment']}*<values>", text)
    if ":" in text and ("FN:" in text or "ADR" in text or "BDAY" in text or "NICKNAME" in text):
        text = _CARD.sub(_collapsed_value, text)
    if ";CN=" in text:
        text = _COMMON_NAME.sub(_collapsed_value, text)
    if "> Subject: " in text or ">Subject: " in text:
        text = _SUBJECT.sub(_collapsed_value, text)
    if "] => " in text:
        text = _PRINT_R.sub(_printed, text)
    if "%" in text and ("ike " in text or "IKE " in text):
        text = _LIKE.sub(lambda hit: hit["key"] + _emptied(hit["value"]), text)
    return _ROW.sub(_row, text) if "," in text and _PERSONAL.search(text) is not None else text


def _collapsed_value(hit: re.Match[str]) -> str:
    named = hit.groupdict()
    return (named.get("head") or named.get("key") or "") + _emptied(hit["value"])


def _emptied(value: str) -> str:
    plain = value.strip()
    return value if PLACEHOLDER.fullmatch(plain) or plain in EMPTY_VALUES else collapsed(value)


def _printed(hit: re.Match[str]) -> str:
    """PHP's `[name] => Jane`: by the key."""
    told = meaning(hit["key"]) in (Meaning.PERSON, Meaning.NAME, Meaning.DATA, Meaning.SECRET, Meaning.ID)
    return f"[{hit['key']}] => {_emptied(hit['value'])}" if told else hit[0]


def _row(hit: re.Match[str]) -> str:
    """`Patient(Doe,<email:…>,<ssn:…>)`, `"Doe",<email:…>,1980-01-02`: what stands beside a person's values in a row is theirs too."""
    cells = hit["row"].split(",")
    told = sum(_PERSONAL.fullmatch(cell) is not None for cell in cells)
    if not told or (told < 2 and hit["open"] is None):
        return hit[0]
    return (hit["open"] or "") + ",".join(map(_cell, cells))


def _cell(cell: str) -> str:
    plain = cell.strip('"')
    if not plain or PLACEHOLDER.fullmatch(plain) or plain in EMPTY_VALUES:
        return cell
    if DATE.match(plain):
        return cell.replace(plain, "<birth_date>")
    if CODE_NAME.match(plain) or plain.isdigit() or is_known(plain):
        return cell
    return cell.replace(plain, collapsed(plain))
