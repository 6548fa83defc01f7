"""`test`, `[[ … ]]` and arithmetic: decided where the operands are known, tried both ways where not."""

from __future__ import annotations

import fnmatch
import operator
import re
from collections.abc import Callable, Sequence

from parsers.lint.commands import UNKNOWN
from parsers.lint.shell import Condition, Word
from parsers.lint.state import NOT_KNOWN, Value, Walking
from parsers.lint.words import as_number

_FILE_TESTS = frozenset(
    ["-f", "-d", "-e", "-s", "-r", "-w", "-x", "-L", "-h", "-S", "-p", "-b", "-c", "-t", "-v", "-u", "-g", "-k", "-O", "-G", "-N"]
)
_NUMBER_TESTS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b, "-ne": lambda a, b: a != b, "-lt": lambda a, b: a < b, "-le": lambda a, b: a <= b,
    "-gt": lambda a, b: a > b, "-ge": lambda a, b: a >= b,
}  # fmt: skip


def test_value(walker: Walking, values: Sequence[Value], raws: Sequence[str]) -> bool:
    """`test …`: known values decide, else both ways are tried."""
    key = " ".join(raws)
    texts = [value.text for value in values]
    if texts and texts[0] == "!" and len(texts) > 1:
        return not test_value(walker, values[1:], raws[1:])
    for connective, joined in (("-o", any), ("-a", all)):
        if connective in texts[1:-1]:
            at = texts.index(connective, 1)
            return joined((test_value(walker, values[:at], raws[:at]), test_value(walker, values[at + 1 :], raws[at + 1 :])))
    if not texts:
        return False
    if len(texts) == 1:
        return truth(walker, key, values, None if texts[0] is None else texts[0] != "")
    if len(texts) == 2:
        return _unary(walker, key, texts[0] or "", values[1])
    if len(texts) == 3:
        return _binary(walker, key, values[0], texts[1] or "", values[2])
    return truth(walker, key, values, None)


def truth(walker: Walking, key: str, values: Sequence[Value], known: bool | None) -> bool:
    if known is not None:
        return known
    return walker.decide(key, tuple(value.text for value in values), clock=any(value.clock for value in values))


def _unary(walker: Walking, key: str, operator: str, value: Value) -> bool:
    if operator in _FILE_TESTS:
        return walker.decide(key, (value.text,))
    known = None if value.text in {None, UNKNOWN} else bool(value.text)
    if operator == "-z":
        return truth(walker, key, (value,), None if known is None else not known)
    return truth(walker, key, (value,), known)


def _binary(walker: Walking, key: str, left: Value, operator: str, right: Value) -> bool:
    if operator in _NUMBER_TESTS:
        a, b = as_number(left.text), as_number(right.text)
        return truth(walker, key, (left, right), None if a is None or b is None else _NUMBER_TESTS[operator](a, b))
    if left.text is None or right.text is None or UNKNOWN in {left.text, right.text}:
        return truth(walker, key, (left, right), None)
    if operator in {"=", "=="}:
        return left.text == right.text
    if operator == "!=":
        return left.text != right.text
    return truth(walker, key, (left, right), None)


class DoubleBrackets:
    """`[[ … ]]`: `||` binds weakest, then `&&`, then `!`."""

    def __init__(self, walker: Walking, node: Condition) -> None:
        self.walker = walker
        self.items = list(node.items)
        self.index = 0

    def value(self) -> bool:
        result = self._and()
        while self._take("||"):
            right = self._and()
            result = result or right
        return result

    def _and(self) -> bool:
        result = self._one()
        while self._take("&&"):
            right = self._one()
            result = result and right
        return result

    def _take(self, text: str) -> bool:
        if self.index < len(self.items) and self.items[self.index] == text:
            self.index += 1
            return True
        return False

    def _one(self) -> bool:
        if self.index < len(self.items) and isinstance(item := self.items[self.index], Word) and item.raw == "!":
            self.index += 1
            return not self._one()
        if self._take("("):
            result = self.value()
            self._take(")")
            return result
        return self._primary()

    def _primary(self) -> bool:
        words: list[Word] = []
        operator: str | None = None
        while self.index < len(self.items):
            item = self.items[self.index]
            if isinstance(item, str) and item not in {"<", ">"}:
                break
            self.index += 1
            if isinstance(item, str):
                operator = item
            else:
                words.append(item)
        raws = [word.raw for word in words]
        values = [self.walker.expand(word) for word in words]
        if operator or (len(raws) == 3 and raws[1] == "=~"):
            return truth(self.walker, " ".join(raws), values, None)
        if len(words) == 3 and raws[1] in {"=", "==", "!="} and values[0].text is not None and values[2].text is not None:
            pattern = values[2].text
            same = (
                fnmatch.fnmatchcase(values[0].text, pattern)
                if not any(p.quoted for p in words[2].parts)
                else values[0].text == pattern
            )
            if UNKNOWN not in {values[0].text, pattern}:
                return same == (raws[1] != "!=")
        return test_value(self.walker, values, raws)


