"""The commands put together, and what a mistake looks like: one clear line, exit status 2."""

import errno
import importlib.util
import os
import re
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.markup import escape
from typer.core import TyperGroup

from dmf import __version__
from dmf.cli import INTERRUPTED
from dmf.cli.checking import check_method
from dmf.cli.data import data_app
from dmf.cli.explain import explain
from dmf.cli.importing import import_folder
from dmf.cli.options import WithAllOptions, WithMethodOptions
from dmf.cli.replay import replay
from dmf.cli.runs import examples, export, resume, runs_app
from dmf.cli.shared import STORE, console, with_plugins
from dmf.cli.sharing import shared_at
from dmf.cli.study import study_app
from dmf.cli.train import train
from dmf.cores import share_cores
from dmf.errors import ConfigError, DataError, DMFError, RunNotFoundError, naming_plugins
from dmf.paths import shortened

_LONG_WORD = re.compile(r"\S{1000,}")  # longer than most paths that can be
LOOPBACK = ("127.0.0.1", "localhost", "::1")  # only this machine reaches it there

app = typer.Typer(
    name="dmf",
    help="A laboratory for adaptive multi-loss weighting: train, watch, replay.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train", cls=WithAllOptions)(train)
app.command("resume")(resume)
app.command("import")(import_folder)
app.command("replay", cls=WithMethodOptions)(replay)
app.command("explain", cls=WithMethodOptions)(explain)
app.command("export")(export)
app.command("check-method")(check_method)
app.command("examples")(examples)
app.add_typer(runs_app, name="runs")
app.add_typer(data_app, name="data")
app.add_typer(study_app, name="study")


@app.command("app")
def dashboard(
    store: Annotated[str | None, STORE] = None,
    port: Annotated[int, typer.Option(help="Port on this machine.", min=1, max=65535)] = 8501,
    address: Annotated[
        str | None,
        typer.Option(
            help="Address to listen at. At any but this machine's own, everybody who reaches it may do all, unless it "
            "is shared.",
            show_default=f"{LOOPBACK[0]}, shared: all of this machine's",
        ),
    ] = None,
    share: Annotated[
        bool,
        typer.Option(
            "--share",
            help="Let others on the network watch, inspect, replay and explain; only your browser changes anything.",
        ),
    ] = False,
    data_root: Annotated[
        list[Path] | None,
        typer.Option(
            help="Let pages look into this folder and those below it, and into no other but the data folder; may be "
            "given again. (default: any at this machine's own address, else none)",
            metavar="DIR",
        ),
    ] = None,
) -> None:
    """Open the dashboard in the browser: http://localhost:8501. With --share, a class watches it."""
    import app as pages
    from dmf.paths import data_home, refuse_impossible
    from dmf.plugins import loaded

    needed = ("streamlit", "plotly", "altair", "segno")
    if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
        raise ConfigError(
            f"The dashboard needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed: "
            "pip install 'dmf[app]'"
        )

    main = Path(next(iter(pages.__path__))) / "main.py"
    environment = os.environ | {"DMF_HOME": str(data_home().absolute())}
    environment.pop("DMF_SHARE", None)
    if store is not None:
        if "://" not in store:
            refuse_impossible(Path(store), "The store", "store")
        environment["DMF_STORE"] = store if "://" in store else str(Path(store).absolute())
    if files := [str(plugin.path) for plugin in loaded()]:
        environment["DMF_PLUGINS"] = os.pathsep.join(files)
    for root in data_root or ():
        refuse_impossible(root.expanduser(), "The folder", "data_root")
    roots = [root.expanduser().resolve() for root in data_root or ()]
    listening = address or LOOPBACK[0]
    if share:
        listening, environment["DMF_SHARE"] = shared_at(address, port)
        main = main.with_name("shared.py")
    elif listening not in LOOPBACK:
        console.print(
            f"[bold yellow]Warning[/] Listening at {escape(listening)}: there are no accounts, so everybody who "
            "reaches this machine may start, stop and delete runs, upload files, and see what lies in the folders "
            f"below {escape(', '.join(map(str, roots or [data_home().absolute()])))}. Choose others with --data-root; "
            "with --share, others watch and change nothing.",
            highlight=False,
            soft_wrap=True,
        )
        roots = roots or [data_home().absolute()]
    if roots:
        environment["DMF_DATA_ROOTS"] = os.pathsep.join(map(str, roots))
    # Where `app` is found, and in a checkout .streamlit/config.toml, which says the rest; an installed one has that
    # file beside its script (setup.py). The address is said here, because the environment would win over the file.
    os.chdir(main.parent.parent)
    command = [sys.executable, "-m", "app", "run", str(main), f"--server.port={port}"]
    if share:  # what a page says of a failure would tell visitors of folders here; the terminal says it all
        command += [
            "--client.showErrorDetails=none",
            f"--browser.serverAddress={urlsplit(environment['DMF_SHARE']).hostname}",
        ]
    command.append(f"--server.address={listening}")
    os.execve(sys.executable, command, environment)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False) -> None:
    """A laboratory for adaptive multi-loss weighting: train, watch, replay."""
    if show:
        typer.echo(f"dmf {__version__}")
        raise typer.Exit


def _take_plugins(group: typer.Typer) -> None:
    """Give every command below ``group``, and every group that does something, the option ``--plugin``."""
    for command in group.registered_commands:
        assert command.callback is not None
        command.callback = with_plugins(command.callback)
    if group.registered_callback is not None:
        assert group.registered_callback.callback is not None
        group.registered_callback.callback = with_plugins(group.registered_callback.callback)
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        _take_plugins(inner.typer_instance)


_take_plugins(app)


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
