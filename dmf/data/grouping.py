"""Which images are of one patient, so that no split has them on both sides: by name, by folder, or by a table."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dmf.data.base import BrokenDataError, Doubt, Problem
from dmf.data.discovery import Entry, in_words
from dmf.data.names import LABELS
from dmf.data.tables import TABLES, Names, Table, column_of, read_table

NONE = "none"
FORMS = (
    r"a regular expression with one group such as ^(P\d+)_, folder:1 for the outermost folder, a table and its column "
    "such as patients.csv:patient, or none"
)
FEW = 0.25  # share of the images that have a companion, from which on names are said to repeat

_TABLE = re.compile(r"(?P<file>.+\.(?:csv|tsv)):(?P<column>.+)", re.IGNORECASE)
_FOLDER = re.compile(r"folder:(?P<level>[1-9]\d?)")
_PATIENT = re.compile(r"(?<=[-_. ])(?P<word>patient|pat|pt|subject|subj|sub|case|p)[-_ ]?\d", re.IGNORECASE)
_COLUMN = re.compile(r"(?:patient|subject|case|pid|person)[-_ ]?(?:id|no|number|name|nr)?", re.IGNORECASE)
_TOKEN = re.compile(r"\d+|[^\W\d_]+|[\W_]+")


@dataclass
class Groups:
    """Images that belong together.

    Attributes:
        of: Id of an image to its group; images that are missing here are groups of their own.
        problems: Why images cannot be grouped as asked for.
        remarks: What was decided.
    """

    of: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def refusal(option: str) -> str | None:
    """What is wrong with the text of the option, before any file is looked at; None where nothing is."""
    if option in ("", NONE) or _TABLE.fullmatch(option) or _FOLDER.fullmatch(option):
        return None
    try:
        groups = re.compile(option).groups
    except re.error as error:
        return f"{FORMS}; this is none of them ({error})"
    return None if groups == 1 else f"{FORMS}; this pattern has {groups} groups in brackets"


def group(entries: Sequence[Entry], option: str, root: Path, files: Sequence[PurePosixPath]) -> Groups:
    """The groups that an option names.

    Args:
        entries: All images.
        option: As :data:`FORMS` says; nothing where it is empty.
        root: Folder that ``files`` are relative to.
        files: All files there, tables among them.
    """
    table, level = _TABLE.fullmatch(option), _FOLDER.fullmatch(option)
    if option in ("", NONE) or not entries:
        return Groups()
    if table:
        return _by_table(entries, root, files, table["file"], table["column"])
    if level:
        at = int(level["level"])
        groups = {entry.id: "/".join(entry.folders[:at]) for entry in entries if len(entry.folders) >= at}
        return _whole(entries, groups, f"lie in fewer than {at} folders", option)
    pattern = re.compile(option)
    matches = {entry.id: pattern.search(entry.image.stem) for entry in entries}
    return _whole(entries, {id: match[1] for id, match in matches.items() if match and match[1]}, "do not fit", option)


def find_table(files: Sequence[PurePosixPath], name: str) -> PurePosixPath | None:
    """The file that an option calls so: by its path, or by the end of it where only one ends so."""
    wanted = PurePosixPath(name.replace("\\", "/"))
    ends = [file for file in files if file.parts[-len(wanted.parts) :] == wanted.parts]
    return wanted if wanted in ends else ends[0] if len(ends) == 1 else None


def _by_table(entries: Sequence[Entry], root: Path, files: Sequence[PurePosixPath], name: str, column: str) -> Groups:
    file = find_table(files, name)
    if file is None:
        tables = [str(each) for each in files if each.suffix.lower() in TABLES]
        there = f"There are: {in_words(tables, 6)}." if tables else "Put it beside the images."
        return Groups(problems=[Problem(name, "is not there, though the option group names it", there)])
    try:
        cells = column_of(read_table(root / file), root / file, column, Names(entries))
    except BrokenDataError as error:
        return Groups(problems=list(error.problems))
    if cells.twice:
        what = f"names two groups of {in_words(cells.twice)}"
        return Groups(problems=[Problem(str(root / file), what, "Name one for each image.")])
    return _whole(entries, cells.values, f"are not in {file}", f"{name}:{column}")


def _whole(entries: Sequence[Entry], groups: Mapping[str, str], why: str, option: str) -> Groups:
    left = [entry.id for entry in entries if entry.id not in groups]
    grouped = Groups(dict(groups))
    if not groups:
        what = f"group={option} groups nothing: all {len(left)} images {why}"
        grouped.problems.append(Problem("", what, f"Give {FORMS}."))
    elif left:
        grouped.remarks.append(
            f"group={option}: {len(left)} images {why} and are groups of their own ({in_words(left)})"
        )
    return grouped


def propose(entries: Sequence[Entry], root: Path, files: Sequence[PurePosixPath]) -> Doubt | None:
    """A doubt where names, folders or a table suggest that images are of the same patients."""
    for option in (*_tables(entries, root, files), *_folders(entries), *_patterns(entries)):
        groups = group(entries, option, root, files)
        count = len(set(groups.of.values()))
        ways = f"group={option}", f"group={NONE}"
        what = f"names suggest {count} patients with several images each, such as {_examples(groups.of)}"
        return Doubt(what, "no group is set, so a patient may be trained on and tested", ways)
    return None


def _examples(groups: Mapping[str, str]) -> str:
    first = Counter(groups.values()).most_common(1)[0][0]
    return " and ".join([id for id, name in groups.items() if name == first][:2])


def _tables(entries: Sequence[Entry], root: Path, files: Sequence[PurePosixPath]) -> Iterator[str]:
    """Columns of tables that are called after patients and name some more than once."""
    names = Names(entries)
    for file in sorted(each for each in files if each.suffix.lower() in TABLES):
        try:
            table: Table = read_table(root / file)
            for column in table.columns:
                if _COLUMN.fullmatch(column):
                    cells = column_of(table, root / file, column, names)
                    if not cells.twice and _repeats(cells.values, len(entries)):
                        yield f"{file}:{column}"
        except BrokenDataError:
            continue  # a table of something else


def _folders(entries: Sequence[Entry]) -> Iterator[str]:
    """Levels of folders that are numbered as patients are."""
    for at in range(max(len(entry.folders) for entry in entries)):
        names = {entry.id: "/".join(entry.folders[: at + 1]) for entry in entries if len(entry.folders) > at}
        last = {entry.folders[at] for entry in entries if len(entry.folders) > at}
        numbered = all(any(sign.isdigit() for sign in name) for name in last) and not last & set(LABELS)
        if numbered and _repeats(names, len(entries)):
            yield f"folder:{at + 1}"


def _patterns(entries: Sequence[Entry]) -> Iterator[str]:
    """Patterns under which all names begin with, or hold, something numbered that comes back."""
    stems = [entry.image.stem for entry in entries]
    for pattern in (*_words(stems[0]), *_prefixes(stems)):
        matches = [re.search(pattern, stem) for stem in stems]
        groups = {str(place): match[1] for place, match in enumerate(matches) if match}
        numbered = all(any(sign.isdigit() for sign in name) for name in groups.values())
        if len(groups) == len(entries) and numbered and _repeats(groups, len(entries), least=3):
            yield pattern


def _words(stem: str) -> Iterator[str]:
    """Patterns for a word such as patient with its number, after something else."""
    for match in _PATIENT.finditer(stem):
        yield f"[-_. ]({_literal(match['word'])}[-_ ]?\\d+)"


def _prefixes(stems: Sequence[str]) -> Iterator[str]:
    """Patterns for what comes before the rest of a name, the shortest first; it ends in a number, or at a separator."""
    tokens = [_TOKEN.findall(stem) for stem in stems]
    pattern = ""
    for place in range(min(map(len, tokens)) - 1):
        here, after = {parts[place] for parts in tokens}, {parts[place + 1] for parts in tokens}
        numbers = sum(token.isdigit() for token in here)
        if 0 < numbers < len(here):
            break  # no common shape
        pattern += r"\d+" if numbers else _literal(here.pop()) if len(here) == 1 else r"[^\W\d_]+"
        if numbers:
            end = after.pop() if len(after) == 1 else ""
            yield f"^({pattern}){_literal(end) if end and not end.isalnum() else ''}"
    for sign in ("_", "-", " "):
        yield f"^([^{sign}]+){sign}"


def _literal(text: str) -> str:
    """A text as a pattern, without the bars that only some patterns need."""
    return re.sub(r"\\([- ])", r"\1", re.escape(text))


def _repeats(groups: Mapping[str, str], images: int, least: int = 2) -> bool:
    """Whether groups are neither one for all nor one for each."""
    sizes = Counter(groups.values())
    together = sum(size for size in sizes.values() if size > 1)
    return len(sizes) >= least and together >= FEW * images
