"""Checkpoints of earlier programs, and of the same losses in another order."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from dmf.errors import ConfigError
from dmf.fusion.naming import from_state
from dmf.weighting import Weighting
from dmf.weighting.places import rearranged


def fitted(
    state: dict[str, Any], prefix: str, own: Mapping[str, Any], names: tuple[str, ...] | None, weighting: Weighting
) -> None:
    """Bring a state to the shapes of a fusion, in place: counts become per loss, losses come in their order by name.

    Args:
        state: What is loaded; its keys begin with ``prefix``.
        prefix: Of the fusion within the module that is loaded.
        own: The state of the fusion as it is.
        names: Its losses; None where it knows no names.
        weighting: Its weighting.

    Raises:
        ConfigError: If it is of other losses, or of another number of them; says which.
    """
    values = state.get(f"{prefix}history.values")
    if values is None:
        return
    _, stored_names = from_state(state[f"{prefix}_extra_state"]) if f"{prefix}_extra_state" in state else (0, None)
    places = _places(stored_names, len(values), names, weighting.count)
    for name, value in own.items():
        key = f"{prefix}{name}"
        stored = state.get(key)
        if isinstance(value, Tensor) and isinstance(stored, Tensor) and stored.ndim == 0 and value.ndim == 1:
            state[key] = stored.expand(value.shape).clone()  # one count of all losses, as earlier programs had
    if places is None:
        return
    for part in ("history.values", "history.filled"):
        state[f"{prefix}{part}"] = rearranged(state[f"{prefix}{part}"], 0, places)
    at = f"{prefix}weighting."
    of_weighting = {key.removeprefix(at): value for key, value in state.items() if key.startswith(at)}
    for name, value in weighting.rearranged_state(of_weighting, places).items():
        state[f"{at}{name}"] = value


def _places(names: tuple[str, ...] | None, count: int, own: tuple[str, ...] | None, own_count: int) -> list[int] | None:
    """Where the fusion's losses are in the state; None where they are in the same order."""
    if names is None or own is None:
        if count != own_count:
            known = f" ({', '.join(names or own or ())})" if names or own else ""
            raise ConfigError(
                f"The checkpoint is of {count} losses, this fusion weighs {own_count}{known}. Build it "
                f"for {count}, load, then `fusion.add(name)` or `fusion.drop(name)`.",
                "terms",
            )
        return None
    if names == own:
        return None
    if set(names) != set(own):
        without = [name for name in own if name not in names]
        more = [name for name in names if name not in own]
        parts = [f"has no {', '.join(without)}"] * bool(without) + [f"has {', '.join(more)} besides"] * bool(more)
        raise ConfigError(
            f"The checkpoint is of the losses {', '.join(names)}; this fusion weighs {', '.join(own)}: it "
            f"{' and '.join(parts)}. Build the fusion with the checkpoint's names, load, then `fusion.add(name)`, "
            "`fusion.drop(name)` or `fusion.rename(old, new)`.",
            "terms",
        )
    return [names.index(name) for name in own]
