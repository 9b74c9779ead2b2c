"""What went wrong, in words of the page."""

import pytest

from app.components.lab.words import in_words
from dmf.config import FusionConfig
from dmf.config_text import build, parse_run
from dmf.errors import ConfigError, RunNotFoundError
from dmf.replay import Synthetic


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("bayesian,rho=1", "Bayesian: prior memory ρ must be below 1, got 1."),
        ("bayesian,rho=x", "Bayesian: prior memory ρ must be a number, got 'x'."),
        ("mad,history_max=2.5", "Window length must be a whole number, got 2.5."),
        ("variance,eps=0", "Epsilon must be above 0, got 0."),
        ("bayesian,prior=foo", "Bayesian: prior must be 'tempered', 'fixed' or 'compound', got 'foo'."),
        ("mad,weights=0:0:0", "Initial weights: at least one must be above 0."),
        (
            "softadapt,window=500",
            "SoftAdapt: window: 500 is above “Window length” (100), so the weights would never move; lower it or raise "
            "“Window length”.",
        ),
    ],
)
def test_a_setting_of_a_method_goes_by_its_label(run: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_run(FusionConfig(), run)
    assert in_words(error.value) == words


def test_a_setting_that_is_not_known_came_with_a_link() -> None:
    with pytest.raises(ConfigError) as error:
        build(Synthetic, {"x": 1})
    assert in_words(error.value) == "This link has a setting that is not known here: 'x'."


def test_titles_name_what_the_form_does_not() -> None:
    said = "start: input should be a finite number, got inf."
    assert in_words(said, {"start": "Start"}) == "Start must be a finite number, got inf."


def test_a_run_that_is_not_there_is_told_without_commands() -> None:
    error = RunNotFoundError("No run 'r-1' in this store. `dmf runs` lists what there is.")
    assert in_words(error) == "No run 'r-1' in this store. Choose one of the list."


def test_other_sentences_stay() -> None:
    assert in_words("mine.csv, line 3: 'x' is not a number.") == "mine.csv, line 3: 'x' is not a number."
