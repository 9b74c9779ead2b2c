"""Which weightings can be replayed, and which settings concern each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReplayableMethod:
    """A weighting that follows from loss values alone.

    Attributes:
        options: Fields of ``FusionConfig`` that concern it, those of its memory included.
        simplex: Whether its weights are never negative and always have the same sum.
    """

    options: tuple[str, ...]
    simplex: bool


def replayable_methods() -> dict[str, ReplayableMethod]:
    """Every weighting that :func:`dmf.replay.replay` takes, by name.

    One that says so must also say how: a rule of someone's own that only defines a step cannot be replayed.
    """
    from dmf.weighting import WEIGHTINGS, SoftAdaptWeighting, Weighting, WindowWeighting

    found = {}
    for name in WEIGHTINGS:
        kind = WEIGHTINGS[name]
        if kind.replayable and kind.replay is not Weighting.replay:  # type: ignore[attr-defined]
            # SoftAdapt's own window says how far it looks back; the memory only has to be as long.
            remembers = issubclass(kind, WindowWeighting) and not issubclass(kind, SoftAdaptWeighting)  # type: ignore[arg-type]
            options = (*kind.options, *(("history_max",) if remembers else ()))  # type: ignore[attr-defined]
            found[name] = ReplayableMethod(options, kind.simplex)  # type: ignore[attr-defined]
    return found
