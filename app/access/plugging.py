"""Files of someone's own that ``DMF_PLUGINS`` names, loaded before the first menu is made."""

from dmf.errors import ConfigError
from dmf.paths import plugin_files
from dmf.plugins import load_plugin, loaded


def load_plugins() -> list[str]:
    """Load what is not loaded yet; what keeps a file from being loaded, a sentence each. The others go on."""
    troubles = []
    for file in plugin_files():
        try:
            load_plugin(file)
        except ConfigError as error:
            troubles.append(str(error))
    return troubles


def added() -> dict[str, tuple[str, ...]]:
    """Names that plug-ins have added, by the field of a configuration that may take them."""
    names = {
        word: tuple(name for plugin in loaded() for name in plugin.names.get(word, ())) for word in ("LOSSES", "MODELS")
    }
    return {"auxiliary": names["LOSSES"], "model": names["MODELS"]}