_ARITHMETIC = re.compile(
    r"\s*(\d+|\$?\{?[A-Za-z_]\w*\}?|\$[?#]|\+\+|--|<<=|>>=|[-+*/%]=|&&|\|\||[<>=!]=|<<|>>|[-+*/%<>=!()?:,&|^~])"
)
_LEVELS: tuple[tuple[str, ...], ...] = (("||",), ("&&",), ("==", "!="), ("<=", ">=", "<", ">"), ("+", "-"), ("*", "/", "%"))


_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "==": operator.eq, "!=": operator.ne, "<": operator.lt,
    ">": operator.gt, "<=": operator.le, ">=": operator.ge,
    "&&": lambda a, b: int(bool(a and b)), "||": lambda a, b: int(bool(a or b)),
}  # fmt: skip


class Sum:
    """Shell arithmetic with assignments and `++`; anything it does not know makes the result unknown."""

    def __init__(self, walker: Walking, text: str) -> None:
        self.walker = walker
        self.pieces: list[str] = []
        self.index = 0
        self.readable = True
        position = 0
        text = text.strip()
        while position < len(text):
            match = _ARITHMETIC.match(text, position)
            if not match:
                self.readable = False
                break
            self.pieces.append(match[1])
            position = match.end()

    def value(self) -> int | None:
        if not self.readable or not self.pieces:
            return None if self.pieces or not self.readable else 0
        result = self._assignment()
        while self._peek() == ",":
            self.index += 1
            result = self._assignment()
        return result if self.index >= len(self.pieces) else None

    def _peek(self, ahead: int = 0) -> str:
        return self.pieces[self.index + ahead] if self.index + ahead < len(self.pieces) else ""

    def _assignment(self) -> int | None:
        name, operator = self._name(self._peek()), self._peek(1)
        if name and operator in {"=", "+=", "-=", "*=", "/=", "%="}:
            self.index += 2
            right = self._assignment()
            value = right if operator == "=" else _apply(operator[0], variable(self.walker, name), right)
            return self._store(name, value)
        return self._level(0)

    def _store(self, name: str, value: int | None) -> int | None:
        self.walker.shell.variables[name] = NOT_KNOWN if value is None else Value(text=str(value))
        return value

    @staticmethod
    def _name(piece: str) -> str:
        bare = piece.strip("${}")
        return bare if re.fullmatch(r"[A-Za-z_]\w*", bare) else ""

    def _level(self, level: int) -> int | None:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while self._peek() in _LEVELS[level]:
            operator = self._peek()
            self.index += 1
            left = _apply(operator, left, self._level(level + 1))
        return left

    def _unary(self) -> int | None:
        piece = self._peek()
        self.index += 1
        if piece in {"++", "--"}:
            name = self._name(self._peek())
            self.index += 1
            return self._store(name, _apply(piece[0], variable(self.walker, name), 1))
        if piece in {"-", "+", "!"}:
            value = self._unary()
            return None if value is None else {"-": -value, "+": value, "!": int(not value)}[piece]
        if piece == "(":
            value = self._assignment()
            self.index += 1
            return value
        if piece.isdigit():
            return int(piece)
        if piece == "$?":
            return as_number(self.walker.last_status(0).text)
        name = self._name(piece)
        if not name:
            return None
        value = variable(self.walker, name)
        if self._peek() in {"++", "--"}:
            operator = self._peek()[0]
            self.index += 1
            self._store(name, _apply(operator, value, 1))
        return value


def _apply(sign: str, left: int | None, right: int | None) -> int | None:
    if left is None or right is None or (sign in {"/", "%"} and right == 0):
        return None
    if sign in {"/", "%"}:  # towards zero, as the shell divides
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if sign == "/" else left - right * quotient
    return _wrapped(_OPERATORS[sign](left, right)) if sign in _OPERATORS else None


def _wrapped(number: int) -> int:
    """Shell arithmetic has 64 bits."""
    return (number + 2**63) % 2**64 - 2**63


def variable(walker: Walking, name: str) -> int | None:
    """A variable's value as a number; None when it is not known."""
    value = walker.shell.variables.get(name)
    return as_number((walker.environment(name) if value is None else value).text)
