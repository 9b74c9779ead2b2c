"""Which weightings can be replayed, and which settings concern each."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from dmf.weighting import Weighting


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
    from dmf.weighting import WEIGHTINGS, Weighting, WindowWeighting

    methods = {}
    for name in WEIGHTINGS:
        kind = cast("type[Weighting]", WEIGHTINGS[name])
        if kind.replayable and kind.replay is not Weighting.replay:
            options = (*kind.options, *(("history_max",) if issubclass(kind, WindowWeighting) else ()))
            methods[name] = ReplayableMethod(options, kind.simplex)
    return methods
