"""A configuration as what people paste: a command line, a script, a training loop of their own."""

import shlex
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from dmf import declared
from dmf.config import DEFAULT_TASK, ExperimentConfig, FusionConfig, RunConfig
from dmf.config_text import DEFAULT_WEIGHTINGS, SECTIONS, experiment, field_info, is_flag, parse_run, to_text
from dmf.errors import ConfigError
from dmf.live_settings import events_text
from dmf.options import Choice, default_of, same, write_value
from dmf.records import SettingChange

SettingChanges = Mapping[str, Sequence[SettingChange]]
"""Settings changed while runs trained, by the label of the run."""

WIDTH = 88  # characters of a line; fits a terminal and a slide


def as_command(config: ExperimentConfig, *, run: str | None = None, events: str | None = None) -> str:
    r"""The shortest ``dmf train`` line that trains ``config``: only what differs from the defaults, quoted for a shell.

    Long lines are wrapped with backslashes. Labels come out as ``dmf train`` writes them; :func:`as_events` names runs
    by these.

    Args:
        config: What to train.
        run: Label of one run, to train that one alone: it comes out as it does in the race.
        events: File that :func:`as_events` was written to, for ``--events``.

    Raises:
        ConfigError: If there is no such run, or a value cannot be typed (e.g. a folder whose name ends in a space).
    """
    chosen = _alone(config, run)
    with declared.of_task(config.task):
        typed = _typed(chosen, spare=events is not None)
        _check(chosen, typed)
    words = [_option(name, text) for name, text in typed.texts.items()]
    words += [f"--weighting {shlex.quote(word)}" for word in typed.weightings]
    words += [f"--run {shlex.quote(text)}" for text in typed.runs]
    words += [f"--name {shlex.quote(chosen.name)}"] if chosen.name else []
    words += [f"--events {shlex.quote(events)}"] if events else []
    words += [f"--plugin {shlex.quote(plugin.path)}" for plugin in chosen.plugins]
    return _wrapped(["dmf train", *words])


def as_events(config: ExperimentConfig, changes: SettingChanges, run: str | None = None) -> str:
    """The file of changed settings that belongs to :func:`as_command`; empty text if nothing was changed.

    Args:
        config: What was trained.
        changes: What was changed.
        run: Label of one run, to train that one alone.

    Raises:
        ConfigError: As :func:`as_command`.
    """
    chosen = _alone(config, run)
    with declared.of_task(config.task):
        read = _check(chosen, _typed(chosen))
    pairs = zip(chosen.runs, read.runs, strict=True)
    named = {read_run.label: turned for one, read_run in pairs if (turned := changes.get(one.label))}
    return events_text(named) if named else ""


def as_python(config: ExperimentConfig, run: str | None = None, changes: SettingChanges | None = None) -> str:
    """A script that trains ``config`` through the library and keeps it in the default store.

    Args:
        config: What to train.
        run: Label of one run, to train that one alone: it comes out as it does in the race.
        changes: Settings changed while it trained, to be changed again at the same steps.

    Raises:
        ConfigError: If there is no such run.
    """
    chosen = _alone(config, run)
    parts = [(name, model) for name, model in SECTIONS.items() if name != "fusion"]
    arguments = {"name": repr(chosen.name)} if chosen.name else {}
    arguments |= _literals(_of_task(chosen))
    used = ["ExperimentConfig", "FusionConfig", "RunConfig"]
    for name, model in parts:
        if changed := _changed(getattr(chosen, name)):
            arguments[name] = _call(model.__name__, _literals(changed), len(f"    {name}=,"))
            used.append(model.__name__)
    arguments["runs"] = _runs(chosen.runs)
    changed = {one.label: turned for one in chosen.runs if (turned := (changes or {}).get(one.label))}
    imported = "from dmf.records import SettingChange\n" if changed else ""
    return (
        f"from dmf.config import {', '.join(sorted(used))}\n"
        "from dmf.jobs import Job, create_experiment, new_owner\n"
        f"{_plugin_import(chosen)}"
        f"{imported}"
        "from dmf.runs import RunStore\n\n"
        f"{_plugin_lines(chosen)}"
        f"config = {_call('ExperimentConfig', arguments, WIDTH)}\n"
        f"{_changes(changed)}"
        "store = RunStore()  # DMF_STORE, else data/runs.sqlite\n"
        f"experiment = create_experiment(store, config{', changes' if changed else ''})\n"
        'Job(store, experiment, new_owner("script")).train()\n'
        "for run in store.experiment(experiment.id).runs:\n"
        '    print(run.label, run.state, run.summary["metrics"])\n'
    )


