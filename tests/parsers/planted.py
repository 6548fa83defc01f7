"""Planted identifiers: log lines of real tools with invented persons and secrets in them, and what must stay readable.

Written from what the tools print, before the redactor existed and without looking at it. A shape is a text in which
`{%kind%}` stands for an invented value that must not get through (`{%kind:a%}`: the same value again) and `{+text+}`
for something an engineer needs. `cases(seed)` draws the values and puts the plain shapes into wrappers.
"""

# ruff: noqa: E501  lines of real tools are as long as they are
from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_PLANT = re.compile(r"\{%([a-z0-9_]+)(?::([a-z0-9]+))?%\}")
_KEEP = re.compile(r"\{\+(.*?)\+\}", re.DOTALL)
_SYLLABLES = (
    *("bel", "vir", "tor", "man", "ek", "ska", "dri", "quel", "mor", "zan", "pet"),
    *("ral", "ovi", "kel", "dun", "far", "gos", "hul", "ister", "jan", "lom", "nar"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """An invented value and the pieces of it that would betray it."""

    kind: str
    value: str
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Log events with planted values, and the words that must stay."""

    name: str
    wrapper: str
    events: tuple[str, ...]
    planted: tuple[Planted, ...]
    keep: tuple[str, ...]
    free_text: bool = False  # a name in free text: only `evidence = "strict"` can take it out


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    name: str
    text: str
    json: bool = False  # the text is JSON: values are escaped, no wrapper is put around it but a container's
    free_text: bool = False


def leaks(case: Case, output: str) -> list[str]:
    """The planted pieces that still stand in `output`."""
    haystack = output.casefold()
    return [piece for plant in case.planted for piece in plant.pieces if piece.casefold() in haystack]


def lost(case: Case, output: str) -> list[str]:
    """The words an engineer needs that are gone from `output`."""
    return [word for word in case.keep if word not in output]


# --- values ---------------------------------------------------------------------------------------------------------


def _word(rng: random.Random, syllables: int = 3) -> str:
    return "".join(rng.choice(_SYLLABLES) for _ in range(syllables))


def _name(rng: random.Random) -> str:
    return _word(rng).capitalize()


def _digits(rng: random.Random, count: int) -> str:
    return str(rng.randrange(1, 10)) + "".join(str(rng.randrange(10)) for _ in range(count - 1))


def _luhn(rng: random.Random) -> str:
    body = [4, *(rng.randrange(10) for _ in range(14))]
    total = 0
    for position, digit in enumerate(reversed(body)):
        doubled = digit * 2 if position % 2 == 0 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return "".join(map(str, [*body, (10 - total % 10) % 10]))


def _iban(rng: random.Random) -> str:
    bban = _digits(rng, 18)
    check = 98 - int(bban + "131400") % 97  # D=13 E=14
    return f"DE{check:02d}{bban}"


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _chars(rng: random.Random, alphabet: str, count: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(count))


_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER = _UPPER.lower()
_DIGIT = "0123456789"
_ALNUM = _UPPER + _LOWER + _DIGIT


def _email(rng: random.Random) -> Planted:
    local = rng.choice(["{a}.{b}", "{a}_{b}", "{a}{n}", "{a}.{b}+portal"]).format(a=_word(rng), b=_word(rng), n=_digits(rng, 3))
    domain = rng.choice(["example.org", "mail.example.net", "clinic.example.com", "example.co.uk"])
    return Planted(kind="email", value=f"{local}@{domain}", pieces=(local,))


def _quoted_email(rng: random.Random) -> Planted:
    plain = _email(rng)
    return Planted(kind="email", value=plain.value.replace("@", "%40"), pieces=plain.pieces)


def _phone(rng: random.Random) -> Planted:
    area, line = _digits(rng, 3), f"01{rng.randrange(100):02d}"
    area = "4" + area[1:]
    shape = rng.choice(["+1 {a}-555-{l}", "({a}) 555-{l}", "{a}-555-{l}", "+1{a}555{l}", "{a}.555.{l}", "+1 ({a}) 555-{l}"])
    value = shape.format(a=area, l=line)
    return Planted(kind="phone", value=value, pieces=(f"555-{line}", f"555{line}", f"555.{line}"))


def _ssn(rng: random.Random) -> Planted:
    value = f"{rng.randrange(100, 600)}-{rng.randrange(10, 99)}-{rng.randrange(1000, 9999)}"
    return Planted(kind="ssn", value=value, pieces=(value, value[4:]))


def _card(rng: random.Random) -> Planted:
    number = _luhn(rng)
    groups = [number[i : i + 4] for i in range(0, 16, 4)]
    value = rng.choice(["", " ", "-"]).join(groups)
    return Planted(kind="card", value=value, pieces=(value, number))


def _iban_value(rng: random.Random) -> Planted:
    plain = _iban(rng)
    value = rng.choice([plain, " ".join(plain[i : i + 4] for i in range(0, len(plain), 4))])
    return Planted(kind="iban", value=value, pieces=(value, plain))


def _mrn(rng: random.Random) -> Planted:
    value = _digits(rng, rng.randrange(6, 10))
    return Planted(kind="mrn", value=value, pieces=(value,))


def _date_of_birth(rng: random.Random) -> Planted:
    year, month, day = rng.randrange(1931, 2012), rng.randrange(1, 13), rng.randrange(1, 29)
    value = rng.choice(["{y}-{m:02d}-{d:02d}", "{m:02d}/{d:02d}/{y}", "{d:02d}.{m:02d}.{y}"]).format(y=year, m=month, d=day)
    return Planted(kind="dob", value=value, pieces=(value,))


def _iso_birth(rng: random.Random) -> Planted:
    value = f"{rng.randrange(1931, 2012)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"
    return Planted(kind="dob", value=value, pieces=(value,))


def _ip(rng: random.Random) -> Planted:
    value = rng.choice([f"203.0.113.{rng.randrange(1, 255)}", f"198.51.100.{rng.randrange(1, 255)}"])
    return Planted(kind="ip", value=value, pieces=(value,))


def _ipv6(rng: random.Random) -> Planted:
    value = f"2001:db8:{rng.randrange(4096, 65535):x}:{rng.randrange(4096, 65535):x}::{rng.randrange(4096, 65535):x}"
    return Planted(kind="ip", value=value, pieces=(value,))


def _jwt(rng: random.Random) -> Planted:
    head = _b64url(b'{"alg":"HS256","typ":"JWT"}')
    body = _b64url(json.dumps({"sub": _digits(rng, 8), "name": _name(rng)}).encode())
    tail = _b64url(rng.randbytes(32))
    return Planted(kind="jwt", value=f"{head}.{body}.{tail}", pieces=(body, tail))


def _aws_id(rng: random.Random) -> Planted:
    value = rng.choice(["AKIA", "ASIA"]) + _chars(rng, _UPPER + "234567", 16)
    return Planted(kind="aws_id", value=value, pieces=(value,))


def _aws_secret(rng: random.Random) -> Planted:
    value = _chars(rng, _ALNUM + "/+", 40)
    return Planted(kind="aws_secret", value=value, pieces=(value,))


def _hex_secret(rng: random.Random) -> Planted:
    value = rng.randbytes(32).hex()
    return Planted(kind="secret", value=value, pieces=(value, value[8:40]))


def _secret(rng: random.Random) -> Planted:
    value = _chars(rng, _ALNUM, 43)
    return Planted(kind="secret", value=value, pieces=(value, value[4:24]))


def _basic(rng: random.Random) -> Planted:
    value = base64.b64encode(f"{_word(rng)}:{_word(rng)}{_digits(rng, 3)}".encode()).decode()
    return Planted(kind="basic", value=value, pieces=(value,))


def _password(rng: random.Random) -> Planted:
    value = _word(rng).capitalize() + rng.choice("!#$^*") + _digits(rng, 2) + _word(rng, 2)
    return Planted(kind="password", value=value, pieces=(value,))


def _url_password(rng: random.Random) -> Planted:
    value = _word(rng) + rng.choice(["%21", "%23", "-", "_", "!", "$"]) + _digits(rng, 3)
    return Planted(kind="password", value=value, pieces=(value,))


def _plain_name(rng: random.Random) -> Planted:
    first, last = _name(rng), _name(rng)
    return Planted(kind="name", value=f"{first} {last}", pieces=(first, last))


def _one_name(rng: random.Random) -> Planted:
    value = _name(rng)
    return Planted(kind="name", value=value, pieces=(value,))


def _note(rng: random.Random) -> Planted:
    one, two, three = _word(rng), _word(rng), _word(rng)
    text = rng.choice(
        [
            f"Client reports {one} and poor sleep, started {two}; denies {three}.",
            f"Patient's {one} (worse since {two}); discussed {three}, no plan",
            f"F41.1 {one} with {two}: continue {three} 20 mg",
        ]
    )
    return Planted(kind="note", value=text, pieces=(one, two, three))


def _quoted_note(rng: random.Random) -> Planted:
    one, two = _word(rng), _word(rng)
    return Planted(kind="note", value=f'Said "{one}" twice, then {two}', pieces=(one, two))


def _address(rng: random.Random) -> Planted:
    street = _name(rng)
    return Planted(kind="address", value=f"{rng.randrange(10, 999)} {street} Street", pieces=(street,))


def _uuid(rng: random.Random) -> Planted:
    plain = bytearray(rng.randbytes(16))
    plain[6] = 0x40 | plain[6] & 0x0F
    plain[8] = 0x80 | plain[8] & 0x3F
    hexed = plain.hex()
    value = f"{hexed[:8]}-{hexed[8:12]}-{hexed[12:16]}-{hexed[16:20]}-{hexed[20:]}"
    return Planted(kind="uuid", value=value, pieces=(value, hexed[20:]))


def _cuid(rng: random.Random) -> Planted:
    value = "c" + _chars(rng, _LOWER + _DIGIT, 24)
    return Planted(kind="cuid", value=value, pieces=(value,))


def _object_id(rng: random.Random) -> Planted:
    value = rng.randbytes(12).hex()
    return Planted(kind="object_id", value=value, pieces=(value,))


def _login(rng: random.Random) -> Planted:
    value = _word(rng) + _digits(rng, 2)
    return Planted(kind="login", value=value, pieces=(value,))


def _pem_line(rng: random.Random) -> Planted:
    value = _chars(rng, _ALNUM + "+/", 64)
    return Planted(kind="private_key", value=value, pieces=(value, value[10:40]))


def _otp(rng: random.Random) -> Planted:
    value = _digits(rng, 6)
    return Planted(kind="otp", value=value, pieces=(value,))


_KINDS: dict[str, Callable[[random.Random], Planted]] = {
    "email": _email, "qemail": _quoted_email, "phone": _phone, "ssn": _ssn, "card": _card, "iban": _iban_value, "mrn": _mrn,
    "dob": _date_of_birth, "birth": _iso_birth, "ip": _ip, "ip6": _ipv6, "jwt": _jwt, "awsid": _aws_id, "awssecret": _aws_secret,
    "hex": _hex_secret, "secret": _secret, "basic": _basic, "password": _password, "urlpassword": _url_password,
    "name": _plain_name, "first": _one_name, "note": _note, "quoted": _quoted_note, "address": _address, "uuid": _uuid,
    "cuid": _cuid, "oid": _object_id, "login": _login, "pem": _pem_line, "otp": _otp,
}  # fmt: skip


def _any(kind: str, draw: Callable[[random.Random], str]) -> Callable[[random.Random], Planted]:
    """A kind whose value is one piece; of long ones the last 16 characters betray it as well."""

    def make(rng: random.Random) -> Planted:
        value = draw(rng)
        return Planted(kind=kind, value=value, pieces=(value, value[-16:]))

    return make


def _base64_record(rng: random.Random) -> Planted:
    data = {"name": _name(rng), "email": f"{_word(rng)}@example.org", "ssn": "123-45-6789"}
    value = base64.b64encode(json.dumps(data).encode()).decode()
    return Planted(kind="base64", value=value, pieces=(value, value[8:40]))


_HEXES = "0123456789abcdef"
_NOT_ZERO = "123456789"
_MORE_KINDS: dict[str, Callable[[random.Random], Planted]] = {
    "ghp": _any("token", lambda r: "ghp_" + _chars(r, _ALNUM, 36)),
    "ghpat": _any("token", lambda r: "github_pat_" + _chars(r, _ALNUM, 22) + "_" + _chars(r, _ALNUM, 59)),
    "glpat": _any("token", lambda r: "glpat-" + _chars(r, _ALNUM, 20)),
    "xoxb": _any("token", lambda r: "xoxb-" + _chars(r, _DIGIT, 11) + "-" + _chars(r, _DIGIT, 12) + "-" + _chars(r, _ALNUM, 24)),
    "slackhook": _any("token", lambda r: "T" + _chars(r, _UPPER, 8) + "/B" + _chars(r, _UPPER, 10) + "/" + _chars(r, _ALNUM, 24)),
    "sklive": _any("token", lambda r: "sk_live_" + _chars(r, _ALNUM, 24)),
    "whsec": _any("token", lambda r: "whsec_" + _chars(r, _ALNUM, 32)),
    "npmtoken": _any("token", lambda r: "npm_" + _chars(r, _ALNUM, 36)),
    "aiza": _any("token", lambda r: "AIza" + _chars(r, _ALNUM, 35)),
    "onerefresh": _any("token", lambda r: "1//0" + _chars(r, _ALNUM, 60)),
    "azurekey": _any("token", lambda r: _chars(r, _ALNUM + "+/", 86) + "=="),
    "azuresig": _any("token", lambda r: _chars(r, _ALNUM, 40) + "%3D"),
    "skproj": _any("token", lambda r: "sk-proj-" + _chars(r, _ALNUM, 48)),
    "sg": _any("token", lambda r: "SG." + _chars(r, _ALNUM, 22) + "." + _chars(r, _ALNUM, 43)),
    "shpat": _any("token", lambda r: "shpat_" + _chars(r, _HEXES, 32)),
    "tgbot": _any("token", lambda r: _chars(r, _NOT_ZERO, 10) + ":AA" + _chars(r, _ALNUM, 33)),
    "discord": _any("token", lambda r: "M" + _chars(r, _ALNUM, 23) + "." + _chars(r, _ALNUM, 6) + "." + _chars(r, _ALNUM, 27)),
    "hex32": _any("token", lambda r: _chars(r, _HEXES, 32)),
    "hex40": _any("token", lambda r: _chars(r, _HEXES, 40)),
    "hvs": _any("token", lambda r: "hvs." + _chars(r, _ALNUM, 90)),
    "pypi": _any("token", lambda r: "pypi-AgEIcHlwaS5vcmc" + _chars(r, _ALNUM, 100)),
    "dckr": _any("token", lambda r: "dckr_pat_" + _chars(r, _ALNUM, 27)),
    "linapi": _any("token", lambda r: "lin_api_" + _chars(r, _ALNUM, 40)),
    "hf": _any("token", lambda r: "hf_" + _chars(r, _ALNUM, 34)),
    "b64json": _base64_record,
    "longdob": _any(
        "dob", lambda r: f"{r.choice(['January', 'March', 'October'])} {r.randrange(1, 28)}, {r.randrange(1940, 2010)}"
    ),
    "dob8": _any("dob", lambda r: f"{r.randrange(1940, 2010)}{r.randrange(1, 13):02d}{r.randrange(1, 29):02d}"),
    "pydate": _any("dob", lambda r: f"{r.randrange(1940, 2010)}, {r.randrange(1, 13)}, {r.randrange(1, 29)}"),
    "nhs": _any("nhs", lambda r: f"{_chars(r, _NOT_ZERO, 3)} {_digits(r, 3)} {_digits(r, 4)}"),
    "mbi": _any(
        "mbi", lambda r: f"1{r.choice('EG')}{r.choice('G4')}4-{r.choice('TR')}E{r.randrange(1, 9)}-MK{r.randrange(10, 99)}"
    ),
    "member": _any("member", lambda r: _chars(r, _UPPER, 3) + _digits(r, 9)),
    "passport": _any("passport", lambda r: _chars(r, _UPPER, 1) + _digits(r, 8)),
    "zip": _any("zip", lambda r: _digits(r, 5)),
    "phonede": _any("phone", lambda r: f"30 {_chars(r, _NOT_ZERO, 3)} {_digits(r, 5)}"),
    "phoneuk": _any("phone", lambda r: f"020 7946 {_digits(r, 4)}"),
    "phonefr": _any("phone", lambda r: "06 " + " ".join(str(r.randrange(10, 99)) for _ in range(4))),
    "phonee": _any("phone", lambda r: f"+4915{_digits(r, 9)}"),
    "phonedigits": _any("phone", lambda r: f"4915{_digits(r, 9)}"),
    "cvv": _any("cvv", lambda r: f"{r.randrange(100, 999)}"),
}
_KINDS |= _MORE_KINDS


# --- shapes: one text or several events (one a line) -----------------------------------------------------------------

_PLAIN: tuple[tuple[str, str], ...] = (
    # Prisma
    (
        "prisma.invocation",
        """PrismaClientValidationError:
{+Invalid `prisma.clinicalNote.create()` invocation+}:

{
  {+data+}: {
    {+clientId+}: "{%uuid%}",
    {+clientName+}: "{%name%}",
    {+sessionNotes+}: "{%note%}",
    {+subjective+}: "{%quoted%}",
    signedBy: { connect: { email: "{%email%}" } },
    {+sessionDate+}: new Date("{%birth%}"),
    ssn: "{%ssn%}",
+   {+dueDate+}: DateTime
  }
}

{+Argument `dueDate` is missing.+}""",
    ),
    (
        "prisma.invocation.frame",
        """{+Invalid `prisma.user.upsert()` invocation+} in
/app/dist/users/{+users.service.js:71:21+}

  68 async save(dto) {
  69   // keep the caller
→ 71   return this.prisma.user.upsert({
         where: {
           email: "{%email%}"
         },
         update: {
           phone: "{%phone%}",
           displayName: "{%name%}",
           ~~~~~~~~~~~
         },
       })

{+Unknown argument `displayName`. Did you mean `name`?+} Available options are marked with ?.""",
    ),
    (
        "prisma.invocation.bad_value",
        """{+Invalid `prisma.patient.update()` invocation+}:
{
  where: {
    id: {%mrn%}
  },
  data: {
    dateOfBirth: "{%birth%}",
    {+~~~~~~~~~~~~+}
    address: "{%address%}"
  }
}
{+Invalid value for argument `dateOfBirth`+}: premature end of input. Expected {+ISO-8601 DateTime+}.""",
    ),
    (
        "prisma.old",
        """{+Invalid `prisma.note.create()` invocation+}:
{
  data: {
    content: '{%note%}',
    {+authorEmail+}: '{%email%}'
    ~~~~~~~~~~~
  }
}
{+Unknown arg `authorEmail` in data.authorEmail for type NoteCreateInput.+}""",
    ),
    (
        "prisma.p2002",
        "PrismaClientKnownRequestError: {+Unique constraint failed on the fields: (`email`)+} {+P2002+} for user {%email%}",
    ),
    ("prisma.p2003", "Foreign key constraint violated: {+`ClinicalNote_clientId_fkey (index)`+} client {%uuid%}"),
    (
        "prisma.unknown_request",
        '{+PrismaClientUnknownRequestError+}: Error occurred during query execution: ConnectorError(ConnectorError { user_facing_error: None, kind: QueryError(PostgresError { code: {+"23502"+}, message: "{+null value in column \\"dueDate\\" of relation \\"ClinicalNote\\" violates not-null constraint+}", severity: "ERROR", detail: Some("Failing row contains ({%uuid%}, {%name%}, {%note%}, null)."), column: None, hint: None }), transient: false })',
    ),
    ("prisma.raw", "Raw query failed. Code: `{+23505+}`. Message: `Key ({+email+})=({%email%}) already exists.`"),
    (
        "prisma.query_params",
        'prisma:query {+INSERT INTO "public"."Client" ("id","email","dob") VALUES ($1,$2,$3)+} Params: ["{%uuid%}","{%email%}","{%birth%}"]',
    ),
    (
        "prisma.p2023",
        "{+Inconsistent column data+}: Malformed ObjectID: invalid character 'z' was found at index 3 in the provided hex string: \"{%login%}\" for the field '{+id+}'.",
    ),
    (
        "prisma.datasource_error",
        "Error: {+P1013+}: The provided database string is invalid. Error parsing connection string: invalid port number in database URL postgresql://{%login%}:{%urlpassword%}@{+db.example.internal+}:port/{+ehr+}",
    ),
    # zod, joi, ajv, class-validator, yup, mongoose, express-validator
    (
        "zod.v3",
        """{+ZodError+}: [
  {
    "received": "{%name%}",
    "code": "{+invalid_enum_value+}",
    "options": [ "INDIVIDUAL", "GROUP" ],
    "path": [ "{+sessionType+}" ],
    "message": "Invalid enum value. Expected 'INDIVIDUAL' | 'GROUP', received '{%name%}'"
  }
]""",
    ),
    (
        "zod.v4.input",
        """{+ZodError+}: [
  {
    "code": "{+invalid_format+}",
    "format": "email",
    "input": "{%email%}",
    "path": [ "{+participants+}", 1, "{+email+}" ],
    "message": "{+Invalid email address+}"
  }
]""",
    ),
    (
        "zod.console",
        "{+validation failed+} { input: { firstName: '{%first%}', lastName: '{%first%}', phone: '{%phone%}' }, {+fieldErrors+}: { {+dueDate+}: [ '{+Required+}' ] } }",
    ),
    (
        "joi.inspect",
        """[Error [{+ValidationError+}]: "{+email+}" must be a valid email] {
  _original: { name: '{%name%}', email: '{%login%}', password: '{%password%}' },
  details: [
    {
      message: '"{+email+}" must be a valid email',
      path: [ '{+email+}' ],
      type: '{+string.email+}',
      context: { value: '{%login%}', invalids: [ '{%login%}' ], label: 'email', key: 'email' }
    }
  ]
}""",
    ),
    ("joi.pattern", '{+ValidationError+}: "{+mrn+}" with value "{%mrn%}" fails to match the required pattern: /^MRN-\\d+$/'),
    (
        "ajv.verbose",
        "[ { {+instancePath+}: '{+/participants/0/role+}', schemaPath: '#/properties/x', {+keyword+}: '{+enum+}', params: { allowedValues: [Array] }, message: '{+must be equal to one of the allowed values+}', data: '{%name%}', parentSchema: {} } ]",
    ),
    (
        "class_validator",
        "[ {+ValidationError+} { target: CreateClientDto { fullName: '{%name%}', email: '{%login%}' }, value: '{%login%}', property: '{+email+}', children: [], constraints: { {+isEmail+}: '{+email must be an email+}' } } ]",
    ),
    (
        "yup.inspect",
        "{+ValidationError+}: {+phone must match the following+}: \"/^[0-9]+$/\" { value: { phone: '{%phone%}', note: '{%note%}' }, path: '{+phone+}', type: 'matches', params: { value: '{%phone%}', originalValue: '{%phone%}', label: undefined } }",
    ),
    (
        "yup.final",
        'sessionType must be one of the following values: A, B, but the final value was: `"{%name%}"`. {+sessionType+}',
    ),
    (
        "mongoose.cast",
        'CastError: {+Cast to ObjectId failed+} for value "{%login%}" (type string) at path "{+_id+}" for model "{+User+}"',
    ),
    (
        "mongoose.enum",
        "ValidationError: Client {+validation failed+}: {+status+}: `{%name%}` is not a valid enum value for path `{+status+}`.",
    ),
    (
        "mongo.e11000",
        'MongoServerError: {+E11000 duplicate key error collection: ehr.users index: email_1+} dup key: { email: "{%email%}" }',
    ),
    ("valibot", 'ValiError: {+Invalid email+}: Received "{%login%}"'),
    (
        "vine",
        "E_VALIDATION_ERROR { messages: [ { {+field+}: '{+email+}', rule: '{+email+}', message: '{+The email field must be a valid email address+}' } ], value: '{%login%}' }",
    ),
    # Python
    (
        "pydantic.v2",
        """{+pydantic_core._pydantic_core.ValidationError+}: {+2 validation errors for Note+}
{+sessionDate+}
  {+Field required+} [{+type=missing+}, input_value={'clientName': '{%name%}', 'note': '{%note%}'}, input_type=dict]
{+email+}
  value is not a valid email address: An email address must have an @-sign. [{+type=value_error+}, input_value='{%login%}', {+input_type=str+}]
    For further information visit {+https://errors.pydantic.dev/2.14/v/missing+}""",
    ),
    (
        "fastapi.list",
        "RequestValidationError: [{'type': '{+missing+}', 'loc': ('body', '{+sessionDate+}'), 'msg': '{+Field required+}', 'input': {'name': '{%name%}', 'dob': '{%birth%}'}}]",
    ),
    (
        "pydantic.v1",
        """{+4 validation errors for Settings+}
{+HOST+}
  {+field required (type=value_error.missing)+}
{+ADMIN_EMAIL+}
  value is not a valid email address ({+type=value_error.email+}) input {%email%}""",
    ),
    (
        "drf",
        "{+ValidationError+} on {+/api/clients/+}: {'{+email+}': [ErrorDetail(string='{+Enter a valid email address.+}', code='{+invalid+}')], 'status': [ErrorDetail(string='\"{%name%}\" is not a valid choice.', code='{+invalid_choice+}')]}",
    ),
    (
        "django.integrity",
        """django.db.utils.{+IntegrityError+}: {+duplicate key value violates unique constraint "client_email_key"+}
DETAIL:  Key ({+email+})=({%email%}) already exists.""",
    ),
    ("django.host", "{+Invalid HTTP_HOST header+}: '{%ip%}'. You may need to add '{%ip%}' to {+ALLOWED_HOSTS+}."),
    (
        "marshmallow",
        "marshmallow.exceptions.{+ValidationError+}: {'{+active+}': ['{+Not a valid boolean.+}']} data={'name': '{%name%}', 'active': '{%first%}'}",
    ),
    (
        "sqlalchemy",
        """sqlalchemy.exc.{+IntegrityError+}: (psycopg2.errors.{+UniqueViolation+}) {+duplicate key value violates unique constraint "users_email_key"+}
DETAIL:  Key ({+email+})=({%email%}) already exists.

[SQL: {+INSERT INTO users (email, full_name, note) VALUES+} (%(email)s, %(full_name)s, %(note)s) RETURNING users.id]
[parameters: {'email': '{%email%}', 'full_name': '{%name%}', 'note': "{%note%}"}]
(Background on this error at: {+https://sqlalche.me/e/20/gkpj+})""",
    ),
    (
        "sqlalchemy.notnull",
        """(psycopg2.errors.{+NotNullViolation+}) {+null value in column "due_date" of relation "clinical_notes" violates not-null constraint+}
DETAIL:  Failing row contains ({%mrn%}, {%name%}, {%note%}, null, {%birth%}).""",
    ),
    (
        "sqlalchemy.echo",
        "INFO {+sqlalchemy.engine.Engine+} [generated in 0.00021s] ('{%name%}', '{%email%}', datetime.date(1984, 3, 17))",
    ),
    (
        "sqlalchemy.echo_dict",
        "2026-01-12 10:11:12,345 INFO {+sqlalchemy.engine.Engine+} [cached since 3.2s ago] {'name_1': '{%name%}', 'ssn': '{%ssn%}'}",
    ),
    (
        "asyncpg",
        'asyncpg.exceptions.{+ForeignKeyViolationError+}: {+insert or update on table "notes" violates foreign key constraint "notes_client_id_fkey"+} DETAIL:  Key ({+client_id+})=({%uuid%}) is not present in table "{+clients+}".',
    ),
    (
        "traceback.value",
        """Traceback (most recent call last):
  File "{+/app/notes/views.py+}", line {+42+}, in {+create+}
    born = datetime.strptime(raw, FORMAT)
{+ValueError+}: time data '{%birth%}' does not match format '%Y-%m-%d'""",
    ),
    (
        "traceback.int",
        """  File "{+/usr/lib/python3.11/uuid.py+}", line {+177+}, in __init__
{+ValueError+}: invalid literal for int() with base 10: '{%login%}'""",
    ),
    (
        "traceback.locals",
        """│ {+email+} = '{%email%}' │
│ {+payload+} = {'first_name': '{%first%}', 'ssn': '{%ssn%}'} │
│ {+token+} = '{%secret%}' │""",
    ),
    ("django.email_error", "{+SMTPRecipientsRefused+}: {'{%email%}': (550, b'5.1.1 mailbox unavailable')}"),
    # Rails, Java, .NET, Go, PHP, Elixir
    (
        "rails.parameters",
        """Started POST "{+/clients+}" for {%ip%} at 2026-01-12 10:11:12 +0000
Processing by {+ClientsController#create+} as JSON
  Parameters: {"client"=>{"first_name"=>"{%first%}", "email"=>"{%email%}", "password"=>"[FILTERED]", "dob"=>"{%birth%}"}}
{+Completed 422 Unprocessable Entity+} in 12ms""",
    ),
    (
        "rails.parameters.new",
        '  Parameters: {"note" => {"body" => "{%note%}", "client" => {"name" => "{%name%}"}}, "authenticity_token" => "{%secret%}"}',
    ),
    (
        "rails.sql",
        '  {+User Create (0.6ms)+}  {+INSERT INTO "users" ("email", "name") VALUES ($1, $2) RETURNING "id"+}  [["email", "{%email%}"], ["name", "{%name%}"]]',
    ),
    (
        "rails.pg",
        '{+PG::UniqueViolation+}: ERROR:  {+duplicate key value violates unique constraint "index_users_on_email"+} DETAIL:  Key ({+email+})=({%email%}) already exists.',
    ),
    (
        "rails.unpermitted",
        '{+Unpermitted parameter: :role+}. Context: { controller: {+UsersController+}, action: update, request: #<ActionDispatch::Request PUT "http://app.example.internal/users/{%mrn%}?token={%secret%}" for {%ip%}>, params: {"name"=>"{%name%}"} }',
    ),
    (
        "spring.rejected",
        "WARN 1 --- [nio-8080-exec-3] .w.s.m.s.{+DefaultHandlerExceptionResolver+} : Resolved [org.springframework.web.bind.{+MethodArgumentNotValidException+}: Validation failed for argument [0] in public x: [{+Field error in object 'client' on field 'email'+}: rejected value [{%login%}]; codes [Email.client.email,Email]; arguments [x]; default message [{+must be a well-formed email address+}]] ]",
    ),
    (
        "spring.unreadable",
        '{+HttpMessageNotReadableException+}: JSON parse error: Cannot deserialize value of type `{+java.time.LocalDate+}` from String "{%dob%}": Failed to deserialize',
    ),
    ("hibernate.binding", "TRACE 1 --- [main] org.hibernate.orm.jdbc.bind : {+binding parameter (2:VARCHAR)+} <- [{%name%}]"),
    ("hibernate.binding.old", "o.h.type.descriptor.sql.BasicBinder : {+binding parameter [1] as [VARCHAR]+} - [{%email%}]"),
    (
        "java.psql",
        'org.postgresql.util.{+PSQLException+}: ERROR: {+null value in column "name" of relation "client" violates not-null constraint+}   Detail: Failing row contains ({%mrn%}, null, {%email%}, {%address%}).',
    ),
    (
        "java.constraint",
        "ConstraintViolationImpl{interpolatedMessage='{+must be a well-formed email address+}', propertyPath={+email+}, rootBeanClass=class {+com.example.Client+}, messageTemplate='{jakarta.validation.constraints.Email.message}', invalidValue='{%login%}'}",
    ),
    (
        "java.batch",
        "java.sql.{+BatchUpdateException+}: Batch entry 0 insert into client (email, name) values ('{%email%}', '{%name%}') was aborted: ERROR: {+duplicate key value violates unique constraint \"client_email_key\"+}",
    ),
    (
        "java.mysql",
        "com.mysql.cj.jdbc.exceptions.{+MysqlDataTruncation+}: Data truncation: {+Incorrect date value+}: '{%dob%}' for column '{+date_of_birth+}' at row 1",
    ),
    (
        "ef.parameters",
        "{+Failed executing DbCommand (12ms)+} [Parameters=[@p0='{%name%}' (Nullable = false) (Size = 4000), @p1='{%birth%}'], CommandType='Text', CommandTimeout='30'] {+INSERT INTO \"Clients\" (\"Name\")+}",
    ),
    (
        "npgsql",
        '{+Npgsql.PostgresException (0x80004005): 23505: duplicate key value violates unique constraint "IX_Clients_Email"+}  DETAIL: Key ("{+Email+}")=({%email%}) already exists.',
    ),
    (
        "fluent",
        "FluentValidation.{+ValidationException+}: Validation failed:  -- {+Email+}: '{%login%}' is not a valid email address. {+Severity: Error+}",
    ),
    ("aspnet.model", "The value '{%dob%}' is not valid for {+BirthDate+}."),
    (
        "mssql.truncate",
        "{+String or binary data would be truncated in table 'ehr.dbo.Notes', column 'Title'+}. Truncated value: '{%note%}'.",
    ),
    (
        "mssql.duplicate",
        "{+Violation of UNIQUE KEY constraint 'UQ_Users_Email'+}. Cannot insert duplicate key in object '{+dbo.Users+}'. The duplicate key value is ({%email%}).",
    ),
    ("go.mysql", "{+Error 1062 (23000)+}: Duplicate entry '{%email%}' for key '{+users.email+}'"),
    (
        "go.gorm",
        '2026/01/12 10:11:12 /app/repo/{+client.go:42+} {+duplicate key value violates unique constraint "clients_email_key"+} (SQLSTATE {+23505+}) [1.204ms] [rows:0] {+INSERT INTO "clients"+} ("email","full_name") VALUES (\'{%email%}\',\'{%name%}\')',
    ),
    ("go.validator", "Key: 'Client.Email' Error:{+Field validation for 'Email' failed on the 'email' tag+} value={%email%}"),
    ("go.time", '{+parsing time+} "{%birth%}T25:00" as "2006-01-02T15:04:05Z07:00": {+hour out of range+}'),
    (
        "go.pgx",
        '{+ERROR: duplicate key value violates unique constraint "clients_pkey" (SQLSTATE 23505)+} detail="Key (id)=({%uuid%}) already exists."',
    ),
    (
        "laravel",
        "SQLSTATE[{+23000+}]: {+Integrity constraint violation: 1062+} Duplicate entry '{%email%}' for key '{+users_email_unique+}' (Connection: mysql, SQL: {+insert into `users`+} (`name`, `email`) values ({%name%}, {%email%}))",
    ),
    (
        "laravel.context",
        '[2026-01-12 10:11:12] {+production.ERROR+}: {+Undefined index: plan+} {"userId":{%mrn%},"email":"{%email%}","exception":"[object] ({+ErrorException+}(code: 0)"}',
    ),
    ("mysql.string", "ERROR {+1366 (HY000)+}: {+Incorrect string value+}: '{%name%}' for column '{+full_name+}' at row 1"),
    (
        "ecto",
        '** ({+Ecto.ConstraintError+}) #Ecto.Changeset<action: :insert, changes: %{email: "{%email%}", name: "{%name%}"}, errors: [{+due_date+}: {"{+can\'t be blank+}", [validation: :required]}], data: #{+Ehr.Note+}<>, valid?: false>',
    ),
    ("ecto.debug", 'QUERY ERROR db=2.1ms {+INSERT INTO "notes" ("body","client") VALUES ($1,$2)+} ["{%note%}", "{%name%}"]'),
    # databases' own logs and Node drivers
    (
        "pg.server",
        """2026-01-12 10:11:12.081 UTC [67] ERROR:  {+null value in column "due_date" of relation "notes" violates not-null constraint+}
2026-01-12 10:11:12.081 UTC [67] DETAIL:  Failing row contains ({%uuid%}, {%name%}, null, {%note%}).
2026-01-12 10:11:12.081 UTC [67] STATEMENT:  {+INSERT INTO notes (id, client, body)+} VALUES ('{%uuid%}', '{%name%}', '{%note%}')""",
    ),
    ("pg.parameters", "2026-01-12 10:11:12.081 UTC [67] DETAIL:  parameters: $1 = '{%email%}', $2 = '{%name%}', $3 = NULL"),
    ("pg.parameters.context", "CONTEXT:  {+unnamed portal with parameters+}: $1 = '{%name%}', $2 = '{%birth%}'"),
    ("pg.syntax", 'error: {+invalid input syntax for type uuid+}: "{%login%}"'),
    ("pg.enum", 'error: {+invalid input value for enum note_status+}: "{%first%}"'),
    ("pg.date", 'ERROR:  {+date/time field value out of range+}: "{%dob%}" at character 42'),
    ("pg.copy", 'CONTEXT:  {+COPY clients, line 3, column email+}: "{%email%}"'),
    (
        "pg.duration",
        "LOG:  {+duration: 1204.331 ms+}  statement: {+UPDATE clients SET+} phone = '{%phone%}', note = '{%note%}' WHERE id = {%mrn%}",
    ),
    ("pg.connection", "LOG:  {+connection received+}: host={%ip%} port=51234"),
    (
        "pg.exclusion",
        'DETAIL:  Key (client_id, during)=({%mrn%}, ["2026-01-12 10:00:00","2026-01-12 11:00:00")) {+conflicts with existing key+} (client_id, during)=({%mrn%}, ["2026-01-12 10:30:00","2026-01-12 11:30:00")).',
    ),
    (
        "node.pg",
        """error: {+duplicate key value violates unique constraint "users_email_key"+}
    at Parser.parseErrorMessage (/app/node_modules/{+pg-protocol/dist/parser.js:285:98+}) {
  length: 231,
  severity: '{+ERROR+}',
  code: '{+23505+}',
  detail: 'Key ({+email+})=({%email%}) already exists.',
  schema: '{+public+}',
  table: '{+users+}',
  constraint: '{+users_email_key+}',
  file: '{+nbtinsert.c+}',
  line: '{+666+}',
  routine: '{+_bt_check_unique+}'
}""",
    ),
    (
        "typeorm",
        """{+QueryFailedError+}: {+null value in column "dueDate" of relation "note" violates not-null constraint+}
  query: '{+INSERT INTO "note"("body", "client") VALUES ($1, $2)+}',
  parameters: [ '{%note%}', '{%name%}' ],
  driverError: error: x {
    detail: 'Failing row contains ({%mrn%}, {%note%}, {%name%}, null).',
    column: '{+dueDate+}'""",
    ),
    ("typeorm.log", '{+query failed+}: {+INSERT INTO "client"("email") VALUES ($1)+} -- PARAMETERS: ["{%email%}","{%name%}"]'),
    (
        "sequelize",
        """{+SequelizeUniqueConstraintError+}: {+Validation error+}
  errors: [
    ValidationErrorItem {
      message: '{+email must be unique+}',
      type: '{+unique violation+}',
      path: '{+email+}',
      value: '{%email%}',
      instance: User { dataValues: { id: null, name: '{%name%}', phone: '{%phone%}' } },
    }
  ],
  sql: '{+INSERT INTO "Users"+} ("name","email") VALUES ($1,$2)',
  parameters: [ '{%name%}', '{%email%}' ]""",
    ),
    (
        "sequelize.echo",
        'Executing (default): {+INSERT INTO "Users" ("name","email")+} VALUES (\'{%name%}\',\'{%email%}\') RETURNING "id";',
    ),
    (
        "knex",
        'error: {+insert into "clients" ("email", "name")+} values (\'{%email%}\', \'{%name%}\') - {+null value in column "due_date" violates not-null constraint+}',
    ),
    (
        "drizzle",
        """{+DrizzleQueryError+}: Failed query: {+insert into "clients" ("email", "name") values ($1, $2)+}
params: {%email%},{%name%}""",
    ),
    (
        "sqlite",
        "{+UNIQUE constraint failed: clients.email+} [SQL: {+INSERT INTO clients (email) VALUES (?)+}] [parameters: ('{%email%}',)]",
    ),
    (
        "redis",
        "ReplyError: {+WRONGTYPE Operation against a key holding the wrong kind of value+} command: { name: '{+hget+}', args: [ 'session:{%secret%}', '{%email%}' ] }",
    ),
    # bodies, GraphQL, queues
    (
        "body_parser",
        """{+SyntaxError: Expected property name or '}' in JSON at position 1+}
    at JSON.parse (<anonymous>) {
  expose: true,
  {+statusCode: 400+},
  {+status: 400+},
  body: '{name: "{%name%}", ssn: "{%ssn%}"}',
  type: '{+entity.parse.failed+}'
}""",
    ),
    ("json.snippet", '{+SyntaxError+}: Unexpected token \'x\', .."email":"{%email%}" x"... {+is not valid JSON+}'),
    (
        "graphql.variable",
        '{+Variable "$input" got invalid value+} { firstName: "{%first%}", note: "{%note%}" }; {+Field "dueDate" of required type "DateTime!" was not provided.+}',
    ),
    ("graphql.at", 'Variable "{+$input+}" got invalid value "{%name%}" at "{+input.email+}"; {+Expected type "EmailAddress"+}.'),
    (
        "request.body",
        '{+POST /api/v1/clinical-notes+} {+400+} body: {"clientName":"{%name%}","sessionNotes":"{%note%}","dob":"{%birth%}"}',
    ),
    (
        "inspect.body",
        "[CreateNote] {+validation failed+} { body: { clientName: '{%name%}', plan: '{%note%}' }, params: { id: '{%uuid%}' }, user: { id: '{%uuid%}', email: '{%email%}', role: '{+THERAPIST+}' } }",
    ),
    (
        "python.body",
        "{+Invalid payload+} for {+/api/notes+}: {'client': {'first_name': '{%first%}', 'last_name': '{%first%}', 'phone': '{%phone%}'}, 'text': '{%note%}'}",
    ),
    ("sqs", '{+processing message failed+} Body={"patientId":"{%uuid%}","patientName":"{%name%}"} {+ApproximateReceiveCount=3+}'),
    # HTTP
    (
        "combined",
        '{%ip%} - {%login%} [12/Jan/2026:10:11:12 +0000] "{+POST /api/v1/clients+}?email={%qemail%}&token={%secret%} {+HTTP/1.1" 400 29+} "https://app.example.internal/clients?q={%first%}" "Mozilla/5.0"',
    ),
    (
        "combined.path",
        '{%ip%} - - [12/Jan/2026:10:11:12 +0000] "{+GET /patients/+}{%mrn%}{+/notes HTTP/1.1" 404 153+} "-" "curl/8.5"',
    ),
    ("combined.v6", '{%ip6%} - - [12/Jan/2026:10:11:12 +0000] "{+GET /api/v1/sessions HTTP/1.1" 401 12+} "-" "node"'),
    ("morgan.dev", "{+PATCH /api/v1/clients/+}{%uuid%}{+ 400+} 12.854 ms - 29"),
    ("morgan.email", "{+GET /api/users/+}{%email%} {+404+} 2.1 ms - 9"),
    ("morgan.qemail", "{+GET /api/users/+}{%qemail%}{+/reset 404+} 2.1 ms - 9"),
    ("morgan.token", "{+POST /auth/reset-password/+}{%secret%} {+400+} 12 ms - 29"),
    (
        "uvicorn",
        'INFO:     {%ip%}:55394 - "{+GET /clients+}?first_name={%first%}&dob={%birth%} {+HTTP/1.1" 422 Unprocessable Entity+}',
    ),
    (
        "nginx.error",
        '2026/01/12 10:11:12 [error] 31#31: *7 {+connect() failed (111: Connection refused) while connecting to upstream+}, client: {%ip%}, server: _, request: "{+GET /notes+}?client={%first%} HTTP/1.1", upstream: "{+http://10.0.1.7:3000/notes+}?client={%first%}", host: "app.example.internal", referrer: "https://app.example.internal/c?email={%qemail%}"',
    ),
    (
        "alb",
        'https 2026-01-12T10:11:12.000000Z app/prod/50dc6c495c0c9188 {%ip%}:2817 10.0.0.1:3000 0.086 0.048 0.037 {+400 400+} 0 57 "{+GET https://app.example.internal:443/clients+}?ssn={%ssn%} HTTP/1.1" "curl/8.5"',
    ),
    (
        "requests.url",
        "requests.exceptions.{+HTTPError: 400 Client Error: Bad Request for url: https://api.example.internal/v1/charge+}?api_key={%secret%}&card={%card%}",
    ),
    (
        "axios",
        """{+AxiosError: Request failed with status code 400+} {
  code: '{+ERR_BAD_REQUEST+}',
  config: {
    headers: {
      Accept: 'application/json',
      Authorization: 'Bearer {%secret%}',
      'X-Api-Key': '{%secret%}',
      Cookie: 'session={%secret%}; theme=dark'
    },
    url: '{+https://api.example.internal/v1/claims+}?member={%mrn%}',
    method: '{+post+}',
    data: '{"memberName":"{%name%}","dob":"{%birth%}"}'
  }""",
    ),
    ("curl.headers", "> {+Authorization+}: Basic {%basic%}"),
    ("set_cookie", "response headers {+set-cookie+}: connect.sid=s%3A{%secret%}; Path=/; HttpOnly"),
    ("cookie.header", "cookie: _session_id={%secret%}; remember_token={%secret%}"),
    (
        "forwarded",
        'at=warning {+code=H27+} desc="{+Client Request Interrupted+}" {+method=POST path="/notes"+} host=app.example.internal fwd="{%ip%}" dyno=web.1 {+status=499+} bytes=',
    ),
    (
        "lograge",
        '{+method=POST path=/clients format=json controller=ClientsController action=create status=422+} duration=28.40 params={"client"=>{"name"=>"{%name%}","email"=>"{%email%}"}}',
    ),
    ("gin", '[GIN] 2026/01/12 - 10:31:45 | {+404+} |   89.2µs | {%ip%} | {+GET+}      "{+/clients/lookup+}?phone={%phone%}"'),
    (
        "signed_url",
        "fetching {+https://bucket.s3.us-east-1.amazonaws.com/reports/a.pdf+}?X-Amz-Credential={%awsid%}%2F20260112&X-Amz-Signature={%hex%}",
    ),
    (
        "nest.exception",
        "[Nest] 1  - 01/12/2026, 10:11:12 AM   {+ERROR [ExceptionsHandler] Cannot read properties of undefined (reading 'id')+} user={%email%}",
    ),
    # connection strings and secrets
    (
        "dsn.pg",
        "{+could not connect+} to postgresql://{%login%}:{%urlpassword%}@{+db.example.internal:5432/ehr+}?sslmode=require&password={%urlpassword%}",
    ),
    (
        "dsn.mongo",
        "{+MongoServerSelectionError+}: mongodb+srv://{%login%}:{%urlpassword%}@{+cluster0.example.net+}/ehr {+connection timed out+}",
    ),
    ("dsn.redis", "{+[ioredis] Unhandled error event+}: redis://:{%urlpassword%}@{+cache.example.internal:6379+}/0"),
    ("dsn.at", "{+invalid URI+} mysql://{%login%}:{%password%}@{+db.example.internal:3306/ehr+}"),
    (
        "dsn.jdbc",
        "HikariPool-1 - {+Exception during pool initialization+} jdbc:postgresql://{+db.example.internal:5432/ehr+}?user={%login%}&password={%urlpassword%}",
    ),
    (
        "dsn.libpq",
        "{+connection failed+}: host={+db.example.internal+} port=5432 dbname={+ehr+} user={%login%} password={%password%} sslmode=require",
    ),
    (
        "dsn.ado",
        "{+Login failed+}. Server={+sql.example.internal+};Database={+Ehr+};User Id={%login%};Password={%password%};Encrypt=true",
    ),
    (
        "dsn.sqlalchemy",
        "sqlalchemy.exc.{+ArgumentError+}: Could not parse rfc1738 URL from string 'postgresql+psycopg2://{%login%}:{%urlpassword%}@{+db.example.internal+}:54x2/ehr'",
    ),
    (
        "env.dump",
        """{+DATABASE_URL+}=postgres://{%login%}:{%urlpassword%}@{+db.example.internal+}:5432/ehr
{+JWT_SECRET+}={%secret%}
{+AWS_ACCESS_KEY_ID+}={%awsid%}
{+AWS_SECRET_ACCESS_KEY+}={%awssecret%}
{+STRIPE_API_KEY+}=sk_live_{%secret%}
{+PGPASSWORD+}={%password%}
{+NODE_ENV+}={+production+}""",
    ),
    ("aws.key", "{+InvalidAccessKeyId+}: The AWS Access Key Id you provided does not exist in our records. {%awsid%}"),
    ("aws.config", "aws_access_key_id = {%awsid%} aws_secret_access_key = {%awssecret%} {+region = us-east-1+}"),
    ("jwt.message", "{+JsonWebTokenError: invalid signature+} token {%jwt%}"),
    ("jwt.query", "{+GET /ws+}?access_token={%jwt%} {+401+}"),
    ("bearer", "{+401 Unauthorized+} Authorization: Bearer {%jwt%}"),
    ("bearer.opaque", "upstream said {+invalid_token+} for Bearer {%secret%}"),
    (
        "pem",
        """{+error:0909006C:PEM routines:get_name:no start line+}
-----BEGIN PRIVATE KEY-----
{%pem%}
{%pem%}
-----END PRIVATE KEY-----""",
    ),
    ("pem.escaped", '{+invalid key+} "-----BEGIN RSA PRIVATE KEY-----\\n{%pem%}\\n{%pem%}\\n-----END RSA PRIVATE KEY-----\\n"'),
    ("github", "{+remote: Invalid username or password+} https://x-access-token:ghp_{%secret%}@github.com/example/ehr.git"),
    ("slack", "{+invalid_auth+} xoxb-2847561029-{%secret%}"),
    ("session.hex", "{+session not found+} sid={%hex%}"),
    ("otp", "{+OTP mismatch+} otp={%otp%} phone={%phone%}"),
    ("password.sentence", "{+login failed+} username={%login%} password='{%password%}'"),
    # persons in sentences: patterns
    ("sentence.email", "{+Failed to send appointment reminder+} to {%email%}: {+SMTP 550+}"),
    ("sentence.email2", "{+Login attempt failed+} for <{%email%}>, retry 2"),
    ("sentence.phone", "{+Twilio error 21211+}: The 'To' number {%phone%} is not a valid phone number"),
    ("sentence.ssn", "{+eligibility check failed+} SSN {%ssn%}"),
    ("sentence.card", "{+card_declined+} card {%card%} was declined"),
    ("sentence.iban", "{+payout refused+} to {%iban%}: {+account closed+}"),
    ("sentence.mrn", "{+chart not found+} for MRN {%mrn%} in {+EpicBridge+}"),
    ("sentence.mrn2", "{+duplicate chart+} MRN#{%mrn%} / mrn: {%mrn%} / MRN-{%mrn%}"),
    ("sentence.dob", "{+eligibility mismatch+}, DOB: {%dob%}, {+payer X12 271+}"),
    ("sentence.born", "{+age check failed+}: date of birth {%dob%} is in the future"),
    ("sentence.ip", "{+rate limit exceeded+} for {%ip%} on {+POST /login+}"),
    ("sentence.ip6", "{+blocked+} client {%ip6%} after 5 attempts"),
    ("sentence.uuid", "{+Client not found+}: {%uuid%}"),
    ("sentence.cuid", "{+No Appointment found+} for id {%cuid%}"),
    ("sentence.oid", "{+Document not found+} {%oid%}"),
    ("sentence.member", "{+claim rejected+} member id {%mrn%}, patient_id={%mrn%}, {+code CO-16+}"),
    # key=value, inspect and logfmt of the application's own
    (
        "logfmt",
        '{+level=error msg="save failed" method=POST path=/api/notes status=400+} user_email={%email%} patient_name="{%name%}" note="{%note%}"',
    ),
    (
        "logfmt.ids",
        '{+level=warn msg="not allowed" status=403+} user_id={%uuid%} client_ip={%ip%} session_id={%secret%} {+request_method=GET+}',
    ),
    (
        "structlog.console",
        "2026-01-12T10:11:12.345678Z [{+error+}    ] {+note_save_failed+}               {+code=23502 column=due_date+} email={%email%} full_name='{%name%}' dob={%birth%}",
    ),
    (
        "winston.printf",
        '2026-01-12 10:11:12 [{+error+}]: {+Validation failed+} {"patientName":"{%name%}","{+field+}":"{+dueDate+}","address":"{%address%}"}',
    ),
    (
        "bunyan.pretty",
        '[2026-01-12T10:11:12.345Z] {+ERROR+}: ehr/1 on ip-10-0-1-7: {+save failed+} (patientName="{%name%}", email={%email%})',
    ),
    (
        "inspect.multi",
        """{+Error saving client+} {
  {+code+}: '{+P2002+}',
  {+clientVersion+}: '{+6.19.0+}',
  meta: { {+modelName+}: '{+Client+}', {+target+}: [ '{+email+}' ] },
  firstName: '{%first%}',
  lastName: '{%first%}',
  dateOfBirth: '{%birth%}',
  insuranceId: '{%mrn%}',
  emergencyContact: { name: '{%name%}', phone: '{%phone%}' },
  diagnosis: '{%note%}'
}""",
    ),
    (
        "kotlin.tostring",
        "{+IllegalStateException+}: {+cannot save+} Client(id={%mrn%}, firstName={%first%}, lastName={%first%}, email={%email%}, birthDate={%birth%})",
    ),
    ("java.tostring", "{+cannot merge+} Patient{id={%mrn%}, name='{%name%}', ssn='{%ssn%}', phone='{%phone%}'}"),
    (
        "ruby.inspect",
        '{+NoMethodError+}: {+undefined method `due_date\' for+} #<Client id: {%mrn%}, first_name: "{%first%}", email: "{%email%}", dob: "{%birth%}">',
    ),
    ("go.struct", "{+save failed+} client={ID:{%mrn%} Name:{%first%} Email:{%email%} Phone:{%phone%}}"),
    (
        "python.repr",
        "{+cannot save+} Client(id={%mrn%}, first_name='{%first%}', email='{%email%}', dob=datetime.date(1971, 2, 3))",
    ),
    ("python.namespace", "{+ValidationError+} for user <User: {%email%}> on field '{+due_date+}'"),
    (
        "migration.ctx",
        "{+Migration name: 20251119024521_make_draft_fields_nullable+} {+Database error code: 23502+} run by {%email%}",
    ),
    (
        "task.arn",
        "{+Stopped reason: Essential container in task exited+} started by {%email%} {+task-definition/ehr-backend:50+}",
    ),
)

_JSON: tuple[tuple[str, str], ...] = (
    (
        "pino.err",
        '{"level":{+50+},"time":1795378332009,"pid":7,"hostname":"ip-10-0-1-55.ec2.internal","err":{"type":"{+PrismaClientKnownRequestError+}","message":"{+Unique constraint failed on the fields: (`email`)+}","code":"{+P2002+}","meta":{"modelName":"{+Client+}","target":["{+email+}"]}},"userEmail":"{%email%}","clientName":"{%name%}","msg":"{+create client failed+}"}',
    ),
    (
        "pino.http",
        '{"level":40,"time":1795378332009,"req":{"id":"{%uuid%}","method":"{+POST+}","url":"{+/api/v1/clients+}?email={%qemail%}","headers":{"authorization":"Bearer {%jwt%}","cookie":"sid={%secret%}","x-forwarded-for":"{%ip%}","user-agent":"node"},"remoteAddress":"{%ip%}","remotePort":35706},"res":{"statusCode":{+400+}},"responseTime":5,"msg":"{+request completed+}"}',
    ),
    (
        "pino.body",
        '{"level":50,"time":1795378332009,"req":{"method":"{+POST+}","url":"{+/api/v1/clinical-notes+}","body":{"clientName":"{%name%}","sessionNotes":"{%note%}","dueDate":null}},"err":{"type":"{+ZodError+}","issues":[{"code":"{+invalid_type+}","expected":"{+string+}","received":"null","path":["{+dueDate+}"],"message":"{+Expected string, received null+}"}]},"msg":"{+request errored+}"}',
    ),
    (
        "pino.prisma",
        '{"level":50,"time":1795378332009,"err":{"type":"{+PrismaClientValidationError+}","message":"\\n{+Invalid `prisma.clinicalNote.create()` invocation+}:\\n\\n{\\n  data: {\\n    clientName: \\"{%name%}\\",\\n    sessionNotes: \\"{%note%}\\",\\n    ssn: \\"{%ssn%}\\",\\n+   dueDate: DateTime\\n  }\\n}\\n\\n{+Argument `dueDate` is missing.+}"},"msg":"{+save failed+}"}',
    ),
    (
        "pino.pg",
        '{"level":50,"time":1795378332009,"err":{"type":"DatabaseError","message":"{+null value in column \\"due_date\\" of relation \\"notes\\" violates not-null constraint+}","length":412,"severity":"{+ERROR+}","code":"{+23502+}","detail":"Failing row contains ({%uuid%}, {%name%}, {%note%}, null).","schema":"{+public+}","table":"{+notes+}","column":"{+due_date+}","routine":"{+ExecConstraints+}"},"msg":"x"}',
    ),
    (
        "winston.meta",
        '{"level":"{+error+}","message":"{+Validation failed for clinical note+}","timestamp":"2026-01-12 10:11:12","errors":[{"path":"{+sessionDate+}","message":"{+Required+}"}],"body":{"clientName":"{%name%}","subjective":"{%note%}","phone":"{%phone%}"},"userId":"{%uuid%}"}',
    ),
    (
        "winston.unknown",
        '{"custom1":"{%name%}","level":"{+warn+}","message":"{+Draft rejected+}","summary":"{%note%}","whatever":{"deep":["{%first%}","{%address%}"]},"{+statusCode+}":{+400+}}',
    ),
    (
        "bunyan",
        '{"name":"ehr-api","hostname":"ip-10-0-1-7","pid":1,"level":50,"err":{"name":"{+SequelizeUniqueConstraintError+}","message":"{+Validation error+}","fields":{"email":"{%email%}"},"sql":"{+INSERT INTO \\"Users\\"+} (\\"email\\") VALUES (\'{%email%}\')"},"msg":"{+signup failed+}","time":"2026-01-12T10:11:12.345Z","v":0}',
    ),
    (
        "structlog",
        '{"event":"{+note_save_failed+}","level":"{+error+}","timestamp":"2026-01-12T10:11:12.345678Z","user":"{%email%}","patient":{"first_name":"{%first%}","mrn":"{%mrn%}","dob":"{%birth%}"},"exception":"Traceback (most recent call last):\\n  File \\"{+/app/notes.py+}\\", line {+42+}, in create\\nsqlalchemy.exc.{+IntegrityError+}: (psycopg2.errors.{+UniqueViolation+}) x\\nDETAIL:  Key ({+email+})=({%email%}) already exists.\\n[parameters: {\'name\': \'{%name%}\'}]"}',
    ),
    (
        "structlog.dict",
        '{"event":"{+unhandled+}","level":"error","exception":[{"exc_type":"{+ValueError+}","exc_value":"time data \'{%birth%}\' does not match format","frames":[{"filename":"{+/app/a.py+}","lineno":{+7+},"name":"{+parse+}","locals":{"raw":"\'{%birth%}\'","patient":"<Patient {%name%}>"}}]}]}',
    ),
    (
        "python.json",
        '{"asctime":"2026-01-12 10:11:12,345","name":"{+django.request+}","levelname":"{+WARNING+}","message":"{+Bad Request: /api/clients/+}","status_code":{+400+},"request":"<WSGIRequest: POST \'/api/clients/?email={%qemail%}\'>","user":"{%name%}"}',
    ),
    (
        "fastapi.422",
        '{"detail":[{"type":"{+missing+}","loc":["body","{+sessionDate+}"],"msg":"{+Field required+}","input":{"clientName":"{%name%}","ssn":"{%ssn%}"}},{"type":"{+string_type+}","loc":["body","participants",0,"{+role+}"],"msg":"{+Input should be a valid string+}","input":{%mrn%}}]}',
    ),
    (
        "express_validator",
        '{"errors":[{"type":"field","value":"{%login%}","msg":"{+Invalid value+}","path":"{+email+}","location":"{+body+}"}]}',
    ),
    (
        "celebrate",
        '{"statusCode":{+400+},"error":"{+Bad Request+}","message":"{+Validation failed+}","validation":{"body":{"source":"body","keys":["{+status+}"],"message":"{+\\"status\\" must be one of [A, B]+}"}},"_original":{"status":"{%name%}"}}',
    ),
    (
        "nest",
        '{"level":"{+error+}","context":"{+ExceptionsHandler+}","message":"{+Bad Request Exception+}","response":{"statusCode":{+400+},"message":["{+email must be an email+}"],"error":"{+Bad Request+}"},"request":{"body":{"email":"{%login%}","fullName":"{%name%}"},"ip":"{%ip%}"}}',
    ),
    (
        "zod.v4.json",
        '{"name":"{+ZodError+}","message":"[\\n  {\\n    \\"code\\": \\"{+invalid_type+}\\",\\n    \\"input\\": \\"{%name%}\\",\\n    \\"path\\": [\\n      \\"{+sessionDate+}\\"\\n    ],\\n    \\"message\\": \\"{+Invalid input: expected date, received string+}\\"\\n  }\\n]"}',
    ),
    (
        "aspnet",
        '{"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"{+One or more validation errors occurred.+}","status":{+400+},"errors":{"{+BirthDate+}":["The value \'{%dob%}\' is not valid for {+BirthDate+}."]},"traceId":"00-{%hex%}-01"}',
    ),
    (
        "serilog",
        '{"@t":"2026-01-12T10:11:12.3456789Z","@mt":"{+Failed to save {Patient}+}","@l":"{+Error+}","Patient":"{%name%}","RequestPath":"{+/api/patients+}","StatusCode":{+500+},"ConnectionString":"Server={+sql.example.internal+};Database=Ehr;User Id={%login%};Password={%password%}"}',
    ),
    (
        "slog",
        '{"time":"2026-01-12T10:11:12.345Z","level":"{+ERROR+}","msg":"{+insert failed+}","err":"ERROR: {+duplicate key value violates unique constraint \\"clients_email_key\\" (SQLSTATE 23505)+}","email":"{%email%}","remote_addr":"{%ip%}:51234","args":["{%name%}","{%birth%}"]}',
    ),
    (
        "zap",
        '{"level":"{+error+}","ts":1693840791.75,"logger":"http.log.access","msg":"{+handled request+}","request":{"remote_ip":"{%ip%}","client_ip":"{%ip%}","method":"{+POST+}","host":"app.example.internal","uri":"{+/clients+}?token={%secret%}","headers":{"Cookie":["sid={%secret%}"],"Authorization":["Basic {%basic%}"]}},"user_id":"{%login%}","status":{+401+}}',
    ),
    (
        "traefik",
        '{"ClientAddr":"{%ip%}:51234","ClientHost":"{%ip%}","ClientUsername":"{%login%}","DownstreamStatus":{+400+},"OriginStatus":{+400+},"RequestMethod":"{+POST+}","RequestPath":"{+/clients+}?email={%qemail%}","level":"info","msg":""}',
    ),
    (
        "apigateway",
        '{"requestId":"{%uuid%}","ip":"{%ip%}","caller":"-","user":"{%login%}","httpMethod":"{+POST+}","resourcePath":"{+/clients/{id}+}","path":"{+/clients/+}{%mrn%}","status":"{+400+}","protocol":"HTTP/1.1"}',
    ),
    (
        "envoy",
        '{"method":"{+GET+}","path":"{+/notes+}?q={%first%}","response_code":"{+404+}","x_forwarded_for":"{%ip%}","user_agent":"curl","authority":"app.example.internal","request_id":"{%uuid%}"}',
    ),
    (
        "graphql",
        '{"level":"error","msg":"{+GraphQL error+}","operationName":"{+CreateClient+}","variables":{"input":{"firstName":"{%first%}","email":"{%email%}","notes":"{%note%}"}},"errors":[{"message":"{+Field \\"dueDate\\" of required type was not provided.+}","path":["{+createClient+}"],"extensions":{"code":"{+BAD_USER_INPUT+}"}}]}',
    ),
    (
        "sqs.json",
        '{"level":"error","msg":"{+consumer failed+}","messageId":"{%uuid%}","Body":"{\\"patientName\\":\\"{%name%}\\",\\"dob\\":\\"{%birth%}\\"}","queue":"ehr-events"}',
    ),
    (
        "otel",
        '{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"{+ehr-api+}"}},{"key":"enduser.id","value":{"stringValue":"{%email%}"}}]},"scopeLogs":[{"logRecords":[{"severityText":"{+ERROR+}","body":{"stringValue":"{+insert failed+}"},"attributes":[{"key":"client.address","value":{"stringValue":"{%ip%}"}},{"key":"patient.name","value":{"stringValue":"{%name%}"}}]}]}]}]}',
    ),
    (
        "gelf",
        '{"version":"1.1","host":"ip-10-0-1-7","short_message":"{+save failed+}","level":3,"_user_name":"{%name%}","_note":"{%note%}","_status":{+500+}}',
    ),
    (
        "audit",
        '{"level":"info","message":"{+audit+}","action":"{+client.update+}","actor":{"name":"{%name%}","email":"{%email%}"},"before":{"phone":"{%phone%}"},"after":{"phone":"{%phone%}","address":"{%address%}","insurance":"{%mrn%}"}}',
    ),
    (
        "payment",
        '{"level":"error","msg":"{+charge failed+}","type":"{+StripeCardError+}","code":"{+card_declined+}","card":{"number":"{%card%}","cvc":"{%otp%}"},"iban":"{%iban%}","statusCode":{+402+}}',
    ),
    (
        "numbers",
        '{"level":"error","msg":"{+lookup failed+}","mrn":{%mrn%},"ssn":"{%ssn%}","phone":"{%phone%}","patientId":{%mrn%},"status":{+404+},"duration_ms":{+12+}}',
    ),
    (
        "config",
        '{"level":"info","msg":"{+config loaded+}","config":{"databaseUrl":"postgresql://{%login%}:{%urlpassword%}@{+db.example.internal:5432/ehr+}","jwtSecret":"{%secret%}","awsAccessKeyId":"{%awsid%}","smtp":{"user":"{%email%}","pass":"{%password%}"},"port":{+3000+}}}',
    ),
    (
        "nested.json",
        '{"level":"error","message":"{\\"firstName\\":\\"{%first%}\\",\\"{+code+}\\":\\"{+P2011+}\\",\\"note\\":\\"{%note%}\\"}"}',
    ),
    ("array.args", '{"level":"error","message":"{+save failed+}","splat":["{%name%}",{"email":"{%email%}"}],"0":"{%first%}"}'),
    (
        "sentry",
        '{"level":"error","logger":"sentry","message":"{+capture+}","user":{"id":"{%uuid%}","username":"{%login%}","ip_address":"{%ip%}"},"extra":{"form":{"ssn":"{%ssn%}","history":"{%note%}"}},"release":"{+ehr@2.4.1+}"}',
    ),
    (
        "cut",
        '{"level":"error","message":"{+save failed+}","body":{"clientName":"{%name%}","notes":"{%note%}","phone":"{%phone%}","plan":"continue {%note%}',
    ),
    (
        "cut.mid",
        '{"level":50,"err":{"type":"{+PrismaClientValidationError+}","message":"{+Invalid `prisma.note.create()` invocation+}:\\n{\\n  data: {\\n    clientName: \\"{%name%}\\",\\n    text: \\"{%note%}',
    ),
)

# The second wave, written when the redactor passed the first: 18 of its 111 shapes leaked something at the first try.
_SECOND: tuple[tuple[str, str], ...] = (
    (
        "nest.dto",
        "{+BadRequestException+}: {+Bad Request Exception+} payload: CreateClientDto { firstName: '{%first%}', lastName: '{%first%}', email: '{%email%}', birthDate: {%birth%}T00:00:00.000Z }",
    ),
    ("console.two_args", "{+Failed to create patient+} { firstName: '{%first%}', phone: '{%phone%}' } {+Error: P2002+}"),
    ("console.dir", "{+[ClientService] update failed for+} {%email%} {+status 409+}"),
    ("template", "{+User+} {%email%} ({%uuid%}) {+is not allowed to access+} {+/api/v1/notes+}"),
    (
        "express.session",
        "Session { cookie: { path: '/', _expires: 2026-01-12T10:11:12.000Z }, passport: { user: '{%uuid%}' }, csrfSecret: '{%secret%}' } {+session store error+}",
    ),
    ("winston.splat", "{+error: Draft save rejected+} patientName={%name%}, noteLength=812 {+code=DRAFT_LOCKED+}"),
    (
        "prisma.where",
        '{+No \'Client\' record(s)+} (needed to inline the relation) {+was found for a nested connect+} on one-to-many relation. where: { email: "{%email%}", ssn: "{%ssn%}" }',
    ),
    ("prisma.p2000", "{+The provided value for the column is too long for the column's type. Column: title+} value: {%note%}"),
    (
        "prisma.log_query",
        'prisma:query SELECT "public"."Client"."id" FROM "public"."Client" WHERE {+"public"."Client"."email"+} = \'{%email%}\' LIMIT 1',
    ),
    (
        "prisma.p2025",
        "{+An operation failed because it depends on one or more records that were required but not found.+} Expected a record for client {%name%} {+P2025+}",
    ),
    (
        "knex.debug",
        "{ method: 'insert', options: {}, timeout: false, bindings: [ '{%email%}', '{%name%}', '{%birth%}' ], sql: '{+insert into \"clients\" (\"email\", \"name\", \"dob\") values (?, ?, ?)+}' }",
    ),
    (
        "objection",
        "UniqueViolationError: {+insert into `users` (`email`)+} values ('{%email%}') - {+ER_DUP_ENTRY+}: Duplicate entry '{%email%}' for key '{+users_email_unique+}'",
    ),
    (
        "mysql2",
        "Error: {+Data too long for column 'note' at row 1+} { code: '{+ER_DATA_TOO_LONG+}', errno: {+1406+}, sql: \"INSERT INTO notes SET body = '{%note%}', client = '{%name%}'\", sqlState: '{+22001+}' }",
    ),
    (
        "mysql.slow",
        "# Query_time: 3.2 Lock_time: 0.0 {+Rows_sent: 1+} SELECT * FROM clients WHERE last_name = '{%first%}' AND dob = '{%birth%}';",
    ),
    ("mysql.access", "{+Access denied for user+} '{%login%}'@'{%ip%}' {+(using password: YES)+}"),
    (
        "mongo.cmd",
        '{"t":{"$date":"2026-01-12T10:11:12.345+00:00"},"s":"I","c":"{+COMMAND+}","id":51803,"ctx":"conn12","msg":"{+Slow query+}","attr":{"ns":"{+ehr.clients+}","command":{"find":"clients","filter":{"email":"{%email%}","lastName":"{%first%}"}},"remote":"{%ip%}:51234","durationMillis":{+120+}}}',
    ),
    (
        "mongoose.validation",
        "{+ValidationError: Client validation failed: email: Path `email` is invalid+} ({%login%}).,{+ phone: Path `phone` is required.+}",
    ),
    ("cassandra", '{+InvalidQueryException+}: Invalid STRING constant ({%login%}) for "{+age+}" of type {+int+}'),
    (
        "elastic",
        "{+mapper_parsing_exception+}: {+failed to parse field [dob] of type [date]+} in document with id '{%uuid%}'. Preview of field's value: '{%dob%}'",
    ),
    (
        "pg.unique.ctx",
        '{+psycopg.errors.UniqueViolation+}: {+duplicate key value violates unique constraint "uq_member"+}\nDETAIL:  Key ({+member_no, plan+})=({%mrn%}, {%first%}) already exists.',
    ),
    (
        "pg.fk.delete",
        '{+update or delete on table "clients" violates foreign key constraint+} "{+notes_client_id_fkey+}" on table "{+notes+}" DETAIL: Key (id)=({%uuid%}) is still referenced from table "{+notes+}".',
    ),
    (
        "pg.check",
        '{+new row for relation "clients" violates check constraint "clients_phone_check"+} Detail: Failing row contains (17, {%name%}, {%phone%}, {%email%}, null, t).',
    ),
    (
        "pg.auto_explain",
        "LOG:  {+duration: 3204.112 ms+}  plan: Query Text: SELECT * FROM clients WHERE email = '{%email%}' Filter: ((email)::text = '{%email%}'::text)",
    ),
    (
        "pg.multi",
        "ERROR:  {+value too long for type character varying(20)+}\nSTATEMENT:  update clients\n\tset phone = '{%phone%}',\n\t    name = '{%name%}'\n\twhere id = {%mrn%}",
    ),
    (
        "django.debug_sql",
        '(0.003) {+INSERT INTO "clients_client"+} ("name", "email") VALUES (\'{%name%}\', \'{%email%}\') RETURNING "clients_client"."id"; args=(\'{%name%}\', \'{%email%}\'); alias=default',
    ),
    (
        "django.does_not_exist",
        "{+clients.models.Client.DoesNotExist+}: Client matching query does not exist. lookup email={%email%}",
    ),
    (
        "django.request_repr",
        "{+Internal Server Error: /api/clients/+} user={%login%} POST=<QueryDict: {'first_name': ['{%first%}'], 'ssn': ['{%ssn%}']}>",
    ),
    (
        "drf.serializer",
        "{+serializer invalid+} initial_data={'email': '{%login%}', 'date_of_birth': '{%dob%}'} errors={'{+email+}': ['{+Enter a valid email address.+}']}",
    ),
    (
        "celery",
        "[2026-01-12 10:11:12,345: ERROR/ForkPoolWorker-1] Task {+notes.tasks.send_reminder+}[{%uuid%}] raised unexpected: {+SMTPRecipientsRefused+}({'{%email%}': (550, b'no')})",
    ),
    ("celery.args", "Task {+notes.tasks.sync+}[{%uuid%}] received args=('{%name%}', '{%birth%}') kwargs={'mrn': '{%mrn%}'}"),
    (
        "flask.form",
        "{+ERROR in app: Exception on /notes [POST]+} form=ImmutableMultiDict([('name', '{%name%}'), ('note', '{%note%}')])",
    ),
    (
        "pydantic.str",
        "1 validation error for {+Client+}\n{+birth_date+}\n  {+Input should be a valid date+} or datetime, invalid character in year [type={+date_from_datetime_parsing+}, input_value='{%dob%}', input_type=str]",
    ),
    ("attrs", "{+cannot save+} Client(name='{%name%}', email='{%email%}', phones=['{%phone%}'])"),
    ("keyerror", "{+KeyError: 'due_date'+} while handling {'patient': '{%name%}', 'member_id': '{%mrn%}'}"),
    ("rails.started", 'Started GET "{+/clients+}?search={%first%}" for {%ip%} at 2026-01-12 10:11:12 +0000'),
    ("rails.redirect", "{+Redirected to http://app.example.internal/clients/+}{%mrn%}"),
    (
        "rails.active_job",
        '[ActiveJob] {+Error performing ReminderJob+} (Job ID: {%uuid%}) from Sidekiq(default) with arguments: "{%email%}", "{%name%}"',
    ),
    ("rails.mail", "Sent mail to {%email%} {+(12.3ms)+}"),
    (
        "sidekiq",
        '{"class":"{+ReminderJob+}","args":["{%email%}",{"name":"{%name%}"}],"retry":true,"error_message":"{+Net::SMTPSyntaxError+}"}',
    ),
    (
        "spring.converter",
        "Failed to convert value of type 'java.lang.String' to required type '{+java.util.UUID+}'; nested exception is {+IllegalArgumentException+}: Invalid UUID string: {%login%}",
    ),
    (
        "spring.bind",
        "{+Field error in object 'client' on field 'phone'+}: rejected value [{%phone%}]; codes [Pattern.client.phone]; default message [{+must match+} \"^[0-9]+$\"]",
    ),
    (
        "spring.principal",
        "{+Access Denied+} principal=org.springframework.security.core.userdetails.User [Username={%login%}, Password=[PROTECTED], Enabled=true]",
    ),
    (
        "hibernate.entity",
        "{+could not execute statement+} [insert into client (email,name) values (?,?)] entity: Client(email={%email%}, fullName={%name%}, ssn={%ssn%})",
    ),
    ("java.map", "{+Unexpected payload+} {firstName={%first%}, lastName={%first%}, dob={%birth%}, phone={%phone%}}"),
    (
        "jackson",
        '{+Unrecognized field "fullname"+} (class com.example.ClientDto), not marked as ignorable at [Source: (String)"{"fullname":"{%name%}","ssn":"{%ssn%}"}"; line: 1, column: 14]',
    ),
    ("dotnet.record", "{+Invalid client+} Client { Name = {%name%}, Email = {%email%}, BirthDate = {%dob%} }"),
    ("dotnet.sqlexception", "{+Conversion failed when converting the varchar value+} '{%login%}' {+to data type int.+}"),
    (
        "dotnet.ef.sensitive",
        "{+The instance of entity type 'Client' cannot be tracked+} because another instance with the key value '{Id: {%mrn%}}' is already being tracked.",
    ),
    (
        "serilog.text",
        '[10:11:12 ERR] {+HTTP POST /api/clients responded 500+} {"ClientEmail": "{%email%}", "Dto": {"Name": "{%name%}", "$type": "ClientDto"}}',
    ),
    ("go.wrap", "{+create client+}: {+validate+}: {%email%}: {+mail: missing '@' or angle-addr+}"),
    ("go.printf", '{+failed to insert+} {Name:{%name%} Email:{%email%} DOB:{%birth%}}: {+pq: null value in column "due_date"+}'),
    (
        "go.zerolog",
        '{"level":"error","error":"{+sql: no rows in result set+}","patient":"{%name%}","time":1763521059,"message":"{+lookup failed+}"}',
    ),
    ("go.strconv", 'strconv.ParseInt: {+parsing+} "{%login%}": {+invalid syntax+}'),
    (
        "rust.debug",
        '{+thread \'tokio-runtime-worker\' panicked at+} src/main.rs:42: save failed: Client { name: "{%name%}", email: "{%email%}", dob: Some({%birth%}) }',
    ),
    (
        "rust.sqlx",
        '{+error returned from database: duplicate key value violates unique constraint+} "{+clients_email_key+}" detail: Some("Key (email)=({%email%}) already exists.")',
    ),
    (
        "php.laravel.query",
        "{+SQLSTATE[22007]: Invalid datetime format: 1292 Incorrect date value+}: '{%dob%}' for column `ehr`.`clients`.`{+dob+}` at row 1 (SQL: {+update `clients` set+} `dob` = {%dob%} where `id` = {%mrn%})",
    ),
    ("php.var_dump", 'array(2) { ["name"]=> string(12) "{%name%}" ["email"]=> string(18) "{%email%}" } {+PHP Fatal error+}'),
    (
        "php.symfony",
        '{+request.CRITICAL+}: Uncaught PHP Exception {+DomainException+}: "{+Client invalid+}" {"exception":"[object]","client":{"name":"{%name%}"}} []',
    ),
    (
        "graphql.apollo",
        '{"level":"error","message":"{+Variable \\"$data\\" got invalid value+} {%mrn%} at \\"data.firstName\\"; {+String cannot represent a non string value+}: {%mrn%}","locations":[{"line":1,"column":10}]}',
    ),
    (
        "graphql.op",
        '{+GraphQL operation failed+} mutation { createClient(input: {firstName: "{%first%}", email: "{%email%}"}) { id } }',
    ),
    ("grpc", '{+rpc error: code = InvalidArgument+} desc = invalid email "{%login%}" for user {%uuid%}'),
    (
        "soap",
        "<soap:Fault><faultstring>{+Validation error+}</faultstring><Patient><FirstName>{%first%}</FirstName><SSN>{%ssn%}</SSN></Patient></soap:Fault>",
    ),
    ("hl7", "{+HL7 parse error in segment PID+}: PID|1||{%mrn%}^^^MRN||{%first%}^{%first%}||{%mrn%}|F"),
    (
        "fhir",
        '{"resourceType":"Patient","id":"{%uuid%}","name":[{"family":"{%first%}","given":["{%first%}"]}],"birthDate":"{%birth%}","telecom":[{"system":"phone","value":"{%phone%}"}]}',
    ),
    ("xml.attr", '<client name="{%name%}" email="{%email%}" {+status+}="{+invalid+}"/>'),
    ("csv.row", '{+row 12 rejected: column count mismatch+}: "{%name%}","{%email%}","{%birth%}"'),
    ("yaml.dump", "{+request+}:\n  firstName: {%first%}\n  lastName: {%first%}\n  notes: {%note%}\n  phone: {%phone%}"),
    (
        "curl.trace",
        "> {+POST /login HTTP/1.1+}\n> {+Authorization+}: Bearer {%jwt%}\n> {+X-Api-Key+}: {%secret%}\n> {+Cookie+}: sid={%secret%}",
    ),
    ("multipart", 'Content-Disposition: form-data; name="patientName"\n{+400+} body: patientName={%first%}&ssn={%ssn%}'),
    ("urlencoded", "{+POST /login 400+} body=username={%qemail%}&password={%urlpassword%}"),
    (
        "oauth",
        "{+invalid_grant+} code={%secret%} redirect_uri=https://app.example.internal/cb client_secret={%secret%} refresh_token={%secret%}",
    ),
    (
        "stripe",
        "{+StripeCardError: Your card was declined.+} charge for {%email%} card {%card%} {+decline_code: 'generic_decline'+}",
    ),
    ("twilio", '{+[TwilioService] Failed to send SMS+} to={%phone%} body="Hi {%first%}, your appointment is tomorrow"'),
    ("sendgrid", "{+ResponseError: Bad Request+} { personalizations: [ { to: [ { email: '{%email%}', name: '{%name%}' } ] } ] }"),
    (
        "aws.sdk",
        "{+ConditionalCheckFailedException+}: {+The conditional request failed+} Item: { pk: { S: 'PATIENT#{%mrn%}' }, name: { S: '{%name%}' } }",
    ),
    ("s3.key", "{+NoSuchKey+}: s3://ehr-docs/patients/{%mrn%}/intake.pdf"),
    (
        "kafka",
        '{+Failed to process message+} topic=clients partition=3 offset=1204 key={%uuid%} value={"name":"{%name%}","dob":"{%birth%}"}',
    ),
    ("socket", "{+socket disconnected+} user:{%uuid%} ip:{%ip%} {+reason: transport close+}"),
    ("next.auth", "{+[next-auth][error][JWT_SESSION_ERROR]+} { message: '{+Invalid token+}', token: '{%jwt%}' }"),
    ("passport", "{+Authentication failed+} for user '{%login%}' from {%ip%} {+(invalid password)+}"),
    ("ldap", "{+LDAP bind failed+} for cn={%name%},ou=staff,dc=example,dc=org"),
    ("ssh", "{+Failed password for invalid user+} {%login%} from {%ip%} port 51234 ssh2"),
    ("k8s.env", 'env: [{name: DATABASE_PASSWORD, value: "{%password%}"}, {name: {+NODE_ENV+}, value: production}]'),
    ("git.remote", "fatal: {+unable to access+} 'https://{%login%}:{%urlpassword%}@{+git.example.internal/ehr.git+}/'"),
    ("smtp", "{+535 Authentication failed+} smtp://{%qemail%}:{%urlpassword%}@{+mail.example.internal:587+}"),
    ("amqp", "{+connect ECONNREFUSED+} amqp://{%login%}:{%urlpassword%}@{+mq.example.internal:5672/ehr+}"),
    ("npm.token", "{+npm ERR! code E401+} //registry.example.internal/:_authToken={%secret%}"),
    (
        "flyway.url",
        "{+Unable to obtain connection from database+} (jdbc:mysql://{+db.example.internal+}:3306/ehr?user={%login%}&password={%urlpassword%}) for user '{%login%}'",
    ),
    (
        "pino.pretty",
        '[10:11:12.345] {+ERROR+} (ehr/1): {+save failed+}\n    patient: {\n      "firstName": "{%first%}",\n      "dob": "{%birth%}"\n    }\n    {+err+}: {\n      "type": "{+TypeError+}",\n      "message": "{+Cannot read properties of null+}"\n    }',
    ),
    (
        "bunyan.cli",
        '[2026-01-12T10:11:12.345Z] ERROR: ehr/1 on h: {+request failed+} (req_id={%uuid%}, {+statusCode=400+})\n    POST /clients HTTP/1.1\n    authorization: Bearer {%secret%}\n    x-user-email: {%email%}\n    --\n    {"firstName":"{%first%}"}',
    ),
    (
        "loguru.kv",
        "2026-01-12 10:11:12.345 | {+ERROR+}    | {+notes.api:create:42+} - {+save failed+} | patient='{%name%}' mrn={%mrn%}",
    ),
    (
        "monolog",
        '[2026-01-12T10:11:12.345+00:00] {+app.ERROR+}: {+Save failed+} {"patient":{"first_name":"{%first%}","phone":"{%phone%}"},"user":"{%email%}"} []',
    ),
    (
        "logback.mdc",
        "10:11:12.345 [exec-1] {+ERROR c.e.ClientController+} [user={%login%}, ip={%ip%}, sessionId={%hex%}] - {+save failed+}",
    ),
    (
        "zap.console",
        '2026-01-12T10:11:12.345Z\t{+ERROR+}\tapi/client.go:42\t{+save failed+}\t{"client": {"name": "{%name%}", "email": "{%email%}"}, "{+status+}": {+500+}}',
    ),
    (
        "slog.text",
        'time=2026-01-12T10:11:12Z {+level=ERROR msg="save failed"+} client.name="{%name%}" client.email={%email%} {+status=500+}',
    ),
    ("tracing", '2026-01-12T10:11:12Z {+ERROR ehr::api+}: {+save failed+} client_email={%email%} client_name="{%name%}"'),
    (
        "elixir.kw",
        '10:11:12.345 {+[error]+} {+#PID<0.512.0> running EhrWeb.Endpoint terminated+} params: %{"client" => %{"name" => "{%name%}", "dob" => "{%birth%}"}}',
    ),
    (
        "datadog",
        '{"status":"{+error+}","message":"{+save failed+}","usr":{"id":"{%uuid%}","name":"{%name%}","email":"{%email%}"},"network":{"client":{"ip":"{%ip%}"}},"http":{"url":"https://app.example.internal/c?email={%qemail%}","status_code":{+400+}}}',
    ),
    (
        "nest.json",
        '{"level":"error","message":["{+email must be an email+}"],"context":"{+ValidationPipe+}","stack":[null],"target":{"email":"{%login%}","name":"{%name%}"}}',
    ),
    (
        "class_validator.json",
        '{"level":"error","message":"{+Validation failed+}","errors":[{"target":{"email":"{%login%}"},"value":"{%login%}","property":"{+email+}","children":[],"constraints":{"{+isEmail+}":"{+email must be an email+}"}}]}',
    ),
    (
        "yup.json",
        '{"level":"error","err":{"type":"{+ValidationError+}","value":{"email":"{%login%}","note":"{%note%}"},"path":"{+email+}","errors":["{+email must be a valid email+}"],"params":{"value":"{%login%}","originalValue":"{%login%}","path":"{+email+}"}}}',
    ),
    (
        "sequelize.json",
        '{"level":"error","err":{"name":"{+SequelizeUniqueConstraintError+}","errors":[{"message":"{+email must be unique+}","path":"{+email+}","value":"{%email%}","instance":{"name":"{%name%}"}}],"parent":{"code":"{+23505+}","detail":"Key (email)=({%email%}) already exists.","parameters":["{%email%}","{%name%}"]}}}',
    ),
    (
        "typeorm.json",
        '{"level":"error","err":{"type":"{+QueryFailedError+}","query":"{+INSERT INTO client+}","parameters":["{%email%}","{%note%}"],"driverError":{"code":"{+23502+}","detail":"Failing row contains ({%mrn%}, {%note%}, null).","column":"{+due_date+}"}}}',
    ),
    (
        "axios.json",
        '{"level":"error","err":{"message":"{+Request failed with status code 422+}","config":{"url":"{+https://api.example.internal/v1/claims+}","data":"{\\"memberName\\":\\"{%name%}\\"}","headers":{"Authorization":"Bearer {%secret%}"}},"response":{"data":{"detail":"member {%name%} unknown"}}}}',
    ),
    (
        "alb.json",
        '{"client":"{%ip%}","request_url":"https://app.example.internal/c?ssn={%ssn%}","elb_status_code":{+502+},"user_agent":"curl"}',
    ),
    (
        "cloudtrail",
        '{"eventName":"{+GetSecretValue+}","userIdentity":{"userName":"{%login%}","accessKeyId":"{%awsid%}"},"sourceIPAddress":"{%ip%}","errorCode":"{+AccessDenied+}"}',
    ),
    (
        "json.array",
        '[{"code":"{+invalid_type+}","path":["{+dueDate+}"],"message":"{+Required+}"},{"code":"{+custom+}","path":["{+email+}"],"message":"{+Email already in use+}: {%email%}"}]',
    ),
    ("json.bignum", '{"level":"warn","msg":"{+mismatch+}","ssn":{%mrn%},"card":"{%card%}","npi":"{%mrn%}","amount":{+12+}}'),
    (
        "json.snake",
        '{"severity":"{+ERROR+}","message":"{+intake failed+}","intake_form":{"preferred_name":"{%first%}","emergency_contact_phone":"{%phone%}","presenting_problem":"{%note%}"}}',
    ),
    (
        "json.nested_text",
        '{"level":"error","message":"{+Upstream replied+}: {\\"error\\":{\\"patient\\":{\\"name\\":\\"{%name%}\\",\\"ssn\\":\\"{%ssn%}\\"}}}"}',
    ),
)

# Written later, again without looking at the redactor.
_THIRD: tuple[tuple[str, str], ...] = (
    # tokens of vendors, in sentences, URLs, key-values
    (
        "token.github",
        "fatal: unable to access 'https://{%ghp%}@github.com/{+acme/api.git+}/': The requested URL returned error: {+403+}",
    ),
    ("token.github.pat", "Octokit request failed token={%ghpat%} {+status=401+}"),
    ("token.gitlab", "remote: HTTP Basic: Access denied for {%glpat%} on {+git.example.internal+}"),
    ("token.slack", "{+Error: An API error occurred: invalid_auth+} (token {%xoxb%})"),
    ("token.slack.hook", "POST https://hooks.slack.com/services/{%slackhook%} {+failed+}"),
    ("token.stripe", "{+StripeAuthenticationError+}: Invalid API Key provided: {%sklive%}"),
    ("token.stripe.hook", "{+No signatures found matching the expected signature+} secret={%whsec%}"),
    ("token.npm", "npm ERR! //registry.example.internal/:_authToken={%npmtoken%} {+E401+}"),
    (
        "token.google",
        "{+google.api_core.exceptions.Forbidden+}: 403 GET https://maps.googleapis.com/maps/api/geocode/json?address=x&key={%aiza%}: {+API key not valid+}",
    ),
    ("token.google.oauth", "refresh failed refresh_token={%onerefresh%} {+invalid_grant+}"),
    (
        "token.azure",
        "{+AuthenticationFailed+} DefaultEndpointsProtocol=https;AccountName=ehrfiles;AccountKey={%azurekey%};EndpointSuffix=core.windows.net",
    ),
    (
        "token.azure.sas",
        "{+BlobNotFound+} https://ehrfiles.blob.core.windows.net/{+scans+}/a.pdf?sv=2022-11-02&se=2026-01-01&sr=b&sp=r&sig={%azuresig%}",
    ),
    (
        "token.azure.bus",
        "{+ServiceBusException+} Endpoint=sb://ehr.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={%azurekey%}",
    ),
    ("token.openai", "{+AuthenticationError+}: Error code: 401 - Incorrect API key provided: {%skproj%}."),
    ("token.sendgrid", "sendgrid {+Unauthorized+} with {%sg%}"),
    ("token.shopify", "X-Shopify-Access-Token: {%shpat%} {+429+}"),
    ("token.telegram", "{+ETELEGRAM+}: 404 https://api.telegram.org/bot{%tgbot%}/sendMessage"),
    ("token.discord", "discord login failed with {%discord%} {+TOKEN_INVALID+}"),
    ("token.datadog", "DD_API_KEY={%hex32%} {+datadog agent: 403+}"),
    ("token.heroku", "HEROKU_API_KEY={%uuid%} {+Forbidden+}"),
    ("token.vault", "{+permission denied+} X-Vault-Token: {%hvs%}"),
    ("token.pypi", "twine {+HTTPError: 403+} password {%pypi%}"),
    ("token.docker", "{+unauthorized: incorrect username or password+} dckr={%dckr%}"),
    ("token.linear", "{+401+} Authorization: {%linapi%}"),
    ("token.hf", "{+Invalid credentials in Authorization header+} {%hf%}"),
    (
        "token.gcp.json",
        '{"level":"error","msg":"{+could not load credentials+}","credentials":{"type":"service_account","private_key_id":"{%hex40%}","client_email":"{%email%}"}}',
    ),
    ("token.jwt.cookie", "Set-Cookie: __Secure-next-auth.session-token={%jwt%}; Path=/; HttpOnly"),
    ("token.cookie.raw", "GET /{+notes+} cookie=connect.sid=s%3A{%secret%} 400"),
    ("token.basic.url", "{+ECONNREFUSED+} fetch http://{%login%}:{%urlpassword%}@{+elastic.example.internal:9200+}/_bulk"),
    ("token.basic.header", "> proxy-authorization: Basic {%basic%}\n{+407 Proxy Authentication Required+}"),
    ("token.digest", 'Authorization: Digest username="{%login%}", realm="ehr", nonce="{%hex32%}", response="{%hex32%}" {+401+}'),
    (
        "token.sigv4",
        "{+SignatureDoesNotMatch+} Authorization: AWS4-HMAC-SHA256 Credential={%awsid%}/20260112/us-east-1/s3/aws4_request, SignedHeaders=host, Signature={%hex%}",
    ),
    ("token.query", "GET /{+reset+}?token={%secret%}&email={%qemail%} {+400+} 12ms"),
    ("token.saml", "{+Invalid signature+} SAMLResponse={%b64json%}&RelayState=x"),
    ("token.code", "GET /{+auth/callback+}?code={%secret%}&state={%secret%} {+302+}"),
    ("token.ssh", "{+Permission denied (publickey)+} ssh-rsa {%pem%} deploy"),
    ("token.pgpass", "{+password authentication failed+} PGPASSWORD={%password%} psql -h db"),
    ("token.env.export", "+ export SECRET_KEY_BASE={%hex%}\n{+rails aborted!+}"),
    (
        "token.env.json",
        '{"level":"error","message":"{+Invalid environment+}","env":{"JWT_SECRET":"{%secret%}","SMTP_PASS":"{%password%}","{+PORT+}":"abc"}}',
    ),
    ("token.args", "spawn ['mysqldump', '-u', 'root', '--password={%password%}', 'ehr'] {+exited with code 2+}"),
    ("token.helm", "{+Error: UPGRADE FAILED+} --set db.password={%password%}"),
    ("token.dotnet", "{+Login failed+} Server=tcp:db.example.internal,1433;User ID={%login%};Password={%password%};Encrypt=True"),
    ("token.cs.lower", "{+could not connect+} host=db user={%login%} password={%password%} dbname=ehr sslmode=require"),
    ("token.mq", "{+ACCESS_REFUSED+} amqps://{%login%}:{%urlpassword%}@{+mq.example.internal+}/ehr"),
    # patients, in key-values and sentences
    ("p.kv", "intake failed patient_name={%first%} mrn={%mrn%} dob={%birth%} {+code=23505+}"),
    ("p.kv.quoted", 'intake failed patientName="{%name%}" dateOfBirth="{%dob%}" {+field=email+}'),
    ("p.kv.upper", "PATIENT_NAME: {%name%}; PATIENT_DOB: {%dob%}; {+ERROR 23502+}"),
    ("p.dob.text", "{+validation failed+}: DOB {%dob%} is in the future"),
    ("p.dob.long", "{+422+} birth date {%longdob%} not accepted"),
    ("p.dob.compact", "{+HL7 parse error+} date_of_birth={%dob8%}"),
    ("p.mrn.hash", "chart not found for MRN#{%mrn%} {+status=404+}"),
    ("p.mrn.no", "Medical record number {%mrn%} {+duplicate+}"),
    ("p.nhs", "NHS number: {%nhs%} {+invalid checksum+}"),
    ("p.medicare", "Medicare ID {%mbi%} {+not eligible+}"),
    ("p.insurance", "memberId={%member%} groupNumber={%mrn%} {+rejected+}"),
    ("p.policy", "policy_number: {%member%}, {+payer timeout+}"),
    ("p.passport", "passport_number={%passport%} {+failed+}"),
    ("p.licence", "driversLicense: '{%passport%}' {+refused+}"),
    ("p.npi", "patient ssn={%ssn%} {+claim rejected 400+}"),
    ("p.taxid", "tax_id={%ssn%}, {+W9 validation failed+}"),
    ("p.address.kv", "address1='{%address%}' zip={%zip%} {+failed+}"),
    (
        "p.address.json",
        '{"level":"warn","msg":"{+geocode failed+}","address":{"street":"{%address%}","city":"{%first%}","postalCode":"{%zip%}"}}',
    ),
    ("p.phone.de", "{+sms rejected+} to=+49 {%phonede%}"),
    ("p.phone.uk", "{+sms rejected+} to {%phoneuk%}"),
    ("p.phone.fr", "{+sms rejected+} mobile: {%phonefr%}"),
    ("p.phone.e164", "{+21211+} Invalid 'To' Phone Number: {%phonee%}"),
    ("p.phone.kv", "phone_number={%phonee%} {+otp failed+}"),
    (
        "p.emergency",
        '{"level":"error","msg":"{+P2002+}","emergencyContact":{"fullName":"{%name%}","relationship":"mother","phone":"{%phone%}"}}',
    ),
    ("p.diagnosis", '{"level":"error","msg":"{+23514+}","diagnosis":"{%note%}","medications":["{%first%}","{%first%}"]}'),
    ("p.guardian", "guardian: {%name%}, {+consent missing+}"),
    ("p.iban.kv", "iban={%iban%} {+SEPA refused+}"),
    ("p.card.kv", "cardNumber={%card%} cvv={%cvv%} exp=12/28 {+card_declined+}"),
    ("p.user.sentence", "User {%email%} {+failed login+} from {%ip%}"),
    # dumps of languages
    (
        "d.python.dataclass",
        "{+ValueError+}: Patient(first_name='{%first%}', last_name=\"{%first%}\", dob=datetime.date({%pydate%}), mrn={%mrn%})",
    ),
    (
        "d.python.dict.nested",
        "{+KeyError+}: 'plan' in {'patient': {'name': '{%name%}', 'contacts': [{'email': '{%email%}', 'phone': '{%phone%}'}]}}",
    ),
    ("d.python.orm", "{+IntegrityError+} <Patient id={%mrn%} name='{%name%}' email='{%email%}'>"),
    ("d.python.namedtuple", "{+assert failed+} Row(id={%mrn%}, email='{%email%}', ssn='{%ssn%}')"),
    ("d.python.bytes", '{+JSONDecodeError+} body=b\'{"email":"{%email%}","password":"{%password%}"}\''),
    ("d.python.tuple", "{+psycopg.errors.UniqueViolation+} params=('{%name%}', '{%email%}', '{%birth%}')"),
    ("d.ruby.hash", '{+ActiveRecord::NotNullViolation+} {:name=>"{%name%}", :email=>"{%email%}", "ssn"=>"{%ssn%}"}'),
    ("d.ruby.struct", '{+NoMethodError+} for #<struct Patient name="{%name%}", dob="{%birth%}">'),
    ("d.ruby.ar", '#<Patient id: {%mrn%}, first_name: "{%first%}", email: "{%email%}", created_at: "2026-01-12"> {+invalid+}'),
    ("d.go.map", "{+decode failed+} map[email:{%email%} name:{%first%} ssn:{%ssn%}]"),
    ("d.go.v", "{+bind+}: &{Name:{%first%} Email:{%email%} DOB:{%birth%} Phone:{%phonee%}}"),
    ("d.go.hash", '{+bind+}: main.Patient{Name:"{%name%}", Email:"{%email%}", SSN:"{%ssn%}"}'),
    ("d.java.map", "{+DataIntegrityViolation+} {name={%first%}, email={%email%}, dob={%birth%}}"),
    ("d.java.record", "{+ConstraintViolation+} Patient[name={%name%}, email={%email%}, phone={%phone%}]"),
    ("d.java.lombok", "{+HttpMessageNotReadable+} PatientDto(name={%name%}, ssn={%ssn%}, address={%address%})"),
    ("d.kotlin", "{+500+} Patient(name={%name%}, birthDate={%birth%}, mrn={%mrn%})"),
    ("d.csharp", "{+DbUpdateException+} Patient { Name = {%name%}, Email = {%email%}, Ssn = {%ssn%} }"),
    ("d.rust", '{+Validation+} Patient { name: "{%name%}", email: Some("{%email%}"), dob: {%birth%} }'),
    ("d.php.array", "{+QueryException+} array ( 'name' => '{%name%}', 'email' => '{%email%}', 'password' => '{%password%}', )"),
    ("d.php.printr", "Array ( [name] => {%first%} [email] => {%email%} [ssn] => {%ssn%} ) {+failed+}"),
    ("d.elixir", '%Patient{name: "{%name%}", email: "{%email%}", dob: ~D[{%birth%}]} {+changeset invalid+}'),
    ("d.scala", "{+MatchError+}: Patient({%first%},{%email%},{%ssn%})"),
    ("d.node.inspect", "{+TypeError+} { patient: { firstName: '{%first%}', 'last-name': '{%first%}', tags: [ '{%first%}' ] } }"),
    ("d.node.map", "{+Error+} Map(2) { 'email' => '{%email%}', 'ssn' => '{%ssn%}' }"),
    # SQL and its parameters
    ("q.pg.array", "{+error: null value in column \"due_date\"+} parameters: [ '{%uuid%}', '{%name%}', '{%birth%}' ]"),
    ("q.where", "{+slow query+} SELECT * FROM patients WHERE email = '{%email%}' AND ssn = '{%ssn%}'"),
    (
        "q.insert",
        "{+ER_BAD_FIELD_ERROR+} INSERT INTO patients (name, dob) VALUES ('{%name%}', '{%birth%}'), ('{%name%}', '{%birth%}')",
    ),
    ("q.update", "{+deadlock detected+} UPDATE patients SET first_name = '{%first%}', notes = '{%note%}' WHERE id = {%mrn%}"),
    ("q.like", "{+57014+} select id from clients where lower(name) like '%{%first%}%'"),
    ("q.exec", "EXEC sp_add_patient @name=N'{%name%}', @ssn='{%ssn%}' {+failed 2627+}"),
    ("q.dollar", "execute <unnamed>: insert into t values ($1,$2) DETAIL:  parameters: $1 = '{%name%}', $2 = '{%email%}'"),
    ("q.jdbc", "{+BatchUpdateException+} binding parameter [1] as [VARCHAR] - [{%name%}]"),
    ("q.clickhouse", "{+Code: 62+}. Syntax error: INSERT INTO p FORMAT Values ('{%email%}', '{%first%}')"),
    ("q.knexbind", "{+select failed+} bindings: [ '{%email%}', {%mrn%}, '{%phone%}' ]"),
    ("q.mongo.filter", "{+MongoServerError+} filter: { email: '{%email%}', 'name.last': '{%first%}' }"),
    ("q.redis.cmd", "{+ReplyError+}: WRONGTYPE command: { name: 'set', args: [ 'user:{%email%}', '{%secret%}' ] }"),
    # bodies and documents
    ("b.form", "{+400+} body: first_name={%first%}&email={%qemail%}&phone=%2B{%phonedigits%}&ssn={%ssn%}"),
    (
        "b.multipart",
        '{+400 Bad Request+} body: Content-Disposition: form-data; name="{+patientName+}"\\r\\n\\r\\n{%name%}\\r\\n------WebKitFormBoundary',
    ),
    (
        "b.graphql",
        '{"level":"error","msg":"{+BAD_USER_INPUT+}","variables":{"input":{"name":"{%name%}","email":"{%email%}","dob":"{%birth%}"}}}',
    ),
    ("b.graphql.inline", 'mutation { {+createPatient+}(input: { name: "{%name%}", email: "{%email%}" }) { id } }'),
    ("b.xml", '{+schema invalid+} <patient><name>{%name%}</name><birthDate value="{%birth%}"/><ssn>{%ssn%}</ssn></patient>'),
    (
        "b.xml.ns",
        '{+fault+} <ns2:Patient xmlns:ns2="urn:x"><ns2:lastName>{%first%}</ns2:lastName><ns2:phone>{%phone%}</ns2:phone></ns2:Patient>',
    ),
    ("b.soap", "<soapenv:Body><GetPatient><MRN>{%mrn%}</MRN><DOB>{%birth%}</DOB></GetPatient></soapenv:Body> {+500+}"),
    (
        "b.hl7.pid",
        "{+NACK+} PID|1||{%mrn%}^^^HOSP^MR||{%first%}^{%first%}^Q||{%dob8%}|F|||{%address%}^^Springfield^IL||{%phone%}",
    ),
    ("b.hl7.nk1", "{+AE+} NK1|1|{%first%}^{%first%}|SPO|{%address%}|{%phone%}"),
    ("b.x12", "{+999 rejected+} NM1*IL*1*{%first%}*{%first%}****MI*{%member%}~DMG*D8*{%dob8%}*F~"),
    (
        "b.fhir.json",
        '{"level":"error","msg":"{+OperationOutcome+}","resource":{"resourceType":"Patient","name":[{"family":"{%first%}","given":["{%first%}"]}],"telecom":[{"system":"phone","value":"{%phone%}"}],"birthDate":"{%birth%}"}}',
    ),
    ("b.base64.json", "{+invalid payload+} data={%b64json%}"),
    ("b.base64.field", '{"level":"error","msg":"{+pubsub nack+}","message":{"data":"{%b64json%}","messageId":"1"}}'),
    ("b.urlencoded.json", "GET /{+api/search+}?filter=%7B%22email%22%3A%22{%qemail%}%22%7D {+400+}"),
    ("b.csv", '{+row 17 rejected+}: "{%name%}",{%email%},{%birth%},{%phone%}'),
    ("b.vcard", "{+import failed+} FN:{%name%}\\nTEL:{%phone%}\\nEMAIL:{%email%}"),
    ("b.ical", "{+sync failed+} ATTENDEE;CN={%name%}:mailto:{%email%}"),
    ("b.email.header", '{+550 5.1.1+} From: "{%name%}" <{%email%}> Subject: {%note%}'),
    ("b.yaml", "{+config error+}\npatient:\n  name: {%name%}\n  ssn: {%ssn%}\n  email: {%email%}"),
    ("b.protobuf", '{+InvalidArgument+} name:"{%name%}" email:"{%email%}" mrn:"{%mrn%}"'),
    (
        "b.json.escaped2",
        '{"level":"error","msg":"{+worker failed+} {\\"job\\":{\\"args\\":[\\"{%email%}\\",\\"{%first%}\\"],\\"ssn\\":\\"{%ssn%}\\"}}"}',
    ),
    ("b.json.cut", '{"level":"error","msg":"{+P2002+}","body":{"firstName":"{%first%}","email":"{%email%}","notes":"{%note%}'),
    # paths
    ("u.path.email", "GET /{+users+}/{%email%}/{+notes+} {+404+} 3ms"),
    ("u.path.ssn", "GET /{+patients+}/{%ssn%} {+404+} 3ms"),
    ("u.path.matrix", "GET /{+patients+};name={%first%};dob={%birth%} {+400+} 3 ms - 5"),
    ("u.query.multi", "GET /{+search+}?q={%first%}+{%first%}&dob={%birth%}&phone={%phonee%} {+400+} 3ms"),
    (
        "u.referer",
        '10.0.0.1 - - [12/Jan/2026:10:00:00 +0000] "POST /{+notes+} HTTP/1.1" {+400+} 10 "https://app.example.com/patients?name={%first%}&ssn={%ssn%}" "Mozilla"',
    ),
    ("u.s3", "{+NoSuchKey+} s3://ehr-scans/patients/{%mrn%}/{%first%}-{%birth%}.pdf"),
    ("u.file", "{+ENOENT+}: no such file or directory, open '/uploads/{%email%}/scan.pdf'"),
)

_FREE_TEXT: tuple[tuple[str, str], ...] = (
    ("free.name", "{+ERROR+} could not book {%name%} with Dr. {%name%}: {+P2002+}"),
    ("free.note", "{+PrismaClientKnownRequestError+} {+P2011+} while saving: {%note%}"),
    ("free.address", "geocoding {%address%} {+failed+} {+status=400+}"),
    ("free.audit", "AUDIT {%login%} viewed the chart of {%name%} (MRN: {%mrn%}, DOB: {%dob%}) {+status=200+}"),
    ("free.row", "{+P3018+} bad row for {%name%} born {%dob%} {+23502+}"),
)

SHAPES: tuple[Shape, ...] = (
    *(Shape(name=name, text=text) for name, text in _PLAIN),
    *(Shape(name=name, text=text, json=True) for name, text in _JSON),
    *(Shape(name=name, text=text, json=text.startswith(('{"', '[{"'))) for name, text in _SECOND),
    *(Shape(name=name, text=text, json=text.startswith(('{"', '[{"'))) for name, text in _THIRD),
    *(Shape(name=name, text=text, free_text=True) for name, text in _FREE_TEXT),
)


# --- wrappers: one line of a container's output as a log event --------------------------------------------------------


def _dumps(data: dict[str, object]) -> str:
    return json.dumps(data, separators=(",", ":"))


def _logfmt_value(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


_EACH_LINE: dict[str, Callable[[str], str]] = {
    "plain": lambda line: line,
    "compose": lambda line: f"app-1  | {line}",
    "cri": lambda line: f"2026-01-12T10:11:12.345678901Z stdout F {line}",
    "syslog": lambda line: f"Jan 12 10:11:12 ip-10-0-1-7 ehr[412]: {line}",
    "stamped": lambda line: f"2026-01-12T10:11:12.345Z  {line}",
    "ansi": lambda line: f"\x1b[31m{line}\x1b[39m",
    "firelens": lambda line: _dumps({"container_id": "4f3c", "container_name": "ehr", "source": "stdout", "log": line}),
    "docker": lambda line: _dumps({"log": line + "\n", "stream": "stdout", "time": "2026-01-12T10:11:12.345678901Z"}),
}
_WHOLE: dict[str, Callable[[str], str]] = {
    "pino": lambda text: _dumps({"level": 50, "time": 1795378332009, "pid": 7, "hostname": "ip-10-0-1-55", "msg": text}),
    "pino.err": lambda text: _dumps({"level": 50, "time": 1795378332009, "err": {"type": "Error", "message": text, "stack": text}, "msg": "failed"}),
    "winston": lambda text: _dumps({"level": "error", "message": text, "timestamp": "2026-01-12T10:11:12.345Z"}),
    "bunyan": lambda text: _dumps({"name": "ehr", "hostname": "h", "pid": 1, "level": 50, "msg": text, "time": "2026-01-12T10:11:12Z", "v": 0}),
    "structlog": lambda text: _dumps({"event": text, "level": "error", "timestamp": "2026-01-12T10:11:12Z"}),
    "structlog.exception": lambda text: _dumps({"event": "failed", "level": "error", "exception": text}),
    "python.json": lambda text: _dumps({"asctime": "2026-01-12 10:11:12,345", "name": "ehr", "levelname": "ERROR", "message": text}),
    "slog": lambda text: _dumps({"time": "2026-01-12T10:11:12Z", "level": "ERROR", "msg": "failed", "err": text}),
    "logfmt": lambda text: f"time=2026-01-12T10:11:12Z level=error msg={_logfmt_value(text)}",
    "python": lambda text: f"2026-01-12 10:11:12,345 ERROR ehr.api {text}",
    "firelens.winston": lambda text: _dumps(
        {"source": "stderr", "container_name": "ehr", "log": _dumps({"level": "error", "message": text})}
    ),
}  # fmt: skip
_CONTAINERS = ("plain", "compose", "cri", "firelens", "docker")


def cases(seed: int = 7, *, wrappers_a_shape: int = 4) -> Iterator[Case]:
    """Every shape, each in `wrappers_a_shape` wrappers (plain among them), with fresh values every time."""
    rng = random.Random(seed)
    for shape in SHAPES:
        for wrapper in _wrappers(shape, rng, wrappers_a_shape):
            yield _case(shape, wrapper, rng)


def _wrappers(shape: Shape, rng: random.Random, count: int) -> list[str]:
    if shape.json:
        return ["plain", *rng.sample(_CONTAINERS[1:], min(count, len(_CONTAINERS)) - 1)]
    return ["plain", *rng.sample([*list(_EACH_LINE)[1:], *_WHOLE], count - 1)]


def _case(shape: Shape, wrapper: str, rng: random.Random) -> Case:
    text, planted, keep = _render(shape, rng)
    if wrapper in _WHOLE:
        events: tuple[str, ...] = (_WHOLE[wrapper](text),)
    else:
        lines = [text] if shape.json else [line for line in text.split("\n") if line]
        events = tuple(_EACH_LINE[wrapper](line) for line in lines)
    return Case(
        name=f"{shape.name}@{wrapper}", wrapper=wrapper, events=events, planted=planted,
        keep=_as_printed(keep, wrapper, shape), free_text=shape.free_text,
    )  # fmt: skip


def _render(shape: Shape, rng: random.Random) -> tuple[str, tuple[Planted, ...], tuple[str, ...]]:
    drawn: dict[tuple[str, str], Planted] = {}
    planted: list[Planted] = []

    def plant(hit: re.Match[str]) -> str:
        kind, again = hit[1], hit[2] or ""
        value = drawn.get((kind, again)) if again else None
        if value is None:
            value = _KINDS[kind](rng)
            drawn[kind, again] = value
            planted.append(value)
        if shape.json:
            return json.dumps(value.value)[1:-1]
        return _as_quoted(value.value, text[hit.start() - 1 : hit.start()])

    keep = tuple(hit[1] for hit in _KEEP.finditer(shape.text))
    text = _KEEP.sub(lambda hit: hit[1], shape.text)
    return _PLANT.sub(plant, text), tuple(planted), keep


def _as_quoted(value: str, quote: str) -> str:
    """The value as its language prints it inside quotes (inspect and repr change the quote, SQL doubles it)."""
    if quote == '"':
        return value.replace('"', '\\"')
    return value.replace("'", "''") if quote == "'" else value


def _as_printed(keep: tuple[str, ...], wrapper: str, shape: Shape) -> tuple[str, ...]:
    """The words to keep, in pieces that survive any escaping (quotes and backslashes split them)."""
    pieces: list[str] = []
    for word in keep:
        pieces.extend(piece.strip() for piece in re.split(r'\\n|[\\"]', word) if piece.strip())
    return tuple(pieces)
