"""Stepping through a history: what the component shows, keeps and refuses."""

import html
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.access.explaining import _explainer
from app.components.explaining import largest_change

WAIT = 300.0  # s


def script(count: int = 3, first: int = 0, opens_at: dict[str, int] | None = None) -> None:
    """Forty steps of losses, the fourth of which is not finite, under every kind of method."""
    import numpy as np

    from app.access.explaining import explanation
    from app.components.explaining import explaining
    from dmf.config import FusionConfig
    from dmf.records import SettingChange

    names = ("ce", "iou", "dice", "focal", "tversky", "cb-dice")[:count]
    losses = np.random.default_rng(0).uniform(0.1, 1.0, (40, count))
    losses[3, 0] = np.nan
    common = {"terms": names, "history_min": 5, "history_max": 12}
    kinds = ("mad", "variance", "bayesian", "cov", "softadapt", "dwa", "random", "geometric", "tchebycheff", "fixed")
    methods = {kind.upper(): FusionConfig(weighting=kind, **common) for kind in kinds}
    methods["Mine_1"] = FusionConfig(weighting="mad", smoothing=0.5, **common)
    methods["Learned"] = FusionConfig(weighting="gradnorm", **common)
    methods["As it was"] = methods["VARIANCE"]
    changes = {"As it was": [SettingChange(20, "weighting", "mad")]}
    explaining(names, losses, methods, changes, explain=explanation, key="x", first=first, opens_at=opens_at)


@pytest.fixture(autouse=True)
def forget():
    _explainer.clear()


@pytest.fixture
def app():
    def open_page(count: int = 3, first: int = 0, opens_at: dict[str, int] | None = None, **query: str) -> AppTest:
        given = {"count": count, "first": first, "opens_at": opens_at}
        page = AppTest.from_function(script, default_timeout=WAIT, kwargs=given)
        for name, value in query.items():
            page.query_params[name] = value
        page.run()
        assert not page.exception
        return page

    return open_page


def headline(page: AppTest) -> str:
    return next(found for element in page.get("html") if (found := text(element)).startswith("Step "))