def as_loop(config: ExperimentConfig, run: str) -> str:
    """The losses and weights of a run in a PyTorch loop of one's own; runs as it stands, on random images.

    It has the settings that the run began with.

    Args:
        config: The experiment.
        run: Label of the run.

    Raises:
        ConfigError: If there is no such run, or its task is that of a plug-in which is not loaded.
    """
    (chosen,) = _alone(config, run).runs
    parts = _classes_loop(config, chosen) if config.task == DEFAULT_TASK else _task_loop(config, chosen)
    return (
        "import torch\n\n"
        f"{parts.imports}\n"
        f"{_plugin_lines(config)}"
        f"{parts.config}"
        f"# Yours: batches of images (B, {parts.channels}, H, W) in 0..1 with {parts.about_targets}.\n"
        f"{parts.batches}\n"
        f"optimizer = {_optimizer(config)}\n"
        f"{parts.bank}\n"
        "fusion = build_fusion(config, steps_per_epoch=len(batches))\n"
        f"{_before_the_loop(chosen.fusion)}"
        "for epoch in range(2):\n"
        f"    for images, {parts.targets} in batches:\n"
        f"        fused = fusion(bank(model(images), {parts.targets}))  # the weights follow the losses of this step\n"
        "        optimizer.zero_grad()\n"
        "        fused.total.backward()\n"
        "        optimizer.step()\n"
        f"{_after_a_step(chosen.fusion, parts.targets)}"
        "print(fused.weights, fused.gamma)\n"
    )


@dataclass(frozen=True)
class _Loop:
    """Where loops of different tasks differ, as lines of Python; ``targets`` is what they call their targets."""

    imports: str
    config: str
    channels: str
    about_targets: str
    batches: str
    bank: str
    targets: str


def _classes_loop(config: ExperimentConfig, run: RunConfig) -> _Loop:
    """Of the task of whoever names none, whose losses need nothing but class numbers."""
    size, batch = config.data.image_size, config.training.batch_size
    fusion = _call("FusionConfig", _literals(_words(run.fusion)), len("config = "), indent="")
    classes = _classes_named(run.fusion)
    ratios = [0.9, *[round(0.1 / (classes - 1), 3)] * (classes - 1)]
    shares = f", class_ratios={ratios}" if "dataset" in run.fusion.flat().values() else ""
    note = "  # shares of your classes in the training pixels" if shares else ""
    pair = f"(torch.rand({batch}, 1, {size}, {size}), torch.randint({classes}, ({batch}, {size}, {size})))"
    return _Loop(
        "from dmf.build import build_fusion\n"
        "from dmf.config import FusionConfig\n"
        "from dmf.losses import build_bank\n"
        f"{_plugin_import(config)}",
        f"config = {fusion}\n",
        "1",
        "class numbers (B, H, W),\n# and a network from images to logits (B, C, H, W)",
        f"batches = [{pair} for _ in range(3)]\nmodel = torch.nn.Conv2d(1, {classes}, 3, padding=1)\n",
        f"bank = build_bank(config{shares}){note}",
        "masks",
    )


def _classes_named(fusion: FusionConfig) -> int:
    """How many classes there must be for those that losses call rare not to be all: two, where none are named."""
    named = [str(choice.options.get("rare", "")).split(":") for choice in fusion.places.values()]
    highest = max((int(number) for numbers in named for number in numbers if number), default=0)
    return 1 + max(1, highest, *(len(set(numbers)) for numbers in named))


