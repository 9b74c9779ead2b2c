"""What looking at gradients costs: measuring them every 10 steps, and the methods that need them at every step."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.harness import Pair, Row, milliseconds, seconds
from dmf.build import Workbench, build_workbench
from dmf.config import DataConfig, ExperimentConfig, FusionConfig, ModelConfig, RunConfig, TrainingConfig
from dmf.training import TrainingRun
from dmf.weighting import WEIGHTINGS

EVERY = 10  # steps from one measurement to the next
WARM_UP = 1  # rounds that are not counted


def rows(quick: bool) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return [*measuring(quick, Path(folder)), *methods(quick, Path(folder))]


def measuring(quick: bool, folder: Path) -> list[Row]:
    """A step with gradients measured every 10 steps beside one without."""
    sides = {}
    for at in ("off", "logits", "parameters"):
        config = _config(quick, {"bayesian": FusionConfig(weighting="bayesian")}, gradients=at, gradients_every=EVERY)
        sides[at] = _Side(config, config.runs[0], folder / at)
    taken = _by_turns(sides, rounds=1 if quick else 8, block=EVERY)
    return [
        _row(
            f"step, bayesian, gradients measured at the {at} every {EVERY} steps", Pair(taken[at], taken["off"]), "off"
        )
        for at in ("logits", "parameters")
    ]


def methods(quick: bool, folder: Path) -> list[Row]:
    """A step of each method that looks at gradients beside one of a method that does not."""
    fusions = {"variance": FusionConfig(weighting="variance")}
    for name in (name for name in WEIGHTINGS if WEIGHTINGS[name].watches):
        fusions[name] = FusionConfig(weighting=name)
        fusions[f"{name}, logit space"] = FusionConfig(weighting=name, gradient_of="logits")
    config = _config(quick, fusions)
    workbench = build_workbench(config)
    sides = {run.label: _Side(config, run, folder / str(number), workbench) for number, run in enumerate(config.runs)}
    taken = _by_turns(sides, rounds=1 if quick else 5, block=1 if quick else 4)
    return [
        _row(f"step, {name}", Pair(taken[name], taken["variance"]), "variance")
        for name in fusions
        if name != "variance"
    ]


class _Side:
    """A run that takes blocks of steps."""

    def __init__(self, config: ExperimentConfig, run: RunConfig, folder: Path, bench: Workbench | None = None) -> None:
        self._bench = bench or build_workbench(config)
        self._run: TrainingRun = self._bench.run("bench", run, folder)

    def take(self, block: int) -> None:
        for _ in range(block):
            self._run.take_step(self._bench.feed.training_batch(self._run.step))
        self._run.drain()


def _by_turns(sides: Mapping[str, _Side], rounds: int, block: int) -> dict[str, list[float]]:
    """Seconds per step of each side, one entry per round; neighbours in time share the state of the machine."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + WARM_UP):
        for name in sides if turn % 2 else reversed(list(sides)):
            side = sides[name]
            taken[name].append(seconds(lambda side=side: side.take(block)) / block)  # type: ignore[misc]
    return {name: found[WARM_UP:] for name, found in taken.items()}


def _config(quick: bool, fusions: Mapping[str, FusionConfig], **training: object) -> ExperimentConfig:
    return ExperimentConfig(
        data=DataConfig(image_size=32, limit=64) if quick else DataConfig(),
        model=ModelConfig(filters=4) if quick else ModelConfig(),
        training=TrainingConfig(device="cpu", epochs=10_000, **training),  # type: ignore[arg-type]
        runs=tuple(RunConfig(label=name, fusion=fusion) for name, fusion in fusions.items()),
    )


def _row(what: str, pair: Pair, beside: str) -> Row:
    mine, other = pair.seconds
    return Row(what, milliseconds(mine), f"{beside} {milliseconds(other)}", f"{pair.ratio:.2f}")
