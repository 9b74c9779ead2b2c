"""Options that commands of ``dmf study`` share: what is planned, and which engine trains it."""

import inspect
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from dmf.cli.study_bars import StudyBars
from dmf.errors import ConfigError
from dmf.registry import unknown
from dmf.studies import PLANS, StudyPlan, adapted, find_plan

if TYPE_CHECKING:
    from dmf.runs import RunStore

PLANNING = "Plan"  # the panels of help
ENGINE = "Engine"


def chosen_plan(
    *,
    plan: Annotated[
        str, typer.Argument(help=f"A plan that comes with the program ({', '.join(PLANS)}), or a TOML file.")
    ],
    name: Annotated[
        str | None, typer.Option(help="Name to keep the study under; default the plan's.", rich_help_panel=PLANNING)
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="Train on this dataset instead of the plan's; may be given again.", rich_help_panel=PLANNING),
    ] = None,
    root: Annotated[
        str | None,
        typer.Option(help="Folder that the dataset lies in, where there is one dataset.", rich_help_panel=PLANNING),
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(help="How often, each time with another seed.", min=1, rich_help_panel=PLANNING)
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training images.", min=1, rich_help_panel=PLANNING)
    ] = None,
    image_size: Annotated[
        int | None,
        typer.Option(help="Side of the square images the network sees, in pixels.", rich_help_panel=PLANNING),
    ] = None,
    configurations: Annotated[
        str | None,
        typer.Option(
            help="Only these of the plan's configurations, with semicolons or commas between.",
            rich_help_panel=PLANNING,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Any other setting of `dmf train` for all cells, as field=value; may be given again.",
            rich_help_panel=PLANNING,
        ),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            help="paper, or notebook: compute losses, weights and metrics as the authors' notebook does.",
            rich_help_panel=PLANNING,
        ),
    ] = None,
) -> StudyPlan:
    """The plan with what was said on the command line; its parameters are options of all commands that take a plan.

    Raises:
        ConfigError: If something cannot be.
    """
    return adapted(
        find_plan(plan),
        name=name,
        dataset=dataset,
        root=root,
        repeats=repeats,
        epochs=epochs,
        image_size=image_size,
        configurations=configurations,
        settings=settings,
        mode=mode,
    )


Engine: TypeAlias = "Callable[[RunStore, str, threading.Event, StudyBars], None]"
"""Trains a study of a store until nothing is left or the event is set, and keeps the bars up to date."""


def chosen_engine(
    *,
    workers: Annotated[
        int,
        typer.Option(help="How many processes train cells at the same time.", min=1, max=64, rich_help_panel=ENGINE),
    ] = 1,
    engine: Annotated[
        str,
        typer.Option(
            help="local, or ray: on a Ray cluster, one cell to a task; needs dmf\\[scale].", rich_help_panel=ENGINE
        ),
    ] = "local",
    address: Annotated[
        str, typer.Option(help="Of the Ray cluster: auto, or HOST:PORT of its head.", rich_help_panel=ENGINE)
    ] = "auto",
    gpus: Annotated[
        float,
        typer.Option(
            help="GPUs that a task on a Ray cluster asks for; a fraction where several share one.",
            min=0,
            rich_help_panel=ENGINE,
        ),
    ] = 0,
    send: Annotated[
        bool,
        typer.Option(
            "--send",
            help="Send images to the nodes of a Ray cluster and keep checkpoints here, where nodes share no folder.",
            rich_help_panel=ENGINE,
        ),
    ] = False,
) -> Engine:
    """The engine that was asked for; its parameters are options of all commands that train.

    Raises:
        ConfigError: If there is none of this name.
    """

    def here(store: "RunStore", study: str, stop: threading.Event, bars: StudyBars) -> None:
        from dmf.studies.local import LocalEngine, train_in_processes

        if workers == 1:
            LocalEngine(store, study, stop=stop, on_cell=bars.on_cell).run()
        else:
            train_in_processes(store, study, workers, stop=stop, on_look=bars.look)

    def cluster(store: "RunStore", study: str, stop: threading.Event, bars: StudyBars) -> None:
        from dmf.studies.cluster import train_on_cluster

        train_on_cluster(store, study, address, stop=stop, gpus=gpus, sends=send, on_look=bars.look)

    engines: dict[str, Engine] = {"local": here, "ray": cluster}
    if engine not in engines:
        raise ConfigError(unknown("engine", engine, engines), "engine")
    return engines[engine]


def parameters_of(*functions: Callable[..., object]) -> list[inspect.Parameter]:
    """Theirs, to be options of a command."""
    return [parameter for each in functions for parameter in inspect.signature(each).parameters.values()]


def arguments_of(function: Callable[..., object], given: dict[str, Any]) -> dict[str, Any]:
    """What of ``given`` the function takes."""
    return {parameter.name: given[parameter.name] for parameter in parameters_of(function)}
