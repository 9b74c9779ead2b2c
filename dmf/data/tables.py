"""Tables and lists beside the images: a CSV with a row for each image, or a text file with a name on each line."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dmf.data.base import BrokenDataError, Problem
from dmf.data.discovery import Entry
from dmf.data.files import PICTURES

TABLES = frozenset({".csv", ".tsv"})
LISTS = frozenset({".txt"})
LARGEST = 32 * 2**20  # bytes; a table with a row for each image is far smaller
DELIMITERS = ",;\t|"


class Names:
    """Which image a cell or a line means: by its id, its path, its file name or its stem, with or without suffix."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._ids: dict[str, str | None] = {}  # None where a name belongs to several images
        for entry in entries:
            image = entry.image
            for name in {entry.id, str(image), image.name, image.stem, str(image.with_suffix(""))}:
                self._ids[name] = entry.id if self._ids.get(name, entry.id) == entry.id else None

    def find(self, text: str) -> str | None:
        """Id of the image a text means; None where it means none, or more than one."""
        path = PurePosixPath(text.strip().strip("\"'").replace("\\", "/").removeprefix("./"))
        bare = path.with_suffix("") if path.suffix.lower() in PICTURES else path
        tried = (str(path), str(bare), *(str(PurePosixPath(*bare.parts[at:])) for at in range(1, len(bare.parts))))
        return next((id for name in tried if (id := self._ids.get(name)) is not None), None)


@dataclass(frozen=True)
class Table:
    """A CSV with a header.

    Attributes:
        columns: Name to cells, as text.
    """

    columns: Mapping[str, Sequence[str]]

    def name_column(self, names: Names) -> str | None:
        """The column that names the images; None where none names even half of its rows."""
        hits = {column: sum(names.find(cell) is not None for cell in cells) for column, cells in self.columns.items()}
        best = max(hits, key=lambda column: hits[column], default=None)
        return best if best is not None and 2 * hits[best] >= len(self.columns[best]) > 0 else None


@dataclass
class Statements:
    """What a table or lists say about images.

    Attributes:
        values: Id of an image to what is said of it.
        twice: Images of which two different things are said.
    """

    values: dict[str, str] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)

    def tell(self, id: str, value: str) -> None:
        """Keep what is said of an image."""
        if self.values.setdefault(id, value) != value and id not in self.twice:
            self.twice.append(id)


def read_table(path: Path) -> Table:
    """Read a CSV; comma, semicolon, tabulator or bar part its cells.

    Raises:
        BrokenDataError: If it cannot be read, or has no header with at least two different names.
    """
    text = read_text(path)
    head = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=head.count)
    try:
        rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise _broken(path, f"is no table ({error})") from error
    header = [cell.strip() for cell in rows[0]] if rows else []
    if len(header) < 2 or len(set(header)) < len(header):
        raise _broken(path, "has no header of two or more different columns")
    cells = [[cell.strip() for cell in row] + [""] * (len(header) - len(row)) for row in rows[1:]]
    return Table({name: [row[place] for row in cells] for place, name in enumerate(header)})


def read_text(path: Path) -> str:
    """A text file, UTF-8 or else Latin-1, as Windows programs write it.

    Raises:
        BrokenDataError: If it cannot be read, or is larger than any list of images.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise _broken(path, f"is larger than {LARGEST // 2**20} MiB, so it is no list of images")
        content = path.read_bytes()
    except OSError as error:
        raise _broken(path, f"cannot be opened ({error.strerror})") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def column_of(table: Table, path: Path, column: str, names: Names) -> Statements:
    """What a column says of each image.

    Raises:
        BrokenDataError: If there is no such column, or no other one names the images.
    """
    if column not in table.columns:
        remedy = f"It has: {', '.join(table.columns)}."
        raise BrokenDataError([Problem(str(path), f"has no column {column!r}", remedy)])
    others = Table({name: cells for name, cells in table.columns.items() if name != column})
    named = others.name_column(names)
    if named is None:
        raise _broken(path, "has no column that names the images, with or without suffix")
    statements = Statements()
    for name, value in zip(table.columns[named], table.columns[column], strict=True):
        id = names.find(name)
        if id is not None and value:
            statements.tell(id, value)
    return statements


def _broken(path: Path, what: str) -> BrokenDataError:
    return BrokenDataError([Problem(str(path), what, "Correct the file, or name another in the option.")])
