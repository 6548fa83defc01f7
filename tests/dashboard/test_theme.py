"""The colours that the dashboard ships can be read."""

import itertools
import tomllib
from pathlib import Path

import pytest

from dashboard.shipped import shipped

TEXT_TOKENS = (
    "primaryColor", "textColor", "linkColor", "codeTextColor",
    "redColor", "orangeColor", "yellowColor", "greenColor", "blueColor", "violetColor", "grayColor",
)  # fmt: skip


def luminance(colour: str) -> float:
    """WCAG 2.2 relative luminance of `#rrggbb`."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.fixture(scope="module")
def config() -> dict:
    return tomllib.loads(Path(shipped("streamlit_config.toml")).read_text("utf-8"))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_series_have_a_contrast_of_four_and_a_half(config, theme):
    """Every token that is used for text, and every chart colour, stands out against both backgrounds."""
    tokens = config["theme"][theme]
    colours = [tokens[name] for name in TEXT_TOKENS] + tokens["chartCategoricalColors"]
    backgrounds = [tokens["backgroundColor"], tokens["secondaryBackgroundColor"]]

    too_weak = [(c, b) for c, b in itertools.product(colours, backgrounds) if contrast(c, b) < 4.5]

    assert too_weak == []


def test_the_server_is_closed_by_default(config):
    """Loopback, host check, no error links to other sites, no statistics, no experimental data API."""
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["allowedHosts"]
    assert config["server"]["enableXsrfProtection"] is True
    assert config["server"]["enableAgentApi"] is False
    assert config["client"]["showErrorLinks"] is False
    assert config["browser"]["gatherUsageStats"] is False
