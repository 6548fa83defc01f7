"""What may be set, and from where: flags > environment (TRIAGE_*, AWS_*) > triage.toml > defaults.

`triage.toml` holds one table:

    [triage]
    from = ["logs/"]              # files and folders to read in place of AWS
    cluster = "prod"
    service = "backend"
    packs = ["packs/ours.toml"]
    tasks = { "0f1e…" = "backend:48" }   # task id or stream name -> family:revision, for what neither logs nor ECS tell

An unknown key, wherever it stands, is an error that names the nearest right one. Nothing secret belongs in here.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from parsers import SettingsError

FILE_NAME = "triage.toml"
MIGRATIONS = ("auto", "at_start", "own_task", "none")
EVIDENCE = ("normal", "strict")
_OTHER_VARIABLES = frozenset({"TRIAGE_CONFIG", "TRIAGE_CI", "TRIAGE_CACHE", "TRIAGE_DASHBOARD_ALLOW"})


def default_store() -> Path:
    """`$XDG_DATA_HOME/triage/store.db`, on a local disk: SQLite's write-ahead log needs shared memory."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "triage" / "store.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that may be set. `origins`: where each value came from, by key."""

    sources: tuple[str, ...] = ()  # `from` in files and on the command line
    cluster: str | None = None
    service: str | None = None
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    log_groups: tuple[str, ...] = ()
    store: Path = field(default_factory=default_store)
    retention_days: int = 90
    migrations: str = "auto"
    min_requests: int = 20  # answered requests that a PASS needs
    packs: tuple[str, ...] = ()
    evidence: str = "normal"
    health_paths: tuple[str, ...] = ()
    redaction_key: Path | None = None  # None: beside the store
    time_zone: str = "UTC"
    tasks: Mapping[str, str] = field(default_factory=dict)  # task id or stream name -> family:revision
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def key_file(self) -> Path:
        return self.redaction_key or self.store.with_suffix(".key")


_NAMES = {"sources": "from"}  # field -> key, where they differ
KEYS = {_NAMES.get(one.name, one.name): one.name for one in fields(Settings) if one.name != "origins"}
_VARIABLES: dict[str, tuple[str, ...]] = {
    "region": ("TRIAGE_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"),
    "profile": ("TRIAGE_PROFILE", "AWS_PROFILE"),
    "endpoint_url": ("TRIAGE_ENDPOINT_URL", "AWS_ENDPOINT_URL"),
}
_CHOICES = {"migrations": MIGRATIONS, "evidence": EVIDENCE}
_LISTS = frozenset({"from", "log_groups", "packs", "health_paths"})
_NUMBERS = {"retention_days": (1, 3650), "min_requests": (1, 1_000_000)}
_PATHS = frozenset({"store", "redaction_key"})
_DEFINITION = re.compile(r"[\w-]{1,255}:[1-9]\d{0,8}")