def _task_loop(config: ExperimentConfig, run: RunConfig) -> _Loop:
    """Of any other task, built as training builds it: it may have options, and depend on what the dataset offers."""
    task = declared.task(config.task)
    if task is None:
        raise ConfigError(
            f"A loop cannot be written for task {config.task!r}: it is of a plug-in that is not loaded. Give its file "
            "with --plugin.",
            "task",
        )
    size, batch = config.data.image_size, config.training.batch_size
    data = {
        name: value for name, value in _changed(config.data).items() if name in ("dataset", "root", "dataset_options")
    }
    fusion = _call("FusionConfig", _literals(_words(run.fusion)), 0)
    arguments = {
        **_literals(_of_task(config)),
        "data": _call("DataConfig", _literals(data), 0),
        "runs": f"(RunConfig(label={run.label!r}, fusion={fusion}),)",
    }
    is_of_classes = task.target == "classes"
    target = (
        f"randint(channels, ({batch}, {size}, {size}))" if is_of_classes else f"rand({batch}, channels, {size}, {size})"
    )
    return _Loop(
        "from dmf.build import build_fusion, build_task\n"
        "from dmf.config import DataConfig, ExperimentConfig, FusionConfig, RunConfig\n"
        "from dmf.data import build_dataset\n"
        f"{_plugin_import(config)}",
        f"experiment = {_call('ExperimentConfig', arguments, WIDTH)}\n"
        "config = experiment.runs[0].fusion\n"
        "dataset = build_dataset(experiment.data)  # for what it offers; no image is read\n"
        "task = build_task(experiment, dataset)\n"
        "channels = task.output_channels\n",
        "C",
        f"{'class numbers (B, H, W)' if is_of_classes else 'the images to be made of them'},\n"
        f"# and a network from the ones to {'logits' if is_of_classes else 'the others'}, with the head of the task",
        "batches = [\n"
        f"    (torch.rand({batch}, dataset.in_channels, {size}, {size}), torch.{target}) for _ in range(3)\n"
        "]\n"
        "model = task.network(torch.nn.Conv2d(dataset.in_channels, channels, 3, padding=1))\n",
        "bank = task.bank(config)",
        "masks" if is_of_classes else "targets",
    )


def _of_task(config: ExperimentConfig) -> dict[str, Any]:
    """The task and its options, where they differ from the defaults."""
    values = {"task": config.task, "task_options": config.task_options}
    return {name: value for name, value in values.items() if value not in (DEFAULT_TASK, {})}


def _optimizer(config: ExperimentConfig) -> str:
    """The optimizer as torch makes it; of the usual one only what differs from the defaults, which are torch's."""
    choice = config.training.optimizer
    kind, options = declared.method("optimizer", choice.name), declared.options("optimizer", choice)
    if kind is None or options is None:
        raise ConfigError(f"There is no optimizer {choice.name!r}.", "optimizer")
    own = options.changed if choice.name == "adam" else dict(options)
    arguments = [f"lr={config.training.lr!r}", *(f"{name}={value!r}" for name, value in own.items())]
    return f"torch.optim.{kind.title}(model.parameters(), {', '.join(arguments)})"


def _before_the_loop(fusion: FusionConfig) -> str:
    lines = ""
    if _may(fusion, "joins"):
        lines += "fusion.join(optimizer)  # which trains what the weighting learns, without weight decay\n"
    if _may(fusion, "watches") and fusion.flat().get("gradient_of", "parameters") == "parameters":
        lines += "fusion.watch(model.parameters())  # where the weighting looks at gradients\n"
    return lines


def _after_a_step(fusion: FusionConfig, targets: str) -> str:
    look = (
        "        with torch.no_grad():  # the same batch once more: what the step did to its losses\n"
        f"            fusion.after_step(bank(model(images), {targets}))\n"
    )
    if not _may(fusion, "looks_twice"):
        return ""
    if declared.method("weighting", fusion.weighting.name) is not None:
        return look
    return f"        if fusion.weighting.looks_twice:\n{textwrap.indent(look, '    ')}"


def _may(fusion: FusionConfig, fact: str) -> bool:
    """Whether its weighting needs a line of the loop; one that is not known here may, and does nothing if not."""
    method = declared.method("weighting", fusion.weighting.name)
    return method is None or bool(getattr(method, fact))


def _alone(config: ExperimentConfig, run: str | None) -> ExperimentConfig:
    """The race, or one of its runs without the others; the name is that of the race."""
    if run is None:
        return config
    for one in config.runs:
        if one.label == run:
            return config.model_copy(update={"runs": (one,), "name": ""})
    labels = ", ".join(repr(one.label) for one in config.runs)
    raise ConfigError(f"There is no run {run!r} in this experiment. Choose one of: {labels}.", "run")


