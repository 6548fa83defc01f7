"""A reader of shell scripts: text -> syntax tree. POSIX sh and the bash that start scripts use; nothing is run.

Own, because neither library fits: bashlex (GPL-3) has no `case` and no arithmetic; tree-sitter-bash recovers from what
it cannot read without saying so, and a lint must never call a file clean that it read only in part. What this reader
cannot read raises `ShellSyntaxError` with the line.

Grammar: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_10
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from parsers.errors import InputError

MAX_DEPTH = 60
"""Nesting beyond this is refused: no start script has it, and a hostile one would overflow the stack."""


class ShellSyntaxError(InputError):
    """A script that cannot be read. `line` is 1-based, in the text that was given."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(f"line {line}: {message}", hint="check it with `bash -n`")
        self.line = line
        self.reason = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a word: `literal` text, `param` (name, op, default), `command` or `process` substitution, `arith`."""

    kind: str
    text: str = ""  # the literal; the parameter's name; the arithmetic's text
    quoted: bool = False
    op: str = ""  # of a parameter: the characters after its name (`:-`, `#`, `//`, …)
    argument: str = ""  # of a parameter: what follows the operator, as written
    script: Script | None = None  # of a command or process substitution


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    raw: str
    parts: tuple[Part, ...]
    line: int

    @property
    def literal(self) -> str | None:
        """Its text when nothing in it is expanded, quotes taken off; else None."""
        if all(part.kind == "literal" for part in self.parts):
            return "".join(part.text for part in self.parts)
        return None

    @property
    def scripts(self) -> tuple[Script, ...]:
        return tuple(part.script for part in self.parts if part.script is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    op: str
    target: Word | None
    rows: Sequence[str] = ()  # of a here-document


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    name: str
    value: Word | None  # None: an array, or a subscript, whose value is not followed
    append: bool = False
    elements: tuple[Word, ...] | None = None  # of an array


@dataclass(frozen=True, slots=True, kw_only=True)
class Simple:
    line: int
    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`{ …; }`, or `( … )` with `subshell`."""

    line: int
    body: Script
    subshell: bool = False
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class If:
    line: int
    branches: tuple[tuple[Script, Script], ...]  # (condition, body): if, then each elif
    otherwise: Script | None
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """`while`; with `until`, turned round."""

    line: int
    condition: Script
    body: Script
    until: bool
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class For:
    line: int
    name: str
    words: tuple[Word, ...] | None  # None: over "$@"
    body: Script
    arithmetic: tuple[str, str, str] | None = None
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    line: int
    subject: Word
    arms: tuple[tuple[tuple[Word, ...], Script, str], ...]  # patterns, body, terminator (`;;`, `;&`, `;;&`)
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    line: int
    name: str
    body: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """`[[ … ]]`: words and the operators `&& || ! ( )` between them, as plain strings."""

    line: int
    items: tuple[Word | str, ...]
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic:
    """`(( … ))`."""

    line: int
    text: str
    redirects: tuple[Redirect, ...] = ()


Command = Simple | Group | If | Loop | For | Case | Function | Condition | Arithmetic


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    line: int
    commands: tuple[Command, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AndOr:
    """Pipelines joined by `&&` and `||`: `operators[i]` stands between the i-th and the next."""

    line: int
    pipelines: tuple[Pipeline, ...]
    operators: tuple[str, ...] = ()
    background: bool = False
    semicolon: bool = False  # ended by `;` with more on the same line


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    items: tuple[AndOr, ...] = field(default=())


_META = frozenset(" \t\n|&;()<>")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^\]\n]*\])?(\+?)=")
_REDIRECT = re.compile(r"(?:\d+|\{[A-Za-z_]\w*\})?(&>>|&>|<<<|<<-|<<|<&|<>|<(?!\()|>>|>&|>\||>(?!\())")
_PARAM_OP = re.compile(r":?[-=?+]|##?|%%?|//?|\^\^?|,,?|:|@")
_RESERVED = frozenset(
    [
        "if",
        "then",
        "elif",
        "else",
        "fi",
        "while",
        "until",
        "do",
        "done",
        "for",
        "case",
        "esac",
        "select",
        "function",
        "{",
        "}",
        "!",
        "[[",
        "time",
        "in",
        "coproc",
    ]
)
_CLOSERS = frozenset(["then", "elif", "else", "fi", "do", "done", "esac", "}"])


