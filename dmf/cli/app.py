"""The commands put together, and what a mistake looks like: one clear line, exit status 2."""

import errno
import re
import sys
from typing import Annotated, ClassVar

import typer
from rich.markup import escape
from typer.core import TyperGroup

from dmf import __version__
from dmf.cli import INTERRUPTED
from dmf.cli.late import LateGroup, Place, taking_plugins
from dmf.cli.shared import console
from dmf.cores import share_cores
from dmf.errors import ConfigError, DataError, DMFError, RunNotFoundError, naming_plugins
from dmf.paths import shortened

_LONG_WORD = re.compile(r"\S{1000,}")  # longer than most paths that can be


class Commands(LateGroup):
    """All commands, in the order that help has them."""

    places: ClassVar[dict[str, Place]] = {
        "train": Place(
            "Train one network per weighting on the same batches, and keep everything in the store.",
            "dmf.cli.train",
            "train",
            "WithAllOptions",
        ),
        "resume": Place(
            "Go on with the stopped, failed and interrupted runs of an experiment, from their last checkpoints.",
            "dmf.cli.runs",
            "resume",
        ),
        "import": Place(
            "Open predictions made elsewhere as finished runs; they are read in place, so the folder must stay.",
            "dmf.cli.importing",
            "import_folder",
        ),
        "replay": Place(
            "Compute the weights that one or several weightings give to a loss history, with the arithmetic that runs "
            "live.",
            "dmf.cli.replay",
            "replay",
            "WithMethodOptions",
        ),
        "explain": Place(
            "Show how the weights of one step came about: every stage with its formula and its numbers.",
            "dmf.cli.explain",
            "explain",
            "WithMethodOptions",
        ),
        "export": Place(
            "Write a run to a file; csv has one row per step: step, loss_<term>, weight_<term>, auxiliary, gamma, "
            "total.",
            "dmf.cli.runs",
            "export",
        ),
        "check-method": Place(
            "Run the contract on a weighting, loss, model or dataset: a line per promise; exit 1 if one is broken.",
            "dmf.cli.checking",
            "check_method",
        ),
        "examples": Place(
            "Put the example runs that come with the program into the store; those that are there stay as they are.",
            "dmf.cli.runs",
            "examples",
        ),
        "app": Place(
            "Open the dashboard in the browser: http://localhost:8501. With --share, a class watches it.",
            "dmf.cli.dashboard",
            "dashboard",
        ),
        "runs": Place("List runs, newest first; rename, tag, archive or delete them.", "dmf.cli.runs", "runs_app"),
        "data": Place("Datasets: what there is, whether it is sound, how to get it.", "dmf.cli.data", "data_app"),
        "study": Place(
            "Plan experiments over repeats, datasets and configurations; train them; see what they say.",
            "dmf.cli.study",
            "study_app",
        ),
    }


app = typer.Typer(
    name="dmf",
    cls=Commands,
    help="A laboratory for adaptive multi-loss weighting: train, watch, replay.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False) -> None:
    """A laboratory for adaptive multi-loss weighting: train, watch, replay."""
    if show:
        typer.echo(f"dmf {__version__}")
        raise typer.Exit


taking_plugins(app)


def main() -> None:
    """Run the command line. Wrong values exit with 2, other failures of ours with 1, each with one line."""
    share_cores()
    group: TyperGroup = typer.main.get_command(app)  # type: ignore[assignment]
    try:
        with naming_plugins():
            status = group.main(standalone_mode=False, prog_name="dmf")
        if status == INTERRUPTED:  # typer makes a status of Ctrl-C
            _leave("Interrupted.", INTERRUPTED)
        sys.exit(status if isinstance(status, int) else 0)
    except (ConfigError, DataError, RunNotFoundError) as error:
        _leave(str(error), 2)
    except DMFError as error:
        _leave(str(error), 1)
    except (typer.Abort, KeyboardInterrupt):
        _leave("Interrupted.", INTERRUPTED)
    except OSError as error:  # whichever command or setting named it
        if error.errno != errno.ENAMETOOLONG:
            raise
        _leave(f"{shortened(error.filename)} is longer than a path can be.", 2)
    except typer.TyperException as error:
        if message := error.format_message():  # empty where the help was shown instead of a command
            _leave(message, error.exit_code)
        sys.exit(error.exit_code)


def _leave(message: str, status: int) -> None:
    message = _LONG_WORD.sub(lambda match: shortened(match[0]), message)
    console.print(f"[bold red]Error[/] {escape(message)}", highlight=False, soft_wrap=True)
    sys.exit(status)
