"""Methods of someone's own: a Python file that names weightings, losses, models, ... joins the registries.

The file says in plain dicts what it adds, by the names of our registries::

    WEIGHTINGS = {"mine": MyWeighting}

A plug-in is one file: its hash is stored with the runs that use it, so it can import what is installed, but no other
file beside it, which the hash would not cover. Loading runs the file with all rights of the program, so only files that
somebody named (``--plugin``, ``DMF_PLUGINS``) or said yes to are loaded, never one because a store names it.
"""

import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from dmf import declared
from dmf.config import DEFAULT_TASK, ExperimentConfig, PluginConfig
from dmf.errors import PLUGIN_MODULE, ConfigError, UnknownNameError, reason
from dmf.options import Options
from dmf.paths import plugin_files
from dmf.registry import Registry

WORDS = ("TASKS", "WEIGHTINGS", "LOSSES", "SCHEDULES", "OPTIMIZERS", "LR_SCHEDULES", "MODELS", "DATASETS")
"""Names of the dicts that a plug-in may have."""

_PACKAGES = {
    "TASKS": "dmf.tasks",
    "WEIGHTINGS": "dmf.weighting",
    "SCHEDULES": "dmf.schedule",
    "OPTIMIZERS": "dmf.optimizers",
    "LR_SCHEDULES": "dmf.lr_schedules",
    "MODELS": "dmf.models",
    "DATASETS": "dmf.data",
}
"""Where the registry of the same name is; losses are those of their task."""

_DECLARING: dict[str, tuple[str, str, declared.Kind, str]] = {
    "WEIGHTINGS": ("dmf.weighting", "Weighting", "weighting", "weighting"),
    "LOSSES": ("dmf.terms", "Loss", "loss", "loss"),
    "SCHEDULES": ("dmf.schedule", "Schedule", "schedule", "schedule"),
    "OPTIMIZERS": ("dmf.optimizers", "OptimizerKind", "optimizer", "optimizer"),
    "LR_SCHEDULES": ("dmf.lr_schedules", "LRSchedule", "lr_schedule", "learning rate schedule"),
}
"""Where the class is that members derive from, which declare options of a kind; and what a member is called."""

RESERVED = ("none", "auto")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
_ABOUT_TASK = (
    "title",
    "about",
    "headline",
    "metrics",
    "columns",
    "case_score",
    "case_title",
    "case_mean",
    "target",
    "dataset",
    "terms",
)
_ABOUT_DATASET = ("title", "class_names", "how_to_get", "licence", "citation")


@dataclass(frozen=True)
class Plugin:
    """A file that was loaded.

    Attributes:
        path: Where it lies; whole.
        sha256: Of its bytes, in hexadecimal.
        names: What it added, by the word of its dict ("WEIGHTINGS", ...).
    """

    path: Path
    sha256: str
    names: Mapping[str, tuple[str, ...]]


_loaded: dict[str, Plugin] = {}  # by hash: the same file is the same plug-in, wherever it lies
_lock = threading.Lock()


def load_plugin(path: str | Path) -> Plugin:
    """Run a file and add what it names to the registries; a file that is loaded already is left as it is.

    Raises:
        ConfigError: If the file cannot be read or run, names nothing, names what is not of the right kind, a name is
            taken, or another version of the file was loaded by this process. Nothing is added then.
    """
    file = Path(path).expanduser().resolve()
    with _lock:
        try:
            source = file.read_bytes()
        except OSError as error:
            raise _refusal(f"Cannot read plug-in {path}: {error.strerror or error}. Give a Python file.") from error
        sha256 = hashlib.sha256(source).hexdigest()
        if sha256 in _loaded:
            return _loaded[sha256]
        older = next((plugin for plugin in _loaded.values() if plugin.path == file), None)
        if older is not None:
            raise _changed(older, sha256)
        module = _run(file, source, sha256)
        try:
            added = _members(file, module)
        except ConfigError:
            del sys.modules[module.__name__]
            raise
        for word, members in added.items():
            for name, member in members.items():
                registry_of(word, member).add(name, member)
        plugin = _loaded[sha256] = Plugin(file, sha256, {word: tuple(members) for word, members in added.items()})
        return plugin


