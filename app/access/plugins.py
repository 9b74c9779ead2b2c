"""Files of someone's own: those that ``DMF_PLUGINS`` names; those that only the store names wait for a yes."""

from collections.abc import Iterable

from app.access.reading import store
from app.visitors import owner_only
from dmf.config import PluginConfig
from dmf.config_text import build
from dmf.errors import ConfigError
from dmf.live_settings import plugins_of_changes
from dmf.paths import plugin_files
from dmf.plugins import load_plugin, load_stored, loaded, not_loaded
from dmf.runs import ExperimentRow


def load_plugins() -> list[str]:
    """Load what is not loaded yet; what keeps a file from being loaded, a sentence each. The others go on."""
    troubles = []
    for file in plugin_files():
        try:
            load_plugin(file)
        except ConfigError as error:
            troubles.append(str(error))
    return troubles


def unloaded_plugins(experiments: Iterable[ExperimentRow]) -> tuple[PluginConfig, ...]:
    """The files that these experiments were made with and that are not loaded: looking at a run never runs a file."""
    named: list[PluginConfig] = []
    for experiment in experiments:
        named += [build(PluginConfig, plugin) for plugin in experiment.config.get("plugins") or ()]
        named += plugins_of_changes(store().events([run.id for run in experiment.runs]))
    return not_loaded(named)


def plugins_to_replay(run: str, methods: Iterable[str]) -> tuple[PluginConfig, ...]:
    """The files that are not loaded and without which a run cannot be replayed; none where its methods are known.

    Args:
        run: Its id.
        methods: That it trained with.

    Raises:
        RunNotFoundError: If it is gone.
    """
    from dmf.build import choices

    if set(methods) <= set(choices()["weighting"]):
        return ()
    return unloaded_plugins([store().experiment(store().run(run).experiment)])


@owner_only
def run_plugin(plugin: PluginConfig) -> None:
    """Load a file that the store names, after somebody who saw its path and hash said yes.

    Raises:
        ConfigError: If it is gone, has changed or cannot be loaded.
    """
    load_stored([plugin])


def added() -> dict[str, tuple[str, ...]]:
    """Names that plug-ins have added, by the field of a configuration that may take them."""
    names = {
        word: tuple(name for plugin in loaded() for name in plugin.names.get(word, ())) for word in ("LOSSES", "MODELS")
    }
    return {"auxiliary": names["LOSSES"], "model": names["MODELS"]}
