"""``dmf train``: every choice of the page, headless."""

import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from dmf.cli.options import given, of_methods, options_of, with_options
from dmf.cli.shared import STORE, console, open_store, print_json
from dmf.config import DEFAULT_TASK
from dmf.config_text import DEFAULT_WEIGHTINGS, SECTIONS, experiment
from dmf.errors import ConfigError, StoreError
from dmf.facts import built_in
from dmf.live_settings import read_events
from dmf.presets import PRESETS, find_preset

if TYPE_CHECKING:
    from dmf.analysis.folds import Repeats
    from dmf.config import ExperimentConfig
    from dmf.jobs import Job
    from dmf.runs import RunStore
    from dmf.training import TrainingRun


def _train(
    context: typer.Context,
    *,
    weighting: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Rule that sets the weights: {', '.join(built_in('weighting'))}; "
            "with options of its own as 'cov,decay=0.8'. One run each, trained in lockstep. "
            f"(default: {', '.join(DEFAULT_WEIGHTINGS)})",
            rich_help_panel="Race",
        ),
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(
            help="One more run with settings of its own: a weighting, then any of its options and "
            "any setting under Fusion, e.g. 'bayesian,prior=compound,auxiliary=none' or 'fixed,weights=1:0:0'.",
            rich_help_panel="Race",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help=f"A race ready to start: {', '.join(PRESETS)}. Settings given here win over the preset's; "
            "--weighting and --run replace its runs.",
            rich_help_panel="Race",
        ),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            help="JSON file of changes to make while the runs train: gamma, decay_rate, lr or weighting at a step, as "
            "`dmf export RUN --format events` writes it.",
            rich_help_panel="Race",
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="What the networks learn; it decides which losses, metrics and datasets there are. "
            f"(default: {DEFAULT_TASK})",
            rich_help_panel="Race",
        ),
    ] = None,
    task_options: Annotated[
        str | None,
        typer.Option(help="Options of the task, as key=value with commas between.", rich_help_panel="Race"),
    ] = None,
    name: Annotated[str, typer.Option(help="A name to find the experiment by.", rich_help_panel="Race")] = "",
    store: Annotated[str | None, STORE] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
    **settings: Any,
) -> None:
    """Train one network per weighting on the same batches, and keep everything in the store.

    Ctrl-C stops cleanly: checkpoints are written and `dmf resume` goes on.
    """
    typed = given({**settings, **of_methods(context), "task": task, "task_options": task_options})
    texts = typed
    if preset is not None:
        chosen = find_preset(preset)
        texts, name = {**chosen.settings, **texts}, name or chosen.title
        run = run if run or weighting else list(chosen.runs)
    if texts.get("task", DEFAULT_TASK) != DEFAULT_TASK:  # else nothing is looked up that needs torch
        from dmf.build import task_defaults

        texts = {**task_defaults(texts["task"]), **texts}
    typed_words = None if events else typed
    config = experiment(texts, weightings=weighting or (), runs=run or (), name=name, typed=typed_words)

    from dmf.build import estimate_steps
    from dmf.jobs import Job, create_experiment, new_owner

    changes = read_events(events) if events is not None else {}
    opened = open_store(store)
    steps = estimate_steps(config)["steps_per_epoch"] * config.training.epochs
    for label, turned in changes.items():
        if turned[-1].step >= steps:
            raise ConfigError(
                f"{events}: run {label!r} changes at step {turned[-1].step}, but training ends after {steps} steps. "
                "Take the change out, or train longer.",
                "events",
            )
    rows = [create_experiment(opened, one, changes) for one in config.in_turn()]
    jobs = [Job(opened, row, new_owner("dmf train")) for row in rows]
    if len(jobs) == 1:
        run_job(opened, jobs[0], as_json=json)
    else:
        run_repeats(opened, jobs, repeats_of(config), as_json=json)


train = with_options(
    _train,
    [
        parameter
        for section, model in SECTIONS.items()
        for parameter in options_of(model, section.capitalize(), skip=("weighting", "spare"))
    ],
)


def run_job(store: "RunStore", job: "Job", *, as_json: bool) -> None:
    """Train an experiment in the foreground, show how it goes and what came out; exit 1 if a run failed."""
    document = _trained(store, job)
    if as_json:
        print_json(document)
    else:
        console.print(_results(document, job.config.task))
    if not _explain([document]):
        raise typer.Exit(1)


def repeats_of(config: "ExperimentConfig") -> "Repeats":
    """What several experiments of one configuration repeat it over."""
    if not config.training.seeds:
        return "folds"
    return "seeds" if len(config.in_folds()) == 1 else "experiments"


def run_repeats(store: "RunStore", jobs: "Sequence[Job]", over: "Repeats", *, as_json: bool) -> None:
    """Train the experiments of several seeds or folds one after another, and show them as one; exit 1 if a run failed.

    Args:
        store: Where they are.
        jobs: An experiment each.
        over: What they repeat it over.
        as_json: Print one JSON document.
    """
    from dmf.analysis.folds import folds_document

    documents: list[dict[str, Any]] = []
    waiting = deque(jobs)
    with _held(store, waiting):
        while waiting:
            job = waiting.popleft()
            documents.append(_trained(store, job))
            if job.stop.is_set():
                break
    summary = folds_document(documents, over)
    if as_json:
        print_json({over: documents, "summary": summary})
    else:
        console.print(_repeats(summary, jobs[0].config.task, len(jobs), over))
    is_well = _explain(documents)
    for job in jobs[len(documents) :]:
        console.print(f"Not begun. Train it with: dmf resume {job.experiment.id}", highlight=False)
    if not is_well:
        raise typer.Exit(1)