def load_plugins(paths: Iterable[str | Path] = ()) -> tuple[Plugin, ...]:
    """Load the files that ``DMF_PLUGINS`` names, then ``paths``.

    Raises:
        ConfigError: As :func:`load_plugin`.
    """
    return tuple(load_plugin(path) for path in (*plugin_files(), *paths))


def loaded() -> tuple[Plugin, ...]:
    """The plug-ins of this process, in the order they were loaded."""
    return tuple(_loaded.values())


def not_loaded(stored: Iterable[PluginConfig]) -> tuple[PluginConfig, ...]:
    """Those files that a stored experiment uses and this process has not loaded, each once."""
    return tuple(dict.fromkeys(each for each in stored if each.sha256 not in _loaded))


def require(stored: Iterable[PluginConfig]) -> None:
    """Make sure that the files which a stored experiment uses are loaded.

    It loads none itself: a store may come from anybody, so a file that only the store names is not run by looking.

    Raises:
        ConfigError: If one is not loaded; says how to load it, or that it is gone or is another than it was.
    """
    for each in not_loaded(stored):
        _check_unchanged(each)
        raise _refusal(
            f"This run was made with plug-in {each.path} (SHA-256 {each.sha256}), which is not loaded. Files that only "
            f"the store names are not run by themselves: if you trust it, give it with `--plugin {each.path}`."
        )


def load_stored(stored: Iterable[PluginConfig]) -> None:
    """Load the files that a stored experiment uses, as they were when it was made, after somebody said yes to them.

    Raises:
        ConfigError: If one is gone or is another than it was then; or as :func:`load_plugin`.
    """
    for each in not_loaded(stored):
        _check_unchanged(each)
        load_plugin(each.path)


def _check_unchanged(stored: PluginConfig) -> None:
    try:
        now = hashlib.sha256(Path(stored.path).read_bytes()).hexdigest()
    except OSError as error:
        raise _refusal(
            f"Plug-in {stored.path}, which this run was made with, cannot be read: {error.strerror or error}. Put "
            "the file back, or name the same file elsewhere with `--plugin`."
        ) from error
    if now != stored.sha256:
        raise _refusal(
            f"Plug-in {stored.path} has changed since this run was made with it: its SHA-256 was "
            f"{short(stored.sha256)} and is {short(now)}. Name the file as it was with `--plugin`, or start anew."
        )


def plugins_of(config: ExperimentConfig, weightings: Iterable[str] = ()) -> tuple[PluginConfig, ...]:
    """The loaded plug-ins that ``config`` names something of, as they are stored with it.

    Args:
        config: The experiment.
        weightings: Weightings that it comes to name while it trains.

    Raises:
        ConfigError: If a file is gone or has changed since it was loaded: what would train is no longer in it.
    """
    return plugins_with(
        {
            "WEIGHTINGS": {*(run.fusion.weighting.name for run in config.runs), *weightings},
            "LOSSES": {loss.name for run in config.runs for loss in (*run.fusion.terms, run.fusion.auxiliary)},
            "SCHEDULES": {run.fusion.schedule.name for run in config.runs},
            "OPTIMIZERS": {config.training.optimizer.name},
            "LR_SCHEDULES": {config.training.lr_schedule.name},
            "MODELS": {config.model.model},
            "DATASETS": {config.data.dataset},
            "TASKS": {config.task},
        }
    )


def plugins_with(names: Mapping[str, Set[str]]) -> tuple[PluginConfig, ...]:
    """The loaded plug-ins that added one of ``names``, by the word of their dict, as they are stored.

    Raises:
        ConfigError: As :func:`plugins_of`.
    """
    plugins = []
    for plugin in loaded():
        if any(not names.get(word, frozenset()).isdisjoint(added) for word, added in plugin.names.items()):
            try:
                now = hashlib.sha256(plugin.path.read_bytes()).hexdigest()
            except OSError as error:
                raise _refusal(
                    f"Plug-in {plugin.path} cannot be read any more: {error.strerror or error}. Put the file back, so "
                    "that the run can be resumed."
                ) from error
            if now != plugin.sha256:
                raise _changed(plugin, now)
            plugins.append(PluginConfig(path=str(plugin.path), sha256=plugin.sha256))
    return tuple(plugins)


