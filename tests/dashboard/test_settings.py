"""Settings come from four places in a fixed order, and a wrong one says what would be right."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.settings import KEYS, Settings, default_store, described, load_settings, redaction_key
from parsers import SettingsError


def write(tmp_path, text):
    path = tmp_path / "triage.toml"
    path.write_text(text, "utf-8")
    return path


def test_without_anything_the_defaults_hold(tmp_path, monkeypatch):
    """No file, no variable, no flag: the defaults, each said to be one."""
    monkeypatch.chdir(tmp_path)

    settings = load_settings(environment={})

    assert settings == Settings()
    assert set(settings.origins.values()) == {"default"}
    assert settings.store == default_store()


def test_flags_beat_environment_beats_file_beats_default(tmp_path):
    """Each layer hides the ones below it, key by key."""
    config = write(tmp_path, '[triage]\ncluster = "file"\nservice = "file"\nregion = "file"\nretention_days = 7\n')

    settings = load_settings({"cluster": "flag"}, config=config, environment={"TRIAGE_CLUSTER": "env", "TRIAGE_SERVICE": "env"})

    assert (settings.cluster, settings.service, settings.region, settings.retention_days) == ("flag", "env", "file", 7)
    assert settings.origins["cluster"] == "flag"
    assert settings.origins["service"] == "environment TRIAGE_SERVICE"
    assert settings.origins["region"] == str(config)
    assert settings.origins["packs"] == "default"


@pytest.mark.parametrize(
    ("variables", "region"),
    [
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "us-east-1"}, "us-east-1"),
        ({"AWS_REGION": "us-east-1", "TRIAGE_REGION": "eu-north-1"}, "eu-north-1"),
    ],
)
def test_aws_variables_are_honoured(variables, region):
    """Our own variable first, then AWS's in AWS's order."""
    assert load_settings(environment=variables).region == region


def test_an_empty_variable_is_not_given():
    """`TRIAGE_CLUSTER=` in a script means nothing."""
    assert load_settings(environment={"TRIAGE_CLUSTER": ""}).cluster is None


def test_lists_and_numbers_from_the_environment():
    """Lists are separated by commas."""
    settings = load_settings(environment={"TRIAGE_FROM": "a, b", "TRIAGE_RETENTION_DAYS": "30"})

    assert settings.sources == ("a", "b")
    assert settings.retention_days == 30


def test_the_map_of_tasks_from_a_file_and_from_the_environment(tmp_path):
    """A table there, pairs here; `config show` tells it."""
    config = write(tmp_path, '[triage.tasks]\n"0f1e" = "backend:48"\n')
    settings = load_settings(config=config, environment={})
    assert settings.tasks == {"0f1e": "backend:48"}
    assert load_settings(environment={"TRIAGE_TASKS": "0f1e=backend:48, a/b=web:3"}).tasks == {
        "0f1e": "backend:48",
        "a/b": "web:3",
    }
    assert ("tasks", "0f1e=backend:48", str(config)) in described(settings)


def test_paths_in_a_file_are_meant_from_its_folder(tmp_path):
    """A settings file can be moved with what it names."""
    config = write(tmp_path, '[triage]\nfrom = ["logs", "-"]\npacks = ["ours.toml"]\nstore = "data/store.db"\n')

    settings = load_settings(config=config, environment={})

    assert settings.sources == (str(tmp_path / "logs"), "-")
    assert settings.packs == (str(tmp_path / "ours.toml"),)
    assert settings.store == tmp_path / "data" / "store.db"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[triage]\nretention_day = 3", "retention_day", "did you mean retention_days?"),
        ('[triage]\nlog_group = ["x"]', "log_group", "did you mean log_groups?"),
        ('cluster = "x"', "cluster", "[triage]"),
        ('[triag]\ncluster = "x"', "triag", "[triage]"),
        ('[triage]\nretention_days = "3"', "retention_days", "whole number"),
        ("[triage]\nretention_days = 0", "retention_days", "from 1 to 3650"),
        ("[triage]\nretention_days = true", "retention_days", "whole number"),
        ('[triage]\nmigrations = "at_strat"', "at_strat", "did you mean at_start?"),
        ('[triage]\nevidence = "loose"', "loose", "normal, strict"),
        ('[triage]\npacks = "ours.toml"', "packs", "a list of texts"),
        ('[triage]\ntime_zone = "Mars/Olympus"', "Mars/Olympus", "Europe/Berlin"),
        ('[triage]\ntasks = { "0f1e" = "backend" }', "tasks", "family:revision"),
        ('[triage]\ntasks = ["0f1e=backend:48"]', "tasks", "family:revision"),
        ("[triage\n", "cannot be read as TOML", "toml"),
    ],
)
def test_a_mistake_in_the_file_says_what_would_be_right(tmp_path, text, message, hint):
    """What, where, and what to do; exit code 2."""
    config = write(tmp_path, text)

    with pytest.raises(SettingsError) as caught:
        load_settings(config=config, environment={})

    assert message in str(caught.value)
    assert str(config) in str(caught.value)
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


def test_a_mistake_in_the_environment():
    """A misspelt variable is an error as a misspelt key is; those of others are none."""
    with pytest.raises(SettingsError) as caught:
        load_settings(environment={"TRIAGE_CLUSTR": "x", "HOME": "/x"})

    assert "TRIAGE_CLUSTER" in caught.value.hint


def test_a_named_file_must_be_there(tmp_path):
    """--config and TRIAGE_CONFIG do not fall back to defaults."""
    missing = tmp_path / "no.toml"
    for given in ({"config": missing, "environment": {}}, {"environment": {"TRIAGE_CONFIG": str(missing)}}):
        with pytest.raises(SettingsError, match="no such settings file"):
            load_settings(**given)


def test_every_key_is_described_with_its_origin(tmp_path):
    """`config show --origin` leaves nothing out."""
    rows = described(load_settings({"cluster": "prod"}, config=write(tmp_path, "[triage]\nretention_days = 7\n"), environment={}))

    assert [key for key, _, _ in rows] == list(KEYS)
    assert ("cluster", "prod", "flag") in rows
    assert ("retention_days", "7", str(tmp_path / "triage.toml")) in rows


def test_the_redaction_key_is_random_private_and_stays(tmp_path):
    """One key an installation, readable by its owner alone, beside the store."""
    one, other = (Settings(store=tmp_path / name / "store.db") for name in ("one", "other"))

    assert redaction_key(one) == redaction_key(one)
    assert redaction_key(one) != redaction_key(other)
    assert len(redaction_key(one)) == 32
    assert stat.S_IMODE((tmp_path / "one" / "store.key").stat().st_mode) == 0o600


def test_two_processes_that_begin_at_once_get_one_key(tmp_path):
    """Whoever is second reads what the first made."""
    settings = Settings(store=tmp_path / "store.db")
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: redaction_key(settings), range(64)))

    assert len(keys) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["store.key"]


@pytest.mark.parametrize("content", ["", "zz", "00"])
def test_a_damaged_key_is_said(tmp_path, content):
    """Tokens of a wrong key would link nothing: an error with what to do."""
    settings = Settings(store=tmp_path / "store.db")
    settings.key_file.write_text(content)
    settings.key_file.chmod(0o600)

    with pytest.raises(SettingsError) as caught:
        redaction_key(settings)

    assert caught.value.hint


def test_a_key_that_others_may_read_is_refused(tmp_path):
    """The hint is the command that mends it."""
    settings = Settings(store=tmp_path / "store.db")
    redaction_key(settings)
    settings.key_file.chmod(0o644)

    with pytest.raises(SettingsError) as caught:
        redaction_key(settings)

    assert caught.value.hint.startswith("chmod 600")
