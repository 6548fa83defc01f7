"""What an installed product brings along: run against the checkout by `make test` and against the wheel by CI."""

import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

from dashboard.shipped import shipped


def test_settings_of_streamlit_and_sample_logs_travel_along():
    """Both are found by the one function that looks for them."""
    assert shipped("streamlit_config.toml").is_file()
    assert shipped("sample_logs").is_dir()


def test_rule_packs_travel_along():
    """The packs are inside the parsers' package, wherever that is installed."""
    packs = resources.files("parsers") / "packs"

    assert [entry.name for entry in packs.iterdir() if entry.name.endswith(".toml")]


def test_the_command_says_its_version():
    """`triage --version` prints the version of the installed distribution."""
    command = Path(sys.executable).with_name("triage")

    answer = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)

    assert metadata.version("ecs-log-triage") in answer.stdout
