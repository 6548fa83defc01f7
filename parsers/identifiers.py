"""Shapes that give a person, an account or a secret away wherever they stand: the table of named masks.

Each mask proves itself on pumped lines (tests/parsers/test_masks.py): one start per run of characters, so the time is
linear. A mask that needs more than its shape (a check sum, a public address) has a check.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import dataclass

from parsers.late import late


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """A named shape. Group `value`, when there is one, is what must go; the words around it stay."""

    kind: str
    pattern: re.Pattern[str]
    needles: tuple[str, ...] = ()  # one of them must stand in the text; empty: always tried
    outline: Callable[[bytes], bytes] | None = None  # … or one of `shapes` in this outline of it
    shapes: tuple[bytes, ...] = ()
    check: Callable[[str], bool] | None = None  # says whether a match really is one
    keyed: bool = True  # equal values give equal tokens; False: `<kind>` alone


# --- outlines: what a text looks like, at a thousandth of the price of a pattern ---------------------------------------


def _outline(classes: dict[str, str]) -> Callable[[bytes], bytes]:
    """Maps every character of a class to one character; other letters and digits to a blank."""
    table = bytearray(range(256))
    for char in (string.ascii_letters + string.digits).encode():
        table[char] = 0x20
    for to, chars in classes.items():
        for char in chars.encode():
            table[char] = ord(to)
    frozen = bytes(table)
    return lambda text: text.translate(frozen)


NUMBERS = _outline({"0": string.digits, "A": string.ascii_uppercase, "a": string.ascii_lowercase, "!": "\"'`=@?%({[<\\"})
HEX = _outline({"x": string.hexdigits})
RUNS = _outline({"w": string.ascii_letters + string.digits + "_-"})
BASE64 = _outline({"w": string.ascii_letters + string.digits + "+/"})


def is_luhn(digits: str) -> bool:
    """Whether the check digit of a card number fits."""
    total = 0
    for position, char in enumerate(reversed(digits)):
        digit = int(char)
        if position % 2:
            digit = digit * 2 - 9 if digit > 4 else digit * 2
        total += digit
    return total % 10 == 0


def _is_card(value: str) -> bool:
    digits = re.sub(r"\D", "", value)
    return digits[0] in "23456" and 14 <= len(digits) <= 19 and is_luhn(digits)


def _is_iban(value: str) -> bool:
    compact = value.replace(" ", "")
    if not 15 <= len(compact) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1


def is_public_ipv4(value: str) -> bool:
    """False for private, loopback, link-local and shared ranges, which name our own machines, and for no address at all."""
    octets = [int(part) for part in value.split(".")]
    if max(octets) > 255:
        return False
    first, second = octets[0], octets[1]
    own = first in (0, 10, 127, 255) or (first, second) in ((192, 168), (169, 254))
    return not (own or (first == 172 and 16 <= second < 32) or (first == 100 and 64 <= second < 128))


_HEXTET = late(r"[0-9A-Fa-f]{1,4}\Z")


def is_public_ipv6(value: str) -> bool:
    """False for loopback, link-local and unique local addresses, for times of day and for no address at all."""
    head, double, tail = value.partition("::")
    groups = [*head.split(":"), *tail.split(":")] if double else value.split(":")
    groups = [group for group in groups if group]
    if not all(_HEXTET.match(group) for group in groups) or ":::" in value or "::" in tail:
        return False
    full = 2 <= len(groups) < 8 if double else len(groups) == 8
    return full and groups[0].lower()[:2] not in ("fe", "fc", "fd")


_RUN = late(r"[A-Z]?[a-z]+|[A-Z]+|\d+")


def looks_random(value: str) -> bool:
    """Whether letters and digits change as often as in a drawn key: `Abc123Def` does not, `aB3xK9q` does."""
    runs = _RUN.findall(value)
    letters = sum(map(len, runs))
    kinds = sum((any(c.islower() for c in value), any(c.isupper() for c in value), any(c.isdigit() for c in value)))
    if not runs or kinds < 3:
        return False
    return letters / len(runs) < (3.6 if len(value) >= 32 else 2.5)


_PATH_PART = late(r"(?:^|/)[a-z]{3,}(?:/|$)")


def _is_base64(value: str) -> bool:
    return looks_random(value) and _PATH_PART.search(value) is None


def _is_opaque(value: str) -> bool:
    return any(c.isdigit() or c.isupper() or c in "=+/" for c in value[1:])


def _has_five_digits(value: str) -> bool:
    return sum(map(str.isdigit, value)) >= 5


def _has_digit_and_letter(value: str) -> bool:
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _is_encoded_email(value: str) -> bool:
    return "%40%" not in value


_DATE = r"(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}\.? [^\W\d_]{3,12}\.?,? \d{4}|[^\W\d_]{3,12} \d{1,2},? \d{4})"
_PERSON_WORD = r"(?:patient|client|member|subscriber|insured|beneficiary|customer|account|chart|policy|claimant|user|person|employee|prescription)"

MASKS: tuple[Mask, ...] = (
    Mask(kind="jwt", needles=("eyJ",), pattern=late(r"(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]+){1,4}")),
    Mask(
        kind="aws_key",
        outline=RUNS,
        shapes=(b"w" * 20,),
        pattern=late(r"(?<![A-Za-z0-9])(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ),
    Mask(
        kind="api_key",
        outline=RUNS,
        shapes=(b"w" * 16,),
        pattern=late(
            r"(?<![A-Za-z0-9])(?:(?:gh[pousr]_|github_pat_|xox[abeprs]-|(?:sk|rk|pk)_(?:live|test)_|AIza|glpat-|hvs\.|whsec_|shp(?:at|ss|ca|pa)_|dop_v1_"
            r"|lin_api_|dckr_pat_|sk-(?:proj|ant|svcacct)-)[\w.-]{16,}|(?:sk-|SG\.|npm_|pypi-|hf_)(?=[\w.-]*\d)[\w.-]{16,})"
        ),
    ),
    Mask(
        kind="secret",
        needles=("hooks.slack.com/", "/api/webhooks/", "webhookb2/", "telegram.org/bot"),
        pattern=late(
            r"(?:hooks\.slack\.com/(?:services|workflows)/|/api/webhooks/|webhookb2/|telegram\.org/bot)(?P<value>[\w@:-]{5,80}(?:/[\w@-]{8,80}){0,3})"
        ),
    ),
    Mask(
        kind="api_key",
        outline=RUNS,
        shapes=(b"w" * 23,),
        pattern=late(r"(?<![\w.-])[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,45}(?![\w-])"),
    ),
    Mask(
        kind="credentials",
        needles=("earer ", "asic ", "EARER ", "oken "),
        pattern=late(r"\b(?:[Bb]earer|BEARER|[Bb]asic|Token) {1,3}(?P<value>[\w.~+/=-]{8,})"),
        check=_is_opaque,
    ),
    Mask(
        kind="email",
        needles=("@", "%40"),
        pattern=late(r"(?<![\w.+%-])[\w.+%-]+(?:@|%40)(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}"),
        check=_is_encoded_email,
    ),
    Mask(
        kind="phone",
        outline=NUMBERS,
        shapes=(b"000-0000", b"000.0000", b"000 0000", b"+0", b"00 00 00 00"),
        pattern=late(
            r"(?<![\w.+/-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{3}\)[ -]?|\d{3}[.-])\d{3}[ .-]\d{4}(?![\w-]|\.\d)"
            r"|(?<![\w+./:-])(?<![\d:,] )0(?:\d{2,4} \d{3,4} \d{3,6}|[1-9](?: \d\d){4})(?![\w:.-]|,\d| \d)"
            r"|(?<![\w+.)-])\+(?:\d{9,15}|\d{1,3}(?:[ .-]\(?\d{2,5}\)?){2,5})(?![\w-]|\.\d)"
        ),
    ),
    Mask(kind="ssn", outline=NUMBERS, shapes=(b"000-00-0000",), pattern=late(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")),
    Mask(
        kind="card",
        outline=NUMBERS,
        shapes=(b"0" * 14, b"0000-0000-0000-", b"0000 0000 0000 ", b"0000-000000-", b"0000 000000 "),
        pattern=late(r"(?<![\w.-])(?:\d{14,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{5})(?![\w-])"),
        check=_is_card,
    ),
    Mask(
        kind="iban",
        outline=NUMBERS,
        shapes=(b"AA00",),
        pattern=late(r"(?<![\w-])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)"),
        check=_is_iban,
    ),
    Mask(
        kind="uuid",
        outline=HEX,
        shapes=(b"-xxxx-xxxx-xxxx-",),
        pattern=late(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"),
    ),
    Mask(
        kind="mrn",
        outline=NUMBERS,
        shapes=(b"00000",),
        pattern=late(
            rf"(?i)(?<![<\w])(?=[^\W\d_])(?:MRN|NPI|medical[ _-]record(?:[ _-](?:number|no\.?))?|{_PERSON_WORD}(?:[ _-]?(?:id|number|no\.?|nr\.?))?)"
            r"[ \"'`:=#-]{1,3}(?P<value>[a-z]{0,4}-?\d{5,14})(?![\w-])"
        ),
    ),
    Mask(
        kind="member",
        needles=("NHS", "edicare", "EDICARE", "edicaid", "MBI", "nsurance ", "olicy ", "roup ", "ember ", "ubscriber "),
        pattern=late(
            r"(?i)\b(?:NHS|medicare|medicaid|MBI|(?:health |medical )?insurance|policy|group|member|subscriber)[ _-]?(?:id|number|no\.?|nr\.?|#)"
            r"[ \"':=#]{1,3}(?P<value>[a-z0-9]{2,14}(?:[ -](?=[a-z]{0,4}\d)[a-z0-9]{2,6}){0,3})(?![\w-])"
        ),
        check=_has_five_digits,
    ),
    Mask(
        kind="birth_date",
        needles=("irth", "IRTH", "orn ", "orn:", "ORN", "DOB", "dob", "Dob", "D.O.B"),
        pattern=late(
            rf"(?i)\b(?:DOB|D\.O\.B\.?|date[ _-]of[ _-]birth|birth[ _-]?da(?:te|y)|born(?: on)?)[ \"':=,]{{1,4}}(?P<value>{_DATE})"
        ),
        keyed=False,
    ),
    Mask(
        kind="ip",
        outline=NUMBERS,
        shapes=(b".0.", b".00.", b".000."),
        pattern=late(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)"),
        check=is_public_ipv4,
    ),
    Mask(
        kind="ip",
        outline=HEX,
        shapes=(b"xxxx:",),  # the first group of a public address is 2xxx or 3xxx
        pattern=late(r"(?<![\w:.])[0-9A-Fa-f]{1,4}:[0-9A-Fa-f:]{2,36}(?![\w:])"),
        check=is_public_ipv6,
    ),
    Mask(kind="hex", outline=HEX, shapes=(b"x" * 20,), pattern=late(r"(?<![A-Za-z0-9])[0-9a-fA-F]{20,}(?![A-Za-z0-9])")),
    Mask(
        kind="id",
        outline=RUNS,
        shapes=(b"w" * 25,),
        pattern=late(r"(?<![A-Za-z0-9])(?:c[a-z0-9]{24}|[0-9A-HJKMNP-TV-Z]{26})(?![A-Za-z0-9])"),
        check=_has_digit_and_letter,
    ),
    Mask(
        kind="secret",
        outline=BASE64,
        shapes=(b"w" * 40,),
        pattern=late(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40,}={0,2}(?![A-Za-z0-9+/=])"),
        check=_is_base64,
    ),
    Mask(
        kind="secret",
        outline=RUNS,
        shapes=(b"w" * 20,),
        pattern=late(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{20,}(?![A-Za-z0-9_-])"),
        check=looks_random,
    ),
)

_OUTLINES = (NUMBERS, HEX, RUNS, BASE64)


def possible_masks(text: str) -> list[Mask]:
    """The masks that can match somewhere in a text, in their order: the others lack a needle or a shape."""
    if not text.isascii():  # digits and letters of other scripts have no outline
        return list(MASKS)
    raw = text.encode()
    outlines = {outline: outline(raw) for outline in _OUTLINES}
    possible: list[Mask] = []
    for mask in MASKS:  # plain loops: this is the price of every line
        if mask.outline is not None:
            drawn = outlines[mask.outline]
            for shape in mask.shapes:
                if shape in drawn:
                    possible.append(mask)
                    break
            continue
        for needle in mask.needles:
            if needle in text:
                possible.append(mask)
                break
    return possible


_TELLING_SHAPES = (
    b"!", b"00000", b"000-0000", b"000-00-0000", b"000 0000", b"000.0000", b"+0", b".0.", b".00.", b".000.", b"AA00", b"0000-0000-", b"0000 0000 ",
)  # fmt: skip
_TELLING_WORDS = (
    "irth", "IRTH", "orn", "ORN", "DOB", "dob", "Dob", "D.O.B", "earer ", "EARER ", "asic ", "oken ", "arams", "://", "values", "nvalid ", "ser ",
    "atient ", "lient ", "ember ", "ustomer ", "herapist ", "rovider ", "Dr. ", "Mr. ", "Mrs. ", "Ms. ", "Prof. ", "PID|", "NK1|", "IN1|", "GT1|",
    "PV1|", "OBX|", "NTE|", "NHS", "edicare", "EDICARE", "edicaid", "MBI", "form-data;", "NM1*", "DMG*", "FN:", ";CN=", "> Subject:", "] => ",
    "sk_live_", "uardian", "ext of kin",
)  # fmt: skip


def may_tell(text: str) -> bool:
    """False for a line that holds nothing for any mask and no quotation, assignment or bracket; colons are not looked at."""
    if not text.isascii():
        return True
    raw = text.encode()
    numbers = NUMBERS(raw)
    for shape in _TELLING_SHAPES:
        if shape in numbers:
            return True
    for word in _TELLING_WORDS:
        if word in text:
            return True
    return b"w" * 20 in RUNS(raw) or b"w" * 40 in BASE64(raw) or (b":" in raw and b"xxxx:" in HEX(raw))
