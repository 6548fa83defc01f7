"""What `make bench` measures is right before it is fast."""

from __future__ import annotations

import runpy

import pytest

from tests.benchmarks.run import made, measured


@pytest.mark.parametrize("kind", ["plain", "json"])
def test_the_whole_read_counts_every_generated_request(tmp_path, kind):
    """By stream, minute, method, route and status, against what the generator wrote down."""
    figure = measured("whole read", made(tmp_path, kind, 0.5))

    assert figure.said["exact"]
    assert figure.said["findings"] > 50


def test_two_processes_find_what_one_finds(tmp_path):
    """Half of the streams each: the same findings and requests in all."""
    path = made(tmp_path, "plain", 0.5)

    one, two = measured("whole read", path).said, measured("whole read, two processes", path).said

    assert {key: one[key] for key in two} == two


@pytest.mark.filterwarnings("ignore:'tests.benchmarks.run' found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("script", ["store_questions", "sessions", "pages", "quota", "patterns", "run"])
def test_help_is_told_and_leaves_nothing_behind(script, tmp_path, monkeypatch, capsys):
    """`--help` is no path of a store to make: it says how the script is called, and the folder stays empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [f"{script}.py", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"tests.benchmarks.{script}", run_name="__main__")
    assert not ended.value.code
    assert capsys.readouterr().out.startswith("usage: ")
    assert not list(tmp_path.iterdir())
