"""``dmf replay``: the weights a recorded loss history would have got."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from dmf.cli.options import given, options_of, with_options
from dmf.cli.shared import STORE, console, open_store
from dmf.config import FusionConfig
from dmf.config_text import parse
from dmf.errors import ConfigError

_ABOUT_WEIGHTING = (
    *("weights", "history_min", "history_max", "symlog", "minmax", "eps", "floor", "median", "prior"),
    *("prior_weights", "rho", "weight_min", "weight_max", "smoothing", "sum_to"),
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
    weighting: Annotated[str, typer.Option(help="fixed, variance, mad or bayesian.")] = "variance",
    store: Annotated[str | None, STORE] = None,
    **settings: Any,
) -> None:
    """Compute the weights that a weighting gives to a loss history, with the arithmetic that runs live.

    A row with an empty cell, nan or inf is a step that changes nothing. The notebook's traces come back with
    `--history-min 50 --history-max 150 --median notebook --prior compound --floor 0`.
    """
    from dmf.replay import read_losses, recorded_losses, replay, write_weights

    is_file = Path(losses).suffix or Path(losses).exists()
    names, values = read_losses(Path(losses)) if is_file else recorded_losses(open_store(store), losses)
    config = parse(FusionConfig, {"terms": names, "weighting": weighting, **given(settings)})
    weights = replay(values, config)
    try:
        write_weights(output, names, weights)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"Cannot write {output}: {reason}. Choose another file with `-o`.", "output") from error
    console.print(f"Wrote {len(values)} rows of weights to {output}", highlight=False, markup=False, soft_wrap=True)


_skip = [name for name in FusionConfig.model_fields if name not in _ABOUT_WEIGHTING]
replay: Callable[..., None] = with_options(_replay, options_of(FusionConfig, "Weighting", skip=_skip))