def _changed(model: BaseModel) -> dict[str, Any]:
    """Fields that differ from their default."""
    defaults = {name: field.get_default(call_default_factory=True) for name, field in type(model).model_fields.items()}
    return {name: value for name in defaults if (value := getattr(model, name)) != defaults[name]}


def _words(fusion: FusionConfig) -> dict[str, Any]:
    """What differs from the defaults, as arguments; options of one of several methods stand behind its name."""
    flat = fusion.flat(changed=True, spare=False)
    own = dict.fromkeys(fusion.places, "")
    for key in [key for key in flat if "." in key]:
        place, _, word = key.partition(".")
        own[place] += f",{word}={write_value(flat.pop(key))}"
    if any(own.values()):
        places = fusion.places
        others = ("weighting", "auxiliary", "schedule")
        losses = [place for place in places if place not in others]
        texts = {place: places[place].name + own[place] for place in places}
        flat |= {"terms": tuple(texts[place] for place in losses)}
        flat |= {place: texts[place] for place in others if own.get(place)}
    return flat


# As a command


def _common(runs: Sequence[RunConfig], *, spare: bool) -> dict[str, Any]:
    """What differs from the defaults in most runs, word by word, leaving out runs whose label names the word.

    An option of a method of someone's own, or of one of two alike, is left to the runs: no option of the command is
    called so. What is ``spare`` counts where runs turn to other methods.
    """
    flats = [one.fusion.flat(spare=spare) for one in runs]
    known = {word for word, about in declared.words().items() if about.is_built_in} | FusionConfig.model_fields.keys()
    values: dict[str, Any] = {}
    for name in dict.fromkeys(name for flat in flats for name in flat if name != "weighting" and name in known):
        counted = Counter(
            flat[name] for one, flat in zip(runs, flats, strict=True) if name in flat and name not in _named(one)
        )
        most = max(counted.values(), default=0)
        common = [value for value, count in counted.items() if count == most]
        if common and _default(name) not in common:
            values[name] = common[0]
    return values


def _default(word: str) -> Any:
    """What a word stands at where nothing is said, as :meth:`FusionConfig.flat` has it."""
    plain = FusionConfig()
    if word == "terms":
        return plain.term_names
    if word == "auxiliary":
        return plain.auxiliary.name
    return default_of(field_info(FusionConfig, word))


def _named(run: RunConfig) -> set[str]:
    """Fields that a label of :func:`dmf.config_text.parse_run` names."""
    return {word.partition("=")[0].replace("-", "_") for word in run.label.split(" ")[1:]}


def _run_text(base: Mapping[str, Any], run: RunConfig) -> str:
    """What follows ``--run``: as the label has it where that comes to the same, else what differs from ``base``."""
    text = run.label.replace(" ", ",")
    try:
        if parse_run(base, text) == run:
            return text
    except ConfigError:
        pass  # a label somebody made up
    differing = run.fusion.flat(changed=True, spare=False)
    for name, value in run.fusion.flat(spare=False).items():  # also what is at its default here and not in the others
        if name in base and not same(value, base[name]):
            differing[name] = value
        elif name in base:
            differing.pop(name, None)
    differing.pop("weighting", None)
    return ",".join([run.fusion.weighting.name, *(f"{name}={to_text(value)}" for name, value in differing.items())])


@dataclass(frozen=True)
class _Typed:
    """An experiment as typed: option to text (or yes and no), then its runs."""

    texts: dict[str, Any]
    weightings: list[str]
    runs: list[str]


def _typed(config: ExperimentConfig, *, spare: bool = False) -> _Typed:
    base = _common(config.runs, spare=spare)
    written = [_run_text(base, one) for one in config.runs]
    needs_run = [text != one.fusion.weighting.name for text, one in zip(written, config.runs, strict=True)]
    leading = [*needs_run, True].index(True)
    weightings, runs = written[:leading], written[leading:]
    if not runs and tuple(weightings) == DEFAULT_WEIGHTINGS:
        weightings = []
    return _Typed(_texts(config, base), weightings, runs)


