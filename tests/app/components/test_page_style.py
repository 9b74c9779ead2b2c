import pytest

from app.components.page_style import number, sentence_of, signed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Run 'a*b*c' is finished; choose one of: fixed, mad.",
            r"Run 'a\*b\*c' is finished; choose one of: fixed, mad.",
        ),
        ("history_max must be at least 10.", "history_max must be at least 10."),
        ("No folder /data/_x_/[a](b).", r"No folder /data/\_x\_/\[a\](b)."),
        ("<b>x</b> costs $5$ :red[now] :smile: ~y~", r"\<b>x\</b> costs \$5\$ \:red\[now\] \:smile: \~y\~"),
        ("Run `dmf data get *` in a*", r"Run `dmf data get *` in a\*"),
        ("an odd ` alone*", r"an odd \` alone\*"),
        ("8 < 10", "8 < 10"),
    ],
)
def test_names_in_a_sentence_stay_text_and_code_stays_code(text: str, expected: str) -> None:
    assert sentence_of(text) == expected


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-0.00001, 4, "0.0000"), (-0.5, 3, "-0.500"), (None, 4, "–"), (float("nan"), 2, "–"), (0.12345, 4, "0.1235")],
)
def test_no_score_is_minus_zero(value: float | None, digits: int, text: str) -> None:
    assert number(value, digits) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"), [(-0.00001, 4, "+0.0000"), (0.25, 2, "+0.25"), (-0.25, 2, "-0.25"), (None, 4, "–")]
)
def test_a_difference_has_its_sign(value: float | None, digits: int, text: str) -> None:
    assert signed(value, digits) == text
