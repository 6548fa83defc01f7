"""The programs that a script starts: the migration that fails, the server, further shells, package scripts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from parsers.lint.commands import UNKNOWN, Peeled, is_server, migration_tool, peel, static_rule
from parsers.lint.expansion import Expansion
from parsers.lint.shell import Script, Simple
from parsers.lint.state import FALSE, MAX_CALLS, OK, Endless, Exit, Option, Remark, Status, Value, set_options
from parsers.lint.words import read_script, shown

_ALWAYS_WORK = frozenset(
    (
        "cat",
        "date",
        "mkdir",
        "touch",
        "chmod",
        "chown",
        "rm",
        "cp",
        "mv",
        "ls",
        "env",
        "tee",
        "awk",
        "sed",
        "tr",
        "cut",
        "head",
        "sort",
    )
)


class Programs(Expansion):
    """A walk that can start programs."""

    @abstractmethod
    def main(self, script: Script) -> Status: ...

    @abstractmethod
    def call(self, texts: list[str], words: list[Value], node: Simple) -> Status: ...

    @abstractmethod
    def lose(self, rule: str, line: int, *, force: bool = False) -> None: ...

    def failures(self) -> int:
        """How often a migration has failed on this walk."""
        return self.counts.get("failures", 0)

    def answer(self, truth: bool) -> Status:
        """The exit status of a yes or a no."""
        return OK if truth else FALSE

    def external(self, texts: list[str], node: Simple, *, replaces: bool = False) -> Status:
        """A program: it migrates, starts the server, is a shell of its own, or is anything else."""
        peeled = peel(texts)
        self._remark(peeled, node.line)
        if peeled.script is not None:
            return self._nested(peeled.script, peeled, node.line)
        if (
            peeled.package_script
            and peeled.package_script in self.setting.package_scripts
            and peeled.package_script not in self.packages
        ):
            return self.package(peeled.package_script)
        if peeled.words and peeled.words[0] != texts[0] and (peeled.words[0] in {"test", "[", "true", "false", "echo", "sleep"}):
            return self.call(list(peeled.words), [Value(text=text) for text in peeled.words], node)
        parallel = self._parallel(peeled, node.line)
        if parallel is not None:
            return parallel
        tool = migration_tool(peeled)
        if tool is not None:
            return self.migrate(tool, texts, node.line)
        return self._other(peeled, node, replaces=replaces)

    def _other(self, peeled: Peeled, node: Simple, *, replaces: bool) -> Status:
        name = peeled.words[0].rsplit("/", 1)[-1] if peeled.words else ""
        if name in {"tail", "sleep"} and peeled.text.endswith(("/dev/null", "infinity", "inf")) and self.tape.failing:
            raise Endless("kept_alive", node.line)
        if name == "kill" and any(word in {"1", "-1"} for word in peeled.words[1:]):
            raise Exit(Status(code=143), node.line)
        rows = next((redirect.rows for redirect in node.redirects if redirect.rows and redirect.op.startswith("<<")), None)
        if rows and name in {"sh", "bash", "ash"}:
            return self._nested("\n".join(rows), Peeled(words=(), interpreter=name, options=peeled.words[1:]), node.line)
        if replaces or is_server(peeled):
            if self.tape.failing:
                self.tape.server_started = True
            return OK
        if self.ignoring and name not in _ALWAYS_WORK:
            return self.answer(self.choices.choose(2) == 0)
        return OK

    def _remark(self, peeled: Peeled, line: int) -> None:
        found = static_rule(peeled)
        if found:
            self.remarks.append(Remark(rule=found[0], line=line, command=shown(peeled.words), what=found[1]))

    def _nested(self, text: str, peeled: Peeled, line: int) -> Status:
        if text == UNKNOWN or self.calls >= MAX_CALLS:
            return OK
        script = read_script(text, line)

        def run() -> Status:
            self.shell.errexit = self.shell.was_errexit = self.shell.pipefail = False
            self.shell.dialect = "bash" if peeled.interpreter == "bash" else "sh"
            self.shell.traps, self.shell.functions = {}, {}
            set_options(self.shell, [Option(option) for option in peeled.options])
            return self.main(script)

        return self._process(run)

    def _process(self, run: Callable[[], Status]) -> Status:
        """A process of its own: what the caller ignores does not reach into it."""
        held, self.ignoring = self.ignoring, []
        self.calls += 1
        try:
            return self.subshell(run)
        finally:
            self.ignoring = held
            self.calls -= 1

    def package(self, name: str) -> Status:
        """`npm run NAME` with its pre and post scripts; each is a `sh -c` of its own and a failing one ends the chain."""
        self.packages.append(name)
        try:
            for script in (f"pre{name}", name, f"post{name}"):
                found = self.setting.package_scripts.get(script)
                if found is None:
                    continue
                status = self._nested(found[0], Peeled(words=(), interpreter="sh"), found[1])
                if status.code:
                    return status
            return OK
        finally:
            self.packages.pop()

    def _parallel(self, peeled: Peeled, line: int) -> Status | None:
        """`concurrently "a" "b"`, `run-p a b`, `npm-run-all -p a b`: all are started, whatever one of them says."""
        name = peeled.words[0].rsplit("/", 1)[-1] if peeled.words else ""
        if name not in {"concurrently", "run-p", "npm-run-all", "run-s", "run-pz"}:
            return None
        together = name in {"concurrently", "run-p"} or any(word in {"-p", "--parallel", "-lp", "-pl"} for word in peeled.words)
        going_on = any(word in {"-c", "--continue-on-error"} for word in peeled.words) and name != "concurrently"
        status = OK
        for text in [word for word in peeled.words[1:] if not word.startswith("-")]:
            known = text in self.setting.package_scripts or (name != "concurrently")
            found = self._nested(f"npm run {text}" if known else text, Peeled(words=(), interpreter="sh"), line)
            if found.failure and (together or going_on):
                self.lose("parallel_start", line)
            status = found if found.code else status
            if found.code and not together and not going_on:
                return found
        return status

    def migrate(self, tool: str, texts: list[str], line: int) -> Status:
        self.tools.append(tool)
        if tool != self.failing:
            return OK
        self.counts["failures"] = self.failures() + 1
        tape = self.tape
        tape.failing = True
        if tape.failed_line is None:
            tape.failed_line, tape.command = line, shown(texts)
        tape.since_failure = 0
        return Status(code=1, failure=True)
