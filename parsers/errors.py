"""Everything that can go wrong, as one tree. Each error knows its exit code (DESIGN: CLI contract) and a hint.

TriageError                    exit 1
├── UsageError                 exit 2   the command line, a settings file
│   ├── SettingsError          exit 2   unknown key, bad value in triage.toml or the environment
│   └── NothingToJudgeError    exit 3   what was named runs in no service: INCONCLUSIVE, whoever asks
├── InputError                 exit 2   a file that is missing or cannot be read at all
├── PackError                  exit 2   a rule pack that does not load
├── NotSeenError               exit 4   we could not look: credentials, permission, throttled out, no such log group
└── StoreError                 exit 5   the embedded store: locked, damaged, of a newer version
"""

from __future__ import annotations


class TriageError(Exception):
    """Base of everything this product raises on purpose. `hint` says what to do next, in one line."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(TriageError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = 2


class SettingsError(UsageError):
    """A settings file or variable holds an unknown key or a bad value."""


class NothingToJudgeError(UsageError):
    """What was asked about is no deployment and has none: a scheduled or one-off task. Exits as an INCONCLUSIVE verdict does."""

    exit_code = 3


class InputError(TriageError):
    """An input that is missing or cannot be read at all. A line that cannot be read is data, never this."""

    exit_code = 2


class PackError(TriageError):
    """A rule pack that does not load: bad TOML, a bad pattern, a rule without an example."""

    exit_code = 2


class NotSeenError(TriageError):
    """We could not look: credentials, a permission, throttled out, no such cluster, service or log group."""

    exit_code = 4


class StoreError(TriageError):
    """The embedded store cannot be opened, is damaged or was written by a newer version."""

    exit_code = 5