def parse(text: str, *, first_line: int = 1) -> Script:
    """The syntax tree of a script. `first_line` is the line that its first line has in its file. Raises ShellSyntaxError."""
    reader = _Reader(text.replace("\r\n", "\n"), first_line)
    script = reader.script(lambda: False)
    reader.blank()
    if not reader.at_end:
        raise reader.error(f"unexpected {reader.peek_shown()}")
    return script


class _Reader:
    """Recursive descent over the characters; `pos` is the only state besides pending here-documents and the depth."""

    def __init__(self, text: str, first_line: int) -> None:
        self.text = text
        self.pos = 0
        self.depth = 0
        self.first_line = first_line
        self.newlines = [match.start() for match in re.finditer("\n", text)]
        self.pending: list[tuple[str, bool, list[str]]] = []

    # ---- where we are ----
    @property
    def at_end(self) -> bool:
        return self.pos >= len(self.text)

    @property
    def line(self) -> int:
        return self.first_line + bisect_right(self.newlines, self.pos - 1)

    def error(self, message: str) -> ShellSyntaxError:
        return ShellSyntaxError(message, self.line)

    def peek_shown(self) -> str:
        return repr(self.text[self.pos : self.pos + 12]) if not self.at_end else "end of the script"

    def starts(self, text: str) -> bool:
        return self.text.startswith(text, self.pos)

    def take(self, text: str) -> bool:
        if self.starts(text):
            self.pos += len(text)
            return True
        return False

    def expect(self, text: str, what: str) -> None:
        if not self.take(text):
            raise self.error(f"{what}: {text!r} expected, {self.peek_shown()} found")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error("nested too deeply")

    # ---- blanks, line ends, comments ----
    def spaces(self) -> None:
        while not self.at_end:
            if self.text[self.pos] in " \t":
                self.pos += 1
            elif self.starts("\\\n"):
                self.pos += 2
            else:
                break
        if self.starts("#") and (self.pos == 0 or self.text[self.pos - 1] in _META):
            end = self.text.find("\n", self.pos)
            self.pos = len(self.text) if end < 0 else end

    def newline(self) -> bool:
        if not self.starts("\n"):
            return False
        self.pos += 1
        for delimiter, strip, sink in self.pending:
            self._here_document(delimiter, strip, sink)
        self.pending.clear()
        return True

    def _here_document(self, delimiter: str, strip: bool, sink: list[str]) -> None:
        while not self.at_end:
            end = self.text.find("\n", self.pos)
            end = len(self.text) if end < 0 else end
            row = self.text[self.pos : end]
            self.pos = min(end + 1, len(self.text))
            row = row.lstrip("\t") if strip else row
            if row == delimiter:
                return
            sink.append(row)

    def blank(self) -> None:
        self.spaces()
        while self.newline():
            self.spaces()

    def keyword(self) -> str:
        """The reserved word at this place, or ''. Nothing is consumed."""
        end = self.pos
        while end < len(self.text) and self.text[end] not in _META:
            end += 1
        word = self.text[self.pos : end]
        return word if word in _RESERVED else ""

    def take_keyword(self, word: str) -> None:
        self.blank()
        if self.keyword() != word:
            raise self.error(f"{word!r} expected, {self.peek_shown()} found")
        self.pos += len(word)

    # ---- lists ----
    def script(self, ends: Callable[[], bool]) -> Script:
        self.deeper()
        items: list[AndOr] = []
        while True:
            self.blank()
            if self.at_end or ends() or self.keyword() in _CLOSERS or self.starts(")"):
                break
            items.append(self.and_or())
        self.depth -= 1
        return Script(items=tuple(items))

    def and_or(self) -> AndOr:
        line = self.line
        pipelines = [self.pipeline()]
        operators: list[str] = []
        while True:
            self.spaces()
            operator = "&&" if self.starts("&&") else "||" if self.starts("||") else ""
            if not operator:
                break
            self.pos += 2
            self.blank()
            operators.append(operator)
            pipelines.append(self.pipeline())
        background, semicolon = self._separator()
        return AndOr(
            line=line, pipelines=tuple(pipelines), operators=tuple(operators), background=background, semicolon=semicolon
        )

    def _separator(self) -> tuple[bool, bool]:
        if self.starts("&"):
            self.pos += 1
            return True, False
        if self.starts(";") and not self.starts(";;") and not self.starts(";&"):
            self.pos += 1
            self.spaces()
            return False, not self.at_end and not self.starts("\n")
        if not (self.at_end or self.starts("\n") or self.starts(")") or self.starts(";")):
            raise self.error(f"unexpected {self.peek_shown()}")
        return False, False

    def pipeline(self) -> Pipeline:
        line = self.line
        negated = False
        while self.keyword() in {"!", "time"}:
            negated ^= self.keyword() == "!"
            self.pos += len(self.keyword())
            self.spaces()
            while self.starts("-p"):
                self.pos += 2
                self.spaces()
        commands = [self.command()]
        while True:
            self.spaces()
            if not self.starts("|") or self.starts("||"):
                break
            self.pos += 2 if self.starts("|&") else 1
            self.blank()
            commands.append(self.command())
        return Pipeline(line=line, commands=tuple(commands), negated=negated)

    # ---- commands ----
    def command(self) -> Command:
        self.deeper()
        try:
            return self._command()
        finally:
            self.depth -= 1

    def _command(self) -> Command:
        line = self.line
        if self.starts("((") and (found := self._double_parentheses()) is not None:
            return Arithmetic(line=line, text=found, redirects=self.redirects())
        if self.take("("):
            body = self.script(lambda: False)
            self.expect(")", "a subshell")
            return Group(line=line, body=body, subshell=True, redirects=self.redirects())
        word = self.keyword()
        reader = {
            "{": self._group, "if": self._if, "while": self._loop, "until": self._loop, "for": self._for,
            "select": self._for, "case": self._case, "function": self._function, "[[": self._condition, "coproc": self._coproc,
        }.get(word)  # fmt: skip
        if reader is not None:
            self.pos += len(word)
            return reader(line, word)
        named = re.compile(r"([^\s|&;()<>$'\"\\=`]+)[ \t]*\([ \t]*\)").match(self.text, self.pos)
        if named and not word:
            self.pos = named.end()
            self.blank()
            return Function(line=line, name=named[1], body=self.command())
        return self._simple(line)

    def _double_parentheses(self) -> str | None:
        end = _arithmetic_end(self.text, self.pos + 2)
        if end < 0:
            return None
        text = self.text[self.pos + 2 : end]
        self.pos = end + 2
        return text

    def _group(self, line: int, _word: str) -> Command:
        body = self.script(lambda: False)
        self.take_keyword("}")
        return Group(line=line, body=body, redirects=self.redirects())

    def _coproc(self, line: int, _word: str) -> Command:
        self.spaces()
        body = Script(items=(AndOr(line=line, pipelines=(Pipeline(line=line, commands=(self.command(),)),), background=True),))
        return Group(line=line, body=body)

    def _if(self, line: int, _word: str) -> Command:
        branches: list[tuple[Script, Script]] = []
        otherwise: Script | None = None
        while True:
            condition = self.script(lambda: False)
            self.take_keyword("then")
            branches.append((condition, self.script(lambda: False)))
            self.blank()
            word = self.keyword()
            self.pos += len(word)
            if word == "elif":
                continue
            if word == "else":
                otherwise = self.script(lambda: False)
                self.take_keyword("fi")
            elif word != "fi":
                raise self.error(f"'fi' expected, {self.peek_shown()} found")
            return If(line=line, branches=tuple(branches), otherwise=otherwise, redirects=self.redirects())

    def _loop(self, line: int, word: str) -> Command:
        condition = self.script(lambda: False)
        body = self._do()
        return Loop(line=line, condition=condition, body=body, until=word == "until", redirects=self.redirects())

    def _do(self) -> Script:
        self.take_keyword("do")
        body = self.script(lambda: False)
        self.take_keyword("done")
        return body

    def _for(self, line: int, _word: str) -> Command:
        self.spaces()
        if self.starts("((") and (text := self._double_parentheses()) is not None:
            pieces = [piece.strip() for piece in text.split(";")]
            if len(pieces) != 3:
                raise self.error("for ((…;…;…)) expected")
            self.spaces()
            self.take(";")
            return For(
                line=line, name="", words=(), arithmetic=(pieces[0], pieces[1], pieces[2]), body=self._do(),
                redirects=self.redirects(),
            )  # fmt: skip
        name = self._name()
        self.blank()
        words: tuple[Word, ...] | None = None
        if self.keyword() == "in":
            self.pos += 2
            words = self._words()
        self.spaces()
        self.take(";")
        return For(line=line, name=name, words=words, body=self._do(), redirects=self.redirects())

    def _words(self) -> tuple[Word, ...]:
        found: list[Word] = []
        while (word := self.word()) is not None:
            found.append(word)
        return tuple(found)

    def _name(self) -> str:
        match = _NAME.match(self.text, self.pos)
        if not match:
            raise self.error(f"a name expected, {self.peek_shown()} found")
        self.pos = match.end()
        return match[0]

    def _case(self, line: int, _word: str) -> Command:
        subject = self.word()
        if subject is None:
            raise self.error("case: a word expected")
        self.take_keyword("in")
        arms: list[tuple[tuple[Word, ...], Script, str]] = []
        while True:
            self.blank()
            if self.keyword() == "esac":
                self.pos += 4
                return Case(line=line, subject=subject, arms=tuple(arms), redirects=self.redirects())
            arms.append(self._arm())

    def _arm(self) -> tuple[tuple[Word, ...], Script, str]:
        self.take("(")
        patterns: list[Word] = []
        while (word := self.word()) is not None:
            patterns.append(word)
            self.spaces()
            if not self.take("|"):
                break
        self.spaces()
        self.expect(")", "case")
        body = self.script(lambda: self.starts(";;") or self.starts(";&"))
        self.blank()
        for terminator in (";;&", ";;", ";&"):
            if self.take(terminator):
                return tuple(patterns), body, terminator
        if self.keyword() == "esac":
            return tuple(patterns), body, ";;"
        raise self.error(f"';;' expected, {self.peek_shown()} found")

    def _function(self, line: int, _word: str) -> Command:
        self.spaces()
        match = re.compile(r"[^\s|&;()<>]+").match(self.text, self.pos)
        if not match:
            raise self.error("a function name expected")
        self.pos = match.end()
        self.spaces()
        if self.take("("):
            self.spaces()
            self.expect(")", "function")
        self.blank()
        return Function(line=line, name=match[0], body=self.command())

    def _condition(self, line: int, _word: str) -> Command:
        items: list[Word | str] = []
        pattern = False  # after =~ the right side is a regular expression: parentheses belong to it
        while True:
            self.blank()
            if self.at_end:
                raise self.error("']]' expected")
            if self.starts("]]"):
                self.pos += 2
                return Condition(line=line, items=tuple(items), redirects=self.redirects())
            item = self._condition_item(pattern)
            pattern = isinstance(item, Word) and item.raw == "=~"
            items.append(item)

    def _condition_item(self, pattern: bool) -> Word | str:
        if pattern:
            return self._pattern_word()
        for operator in ("&&", "||", "(", ")", "<", ">"):
            if self.take(operator):
                return operator
        word = self.word()
        if word is None:
            raise self.error(f"[[: unexpected {self.peek_shown()}")
        return word

    def _pattern_word(self) -> Word:
        match = re.compile(r"(?:\"[^\"]*\"|'[^']*'|\\.|\([^)\n]*\)|[^\s])+").match(self.text, self.pos)
        if not match:
            raise self.error("a pattern expected")
        line = self.line
        self.pos = match.end()
        return Word(raw=match[0], parts=(Part(kind="pattern", text=match[0]),), line=line)

    def _simple(self, line: int) -> Command:
        assignments: list[Assignment] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        while True:
            self.spaces()
            if (redirect := self._redirect()) is not None:
                redirects.append(redirect)
                continue
            if not words and (assignment := self._assignment()) is not None:
                assignments.append(assignment)
                continue
            if words and self.starts("(") and _ASSIGNMENT.fullmatch(words[-1].raw):  # declare -a x=(…)
                self._array()
                continue
            word = self.word()
            if word is None:
                break
            words.append(word)
        if not (assignments or words or redirects):
            raise self.error(f"a command expected, {self.peek_shown()} found")
        return Simple(line=line, assignments=tuple(assignments), words=tuple(words), redirects=tuple(redirects))

    def _assignment(self) -> Assignment | None:
        match = _ASSIGNMENT.match(self.text, self.pos)
        if not match:
            return None
        self.pos = match.end()
        if self.starts("("):
            return Assignment(name=match[1], value=None, append=bool(match[3]), elements=self._array())
        here = self.pos < len(self.text) and self.text[self.pos] not in _META
        value = self.word() if here or self.starts("<(") else Word(raw="", parts=(), line=self.line)
        return Assignment(name=match[1], value=None if match[2] else value, append=bool(match[3]))

    def _array(self) -> tuple[Word, ...]:
        self.pos += 1
        elements: list[Word] = []
        while True:
            self.blank()
            if self.take(")"):
                return tuple(elements)
            word = self.word()
            if word is None:
                raise self.error(f"an array's element expected, {self.peek_shown()} found")
            elements.append(word)

    def redirects(self) -> tuple[Redirect, ...]:
        found: list[Redirect] = []
        while True:
            self.spaces()
            redirect = self._redirect()
            if redirect is None:
                return tuple(found)
            found.append(redirect)

    def _redirect(self) -> Redirect | None:
        match = _REDIRECT.match(self.text, self.pos)
        if not match:
            return None
        self.pos = match.end()
        self.spaces()
        target = self.word()
        if target is None:
            raise self.error(f"{match[1]}: a target expected")
        if match[1] in {"<<", "<<-"}:
            rows: list[str] = []
            delimiter = re.sub(r"['\"\\]", "", target.raw)
            self.pending.append((delimiter, match[1] == "<<-", rows))
            return Redirect(op=match[1], target=target, rows=rows)  # filled when the line ends
        return Redirect(op=match[1], target=target)

    # ---- words ----
    def word(self) -> Word | None:
        self.spaces()
        start, line = self.pos, self.line
        parts: list[Part] = []
        while not self.at_end:
            char = self.text[self.pos]
            if char in "<>" and self.text.startswith("(", self.pos + 1):
                parts.append(self._substitution("process", 2, quoted=False))
            elif char in _META:
                break
            else:
                self._piece(parts, char, quoted=False)
        if self.pos == start:
            return None
        return Word(raw=self.text[start : self.pos], parts=tuple(parts), line=line)

    def _piece(self, parts: list[Part], char: str, *, quoted: bool) -> None:
        if char == "\\":
            self._escape(parts, quoted)
        elif char == "'" and not quoted:
            parts.append(Part(kind="literal", text=self._until("'", 1), quoted=True))
        elif char == '"' and not quoted:
            self._double_quotes(parts)
        elif char == "$":
            self._dollar(parts, quoted)
        elif char == "`":
            body = self._until("`", 1).replace("\\`", "`")
            parts.append(Part(kind="command", script=self._inner(body), quoted=quoted))
        else:
            match = re.compile(r"[^\\\"$`]+" if quoted else r"[^\s|&;()<>\\'\"$`]+").match(self.text, self.pos)
            text = match[0] if match else char
            self.pos += len(text)
            parts.append(Part(kind="literal", text=text, quoted=quoted))

    def _escape(self, parts: list[Part], quoted: bool) -> None:
        following = self.text[self.pos + 1 : self.pos + 2]
        self.pos += 2
        if following == "\n":
            return
        kept = f"\\{following}" if quoted and following not in '$`"\\' else following
        parts.append(Part(kind="literal", text=kept, quoted=True))

    def _until(self, closer: str, opened: int) -> str:
        self.pos += opened
        end = self.pos
        while end < len(self.text) and self.text[end] != closer:
            end += 2 if self.text[end] == "\\" and closer != "'" else 1
        if end >= len(self.text):
            raise self.error(f"a closing {closer} is missing")
        text = self.text[self.pos : end]
        self.pos = end + 1
        return text

    def _double_quotes(self, parts: list[Part]) -> None:
        self.pos += 1
        before = len(parts)
        while True:
            if self.at_end:
                raise self.error('a closing " is missing')
            char = self.text[self.pos]
            if char == '"':
                break
            self._piece(parts, char, quoted=True)
        self.pos += 1
        if len(parts) == before:
            parts.append(Part(kind="literal", text="", quoted=True))

    def _dollar(self, parts: list[Part], quoted: bool) -> None:
        if self.starts("$((") and (end := _arithmetic_end(self.text, self.pos + 3)) >= 0:
            parts.append(Part(kind="arith", text=self.text[self.pos + 3 : end], quoted=quoted))
            self.pos = end + 2
        elif self.starts("$("):
            parts.append(self._substitution("command", 2, quoted=quoted))
        elif self.starts("${"):
            parts.append(self._parameter(quoted))
        elif self.starts("$'") and not quoted:
            parts.append(Part(kind="literal", text=self._ansi_quotes(), quoted=True))
        elif self.starts('$"') and not quoted:
            self.pos += 1
            self._double_quotes(parts)
        else:
            match = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])").match(self.text, self.pos)
            self.pos = match.end() if match else self.pos + 1
            parts.append(Part(kind="param", text=match[1], quoted=quoted) if match else Part(kind="literal", text="$"))

    def _ansi_quotes(self) -> str:
        self.pos += 1
        end = self.pos + 1
        while end < len(self.text) and self.text[end] != "'":
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text):
            raise self.error("a closing ' is missing")
        text = self.text[self.pos + 1 : end]
        self.pos = end + 1
        return text

    def _substitution(self, kind: str, opened: int, *, quoted: bool) -> Part:
        self.pos += opened
        held, self.pending = self.pending, []
        body = self.script(lambda: False)
        self.blank()
        self.pending = held
        self.expect(")", "a substitution")
        return Part(kind=kind, script=body, quoted=quoted)

    def _inner(self, body: str) -> Script:
        self.deeper()
        inner = _Reader(body, self.line)
        inner.depth = self.depth
        script = inner.script(lambda: False)
        self.depth -= 1
        return script

    def _parameter(self, quoted: bool) -> Part:
        end = _brace_end(self.text, self.pos + 2)
        if end < 0:
            raise self.error("a closing } is missing")
        inside = self.text[self.pos + 2 : end]
        self.pos = end + 1
        match = re.compile(r"([#!]?)([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])(\[[^\]]*\])?").match(inside)
        if not match:
            return Part(kind="param", text="", op="?", argument=inside, quoted=quoted)
        rest = inside[match.end() :]
        operator = _PARAM_OP.match(rest)
        op = match[1] + (match[3] or "") + (operator[0] if operator else rest[:1])
        return Part(kind="param", text=match[2], op=op, argument=rest[operator.end() :] if operator else "", quoted=quoted)


def _arithmetic_end(text: str, start: int) -> int:
    """Where the `))` that closes an arithmetic stands; -1 when it is no arithmetic (a subshell in a subshell)."""
    depth = 0
    for index in range(start, len(text)):
        char = text[index]
        if char == "(":
            depth += 1
        elif char == ")":
            if depth == 0:
                return index if text.startswith("))", index) else -1
            depth -= 1
        elif char == "\n" and depth == 0 and text.find("))", index) < 0:
            return -1
    return -1


def _brace_end(text: str, start: int) -> int:
    depth, index = 0, start
    while index < len(text):
        char = text[index]
        if char == "\\":
            index += 1
        elif char == "'" and depth == 0 and "\n" not in text[start:index]:
            pass
        elif text.startswith("${", index):
            depth += 1
            index += 1
        elif char == "}":
            if depth == 0:
                return index
            depth -= 1
        index += 1
    return -1