def registry_of(word: str, member: Any = None) -> Registry[Any]:
    """The registry that a dict of a plug-in joins; imports no more than that one.

    Args:
        word: Of the dict.
        member: Of it; a loss joins those of its task.
    """
    if word == "LOSSES":
        from dmf.tasks import find_task

        return find_task(getattr(member, "task", DEFAULT_TASK)).losses()
    if word in _PACKAGES:
        registry: Registry[Any] = getattr(importlib.import_module(_PACKAGES[word]), word)
        return registry
    raise ValueError(f"`word` must be one of {', '.join(WORDS)}, got {word!r}.")


def short(sha256: str) -> str:
    """The first digits of a hash, enough to tell two apart."""
    return f"{sha256[:10]}…"


def _refusal(message: str) -> ConfigError:
    return ConfigError(message, "plugin")


def _changed(plugin: Plugin, now: str) -> ConfigError:
    return _refusal(
        f"Plug-in {plugin.path} has changed since it was loaded: its SHA-256 was {short(plugin.sha256)} and is "
        f"{short(now)}. Restart the program to use it as it is now."
    )


def _run(file: Path, source: bytes, sha256: str) -> ModuleType:
    """The file as a module under a name of its own, which holds its hash: see ``Dataset.identity``."""
    name = f"{PLUGIN_MODULE}{re.sub(r'[^A-Za-z0-9_]', '_', file.stem)}_{sha256[:16]}"
    spec = importlib.util.spec_from_loader(name, loader=None, origin=str(file))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(file)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        exec(compile(source, str(file), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        if isinstance(error, SyntaxError) and error.filename == str(file):  # it has no frame yet
            sentence = f"Plug-in {file}, line {error.lineno}: SyntaxError: {error.msg}"
        else:
            sentence = reason(error)
        del sys.modules[name]
        raise _refusal(sentence if sentence.startswith("Plug-in ") else f"Plug-in {file}: {sentence}") from error
    return module


def _members(file: Path, module: ModuleType) -> dict[str, dict[str, Any]]:
    """What a module adds, by the word of its dict; checked in full before anything is added."""
    by_word: dict[str, dict[str, Any]] = {}
    for word in WORDS:
        members = getattr(module, word, None)
        if members is None:
            continue
        if isinstance(members, Registry):  # imported from us to look at, not to add
            continue
        if not isinstance(members, Mapping):
            raise _refusal(f"Plug-in {file}: {word} must be a dict of names, got {type(members).__name__}.")
        for name, member in members.items():
            for wrong in (*_wrong_name(word, name, member, by_word), *_wrong_member(word, name, member)):
                raise _refusal(f"Plug-in {file}: {wrong}")
        if members:
            by_word[word] = dict(members)
    if not by_word:
        raise _refusal(
            f"Plug-in {file} names nothing. Let it say what it adds, e.g. WEIGHTINGS = {{'mine': MyWeighting}}; it may "
            f"have {', '.join(WORDS[:-1])} and {WORDS[-1]}."
        )
    return by_word


def _wrong_name(word: str, name: object, member: object, beside: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Why a name cannot be taken; ``beside`` is what the file adds before it, such as the task of a loss."""
    own = beside.get("TASKS", {}).get(getattr(member, "task", DEFAULT_TASK))
    try:
        registry = own.losses() if word == "LOSSES" and own is not None else registry_of(word, member)
    except UnknownNameError as error:
        yield f"loss {name!r} is of no task that there is. {error}"
        return
    kind = registry.kind
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in RESERVED:
        yield (
            f"{name!r} cannot be the name of a {kind}. Begin with a letter, then up to 39 letters, digits, dots, "
            f"hyphens or underscores; {' and '.join(RESERVED)} have a meaning of their own."
        )
    elif name in registry:
        owner = next((plugin for plugin in loaded() if name in plugin.names.get(word, ())), None)
        source = "comes with the program" if owner is None else f"is from {owner.path}"
        yield f"there is a {kind} {name!r} already, which {source}. Choose another name."


def _wrong_member(word: str, name: str, member: Any) -> Iterator[str]:
    """Why a member cannot be what its dict says; nothing where it can."""
    match word:
        case "WEIGHTINGS" | "LOSSES" | "SCHEDULES" | "OPTIMIZERS" | "LR_SCHEDULES":
            package, base, kind, words = _DECLARING[word]
            yield from _wrong_class(name, member, getattr(importlib.import_module(package), base), words)
            yield from _wrong_options(name, member, kind)
        case "TASKS":
            from dmf.tasks import Task

            yield from _wrong_class(name, member, Task, "task")
            yield from _says_too_little(name, member, "task", _ABOUT_TASK)
        case "DATASETS":
            from dmf.data import Dataset

            yield from _wrong_class(name, member, Dataset, "dataset")
            yield from _says_too_little(name, member, "dataset", _ABOUT_DATASET)
        case _:
            yield from _wrong_model(name, member)


def _wrong_model(name: str, member: Any) -> Iterator[str]:
    from torch import nn

    wanted = "a function (config, in_channels, classes, image_size) -> torch.nn.Module"
    if not callable(member) or isinstance(member, nn.Module):  # a network can be called, but makes none
        yield f"model {name!r} must be {wanted}, got {type(member).__name__}."
        return
    try:
        inspect.signature(member).bind("config", "in_channels", "classes", "image_size")
    except TypeError as error:
        yield f"model {name!r} must be {wanted}, and cannot be called so: {error}."
    except ValueError:  # not written in Python: its arguments are not known
        pass


def _says_too_little(name: str, member: Any, kind: str, about: tuple[str, ...]) -> Iterator[str]:
    missing = [word for word in about if not hasattr(member, word)]
    if getattr(member, "name", None) != name:
        yield f"{kind} {name!r} must say so itself: give the class name = {name!r}."
    if missing:
        yield f"{kind} {name!r} must say more about itself: give the class {', '.join(missing)}."


def _wrong_options(name: str, member: Any, kind: declared.Kind) -> Iterator[str]:
    """Why what a method declares of its options cannot be."""
    from dmf.weighting.options import StartOptions

    base = StartOptions if kind == "weighting" else Options
    model = getattr(member, "declares", base)
    if not (isinstance(model, type) and issubclass(model, base)):
        yield (
            f"{kind} {name!r} must declare its options as a class derived from {base.__module__}.{base.__name__}, got "
            f"{model!r}."
        )
        return
    for option, info in model.model_fields.items():
        if not info.description:
            yield f"option {option!r} of {kind} {name!r} must say what it is: give its Field a description."
    named = vars(member).get("options") if isinstance(member, type) else None
    known = {*declared.words(kind), *model.words().values()}
    unknown = sorted(set(named) - known) if isinstance(named, tuple) else []
    if unknown:
        yield (
            f"the options of weighting {name!r} must be those of another, and {', '.join(map(repr, unknown))} is none. "
            "Declare your own, see docs/adding-a-method.md."
        )


def _wrong_class(name: str, member: Any, base: type, kind: str) -> Iterator[str]:
    wanted = f"{base.__module__.rpartition('.')[0]}.{base.__name__}"
    if not (isinstance(member, type) and issubclass(member, base)):
        got = member.__name__ if isinstance(member, type) else f"something of type {type(member).__name__}"
        yield f"{kind} {name!r} must be a class derived from {wanted}, got {got}."
    elif inspect.isabstract(member):
        undefined = ", ".join(sorted(member.__abstractmethods__))  # type: ignore[attr-defined]
        yield f"{kind} {name!r} must say what it does: define {undefined}."