def _texts(config: ExperimentConfig, base: Mapping[str, Any]) -> dict[str, Any]:
    """Option to typed text, or to yes and no, for what differs from the defaults."""
    parts: dict[str, Mapping[str, Any]] = {"fusion": base}
    for section in SECTIONS.keys() - parts.keys():
        own = getattr(config, section)
        named = [name for name in ("dataset", "model") if getattr(own, f"{name}_options", None)]
        changed = [name for name in _changed(own) if not name.endswith("_options")]
        parts[section] = {name: _chosen(own, name) for name in dict.fromkeys((*named, *changed))}
    return {name: to_text(value) for name, value in _of_task(config).items()} | {
        name: value if is_flag(model, name) else to_text(value)
        for section, model in SECTIONS.items()
        for name, value in parts[section].items()
    }


def _chosen(section: BaseModel, name: str) -> Any:
    """The value of a field; a dataset or network with its options behind it, as people type them."""
    value, options = getattr(section, name), getattr(section, f"{name}_options", None)
    return f"{value},{to_text(options)}" if options else value


def _check(config: ExperimentConfig, typed: _Typed) -> ExperimentConfig:
    """Read it back as the command line does, rather than hand out a command that trains something else."""
    read = experiment(typed.texts, weightings=typed.weightings, runs=typed.runs, name=config.name)
    for field in ("task", "task_options"):
        _refuse_other(field, getattr(config, field), getattr(read, field))
    for name, model in SECTIONS.items():
        pairs = (
            [(getattr(config, name), getattr(read, name))]
            if name != "fusion"
            else [(a.fusion, b.fusion) for a, b in zip(config.runs, read.runs, strict=True)]
        )
        for field in model.model_fields.keys() - {"spare"}:
            for meant, got in pairs:
                _refuse_other(field, getattr(meant, field), getattr(got, field))
    return read


def _refuse_other(field: str, meant: Any, got: Any) -> None:
    if meant != got:
        raise ConfigError(
            f"{field}: {meant!r} cannot be written on a command line, where it would read as {got!r}; copy it as "
            "Python.",
            field,
        )


def _option(name: str, text: Any) -> str:
    flag = name.replace("_", "-")
    if isinstance(text, bool):
        return f"--{flag}" if text else f"--no-{flag}"
    return f"--{flag} {shlex.quote(text)}"


def _wrapped(words: Sequence[str]) -> str:
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) + 2 <= WIDTH:  # " \" may follow
            lines[-1] += f" {word}"
        else:
            lines.append(f"    {word}")
    return " \\\n".join(lines)


# As Python


def _literals(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: repr(value.text if isinstance(value, Choice) else value) for name, value in values.items()}


def _runs(runs: Sequence[RunConfig]) -> str:
    calls = []
    for one in runs:
        fusion = _call("FusionConfig", _literals({"weighting": one.fusion.weighting.name} | _words(one.fusion)), 0)
        calls.append(_call("RunConfig", {"label": repr(one.label), "fusion": fusion}, 8))
    return "(\n" + "".join(textwrap.indent(f"{call},\n", "    ") for call in calls) + ")"


def _plugin_import(config: ExperimentConfig) -> str:
    return "from dmf.plugins import load_plugin\n" if config.plugins else ""


def _plugin_lines(config: ExperimentConfig) -> str:
    """What loads the files of someone's own that are named below."""
    lines = [f"load_plugin({plugin.path!r})  # SHA-256 {plugin.sha256[:10]}…\n" for plugin in config.plugins]
    return "".join([*lines, "\n"]) if lines else ""


def _changes(changed: SettingChanges) -> str:
    if not changed:
        return ""
    lines = []
    for label, turned in changed.items():
        entries = "".join(
            f"        SettingChange(step={one.step}, field={one.field!r}, value={one.value!r}),\n" for one in turned
        )
        lines.append(f"    {label!r}: [\n{entries}    ],\n")
    return f"changes = {{\n{''.join(lines)}}}\n"


def _call(name: str, arguments: Mapping[str, str], before: int, indent: str = "    ") -> str:
    """A call in one line where it fits after ``before`` other characters, else an argument per line."""
    inside = [f"{key}={value}" for key, value in arguments.items()]
    line = f"{name}({', '.join(inside)})"
    if "\n" not in line and before + len(line) <= WIDTH:
        return line
    return f"{name}(\n" + "".join(textwrap.indent(f"{one},\n", "    ") for one in inside) + ")"
