"""Checkpoints of earlier programs, and of the same losses in another order."""

from typing import TYPE_CHECKING, Any

from torch import Tensor

from dmf.errors import ConfigError
from dmf.fusion.naming import from_state
from dmf.weighting.places import rearranged

if TYPE_CHECKING:
    from dmf.fusion.fusion import Fusion


def fitted(fusion: "Fusion", state: dict[str, Any], prefix: str) -> None:
    """Bring a state to the shapes of ``fusion``, in place: counts become per loss, losses come in their order by name.

    Raises:
        ConfigError: If it is of other losses, or of another number of them; says which.
    """
    values = state.get(f"{prefix}history.values")
    if values is None:
        return
    _, names = from_state(state[f"{prefix}_extra_state"]) if f"{prefix}_extra_state" in state else (0, None)
    places = _places(names, len(values), fusion)
    own = {f"{prefix}{name}": value for name, value in fusion.state_dict().items() if isinstance(value, Tensor)}
    for key, value in own.items():
        stored = state.get(key)
        if isinstance(stored, Tensor) and stored.ndim == 0 and value.ndim == 1 and not key.endswith("_extra_state"):
            state[key] = stored.expand(value.shape).clone()  # one count of all losses, as earlier programs had
    if places is None:
        return
    for part in ("history.values", "history.filled"):
        state[f"{prefix}{part}"] = rearranged(state[f"{prefix}{part}"], 0, places)
    at = f"{prefix}weighting."
    stored = {key.removeprefix(at): value for key, value in state.items() if key.startswith(at)}
    for name, value in fusion.weighting.rearranged_state(stored, places).items():
        state[f"{at}{name}"] = value


def _places(names: tuple[str, ...] | None, count: int, fusion: "Fusion") -> list[int] | None:
    """Where the fusion's losses are in the state; None where they are in the same order."""
    own = fusion.names
    if names is None or own is None:
        if count != fusion.weighting.count:
            known = f" ({', '.join(names or own or ())})" if names or own else ""
            raise ConfigError(
                f"The checkpoint is of {count} losses, this fusion weighs {fusion.weighting.count}{known}. Build it "
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
