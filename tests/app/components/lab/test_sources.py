"""The sliders of a drawn history."""

from app.components.lab.sources import TITLES, settings_of
from dmf.replay import Synthetic, SyntheticLoss


def values(count: int, losses: int = 3, **changed: object) -> dict[str, object]:
    """What the sliders stand at."""
    config = Synthetic()
    made: dict[str, object] = {"count": count, "steps": config.steps, "seed": config.seed}
    for place in range(losses):
        shape = config.losses[place] if place < len(config.losses) else SyntheticLoss()
        made |= {f"{place}.{name}": getattr(shape, name) for name in TITLES}
    return made | changed


def test_every_setting_of_a_loss_has_a_slider() -> None:
    assert set(TITLES) == set(SyntheticLoss.model_fields)


def test_only_what_differs_is_kept() -> None:
    found = settings_of(values(3, steps=500, **{"1.start": 5.0}), Synthetic)  # type: ignore[arg-type]
    config = Synthetic.model_validate(found)
    assert config.steps == 500
    assert config.losses[1] == SyntheticLoss(start=5.0)
    assert config.losses[0] == Synthetic().losses[0]
    assert found["losses"][1] == {"start": 5.0}


def test_nothing_changed_is_nothing_kept() -> None:
    assert settings_of(values(3), Synthetic) == {}  # type: ignore[arg-type]


def test_losses_are_added_with_the_default_shape_and_removed_from_the_end() -> None:
    more = Synthetic.model_validate(settings_of(values(5), Synthetic))  # type: ignore[arg-type]
    assert more.losses[3:] == (SyntheticLoss(), SyntheticLoss())
    fewer = Synthetic.model_validate(settings_of(values(1), Synthetic))  # type: ignore[arg-type]
    assert fewer.losses == Synthetic().losses[:1]


def test_what_cannot_work_is_kept_to_be_told() -> None:
    assert settings_of(values(3, steps=1), Synthetic)["steps"] == 1  # type: ignore[arg-type]


def test_a_loss_that_is_taken_away_and_added_again_is_what_it_was() -> None:
    kept = [{}, {}, {"start": 7.0}]
    found = settings_of(values(3, losses=2), Synthetic, kept)  # type: ignore[arg-type]
    assert found["losses"][2] == {"start": 7.0}
