"""The documents are under test: what README tells people to type is typed here."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from dashboard.cli import build_parser, main
from parsers import load_packs

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text("utf-8")
SHELL = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line.split("  #")[0].strip() for block in SHELL for line in block.splitlines() if line.startswith("triage ")]
NOT_RUN = re.compile(r"^triage (?:demo|dashboard|fetch|doctor)\b|--cluster")  # they serve until stopped, or ask AWS
SLOW = re.compile(r"rules check")


@pytest.mark.parametrize("command", [c for c in COMMANDS if not NOT_RUN.search(c) and not SLOW.search(c)])
def test_readme_commands_run(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line of README's shell blocks works as it stands, from the top of the checkout, and prints something."""
    monkeypatch.chdir(REPOSITORY)

    assert main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out


def test_readme_shows_what_the_command_prints(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The quoted session of revision 50, line for line where it is quoted."""
    monkeypatch.chdir(REPOSITORY)
    session = re.search(r"^```console\n\$ (.*?)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert session is not None
    main(shlex.split(session[1])[1:])
    printed = " ".join(capsys.readouterr().out.split())

    for line in session[2].splitlines():
        if line != "…":
            assert " ".join(line.split()) in printed


def test_every_command_is_in_the_readme() -> None:
    """Nobody has to guess a command's existence."""
    parser = build_parser()
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))

    assert [name for name in commands.choices if f"triage {name}" not in README and f"`{name}`" not in README] == []


def test_every_pack_is_reachable_from_the_catalogue() -> None:
    """Rules have a title and belong to a pack with one."""
    rules = load_packs()

    assert [rule.id for rule in rules.rules if not rule.title] == []
    assert [pack.name for pack in rules.packs if not pack.title] == []
