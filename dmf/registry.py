"""A registry is a dict literal with good error messages."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from dmf.errors import UnknownNameError

T = TypeVar("T")


class Registry(Mapping[str, Callable[..., T]], Generic[T]):
    """Names to factories of one kind, in the order they are written.

    Args:
        kind: What the names stand for, in the singular; used in messages ("weighting").
        members: Name to class or factory.
    """

    def __init__(self, kind: str, members: Mapping[str, Callable[..., T]]) -> None:
        self.kind = kind
        self._members = dict(members)

    def __getitem__(self, name: str) -> Callable[..., T]:
        try:
            return self._members[name]
        except KeyError:
            raise UnknownNameError(unknown(self.kind, name, self._members)) from None

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def add(self, name: str, member: Callable[..., T]) -> None:
        """Take one more member in, after those that are there; for plug-ins, see :mod:`dmf.plugins`.

        Raises:
            ValueError: If the name is taken.
        """
        if name in self._members:
            raise ValueError(f"There is a {self.kind} {name!r} already.")
        self._members[name] = member

    def build(self, name: str, *args: Any, **options: Any) -> T:
        """Build the member called ``name``.

        Raises:
            UnknownNameError: If no member has this name; lists the names and the closest one.
        """
        return self[name](*args, **options)


def unknown(kind: str, name: object, choices: Mapping[str, object]) -> str:
    """Say that ``name`` is unknown, what the choices are and which is closest."""
    message = f"Unknown {kind} {name!r}. Choose one of: {', '.join(choices)}."
    close = difflib.get_close_matches(str(name), choices, n=1)
    return f"{message} Did you mean {close[0]!r}?" if close else message
