"""Which files of a folder or an archive are images and which are masks, told from their names alone.

One function serves folders that are read in place, archives that are unpacked, and whoever trains, so that all of
them come to the same cases.
"""

import fnmatch
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os.path import commonprefix  # of texts letter by letter, of tuples part by part
from pathlib import PurePosixPath
from typing import TypeAlias

from dmf.data.base import Doubt, Problem, SplitName
from dmf.data.files import PICTURES, natural
from dmf.data.names import CHANNEL, LABELLED, LABELS, PREDICTIONS, Kind, Sides, a, aliases, cores, part, role

Path: TypeAlias = PurePosixPath
_Key: TypeAlias = tuple[SplitName | None, tuple[str, ...]]
MOST_NAMED = 3  # files a sentence names
HERE = PurePosixPath(".")


@dataclass(frozen=True)
class Entry:
    """An image and its masks.

    Attributes:
        id: Path of the image below the dataset, without suffix and without the words that say what a folder is for.
        folders: Folders around the image that say neither that nor a part of the split; what it shows, or of whom.
        image: Its file.
        masks: Its masks with the number each bears in its name, else 0; in order.
        part: The part of the split that its folders say; None where they say none.
    """

    id: str
    folders: tuple[str, ...]
    image: Path
    masks: tuple[tuple[Path, int], ...] = ()
    part: SplitName | None = None


@dataclass
class Discovered:
    """What names say about files.

    Attributes:
        base: The folder that holds all of them; ``.`` where that is the folder looked at.
        entries: Every image, by folder, then by number.
        problems: Why names cannot be read, masks without an image, and names that occur twice.
        doubts: What may be meant otherwise.
        remarks: What was decided, or is not read.
        files: Images and masks, those that find no partner included.
        others: Files among them that are no pictures.
        sides: What images and masks are called.
    """

    base: Path = HERE
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    sides: Sides = LABELLED


@dataclass(frozen=True)
class _Place:
    """A picture and what its folders say.

    Attributes:
        role: The folder that makes it an image or a mask, or around all of them where their own names do.
        scope: Folders above that say neither a role nor a part: what the dataset is called, or a label.
        below: Folders below it that say neither.
        part, words: The part of a split, and as it is written.
    """

    file: Path
    kind: Kind
    role: Path
    scope: tuple[str, ...]
    below: tuple[str, ...]
    part: SplitName | None
    words: tuple[str, ...]

    @property
    def key(self) -> _Key:
        """What an image and its mask have in common beside their names."""
        return self.part, (*self.scope, *self.below)


def discover(
    files: Iterable[Path],
    *,
    images: str = "",
    masks: str = "",
    together: bool = False,
    by_order: bool = False,
    sides: Sides = LABELLED,
) -> Discovered:
    """Find images and masks by their names.

    Understood are folders of images beside folders of masks (``images`` and ``masks``, ``imagesTr`` and ``labelsTr``,
    ``original`` and ``GT``, ...), alone, within or around folders for the parts of a split and for labels, and masks
    beside their images (``a.png`` and ``a_mask.png``). Where names leave a choice there is a problem that names all
    there is to choose from.

    Args:
        files: All there is, as paths below the folder to look at.
        images: Folder of images, or a pattern such as ``*_image.png``; told from the names when empty.
        masks: Folder or pattern of masks, likewise.
        together: Read datasets side by side as one, such as a folder for each patient.
        by_order: Match the first image with the first mask and so on, whatever they are called.
        sides: What images and masks are called in problems and remarks.
    """
    listed = sorted(files, key=lambda file: (file.parent, natural(file), file.suffix))
    pictures = [file for file in listed if file.suffix.lower() in PICTURES and not file.name.startswith(".")]
    places = [place for file in pictures if (place := _place(file, images, masks)) is not None]
    loose = [place.file.parent for place in places if place.role == HERE]  # named by a pattern, wherever they lie
    around = range(len(_common(loose).parts))
    places = [_located(place.file, place.kind, around) if place.role == HERE else place for place in places]
    discovered = Discovered(sides=sides)
    for option, value, kind in ((sides.image_option, images, "image"), (sides.mask_option, masks, "mask")):
        if value and not any(place.kind == kind for place in places):
            what = f"holds no pictures in {value}, which the option {option} names"
            discovered.problems.append(Problem("", what, f"Correct the option {option}: a folder below, or a pattern."))
            return discovered
    if len({place.kind for place in places}) == 1 and bool(images) != bool(masks):
        places = _with_the_rest(pictures, places)
    if {place.kind for place in places} < {"image", "mask"}:
        places = _beside(pictures)
        if not places:
            discovered.problems.append(_nothing(pictures))
            return discovered
    else:
        spread = any(_is_pattern(wanted) and "/" in wanted for wanted in (images, masks))  # over folders side by side
        places = _chosen(places, discovered, together=together or spread)
        if discovered.problems:
            return discovered
        places = _without_unlabelled_parts(places, discovered)
        discovered.doubts += _rivals(pictures, places)
    folders, read = {place.role for place in places}, set(pictures)
    discovered.others = [file for file in listed if file not in read and not folders.isdisjoint(file.parents)]
    discovered.files = [place.file for place in places]
    discovered.base = _base(places)
    _pair(places, discovered, by_order=by_order)
    return discovered


