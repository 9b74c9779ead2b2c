"""``dmf explain``: how the weights of one step of a loss history came about."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.markup import escape
from rich.table import Table

from dmf.cli.options import given, of_methods, with_options
from dmf.cli.replay import DEFAULT, LOSSES, MEMORY, METHODS, read_history
from dmf.cli.shared import STORE, document, print_json
from dmf.config_text import refuse_idle

if TYPE_CHECKING:
    from dmf.replay import Explanation

FEW = 3  # losses whose numbers have room for more digits within 80 columns
SOON = 3  # losses that leave the window next, of which the table tells


def _explain(
    context: typer.Context,
    losses: Annotated[str, LOSSES],
    *,
    step: Annotated[
        int, typer.Option(help="Which step: the row of the file after its header, counted from 0.", metavar="N")
    ],
    weighting: Annotated[str | None, typer.Option(help=f"{METHODS} {DEFAULT}", show_default=False)] = None,
    store: Annotated[str | None, STORE] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
    **settings: Any,
) -> None:
    """Show how the weights of one step came about: every stage with its formula and its numbers.

    What is not given is as the run had it; for a file, the default.
    """
    from dmf.replay import explain

    history = read_history(losses, store, [weighting] if weighting is not None else ())
    texts = {**settings, **of_methods(context)}
    config = history.config(weighting, texts)
    refuse_idle(given(texts), [config])
    explained = explain(history.losses, config, step, history.changes)
    if json:
        print_json(explained.to_dict())
        return
    took_over = f", in force since step {explained.since}" if explained.since else ""
    title = f"Step {step} of 0 to {len(history.losses) - 1}: {explained.weighting}{took_over}"
    document.print(f"[bold]{escape(title)}[/]", highlight=False)
    if explained.note:
        document.print(explained.note, highlight=False, markup=False)
    document.print(_table(explained))
    for sentence in explained.sentences:
        document.print(sentence, highlight=False, markup=False)


def _table(explained: "Explanation") -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("", overflow="fold", ratio=1)
    for name in explained.names:
        table.add_column(escape(name), justify="right", overflow="fold", min_width=6)
    for title, values, is_main in _rows(explained):
        cells = [""] * len(explained.names) if values is None else [_text(value, values.size) for value in values]
        table.add_row(f"[bold]{escape(title)}[/]" if is_main else f"  {escape(title)}", *cells)
    return table


def _rows(explained: "Explanation") -> Iterator[tuple[str, NDArray[np.float64] | None, bool]]:
    """Title, a number per loss, and whether a new part begins."""
    yield "Losses of this step", explained.losses, True
    if explained.steps.size:
        first, last = explained.steps[[0, -1]]
        kind = "Recent losses" if explained.leaves_in is None else "Window"
        yield f"{kind}: {explained.steps.size}, of steps {first} to {last}", None, True
        yield "least", explained.window.min(1), False
        yield "most", explained.window.max(1), False
        for column in range(min(SOON, explained.steps.size)):
            if explained.leaves_in is not None and explained.leaves_in[column] <= SOON:
                away = int(explained.leaves_in[column])
                yield (
                    f"step {explained.steps[column]} leaves in {away} step{'s' * (away > 1)}",
                    explained.window[:, column],
                    False,
                )
    for stage in explained.stages:
        yield stage.title, None, True
        if stage.is_window:
            yield f"{stage.formula}, newest", stage.values[:, -1], False
        else:
            yield stage.formula, stage.values, False
        for name, values in (*stage.numbers.items(), *stage.levels.items()):
            yield name, values, False
    if explained.influence is not None:
        yield "Influence of this step's own losses", explained.influence, True


def _text(value: float, count: int) -> str:
    return f"{value:.5g}" if count <= FEW else f"{value:.3g}"


explain: Callable[..., None] = with_options(_explain, MEMORY)