@contextmanager
def _held(store: "RunStore", waiting: "deque[Job]") -> Iterator[None]:
    """Show that who holds what waits here is alive; what waits still at the end is stopped, so that it can be resumed.

    Without that whoever looks would take the later ones for interrupted while the first one trains.
    """
    from dmf.runs.sink import HEARTBEAT_SECONDS

    over = threading.Event()

    def beat() -> None:
        while not over.wait(HEARTBEAT_SECONDS):
            for job in tuple(waiting):
                with suppress(StoreError):  # lost to another, or locked: its turn tells
                    store.heartbeat([run.id for run in job.runs], job.owner)

    keeper = threading.Thread(target=beat, name="dmf-repeats-keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()
        for job in waiting:
            with suppress(StoreError):  # cancelled already, or held by another
                store.cancel(job.experiment.id, "stopped before its turn")


def _trained(store: "RunStore", job: "Job") -> dict[str, Any]:
    """Train an experiment, show how it goes; returns what came out."""
    from dmf.analysis.results import experiment_document

    id = job.experiment.id
    console.print(
        f"Experiment [bold]{id}[/] in {escape(store.url.render_as_string())}", highlight=False, soft_wrap=True
    )
    with clean_stop(job.stop), _progress(job) as on_step:
        job.train(on_step)
    return experiment_document(store, id)


def _explain(documents: Sequence[dict[str, Any]]) -> bool:
    """Say why runs failed and how to go on with those that were stopped; whether none failed."""
    failed = [run for document in documents for run in document["runs"] if run["state"] == "failed"]
    for reason in dict.fromkeys(run["reason"] for run in failed):  # what stops all is said once
        labels = ", ".join(run["label"] for run in failed if run["reason"] == reason)
        console.print(f"[bold red]{escape(labels)} failed:[/] {escape(reason)}", highlight=False, soft_wrap=True)
    for document in documents:
        if any(run["state"] == "stopped" for run in document["runs"]):
            console.print(f"Stopped. Go on with: dmf resume {document['experiment']}", highlight=False)
    return not failed


@contextmanager
def clean_stop(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C, SIGTERM or SIGHUP (a closed terminal) stops the runs and keeps them; a second breaks off."""

    def on_signal(number: int, _: object) -> None:
        hung_up = number == getattr(signal, "SIGHUP", None)
        if stop.is_set() and not hung_up:
            raise KeyboardInterrupt
        stop.set()
        if hung_up:
            _silence(terminals)
        console.print("Stopping and writing checkpoints…")

    terminals = [number for number in (1, 2) if os.isatty(number)]
    wanted = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    # What is ignored stays so: `nohup dmf train` trains on.
    heard = [number for number in wanted if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, on_signal) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _silence(terminals: Sequence[int]) -> None:
    """Let what is written to a terminal that is gone go nowhere, instead of failing; a file or a pipe still gets it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in terminals:
        os.dup2(nowhere, number)
    os.close(nowhere)


@contextmanager
def _progress(job: "Job") -> Iterator[Any]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[score]}"),
    )
    from dmf.analysis.best import headline_of

    title = headline_of({"task": job.config.task}).title
    with Progress(*columns, console=console) as progress:
        bars = {run.id: progress.add_task(run.label, total=None, score="preparing data") for run in job.runs}

        def on_step(runs: "Sequence[TrainingRun]") -> None:
            for run in runs:
                best = run.progress.best_score
                at = run.progress.best_epoch
                score = "" if best is None else f"validation {title} {best:.3f} (best, epoch {at})"
                progress.update(bars[run.id], completed=run.step, total=job.steps_total, score=score)

        yield on_step


def _results(document: dict[str, Any], task_name: str) -> Table:
    from dmf.tasks import task_named

    task = task_named(task_name)
    titles = [task.metric_info(name).title for name in task.columns]
    table = Table(title=f"Experiment {document['experiment']}: pooled over the split, at the tested epoch")
    for heading in ("run", "state", "steps", "weights", "epoch", "split", *titles):
        table.add_column(heading)
    for run in document["runs"]:
        first = True
        for split in ("validation", "test"):
            metrics = run[split]
            if metrics:
                values = [_number(metrics.get(key)) for key in task.columns]
                weights = " ".join(_number(weight) for weight in run["weights"])
                head = [run["label"], run["state"], str(run["steps"]), weights] if first else [""] * 4
                table.add_row(*map(escape, head), str(run["epoch"]), split, *values)
                first = False
        if first:
            table.add_row(escape(run["label"]), run["state"], str(run["steps"]), *[""] * (3 + len(titles)))
    return table


def _repeats(summary: dict[str, Any], task_name: str, count: int, over: "Repeats") -> Table:
    from dmf.tasks import task_named

    task = task_named(task_name)
    table = Table(title=f"{count} {over}: mean ± standard deviation, each at its tested epoch")
    for heading in ("run", over, "split", *(task.metric_info(name).title for name in task.columns)):
        table.add_column(heading)
    for run in summary["runs"]:
        for split in ("validation", "test"):
            values = [run[split].get(name, {}) for name in task.columns]
            cells = [
                f"{_number(value.get('mean'))} ± {_number(value.get('std'))}" if value else "–" for value in values
            ]
            head = [escape(run["label"]), str(run[over])] if split == "validation" else ["", ""]
            table.add_row(*head, split, *cells)
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:z.3f}"
