"""``dmf app``: the dashboard in the browser."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.markup import escape

from dmf.cli.shared import STORE, console
from dmf.cli.sharing import shared_at
from dmf.errors import ConfigError

LOOPBACK = ("127.0.0.1", "localhost", "::1")  # only this machine reaches it there


def dashboard(
    *,
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
    let_them_train: Annotated[
        int | None,
        typer.Option(
            "--let-them-train",
            help="With --share: each visitor may train a small race at a time, of at most so many steps over its runs.",
            min=1,
            metavar="STEPS",
        ),
    ] = None,
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
    for name in ("DMF_SHARE", "DMF_VISITOR_STEPS"):
        environment.pop(name, None)
    if let_them_train is not None:
        if not share:
            raise ConfigError(
                "`--let-them-train` needs `--share`: without it everybody who sees the dashboard may train already.",
                "let_them_train",
            )
        environment["DMF_VISITOR_STEPS"] = str(let_them_train)
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
