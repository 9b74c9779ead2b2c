"""What went wrong, in words of the page: labels instead of names of fields, and no commands."""

import re
from collections.abc import Mapping

from app.components.fields import in_labels, label
from dmf.errors import DMFError, RunNotFoundError

_MEANT = (
    (r"^input should be a valid (?:integer|whole number).*?(, got .*)?$", r"must be a whole number\1"),
    (r"^input should be a valid number, .*?(, got .*)?$", r"must be a number\1"),
    (r"^input should be greater than or equal to ", "must be at least "),
    (r"^input should be less than or equal to ", "must be at most "),
    (r"^input should be greater than ", "must be above "),
    (r"^input should be less than ", "must be below "),
    (r"^input should be ", "must be "),
    (r"got '([-+.\deE]+)'", r"got \1"),
)
"""What a check says of a value, and what that means."""
_NO_SETTING = re.compile(r"There is no setting ('[^']*')\.")


def in_words(error: DMFError | str, titles: Mapping[str, str] | None = None) -> str:
    """A sentence for the page.

    Args:
        error: What was raised, or its message.
        titles: Field to what it is called, where the form does not know it.

    Returns:
        ``"Bayesian: prior memory ρ must be below 1, got 1."`` for ``"rho: input should be less than 1, got 1."``
    """
    if isinstance(error, RunNotFoundError):
        return f"{str(error).partition('. ')[0]}. Choose one of the list."
    sentence = _NO_SETTING.sub(r"This link has a setting that is not known here: \1.", str(error))
    field, colon, rest = sentence.partition(": ")
    if colon and field.isidentifier():
        for word, meant in _MEANT:
            rest = re.sub(word, meant, rest)
        title = (titles or {}).get(field) or label(field)
        sentence = f"{title} {rest}" if rest.startswith("must be ") else f"{title}: {rest}"
    return in_labels(sentence)
