"""What the values of a set of masks mean: options under which they can be read, and what is doubtful about that."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dmf.data.base import BrokenDataError, Doubt, OptionValue, Problem
from dmf.data.clusters import Clusters, find_clusters
from dmf.data.colours import find_table, proposed
from dmf.data.survey import Survey, survey

MOST_CLASSES = 32
MOST_NAMED = 6  # values a message lists
MOST_FAR = 1 / 3  # share of pixels near no class from which on a picture is no mask
FEW = 8  # values that no soft edge has
VOID = 255
HIGHEST_LABEL = 64  # below it, numbers count classes; above, they are grey levels
STRAY_PIXELS, STRAY_SHARE, STRAY_TOTAL = 4, 5e-4, 1e-3  # of a mask, of its pixels, of all pixels
FEW_IMAGES = 0.05  # share of masks below which a value is rare
NOISE = "holds no few values that pixels gather around: it looks like a picture or like noise, not like a mask"


@dataclass
class Meaning:
    """How masks are read.

    Attributes:
        options: Under which they can be; only those that differ from the defaults.
        doubts: What may be meant otherwise.
    """

    options: dict[str, OptionValue] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)


def meaning(masks: Iterable[Path]) -> Meaning:
    """What a set of masks most likely means.

    Raises:
        BrokenDataError: If none can be read, or they hold what cannot be classes; a damaged one beside others is left
            for loading to report.
    """
    files = list(masks)
    surveyed = survey(files)
    if not surveyed.files and surveyed.problems:
        raise BrokenDataError(surveyed.problems)
    if surveyed.coloured:
        return _of_colours(surveyed, files)
    return _of_values(surveyed, _where(files))


def _where(files: Sequence[Path]) -> str:
    return str(files[0].parent) if files else "masks"


def _of_colours(surveyed: Survey, files: Sequence[Path]) -> Meaning:
    table = find_table(files)
    if table is None:
        raise BrokenDataError([colour_problem(surveyed, _where(surveyed.coloured))])
    file, colours = table
    options: dict[str, OptionValue] = {"colours": str(colours)}
    decided = f"colours are classes as {file.name} beside them says: {', '.join(colours.class_names)}"
    if surveyed.lossy:
        options["nearest"] = True
    what = f"{len(surveyed.coloured)} of {surveyed.files} masks are coloured"
    return Meaning(options, [Doubt(what, decided, (f"colours={colours}",))])


def colour_problem(surveyed: Survey, where: str) -> Problem:
    """Coloured masks of which nobody said what colour is which class, with the colours that were met."""
    commonest = surveyed.colours.most_common()
    total = max(1, sum(surveyed.colours.values()))
    listed = [f"{red},{green},{blue} ({count / total:.2%})" for (red, green, blue), count in commonest[:MOST_NAMED]]
    more = f" and {len(commonest) - MOST_NAMED} more" if len(commonest) > MOST_NAMED else ""
    what = (
        f"{len(surveyed.coloured)} of {surveyed.files} masks are coloured, with the colours {', '.join(listed)}{more}"
    )
    kept = [colour for colour, _ in commonest[:MOST_CLASSES]]
    kept.sort(key=lambda colour: colour != (0, 0, 0))  # black is the background where there is black
    if len(commonest) <= MOST_CLASSES and len(kept) > 1:
        way = f"Name the class of each with the option {proposed(kept)}"
    else:
        way = "Name the class of each with the option colours=0,0,0=background;255,0,0=lesion and so on"
        if surveyed.lossy:
            way += ", with nearest=true as they were saved as JPEG"
    return Problem(where, what, f"{way}, or put a CSV with the columns name, r, g, b beside the masks.", kind="colours")


def _of_values(surveyed: Survey, where: str) -> Meaning:
    values = sorted(surveyed.counts)
    if set(values) <= {0, 255}:
        return Meaning()
    is_soft = len(values) > FEW and not surveyed.is_flat and values[-1] >= HIGHEST_LABEL  # soft edges reach white
    if surveyed.lossy or _has_twins(values) or is_soft:
        return _smooth(surveyed, where)
    if len(values) > MOST_CLASSES or values[0] < 0 or values[-1] > 65535:
        return _instances(surveyed, values)
    return _few(surveyed, values)


def _has_twins(values: Sequence[int]) -> bool:
    """Whether there are values beside 0 and beside 255, as a JPEG leaves them though it was saved anew without loss."""
    return any(0 < value <= 8 for value in values) and any(247 <= value < 255 for value in values)


def _smooth(surveyed: Survey, where: str) -> Meaning:
    """Masks whose values do not stand for themselves: JPEG, or soft edges."""
    clusters = find_clusters(surveyed.counts)
    if clusters.far_share > MOST_FAR or not clusters.members:
        raise BrokenDataError([Problem(where, NOISE, "Save each mask with one value for each class.", kind="noise")])
    highest = max(surveyed.counts)
    if len(clusters.members) == 1 and highest < 128:
        what = (
            f"holds the values {min(surveyed.counts)} to {highest}, which lie closer than JPEG or soft edges keep apart"
        )
        raise BrokenDataError([Problem(where, what, "Save the masks as PNG.", kind="noise")])
    values = clusters.values if len(clusters.members) > 1 else (0, 255)
    options: dict[str, OptionValue] = {"nearest": True}
    if values != (0, 255):
        options = {"values": _joined(values), "nearest": True}
    return Meaning(options, [_cluster_doubt(surveyed, clusters, values)])


def _cluster_doubt(surveyed: Survey, clusters: Clusters, values: Sequence[int]) -> Doubt:
    why = f"{surveyed.lossy} of {surveyed.files} masks are saved as JPEG" if surveyed.lossy else "masks have soft edges"
    what = (
        f"{why}: their {len(surveyed.counts)} values gather around {', '.join(map(str, clusters.members))}, and "
        f"{clusters.far:,} pixels ({clusters.far_share:.2%}) are far from each"
    )
    decided = f"each pixel is of the nearest of {_listed(values)}"
    ways: tuple[str, ...] = ("nearest=true",)
    if tuple(values) != (0, 255):
        ways = (f"values={_joined(values)},nearest=true", "values=0:255,nearest=true")
    return Doubt(what, decided, ways)


def _instances(surveyed: Survey, values: Sequence[int]) -> Meaning:
    what = f"masks hold {len(values)} values from {values[0]} to {values[-1]}, as if they numbered single objects"
    return Meaning({"labels": "any"}, [Doubt(what, "every value above 0 is foreground", ("labels=any",))])


def _few(surveyed: Survey, values: Sequence[int]) -> Meaning:
    doubts: list[Doubt] = []
    strays = [value for value in values if _is_stray(surveyed, value)]
    kept = [value for value in values if value not in strays]
    options: dict[str, OptionValue] = {}
    classes = kept
    if len(kept) == 1:
        classes = sorted({*kept, 0, *([255] if kept == [0] else [])})
    if has_void(kept):
        classes = [value for value in kept if value != VOID]
        options["ignore"] = str(VOID)
        what = f"{_met(surveyed, VOID)} beside the small numbers {_listed(classes)}"
        either = (f"ignore={VOID}", f"values={_joined(kept)}")
        doubts.append(Doubt(what, "its pixels belong to no class and count nowhere", either))
    for value in strays:
        options["nearest"] = True
        ways = ("nearest=true", f"ignore={value}", f"values={_joined([*classes, value])}")
        nearest = min(classes, key=lambda each: abs(each - value))
        doubts.append(Doubt(_met(surveyed, value), f"no class of its own: it is taken as {nearest}, the nearest", ways))
    if tuple(classes) != (0, 255):
        options["values"] = _joined(classes)
    doubts += _rare(surveyed, classes)
    doubts += _gaps(classes)
    if len(surveyed.consecutive) > 2 and len(classes) > FEW // 2:
        what = (
            f"masks hold 0 to n without a gap, with n from {min(surveyed.consecutive)} to {max(surveyed.consecutive)}"
        )
        either = (f"values={_joined(classes)}", "labels=any")
        doubts.append(Doubt(f"{what}, as if they numbered single objects", "each value is a class", either))
    return Meaning(options, doubts)


def has_void(values: Collection[int]) -> bool:
    """Whether 255 stands beside numbers of classes, where it usually marks pixels of no class."""
    return VOID in values and len(values) > 2 and all(value < HIGHEST_LABEL for value in values if value != VOID)


def _is_stray(surveyed: Survey, value: int) -> bool:
    """Whether a value has so few pixels, in each mask that holds it and in all, that it is hardly a class."""
    common = sorted(surveyed.counts, key=lambda each: -surveyed.counts[each])[:2]
    if value == 0 or value in common:
        return False
    each = surveyed.counts[value] / surveyed.images[value]
    size = surveyed.pixels / surveyed.files
    return each <= max(STRAY_PIXELS, STRAY_SHARE * size) and surveyed.counts[value] <= STRAY_TOTAL * surveyed.pixels


def _rare(surveyed: Survey, classes: Sequence[int]) -> list[Doubt]:
    """Classes that few masks hold."""
    rare = [value for value in classes if 0 < surveyed.images[value] <= max(1, FEW_IMAGES * surveyed.files)]
    if surveyed.files < 10 or len(classes) < 3:
        return []
    return [
        Doubt(_met(surveyed, value), "it is a class", (f"values={_joined(classes)}", f"ignore={value}"))
        for value in rare
        if value != classes[0]
    ]


def _gaps(classes: Sequence[int]) -> list[Doubt]:
    missing = sorted(set(range(classes[-1])) - set(classes))
    if classes[-1] >= HIGHEST_LABEL or len(classes) < 3 or not missing:
        return []
    what = f"masks hold {_listed(classes)}, but no {_listed(missing)}"
    decided = f"these {len(classes)} are the classes, in this order"
    return [Doubt(what, decided, (f"values={_joined(classes)}", f"values={_joined(range(classes[-1] + 1))}"))]


def _met(surveyed: Survey, value: int) -> str:
    """Where a value was met."""
    count = surveyed.counts[value]
    pixels = "1 pixel" if count == 1 else f"{count:,} pixels"
    share = count / max(surveyed.pixels, 1)
    return f"{value} is in {surveyed.images[value]} of {surveyed.files} masks, {pixels} ({share:.4%})"


def _joined(values: Iterable[int]) -> str:
    return ":".join(str(value) for value in sorted(values))


def _listed(values: Sequence[int]) -> str:
    shown = ", ".join(map(str, values[:MOST_NAMED]))
    return shown if len(values) <= MOST_NAMED else f"{shown} and {len(values) - MOST_NAMED} more values"
