"""``dmf replay``: the weights a recorded loss history would have got."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmf.cli.options import given, options_of, with_options
from dmf.cli.shared import STORE, console, open_store
from dmf.config import FusionConfig, PluginConfig
from dmf.config_text import build, parse
from dmf.errors import ConfigError
from dmf.knobs import knobs_of
from dmf.plugins import load_stored
from dmf.records import Knob

if TYPE_CHECKING:
    from dmf.runs import RunStore

_ABOUT_WEIGHTING = (
    *("weights", "history_min", "history_max", "symlog", "minmax", "eps", "floor", "median", "prior"),
    *("prior_weights", "rho", "weight_min", "weight_max", "smoothing", "sum_to"),
    *("max_change", "base_weights"),
    *("cov_mean", "cov_decay", "cov_variance"),
    *("softadapt_variant", "beta", "window", "slope"),
    *("temperature", "block_steps", "weight_seed", "mu", "ideal"),
)


def _replay(
    losses: Annotated[
        str,
        typer.Argument(
            help="CSV file (a header of loss names, then one row of losses per step), or id of a recorded run."
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="CSV to write: same header, one row of weights per step.")
    ],
    weighting: Annotated[
        str | None,
        typer.Option(
            help="fixed, variance, mad, bayesian, cov, softadapt, dwa, random, geometric or tchebycheff. (default: "
            "what the run had, with the changes made while it trained; for a file variance)",
            show_default=False,
        ),
    ] = None,
    store: Annotated[str | None, STORE] = None,
    **settings: Any,
) -> None:
    """Compute the weights that a weighting gives to a loss history, with the arithmetic that runs live.

    What is not given is as the run had it; for a file, the default. A row with an empty cell, nan or inf is a step that
    changes nothing. The notebook's traces come back with
    `--history-min 50 --history-max 150 --median notebook --prior compound --floor 0`.
    """
    from dmf.replay import read_losses, recorded_losses, replay, write_weights

    knobs: tuple[Knob, ...] = ()
    if Path(losses).suffix or Path(losses).exists():
        names, values = read_losses(Path(losses))
        base: dict[str, Any] = {"terms": names}
    else:
        opened = open_store(store)
        names, values = recorded_losses(opened, losses)
        base = opened.run(losses).config
        if weighting is None:
            knobs = knobs_of(opened.events([losses]))
            load_stored(_plugins_of(opened, losses))
    config = parse(FusionConfig, {**base, **given({"weighting": weighting, **settings})})
    weights = replay(values, config, knobs)
    try:
        write_weights(output, names, weights)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"Cannot write {output}: {reason}. Choose another file with `-o`.", "output") from error
    console.print(f"Wrote {len(values)} rows of weights to {output}", highlight=False, markup=False, soft_wrap=True)


def _plugins_of(store: "RunStore", run: str) -> list[PluginConfig]:
    """The files of someone's own that a run was made with."""
    stored = store.experiment(store.run(run).experiment).config.get("plugins", ())
    return [build(PluginConfig, plugin) for plugin in stored]


_skip = [name for name in FusionConfig.model_fields if name not in _ABOUT_WEIGHTING]
replay: Callable[..., None] = with_options(_replay, options_of(FusionConfig, "Weighting", skip=_skip))
