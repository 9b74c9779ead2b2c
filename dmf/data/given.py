"""A split that comes with the files: folders called train and test, a table with a column for it, or lists of names."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dmf.data.base import BrokenDataError, Problem, SplitName
from dmf.data.discovery import Entry, in_words
from dmf.data.grouping import find_table
from dmf.data.names import listed_part, part
from dmf.data.split import PARTS
from dmf.data.tables import LISTS, TABLES, Names, Statements, column_of, read_table, read_text

IGNORE, GIVEN, FOLDERS, LISTED = "ignore", "given", "folders", "lists"
FORMS = (
    "given (as folders, a table or lists say), ignore (deal all images anew), folders, lists, lists:FOLDER, or a table "
    "and its column such as split.csv:split"
)

_COLUMN = re.compile(r"(?:data[-_ ]?)?(?:split|sub[-_ ]?set|set|partition|phase|usage|part)", re.IGNORECASE)
_TABLE = re.compile(r"(?P<file>.+\.(?:csv|tsv)):(?P<column>.+)", re.IGNORECASE)


@dataclass
class Given:
    """The split that files give.

    Attributes:
        of: Id of an image to its part; empty where nothing gives one, or it is ignored.
        source: What gives it, as the option would name it; empty where nothing does.
        problems: Why it cannot be used as it stands.
        remarks: What was decided.
    """

    of: dict[str, SplitName] = field(default_factory=dict)
    source: str = ""
    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = Counter(self.of.values())
        cut = [name for name in PARTS if name not in counts]
        counted = ", ".join(f"{counts[name]} {name}" for name in PARTS if name in counts)
        rest = f"; {' and '.join(cut)} cut from train" if cut else ""
        return f"used as given by {self.source.replace(':', ', column ', 1)}: {counted}{rest}" if self.of else ""


def refusal(option: str) -> str | None:
    """What is wrong with the text of the option, before any file is looked at; None where nothing is."""
    known = (
        option in ("", IGNORE, GIVEN, FOLDERS, LISTED) or option.startswith(f"{LISTED}:") or _TABLE.fullmatch(option)
    )
    return None if known else FORMS


def give(entries: Sequence[Entry], option: str, root: Path, files: Sequence[PurePosixPath]) -> Given:
    """The split that an option names, or with ``given`` or nothing the one there is.

    Args:
        entries: The images that take part.
        option: As :data:`FORMS` says.
        root: Folder that ``files`` are relative to.
        files: All files there, tables and lists among them.
    """
    if option == IGNORE:
        return Given()
    if _TABLE.fullmatch(option):
        return _by_table(entries, option, root, files)
    sources = _sources(entries, root, files)
    if option not in ("", GIVEN):
        chosen = {name: told_parts for name, told_parts in sources.items() if name.startswith(option)}
        if not chosen:
            what = f"gives no split by {option}"
            return Given(problems=[Problem("", what, f"Set the option split to another: {FORMS}.")])
        sources = chosen
    agreed = {tuple(sorted(each.values.items())) for each in sources.values()}
    if len(agreed) > 1:
        ways = (*(f"split={name}" for name in sources), f"split={IGNORE}")
        what = f"gives different splits by {' and by '.join(sources)}"
        return Given(problems=[Problem("", what, f"Say which to use with the option {' or '.join(ways)}.", ways)])
    if not sources:
        return Given(problems=_half_told(entries, root, files))
    return _used(entries, *next(iter(sources.items())))


def _used(entries: Sequence[Entry], source: str, listed_parts: Statements) -> Given:
    parts = {id: PARTS[PARTS.index(value)] for id, value in listed_parts.values.items() if value in PARTS}
    given = Given(parts, source)
    ways = (f"split={IGNORE}",)
    if listed_parts.twice:
        what = f"puts {len(listed_parts.twice)} images into two parts by {source} ({in_words(listed_parts.twice)})"
        given.problems.append(Problem("", what, f"Correct it, or deal all images anew with {ways[0]}.", ways))
    left = [entry.id for entry in entries if entry.id not in parts]
    if left:
        what = f"puts {len(left)} of {len(entries)} images into no part by {source} ({in_words(left)})"
        given.problems.append(Problem("", what, f"Complete it, or deal all images anew with {ways[0]}.", ways))
    elif set(parts.values()) == {"train"}:
        return Given()  # training alone is no split: all three parts are dealt from it
    elif "train" not in parts.values():
        what = f"gives no image to train on by {source}"
        given.problems.append(Problem("", what, f"Complete it, or deal all images anew with {ways[0]}.", ways))
    return given


def _sources(entries: Sequence[Entry], root: Path, files: Sequence[PurePosixPath]) -> dict[str, Statements]:
    """Everything that says into which part images go."""
    sources: dict[str, Statements] = {}
    if any(entry.part is not None for entry in entries):
        sources[FOLDERS] = Statements({entry.id: entry.part for entry in entries if entry.part is not None})
    names = Names(entries)
    for file in sorted(each for each in files if each.suffix.lower() in TABLES):
        try:
            table = read_table(root / file)
        except BrokenDataError:
            continue  # a table of something else
        for column in table.columns:
            if _COLUMN.fullmatch(column) and all(part(cell) for cell in table.columns[column] if cell):
                try:
                    told_parts = _as_parts(column_of(table, root / file, column, names))
                except BrokenDataError:
                    continue
                if told_parts.values:
                    sources[f"{file}:{column}"] = told_parts
    lists: dict[PurePosixPath, Statements] = defaultdict(Statements)
    for file in sorted(each for each in files if each.suffix.lower() in LISTS):
        name = listed_part(file.stem)
        if name is not None:
            _read_list(root / file, name, names, lists[file.parent])
    real = {folder: parts for folder, parts in lists.items() if parts.values}
    sources |= {LISTED if len(real) == 1 else f"{LISTED}:{folder}": parts for folder, parts in real.items()}
    return sources


def _half_told(entries: Sequence[Entry], root: Path, files: Sequence[PurePosixPath]) -> list[Problem]:
    """Columns that say the part of some images and something else of others; nothing is dealt around them unsaid."""
    problems = []
    for file in sorted(each for each in files if each.suffix.lower() in TABLES):
        try:
            table = read_table(root / file)
        except BrokenDataError:
            continue
        for column, cells in table.columns.items():
            strange = sorted({cell for cell in cells if cell and part(cell) is None})
            if not _COLUMN.fullmatch(column) or not strange or not any(map(part, filter(None, cells))):
                continue
            try:
                parts = column_of(table, root / file, column, Names(entries))
            except BrokenDataError:
                continue
            if parts.values:
                what = f"holds {in_words(strange)} in the column {column!r}, which are no parts of a split"
                way = f"split={IGNORE}"
                remedy = f"Call them train, validation and test, or deal all images anew with {way}."
                problems.append(Problem(str(root / file), what, remedy, (way,)))
    return problems


def _read_list(path: Path, name: SplitName, names: Names, parts: Statements) -> None:
    try:
        lines = read_text(path).splitlines()
    except BrokenDataError:
        return
    for line in lines:
        # A line may name the mask too, or say what the image shows, after its name.
        tried = (line, *line.replace(",", " ").split()[:1]) if line.strip() else ()
        id = next((id for text in tried if (id := names.find(text)) is not None), None)
        if id is not None:
            parts.tell(id, name)


def _as_parts(parts: Statements) -> Statements:
    return Statements({id: name for id, cell in parts.values.items() if (name := part(cell)) is not None}, parts.twice)


def _by_table(entries: Sequence[Entry], option: str, root: Path, files: Sequence[PurePosixPath]) -> Given:
    match = _TABLE.fullmatch(option)
    assert match is not None
    file = find_table(files, match["file"])
    if file is None:
        return Given(
            problems=[Problem(match["file"], "is not there, though the option split names it", "Put it there.")]
        )
    try:
        column = column_of(read_table(root / file), root / file, match["column"], Names(entries))
    except BrokenDataError as error:
        return Given(problems=list(error.problems))
    strange = sorted({cell for cell in column.values.values() if part(cell) is None})
    if strange:
        what = f"holds {in_words(strange)} in the column {match['column']!r}, which are no parts of a split"
        return Given(problems=[Problem(str(root / file), what, "Call them train, validation and test.")])
    return _used(entries, option, _as_parts(column))


def straddling(groups: Mapping[str, str], parts: Mapping[str, SplitName]) -> list[str]:
    """Groups with images in more than one part."""
    seen: dict[str, set[SplitName]] = defaultdict(set)
    for id, name in groups.items():
        if id in parts:
            seen[name].add(parts[id])
    return sorted(name for name, held in seen.items() if len(held) > 1)
