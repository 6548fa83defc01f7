"""Words, signs and colours: one mapping, readable by everybody, honest about what is unknown."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from dashboard import charts, words
from dashboard.views.deployment import task_words
from parsers import Confidence, DeploymentTask, Layer, Outcome, Severity, VerdictValue


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("hue", list(words.PAIRS))
def test_every_ink_can_be_read_on_its_paper(hue, dark):
    """Each pair of ink and paper has a contrast of at least 4.5:1, in both themes."""
    ink, paper = words.PAIRS[hue][dark]

    assert charts.contrast(ink, paper) >= 4.5


@pytest.mark.parametrize("layer", list(words.LAYER_COLOURS))
def test_a_layers_word_can_be_read_in_its_colour(layer):
    """The ink of a bar or a cell has a contrast of at least 4.5:1 on the layer's colour."""
    colour = words.LAYER_COLOURS[layer]

    assert charts.contrast(charts.ink_on(colour), colour) >= 4.5


def test_every_state_has_a_sign_of_its_own():
    """Each verdict, severity, outcome and confidence has a word, a glyph and an icon; two words never share one look."""
    for enum, signs in (
        (VerdictValue, words.VERDICTS),
        (Severity, words.SEVERITIES),
        (Outcome, words.OUTCOMES),
        (Confidence, words.CONFIDENCES),
    ):
        assert {str(one) for one in enum} == {str(key) for key in signs}
        assert all(sign.word and sign.glyph and sign.icon for sign in signs.values())
        assert len({sign.word for sign in signs.values()}) == len(signs)


@pytest.mark.parametrize("outcome", Outcome)
def test_an_outcome_is_written_in_words(outcome):
    """In every sign, and in the line of a task: "nothing to do", not nothing_to_do."""
    task = DeploymentTask(
        task_id="a" * 32, log_stream=None, confidence=Confidence.EXACT, migration_outcome=outcome, ready=None, exit_code=None,
        stopped_reason=None, started_ms=None, stopped_ms=None,
    )  # fmt: skip
    said = outcome.replace("_", " ")
    assert words.OUTCOMES[outcome].word == said
    assert f"migration {said} ·" in task_words(task)


def test_the_unknown_is_grey_with_a_question_mark():
    """What nobody knows, a value of a newer version, or a verdict without evidence is never drawn as good."""
    unknown = [
        words.UNKNOWN,
        words.sign_of(words.VERDICTS, "NEWER"),
        words.sign_of(words.OUTCOMES, None),
        words.VERDICTS[VerdictValue.INCONCLUSIVE],
        words.OUTCOMES[Outcome.NOT_SEEN],
        words.OUTCOMES[Outcome.UNKNOWN],
    ]

    assert {(sign.glyph, sign.hue) for sign in unknown} == {("?", "gray")}


def test_the_ladder_has_every_layer_once():
    """The rungs are exactly the layers of the model, each with a colour."""
    assert sorted(words.LADDER) == sorted(str(layer) for layer in Layer)
    assert set(words.LAYER_COLOURS) == set(words.LADDER)


def test_a_time_carries_its_offset():
    """UTC ends in Z, another zone in its offset, an unknown or impossible time is a question mark."""
    assert words.moment(1763521076060, UTC) == "2025-11-19 02:57:56Z"
    assert words.moment(1763521076060, UTC, millis=True) == "2025-11-19 02:57:56.060Z"
    assert words.moment(1763521076060, ZoneInfo("America/New_York")) == "2025-11-18 21:57:56-05:00"
    assert words.moment(None, UTC) == "?"
    assert words.moment(10**18, UTC) == "?"


def test_a_rate_never_stands_without_its_count():
    """Count, total, percent and interval; without a total the rate is unknown."""
    assert words.share(31, 212, 0.1, 0.2) == "31 of 212 · 15 % (10–20)"
    assert words.share(3, 0) == "3 · rate unknown"
    assert words.share(0, 0) == "0 · rate unknown"


def test_the_interval_holds_the_share():
    """Wilson's interval of 0 of 10 reaches up to 28 %, that of 58 of 222 surrounds 26 %, of nothing there is none."""
    low, high = words.interval(58, 222)

    assert low < 58 / 222 < high
    assert words.interval(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-3))
    assert words.interval(0, 0) == (None, None)


@pytest.mark.parametrize(
    ("duration_ms", "said"), [(338_000, "5 min 38 s"), (6_000, "6 s"), (90_000_000, "1 d 1 h"), (40, "40 ms"), (None, "")]
)
def test_a_duration_is_said_in_its_two_largest_units(duration_ms, said):
    """Seconds matter within minutes, not within days."""
    assert words.gap(duration_ms) == said


def test_control_characters_are_shown():
    """ESC, NUL, bidi overrides and line separators are written out; line ends and umlauts stay."""
    assert words.visible("\x1b[31mrot\x00 \u202e \u2028 ä\n🚀") == "\\x1b[31mrot\\x00 \\u202e \\u2028 ä\n🚀"


def test_an_age_has_one_unit():
    """`9 h ago` says enough; a clock that runs ahead is no age."""
    ages = (5_000, 90_000, 9 * 3_600_000 + 1, 400 * 86_400_000, -3)

    assert [words.ago(age) for age in ages] == ["5 s ago", "1 min ago", "9 h ago", "400 d ago", "now"]


def test_a_label_is_no_markdown():
    """A service's name in the label of a link keeps its signs, and becomes neither a link nor an icon nor a colour."""
    assert words.unmarked("my_old_api 7") == r"my\_old\_api 7"
    assert words.unmarked("[x](//e) :red[y] <b>") == r"\[x\]\(//e\) \:red\[y\] \<b\>"


@pytest.mark.parametrize(
    ("hint", "command", "remark"),
    [
        ("aws sso login --profile prod", "aws sso login --profile prod", ""),
        ("aws configure   (or: aws sso login --profile NAME)", "aws configure", "or: aws sso login --profile NAME"),
        ("triage doctor --iam-policy   (grant a to (this) identity)", "triage doctor --iam-policy", "grant a to (this) identity"),
        ("set up sign-in (pip install x)", "set up sign-in (pip install x)", ""),
    ],
)
def test_only_what_is_to_be_typed_is_copied(hint, command, remark):
    """A remark in a command that is copied would be a shell's syntax error."""
    assert words.command_and_remark(hint) == (command, remark)