def in_words(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """The first of some names, and how many there are beside them."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _place(file: Path, images: str, masks: str) -> _Place | None:
    folders = file.parts[:-1]
    if PREDICTIONS in (folder.lower() for folder in folders):
        return None
    options: tuple[tuple[Kind, str], ...] = (("mask", masks), ("image", images))
    says = next(((at, own) for at in reversed(range(len(folders))) if (own := role(folders[at])) is not None), None)
    for kind, wanted in options:
        # A pattern for images that fits the masks too is not meant to make them images.
        if wanted and (says is None or says[1].kind == kind or not _is_pattern(wanted)):
            named = _matched(file, wanted)
            if named is not None:
                return _located(file, kind, named)
    if says is None or dict(options)[says[1].kind]:
        return None
    return _located(file, says[1].kind, range(says[0], says[0] + 1))


def _with_the_rest(pictures: Sequence[Path], places: list[_Place]) -> list[_Place]:
    """Where an option names the images or the masks and nothing else says what the others are: these are the other."""
    named = {place.file for place in places}
    folders = {place.file.parent for place in places}
    rest = [file for file in pictures if file not in named and PREDICTIONS not in map(str.lower, file.parts[:-1])]
    beside = [file for file in rest if file.parent in folders]
    others = beside or rest
    if not others or (not beside and len({file.parent for file in others}) > 1):
        return places
    kind: Kind = "image" if places[0].kind == "mask" else "mask"
    if beside:
        around = range(len(_common([file.parent for file in (*named, *others)]).parts))
        return [_located(file, kind if file in others else places[0].kind, around) for file in (*named, *others)]
    return [*places, *(_located(file, kind, range(len(file.parts) - 1)) for file in others)]


def _matched(file: Path, wanted: str) -> Sequence[int] | None:
    """Places of the folders of a file that an option names; None where it does not name this file."""
    folders = tuple(folder.lower() for folder in file.parts[:-1])
    parts = tuple(each.lower() for each in Path(wanted).parts)
    if not _is_pattern(wanted):
        ends = range(len(folders), len(parts) - 1, -1)
        return next((range(at - len(parts), at) for at in ends if folders[at - len(parts) : at] == parts), None)
    own = (*folders, file.name.lower())
    if len(parts) == 1:
        return () if fnmatch.fnmatchcase(own[-1], parts[0]) else None
    if len(own) != len(parts) or not all(map(fnmatch.fnmatchcase, own, parts)):
        return None
    return [place for place, (one, other) in enumerate(zip(folders, parts[:-1], strict=True)) if one == other]


def _is_pattern(wanted: str) -> bool:
    return any(sign in wanted for sign in "*?[")


def _located(file: Path, kind: Kind, named: Sequence[int]) -> _Place:
    """What the folders of a file say, given which of them make it an image or a mask."""
    folders = file.parts[:-1]
    at = named[-1] + 1 if named else 0
    above: list[str] = []
    below: list[str] = []
    parts: list[tuple[SplitName, str]] = []
    for place, folder in enumerate(folders):
        own, whole = role(folder), part(folder)
        if whole is not None:
            parts.append((whole, folder))
        elif own is not None and own.part is not None:
            parts.append((own.part, own.rest))
        elif own is None and place not in named:
            (above if place < at else below).append(folder)
    words = tuple(word for _, word in parts)
    return _Place(file, kind, Path(*folders[:at]), tuple(above), tuple(below), parts[-1][0] if parts else None, words)


def _beside(pictures: Sequence[Path]) -> list[_Place]:
    """Images with their masks in the same folder; nothing where no name belongs to another."""
    stems: dict[Path, set[str]] = defaultdict(set)
    for file in pictures:
        stems[file.parent].add(file.stem)
    known = {folder: inside | {other for stem in inside for other in aliases(stem)} for folder, inside in stems.items()}
    affixes: dict[Path, set[str]] = {}
    for file in pictures:
        own = {_affix(file.stem, core) for core, _ in cores(file.stem) if core in known[file.parent] - {file.stem}}
        if own:
            affixes[file] = own
    usual = set().union(*affixes.values())
    # What is named as the masks are is one, though its image may be missing.
    masks = {
        file
        for file in pictures
        if file in affixes or usual & {_affix(file.stem, core) for core, _ in cores(file.stem)}
    }
    around = len(_common([file.parent for file in pictures]).parts)
    return [_located(file, "mask" if file in masks else "image", range(around)) for file in pictures] if masks else []


def _affix(stem: str, core: str) -> str:
    """What a name says beside the name of its image and a number."""
    before, _, after = stem.partition(core)
    return f"{before}*{after.rstrip('()0123456789 _-')}"


def _nothing(pictures: Sequence[Path]) -> Problem:
    by_folder: dict[Path, set[str]] = defaultdict(set)
    for file in pictures:
        by_folder[file.parent].add(file.stem)
    folders = sorted(by_folder, key=lambda folder: (-len(by_folder[folder]), folder))
    for place, one in enumerate(folders[:10]):
        for other in folders[place + 1 : 10]:
            if by_folder[one] & by_folder[other]:
                return _unnamed(one, other)
            for plain, longer in ((one, other), (other, one)):  # a.png here, a_segmentation.png there
                if by_folder[plain] & {core for stem in by_folder[longer] for core, _ in cores(stem)}:
                    return _unnamed(plain, longer)
    labels = {file.parent.name.lower() for file in pictures}
    if {"benign", "malignant"} & labels:
        return Problem("", "holds images by class but no masks beside them", "")
    return Problem("", "holds no folder of images beside a folder of masks", "")


def _unnamed(one: Path, other: Path) -> Problem:
    """Two folders with pictures of the same names, of which at most one says what it holds."""
    for named, rest in ((one, other), (other, one)):
        own = role(named.name)
        if own is not None:
            missing = "masks" if own.kind == "image" else "images"
            what = f"holds no folder of {missing} beside {named}, but {rest} with pictures of the same names"
            way = f"{missing}={rest}"
            return Problem("", what, f"If those are the {missing}, say so with the option {way}.", (way,))
    ways = f"images={one},masks={other}", f"images={other},masks={one}"
    what = f"holds {one} and {other} with pictures of the same names, and neither says which holds the masks"
    return Problem("", what, _choose(ways), ways)


def _choose(options: Sequence[str]) -> str:
    return f"Say which to read with the option {' or '.join(options)}."


def _chosen(places: Sequence[_Place], discovered: Discovered, *, together: bool) -> list[_Place]:
    """The places of one dataset: the shallowest there is, or those side by side that are labels of one."""
    kinds: dict[tuple[str, ...], set[Kind]] = defaultdict(set)
    for place in places:
        kinds[place.scope].add(place.kind)
    whole = sorted((scope for scope, held in kinds.items() if len(held) == 2), key=lambda scope: (len(scope), scope))
    if not whole:
        images, masks = ({place.scope for place in places if place.kind == kind} for kind in ("image", "mask"))
        # One folder of images and one of masks, in different folders: nothing else can be meant.
        if len(images) == len(masks) == 1:
            return [replace(place, scope=()) for place in places]
        discovered.problems.append(Problem("", "holds no folder of images beside a folder of masks", ""))
        return []
    shallow = [scope for scope in whole if len(scope) == len(whole[0])]
    labels = all(scope and scope[-1].lower() in LABELS for scope in shallow) and len({s[:-1] for s in shallow}) == 1
    if len(shallow) > 1 and not labels and not together:
        names = ["/".join(scope) for scope in shallow]
        ways = ("group=folder:1", "group=none")
        remedy = f"Give one of these folders, or read all as one with {ways[0]} (each folder a patient) or {ways[1]}."
        discovered.problems.append(Problem("", f"holds several datasets ({in_words(names, 6)})", remedy, ways))
        return []
    chosen = [place for place in places if place.scope in shallow]
    deeper = sorted({str(place.role) for place in places if place.scope not in shallow})
    if deeper:
        discovered.remarks.append(f"{in_words(deeper)}: of another dataset further below, not read")
    for kind, option in (("image", discovered.sides.image_option), ("mask", discovered.sides.mask_option)):
        folders: dict[tuple[object, ...], set[Path]] = defaultdict(set)
        for place in chosen:
            if place.kind == kind:
                folders[place.scope, place.words].add(place.role)
        for rivals in folders.values():
            if len(rivals) > 1:
                discovered.problems.append(_ambiguous(sorted(rivals), option))
                return []
    return chosen


def _ambiguous(rivals: Sequence[Path], option: str) -> Problem:
    short = [rival.name for rival in rivals]
    names = short if len(set(short)) == len(short) else [str(rival) for rival in rivals]
    ways = tuple(f"{option}={name}" for name in names)
    return Problem("", f"holds {' and '.join(map(str, rivals))}, so it is not clear which to read", _choose(ways), ways)


def _without_unlabelled_parts(places: list[_Place], discovered: Discovered) -> list[_Place]:
    """Leave out a part of the split that has a folder of images and none of masks, as imagesTs often has."""
    labelled = {place.part for place in places if place.kind == "mask"}
    if None in labelled or not labelled:
        return places
    left = sorted({place.role for place in places if place.kind == "image" and place.part not in labelled})
    for folder in left:
        count = sum(place.role == folder for place in places)
        sides = discovered.sides
        discovered.remarks.append(f"{folder}: {count} {sides.image}s without any {sides.mask}s beside them, not read")
    return [place for place in places if place.role not in left]


def _rivals(pictures: Sequence[Path], places: Sequence[_Place]) -> list[Doubt]:
    """Folders beside those that are read which hold a picture for each image too, under a name that says nothing."""
    read = {place.file for place in places}
    masks = sorted({place.role.name for place in places if place.kind == "mask"})
    above = {place.role.parent for place in places}
    stems: dict[Path, set[str]] = defaultdict(set)
    for place in places:
        if place.kind == "image":
            stems[place.role.parent].add(place.file.stem)
    others: dict[Path, set[str]] = defaultdict(set)
    for file in pictures:
        if file not in read and file.parent.parent in above and file.parent.name.lower() != PREDICTIONS:
            others[file.parent].add(file.stem)
    doubts = []
    for folder, inside in sorted(others.items()):
        matched = {core for stem in inside for core, _ in cores(stem)} & stems[folder.parent]
        if not matched and min(len(inside), len(stems[folder.parent])) > 1:  # 21_manual1 beside 21_training
            (cut, _), (cut_image, _) = _cutter([*inside]), _cutter([*stems[folder.parent]])
            matched = {cut(stem) for stem in inside} & {cut_image(stem) for stem in stems[folder.parent]} - {""}
        if matched and len(matched) * 2 >= len(stems[folder.parent]) and len(masks) == 1:
            what = f"{folder} holds pictures of the same names as the images too"
            ways = f"masks={masks[0]}", f"masks={folder.name}"
            doubts.append(Doubt(what, f"{masks[0]} is read as the truth", ways))
    return doubts


def _common(folders: Sequence[Path]) -> Path:
    return Path(*commonprefix([folder.parts for folder in folders]))  # noqa: RUF071


def _base(places: Sequence[_Place]) -> Path:
    """The folder around all images, masks and parts of a split."""
    folders = {place.role for place in places}
    base = _common([folder.parent for folder in folders] if len(folders) > 1 else [*folders])
    while base != HERE and (part(base.name) is not None or getattr(role(base.name), "part", None) is not None):
        base = base.parent
    return base


def _pair(places: Sequence[_Place], discovered: Discovered, *, by_order: bool) -> None:
    """Match masks with images of the same folders by their names."""
    sides = discovered.sides
    several_parts = len({place.words for place in places if place.kind == "image"}) > 1
    scopes = [place.scope for place in places]
    shared = len(commonprefix(scopes))  # noqa: RUF071
    images: dict[_Key, dict[str, _Place]] = defaultdict(dict)
    entries: dict[Path, Entry] = {}
    seen: dict[str, Path] = {}
    for place in places:
        if place.kind == "mask":
            continue
        folders = (*place.scope[shared:], *place.below)
        id = "/".join((*(place.words if several_parts else ()), *folders, place.file.stem))
        if id in seen:
            remedy = f"Keep one of them, or give the other a name and a {sides.mask} of its own."
            what = f"has the same name as {seen[id].name}"
            discovered.problems.append(Problem(str(place.file), what, remedy))
            continue
        seen[id] = place.file
        entries[place.file] = Entry(id, folders, place.file, (), place.part)
        images[place.key][place.file.stem] = place
    masks = [place for place in places if place.kind == "mask"]
    if by_order:
        _pair_by_order(masks, entries, discovered)
        return
    owners = {key: _owners(group) for key, group in images.items()}
    matched: dict[Path, list[tuple[Path, int]]] = defaultdict(list)
    orphans: list[_Place] = []
    channels: set[str] = set()
    for mask in masks:
        known = owners.get(mask.key, {})
        core, number = next(((core, number) for core, number in cores(mask.file.stem) if core in known), ("", 0))
        own = known.get(core, [])
        if len(own) > 1:
            channels |= {f"*_{image.file.stem[-4:]}{image.file.suffix}" for image in own}
        elif own:
            matched[own[0].file].append((mask.file, number))
        else:
            orphans.append(mask)
    if channels:
        ways = tuple(f"{sides.image_option}={pattern}" for pattern in sorted(channels))
        what = f"holds {len(channels)} channels of an image as files of their own, but one picture is read for each"
        discovered.problems.append(Problem("", what, _choose(ways), ways))
        return
    if orphans and not matched:
        orphans = _by_common_affixes(
            [place for group in images.values() for place in group.values()], masks, matched, discovered
        )
    for image, own_masks in matched.items():
        entries[image] = replace(entries[image], masks=_numbered(entries[image].id, own_masks, discovered))
    for mask in orphans:
        name = [*cores(mask.file.stem)][-1][0]
        remedy = f"Put {a(sides.image)} called {name}.png among the {sides.image}s, or remove the {sides.mask}."
        what = f"is {a(sides.mask)} without {a(sides.image)}"
        discovered.problems.append(Problem(str(mask.file), what, remedy))
    discovered.entries = list(entries.values())


def _pair_by_order(masks: Sequence[_Place], entries: Mapping[Path, Entry], discovered: Discovered) -> None:
    discovered.entries = list(entries.values())
    if len(masks) != len(entries):
        what = f"holds {len(masks)} masks for {len(entries)} images, so they cannot be paired by order"
        discovered.problems.append(Problem(str(masks[0].role), what, "Complete the folder, or pair by name."))
        return
    pairs = zip(entries.values(), masks, strict=True)
    discovered.entries = [replace(entry, masks=((mask.file, 0),)) for entry, mask in pairs]


def _owners(images: Mapping[str, _Place]) -> dict[str, list[_Place]]:
    """The image by each name that a mask may call it, or those that are channels of one."""
    owners: dict[str, list[_Place]] = defaultdict(list)
    for stem, place in images.items():
        for alias in aliases(stem):
            is_channel = CHANNEL.fullmatch(stem) is not None and stem.startswith(alias)
            if not owners[alias] or is_channel:
                owners[alias].append(place)
    return owners | {stem: [place] for stem, place in images.items()}


def _by_common_affixes(
    images: Sequence[_Place],
    masks: list[_Place],
    matched: dict[Path, list[tuple[Path, int]]],
    discovered: Discovered,
) -> list[_Place]:
    """Match names that differ by what all images and all masks begin or end with; returns masks without an image."""
    cut_image, shown_image = _cutter([place.file.stem for place in images])
    cut_mask, shown_mask = _cutter([place.file.stem for place in masks])
    owner = {(place.key, cut_image(place.file.stem)): place.file for place in images}
    pairs = {mask.file: owner.get((mask.key, cut_mask(mask.file.stem))) for mask in masks}
    if None in pairs.values() or len(set(pairs.values())) < len(masks) or len(owner) < len(images):
        return masks
    for mask, image in pairs.items():
        if image is not None:
            matched[image].append((mask, 0))
    sides = discovered.sides
    discovered.remarks.append(f"{sides.image}s called {shown_image} go with {sides.mask}s called {shown_mask}")
    return []


def _cutter(stems: Sequence[str]) -> tuple[Callable[[str], str], str]:
    """Takes off what all names begin and end with, up to a separator; and how such names look."""
    start = _to_separator(commonprefix(stems))  # noqa: RUF071
    end = _to_separator(commonprefix([stem[::-1] for stem in stems]))[::-1]  # noqa: RUF071
    return lambda stem: stem[len(start) : len(stem) - len(end)], f"{start}*{end}"


def _to_separator(text: str) -> str:
    return text[: max(text.rfind(sign) for sign in "-_. ") + 1]


def _numbered(id: str, masks: Sequence[tuple[Path, int]], discovered: Discovered) -> tuple[tuple[Path, int], ...]:
    """The masks of one image by number; one that bears the number of another is a problem."""
    kept: dict[int, Path] = {}
    for mask, number in sorted(masks, key=lambda each: each[1]):
        if number in kept:
            discovered.problems.append(Problem(str(mask), f"is a second {discovered.sides.mask} of {id}", "Keep one."))
            continue
        kept[number] = mask
    return tuple((mask, number) for number, mask in kept.items())
