"""``dmf replay``: the weights a recorded loss history would have got."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from dmf.cli.options import given, of_methods, options_of, with_options
from dmf.cli.shared import STORE, console, file_of, keep_inputs, open_store, plugins_of_run, say_yes_to
from dmf.config import FusionConfig
from dmf.config_text import parse, refuse_idle
from dmf.errors import ConfigError
from dmf.live_settings import changes_of
from dmf.paths import refuse_impossible
from dmf.plugins import registry_of
from dmf.records import SettingChange

LOSSES = typer.Argument(
    help="CSV file (a header of loss names, then one row of losses per step), or id of a recorded run."
)
METHODS = "fixed, variance, mad, bayesian, cov, softadapt, dwa, random, geometric, tchebycheff, or one of a plug-in."
DEFAULT = "(default: what the run had, with the changes made while it trained; for a file variance)"

MEMORY = options_of(
    FusionConfig, "Weighting", skip=[name for name in FusionConfig.model_fields if name != "history_max"]
)
"""The option of every weighting that remembers; those of single ones come with :class:`WithMethodOptions`."""


@dataclass(frozen=True)
class History:
    """Losses to replay, and how they were weighed.

    Attributes:
        losses: (S, K), NaN where a loss was not finite.
        source: The file they are from; None for a database on a server.
        settings: Fields of ``FusionConfig``, unless others are given.
        changes: Changes made while the run trained.
    """

    losses: NDArray[np.float64]
    source: str | None
    settings: Mapping[str, Any]
    changes: tuple[SettingChange, ...] = ()

    def config(self, weighting: str | None, texts: Mapping[str, Any]) -> FusionConfig:
        """The settings with those that were given."""
        config: FusionConfig = parse(FusionConfig, {**self.settings, **given({"weighting": weighting, **texts})})
        return config


def read_history(losses: str, store: str | None, methods: Sequence[str]) -> History:
    """The history that a file or the id of a run names.

    Without ``methods`` to replay it under, a run comes with the changes made while it trained. Its plug-ins are
    needed if it does or a method is not known without.
    """
    from dmf.replay import read_losses, recorded_losses

    refuse_impossible(Path(losses), "The file or run", "losses")
    if Path(losses).suffix or Path(losses).exists():
        names, values = read_losses(Path(losses))
        return History(values, losses, {"terms": names})
    opened = open_store(store)
    _, values = recorded_losses(opened, losses)
    settings, source = opened.run(losses).config, file_of(opened)
    if not methods or any(method not in registry_of("WEIGHTINGS") for method in methods):
        say_yes_to(plugins_of_run(opened, losses))
    return History(values, source, settings, () if methods else changes_of(opened.events([losses])))


def _replay(
    context: typer.Context,
    losses: Annotated[str, LOSSES],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="CSV to write: same header, one row of weights per step.")
    ],
    weighting: Annotated[
        list[str] | None,
        typer.Option(
            help=f"{METHODS} May be given again: then the columns are <method>:<loss>. {DEFAULT}", show_default=False
        ),
    ] = None,
    store: Annotated[str | None, STORE] = None,
    **settings: Any,
) -> None:
    """Compute the weights that one or several weightings give to a loss history, with the arithmetic that runs live.

    What is not given is as the run had it; for a file, the default. A row with an empty cell, nan or inf is a step that
    changes nothing. The notebook's traces come back with
    `--history-min 50 --history-max 150 --median notebook --prior compound --floor 0`.
    """
    from dmf.replay import replay, write_weights

    methods: Sequence[str | None] = weighting or (None,)
    if len(set(methods)) < len(methods):
        raise ConfigError(f"`--weighting` names a method twice: {', '.join(map(str, methods))}.", "weighting")
    history = read_history(losses, store, weighting or ())
    keep_inputs(output, history.source)
    texts = {**settings, **of_methods(context)}
    configs = [history.config(method, texts) for method in methods]
    refuse_idle(given(texts), configs)
    weights = np.hstack([replay(history.losses, config, history.changes) for config in configs])
    names = configs[0].term_names
    if len(configs) > 1:
        names = tuple(f"{config.weighting.name}:{term}" for config in configs for term in config.term_names)
    try:
        write_weights(output, names, weights)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"Cannot write {output}: {reason}. Choose another file with `-o`.", "output") from error
    rows = "1 row" if len(weights) == 1 else f"{len(weights)} rows"
    console.print(f"Wrote {rows} of weights to {output}", highlight=False, markup=False, soft_wrap=True)


replay: Callable[..., None] = with_options(_replay, MEMORY)