def load_settings(
    flags: Mapping[str, Any] | None = None, *, config: str | Path | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """The settings in force. `flags`: what the command line gave, by key; None values were not given.

    `config`: a file that must exist; without it $TRIAGE_CONFIG, else ./triage.toml if there is one. Raises SettingsError.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    origins = dict.fromkeys(KEYS, "default")
    for layer in (_from_file(config, environment), _from_environment(environment), _from_flags(flags or {})):
        for key, (value, origin) in layer.items():
            values[KEYS[key]] = _checked(key, value, origin)
            origins[key] = origin
    return Settings(**values, origins=origins)


def described(settings: Settings) -> list[tuple[str, str, str]]:
    """(key, value, origin) of every setting, for `triage config show --origin`."""
    rows = []
    for key, name in KEYS.items():
        value = settings.key_file if key == "redaction_key" else getattr(settings, name)
        if isinstance(value, Mapping):
            value = tuple(f"{task}={definition}" for task, definition in value.items())
        text = ", ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
        rows.append((key, text, settings.origins.get(key, "default")))
    return rows


def redaction_key(settings: Settings) -> bytes:
    """This installation's random key: the same value gives the same token here, and nowhere else. Made at first use.

    Raises SettingsError when the file cannot be written or read, or when others may read it.
    """
    path = settings.key_file
    try:
        if not path.exists():
            _make_key(path)
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise SettingsError(f"{path}: other users may read the redaction key", hint=f"chmod 600 {path}")
        key = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        hint = "set redaction_key to a file that may be written"
        raise SettingsError(f"{path}: no usable redaction key ({error})", hint=hint) from error
    if len(key) < 16:
        raise SettingsError(f"{path}: the redaction key is too short", hint=f"remove it, a new one is made: rm {path}")
    return key


def _make_key(path: Path) -> None:
    """Written beside and linked into place: of two processes that begin at once, one key wins and both read it."""
    import secrets

    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32) + "\n")
    try:
        os.link(beside, path)
    except FileExistsError:
        pass
    finally:
        beside.unlink()


# ---- the layers --------------------------------------------------------------------------------------------------------------

_Layer = dict[str, tuple[Any, str]]


def _from_file(config: str | Path | None, environment: Mapping[str, str]) -> _Layer:
    named = config or environment.get("TRIAGE_CONFIG")
    path = Path(named) if named else Path(FILE_NAME)
    if not named and not path.is_file():
        return {}
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(f"{path}: no such settings file", hint="--config and TRIAGE_CONFIG name a TOML file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML ({error})", hint="see https://toml.io") from error
    for name, table in data.items():
        if name != "triage" or not isinstance(table, dict):
            raise SettingsError(f"{path}: unknown entry {name!r}", hint="every setting stands in the table [triage]")
    table = data.get("triage", {})
    for key in table:
        _known(key, KEYS, str(path))
    return {key: (_beside(key, value, path), str(path)) for key, value in table.items()}


def _beside(key: str, value: Any, path: Path) -> Any:
    """Paths in a settings file are meant from that file's folder."""
    if key in _PATHS and isinstance(value, str):
        return str(path.parent / Path(value).expanduser())
    if key in {"from", "packs"} and isinstance(value, list):
        return [str(path.parent / Path(one).expanduser()) if isinstance(one, str) and one != "-" else one for one in value]
    return value


def _from_environment(environment: Mapping[str, str]) -> _Layer:
    variables = {f"TRIAGE_{key.upper()}": key for key in KEYS}
    for name in environment:
        if name.startswith("TRIAGE_") and name not in _OTHER_VARIABLES:
            _known(name, variables, "environment")
    layer: _Layer = {}
    for key in KEYS:
        for name in _VARIABLES.get(key, (f"TRIAGE_{key.upper()}",)):
            text = environment.get(name)
            if text:
                layer[key] = (_from_text(key, text), f"environment {name}")
                break
    return layer


def _from_text(key: str, text: str) -> Any:
    if key in _LISTS:
        return [one.strip() for one in text.split(",") if one.strip()]
    if key == "tasks":
        pairs = (one.partition("=") for one in text.split(",") if one.strip())
        return {task.strip(): definition.strip() for task, _, definition in pairs}
    if key in _NUMBERS and text.strip().lstrip("-").isdigit():
        return int(text)
    return text


def _from_flags(flags: Mapping[str, Any]) -> _Layer:
    for key in flags:
        _known(key, KEYS, "command line")
    return {key: (value, "flag") for key, value in flags.items() if value is not None and value != []}


def _known(name: str, known: Mapping[str, str], where: str) -> None:
    if name in known:
        return
    close = _close(name, known, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known))}"
    raise SettingsError(f"{where}: unknown setting {name!r}", hint=hint)


def _close(word: str, words: Iterable[str], cutoff: float = 0.6) -> list[str]:
    import difflib  # a mistake has the time

    return difflib.get_close_matches(word, list(words), n=1, cutoff=cutoff)


def _checked(key: str, value: Any, origin: str) -> Any:
    """The value as the dataclass wants it. Raises SettingsError naming key, value and what would be right."""
    if key in _LISTS:
        if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
            return tuple(value)
        raise _wrong(key, value, origin, f'a list of texts: {key} = ["..."]')
    if key in _NUMBERS:
        low, high = _NUMBERS[key]
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise _wrong(key, value, origin, f"a whole number from {low} to {high}")
    if key == "tasks":
        if isinstance(value, Mapping) and all(isinstance(one, str) and _DEFINITION.fullmatch(one) for one in value.values()):
            return dict(value)
        raise _wrong(key, value, origin, 'task ids with their family:revision: tasks = { "0f1e2d…" = "backend:48" }')
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value:
        raise _wrong(key, value, origin, "a text")
    if key in _CHOICES and value not in _CHOICES[key]:
        close = _close(value, _CHOICES[key])
        raise _wrong(key, value, origin, f"one of {', '.join(_CHOICES[key])}" + (f"; did you mean {close[0]}?" if close else ""))
    if key == "time_zone" and not _is_zone(value):
        raise _wrong(key, value, origin, "UTC, local, or a name like Europe/Berlin")
    return Path(value).expanduser() if key in _PATHS else value


def _is_zone(name: str) -> bool:
    if name in ("UTC", "local"):
        return True
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return False
    return True


def _wrong(key: str, value: Any, origin: str, right: str) -> SettingsError:
    return SettingsError(f"{origin}: {key} = {value!r} does not fit", hint=f"{key} takes {right}")