def text(element: object) -> str:
    body = re.sub(r"<style>.*?</style>", "", element.proto.body, flags=re.DOTALL)  # type: ignore[attr-defined]
    return html.unescape(re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", body))).strip()


def texts(page: AppTest) -> str:
    return "\n".join([*(text(element) for element in page.get("html")), *(mark.value for mark in page.markdown)])


def press(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click()
    return page.run()


def query(page: AppTest) -> tuple[str, str]:
    found = (page.query_params[name] for name in ("explain", "step"))
    return tuple(value if isinstance(value, str) else value[0] for value in found)  # type: ignore[return-value]


def test_it_begins_at_the_last_step_of_the_first_method(app) -> None:
    page = app()
    assert headline(page) == "Step 39 of 39 , MAD"
    assert query(page) == ("MAD", "39")
    assert "Median absolute deviation" in texts(page)


def test_buttons_step_on_and_back_and_stop_at_the_ends(app) -> None:
    page = app(step="20")
    for label, step in (("Next ▶", 21), ("◀ Back", 20), ("10 ▶", 30), ("10 ▶", 39), ("Next ▶", 39), ("◀ 10", 29)):
        press(page, label)
        assert headline(page).startswith(f"Step {step} of")
        assert query(page)[1] == str(step)
        assert page.number_input[0].value == step


def test_a_step_can_be_typed_and_a_method_chosen(app) -> None:
    page = app()
    page.number_input[0].set_value(17).run()
    page.selectbox[0].select("BAYESIAN").run()
    assert headline(page) == "Step 17 of 39 , BAYESIAN (Bayesian)"
    assert query(page) == ("BAYESIAN", "17")
    assert "Prior" in texts(page)


def test_a_link_opens_the_method_and_the_step(app) -> None:
    page = app(explain="COV", step="12")
    assert headline(page) == "Step 12 of 39 , COV (CoV)"
    assert page.selectbox[0].value == "COV"


def test_a_link_that_changes_later_is_followed(app) -> None:
    page = app(step="12")
    page.query_params["explain"], page.query_params["step"] = "DWA", "30"
    page.run()
    assert headline(page) == "Step 30 of 39 , DWA"


@pytest.mark.parametrize("query", [{"explain": "nothing", "step": "x"}, {"explain": "", "step": "-3"}, {"step": "²"}])
def test_what_a_link_does_not_say_rightly_is_as_at_first(app, query) -> None:
    assert headline(app(**query)) == "Step 39 of 39 , MAD"


def test_a_step_beyond_the_history_is_said_and_the_last_one_shown(app) -> None:
    page = app(step="900")
    assert headline(page).startswith("Step 39 of")
    assert page.caption[0].value == "Step 900 is not there; the last one is 39."


def test_steps_are_counted_from_where_the_history_begins(app) -> None:
    page = app(first=100, step="120")
    assert headline(page) == "Step 120 of 139 , MAD"
    press(page, "Next ▶")
    assert headline(page) == "Step 121 of 139 , MAD"
    assert "next to leave: steps 110, 111, 112" in texts(page)


@pytest.mark.parametrize(
    "method", ["MAD", "VARIANCE", "BAYESIAN", "COV", "SOFTADAPT", "DWA", "RANDOM", "GEOMETRIC", "TCHEBYCHEFF", "FIXED"]
)
def test_every_method_is_shown_warming_up_at_a_gap_and_at_work(app, method) -> None:
    page = app(explain=method, step="25")
    for step in (25, 3, 1, 0):
        page.number_input[0].set_value(step).run()
        assert not page.exception
        assert headline(page).startswith(f"Step {step} of")
        assert len(page.get("plotly_chart")) == 3
        assert ("Nothing was learned" in "".join(note.value for note in page.info)) == (step == 3)
        assert ("this step is not in the window" in texts(page)) == (step == 3)


@pytest.mark.parametrize("count", [1, 6])
def test_one_loss_and_six_are_shown(app, count) -> None:
    page = app(count=count, step="25")
    assert len(page.get("plotly_chart")) == count
    assert f"W{count}" in texts(page)


def test_the_influence_of_the_step_is_told_in_numbers(app) -> None:
    assert re.search(
        r"This step's own losses moved its weights: Cross-entropy [+−]\S+, IoU [+−]\S+ and Dice", texts(app(step="25"))
    )
    assert "did not change its weights" in texts(app(step="25", explain="COV"))
    assert "no step before this one to compare with" in texts(app(step="0"))


def test_a_window_that_is_not_full_says_when_it_will_be(app) -> None:
    assert "the window is not full: the oldest value leaves in 8 steps" in texts(app(step="5"))


def test_an_adjusted_method_shows_the_adjustment_and_its_title_as_it_is(app) -> None:
    page = app(explain="Mine_1", step="25")
    assert headline(page) == "Step 25 of 39 , Mine_1 (MAD)"
    assert "Smoothing" in texts(page)


def test_a_run_as_it_was_is_explained_with_its_changes(app) -> None:
    page = app(explain="As it was", step="25")
    assert headline(page) == "Step 25 of 39 , As it was (MAD, since step 20)"
    page.selectbox[0].select("VARIANCE").run()
    assert headline(page) == "Step 25 of 39 , VARIANCE (Variance)"


def test_the_weights_stand_beneath_their_arithmetic(app) -> None:
    page = app(explain="VARIANCE", step="25")
    shown = texts(page)
    for number in (1, 2, 3):
        assert re.search(rf"W{number} = 0\.\d+ / \( ?0\.\d+ \+ 0\.\d+ \+ 0\.\d+ ?\) = 0\.\d+", shown)
        assert re.search(rf"v{number} = mean of 12 squares \(h − 0\.\d+\)² = 0\.\d+", shown)
        assert re.search(rf"v{number} = max\(0\.\d+, 1e−06\) = 0\.\d+", shown)
    assert "W1 =" not in texts(app(explain="VARIANCE", step="2"))  # it warms up


def test_it_opens_where_it_is_told_to_until_a_step_is_chosen(app) -> None:
    assert headline(app(opens_at={"MAD": 17})) == "Step 17 of 39 , MAD"
    assert headline(app(opens_at={"MAD": 17}, step="20")) == "Step 20 of 39 , MAD"


def test_the_largest_change_of_any_weight_is_found() -> None:
    weights = np.array([[0.5, 0.5], [0.4, 0.6], [0.7, 0.3], [0.6, 0.4]])
    assert largest_change(weights) == 2
    assert largest_change(weights[:1].repeat(3, 0)) == 2  # none: the last one
    assert largest_change(weights[:1]) == 0


def test_a_method_that_cannot_be_explained_says_why(app) -> None:
    page = AppTest.from_function(script, default_timeout=WAIT)
    page.query_params["explain"] = "Learned"
    page.run()
    assert "needs more than loss values" in page.error[0].value
