"""JSON and XML that annotation programs write, checked as they are read."""

from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException, ElementTree
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json

from dmf.data.base import BrokenDataError, Problem

Model = TypeVar("Model", bound=BaseModel)

Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]

AGAIN = "Export it again, or fetch the file again."


def read_json(file: Path) -> object:
    """What a JSON file holds.

    Raises:
        BrokenDataError: If it cannot be opened, or is no JSON.
    """
    try:
        parsed: object = from_json(_content(file).removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise _refused(file, f"is no JSON ({error})") from error
    return parsed


def checked(file: Path, model: type[Model], document: object) -> Model:
    """A document as a model.

    Raises:
        BrokenDataError: If something is missing or of another kind; names the first place.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        more = f", and {error.error_count() - 1} more" if error.error_count() > 1 else ""
        raise _refused(file, f"has a mistake at {place}: {first['msg']}{more}") from error


def read_xml(file: Path) -> Element:
    """The outermost element of an XML file. One with a document type is refused: entities can be bombs.

    Raises:
        BrokenDataError: If it cannot be opened, is no XML, or declares what is refused.
    """
    content = _content(file)
    try:
        root: Element = ElementTree.fromstring(content, forbid_dtd=True)
    except DefusedXmlException as error:
        what = "declares a document type or entities, which annotations have no use for"
        raise BrokenDataError([Problem(str(file), what, "Remove the declaration.")]) from error
    except (ParseError, ValueError, LookupError) as error:  # the others come of encodings
        raise _refused(file, f"is no whole XML ({error})") from error
    return root


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        remedy = "Put the file back or allow reading it."
        raise BrokenDataError([Problem(str(file), f"cannot be opened ({error.strerror})", remedy)]) from error


def _refused(file: Path, what: str) -> BrokenDataError:
    return BrokenDataError([Problem(str(file), what, AGAIN)])
