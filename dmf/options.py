"""Options of methods as plain data: what a method declares of them, and a method with its options as one choice.

A weighting or loss declares its options beside its code, as a frozen model with a default, limits and a sentence each.
A choice of one is its name with what differs from those defaults, and is written the same everywhere::

    cov
    cov,decay=0.8
    tversky,fp_weight=0.2,fn_weight=0.8
"""

import math
import re
import types
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_serializer, model_validator
from pydantic.fields import FieldInfo

from dmf.errors import ConfigError

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class FrozenConfig(BaseModel):
    """Immutable; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Options(FrozenConfig):
    """What may be set of a method. A method's own derive from those of what it derives from.

    The alias of a field, where it has one, is what the option is called among those of all methods (``cov_decay`` for
    the ``decay`` of cov), and the keyword that the method's constructor takes; else both are its name.
    """

    model_config = ConfigDict(populate_by_name=True)

    @classmethod
    def words(cls) -> dict[str, str]:
        """What each option is called among those of all methods, by its name."""
        return {name: info.alias or name for name, info in cls.model_fields.items()}

    @classmethod
    def of_words(cls, given: Mapping[str, Any]) -> Self:
        """The options with values by name or word; texts are read as people type them.

        Raises:
            ValidationError: If a value cannot be, or there is no such option.
        """
        infos = {key: info for name, info in cls.model_fields.items() for key in (name, info.alias or name)}
        return cls.model_validate(
            {
                key: read_value(infos[key].annotation, value) if isinstance(value, str) and key in infos else value
                for key, value in given.items()
            }
        )

    @classmethod
    def settled(cls, given: Mapping[str, Any], whose: str, field: str) -> dict[str, Any]:
        """All options by name: values of plain data where they are given, else the defaults.

        Args:
            given: Values by name; a number may stand for a text.
            whose: Whose options these are, as messages say it: ``"dataset 'phantom'"``.
            field: The field of the configuration to blame.

        Raises:
            ConfigError: If there is no such option, or a value is of another type or beyond the limits.
        """
        for name, value in given.items():
            if name not in cls.model_fields:
                known = f"It has: {', '.join(cls.model_fields)}." if cls.model_fields else "It has none."
                raise ConfigError(f"{whose[:1].upper()}{whose[1:]} has no option {name!r}. {known}", field)
            info = cls.model_fields[name]
            kind = type(default_of(info))
            accepted = {float: (int, float), str: (str, int, float), types.NoneType: (object,)}.get(kind, (kind,))
            if not isinstance(value, accepted) or (isinstance(value, bool) and kind in (int, float, str)):
                raise ConfigError(
                    f"Option {name!r} of {whose} must be of type {kind.__name__}, got {value!r}; the default is "
                    f"{default_of(info)!r}.",
                    field,
                )
        defaults = {name: default_of(cls.model_fields[name]) for name in given}
        texts = {name: str(value).strip() for name, value in given.items() if isinstance(defaults[name], str)}
        try:
            return dict(cls.model_validate({**given, **texts}))
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            wanted = limits(cls.model_fields[name]) or error.errors()[0]["msg"]
            raise ConfigError(f"Option {name!r} of {whose} takes {wanted}; got {given[name]!r}.", field) from error

    @property
    def changed(self) -> dict[str, Any]:
        """Those that differ from their default, by name."""
        return {
            name: value
            for name, info in type(self).model_fields.items()
            if not same(value := getattr(self, name), default_of(info))
        }

    @property
    def by_word(self) -> dict[str, Any]:
        """Every option by its word, which is the keyword of the method's constructor."""
        return {word: getattr(self, name) for name, word in type(self).words().items()}

    def check(self, count: int, history_max: int, *, sums: bool = False) -> None:
        """Refuse what cannot work.

        Args:
            count: Number of losses.
            history_max: How many of their latest steps are remembered.
            sums: Whether it is a rule whose weights always have the same sum.

        Raises:
            ValueError: Whose message begins with the word to blame and a colon.
        """


class Choice(FrozenConfig):
    """A method, by its name, with those of its options that differ from their default.

    It compares and hashes as its text, and is plain data: ``{"name": "cov", "decay": 0.8}``. It is read from either.
    """

    name: str
    options: dict[str, Any] = Field(default_factory=dict)  # read only

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, str):
            name, *pairs = (part.strip() for part in _parts(value))
            return {"name": name, "options": dict(_pair(pair) for pair in pairs if pair)}
        if isinstance(value, Mapping) and "options" not in value:
            return {"name": value.get("name", ""), "options": {key: value[key] for key in value if key != "name"}}
        return value

    @model_serializer
    def _plain(self) -> dict[str, Any]:
        return {"name": self.name, **self.options}

    @classmethod
    def named(cls, text: object) -> str:
        """The name in the text of a choice; of one that cannot be read, the text."""
        return str(text).partition(",")[0].strip()

    @property
    def text(self) -> str:
        """The name, then ``,option=value`` for each option."""
        return ",".join([self.name, *(f"{name}={write_value(value)}" for name, value in self.options.items())])

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return self.text == other if isinstance(other, str) else super().__eq__(other)

    def __hash__(self) -> int:
        return hash(self.text)


def default_of(info: FieldInfo) -> Any:
    """The default of a field."""
    return info.get_default(call_default_factory=True)


_BOUNDS = {"ge": "of at least", "gt": "above", "le": "of at most", "lt": "below"}


def limits(info: FieldInfo) -> str:
    """What a field takes, in words: ``"name or order"``, ``"a number from 1 to 50"``; empty where it has no limits."""
    if get_origin(info.annotation) is Literal:
        *others, last = (word for word in get_args(info.annotation) if word)
        return f"{', '.join(others)} or {last}" if others else str(last)
    bounds = {name: getattr(limit, name) for limit in info.metadata for name in _BOUNDS if hasattr(limit, name)}
    if bounds.keys() == {"ge", "le"}:
        return f"a number from {bounds['ge']:,} to {bounds['le']:,}"
    return f"a number {' and '.join(f'{_BOUNDS[name]} {limit:,}' for name, limit in bounds.items())}" if bounds else ""


def same(one: Any, other: Any) -> bool:
    """Whether two values are one; a switch is not a number, though ``True == 1`` in Python."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def kinds_of(annotation: Any) -> tuple[Any, ...]:
    """What a type may be: the parts of a union, else itself."""
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def read_value(annotation: Any, text: str) -> Any:
    """What a typed text means for a type: lists split at commas or colons, ``none`` where it may be empty."""
    kinds = kinds_of(annotation)
    if type(None) in kinds and text.strip().lower() in ("", "none"):
        return None
    if any(get_origin(kind) is tuple for kind in kinds):
        return tuple(part.strip() for part in text.replace(":", ",").split(",") if part.strip())
    return text.strip()


def write_value(value: Any) -> str:
    """The text that reads back as ``value``."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case tuple() | list():
            return ":".join(write_value(part) for part in value)
        case Mapping():
            return ",".join(f"{key}={write_value(part)}" for key, part in value.items())
        case float():
            return repr(value)
        case _:
            return str(value)


def read_pairs(text: str) -> dict[str, bool | int | float | str]:
    """Options of a dataset, network or task from ``"key=value,key=value"``, each of the narrowest type it reads as.

    A comma before a number is part of a value, such as a colour: no option is called by a number.

    Raises:
        ValueError: If a part is no pair.
    """
    pairs = (_pair(part) for part in re.split(r",(?!\s*\d)", text) if part.strip())
    return {key: _scalar(value) for key, value in pairs}


def beside_name(data: Any, field: str, options: str, fields: Container[str] = ()) -> Any:
    """A configuration whose ``field`` may be a name with options behind it: ``"folder,rgb=true"``.

    Args:
        data: What it is read from.
        field: That of the name.
        options: The field that holds the options.
        fields: Options that are fields of the configuration themselves.

    Raises:
        ValueError: If an option is given in both ways, with different values.
    """
    text = data.get(field) if isinstance(data, Mapping) else None
    if not isinstance(text, str) or "," not in text:
        return data
    name, _, rest = text.partition(",")
    own, more = dict(data), dict(data.get(options) or {})
    try:
        pairs = read_pairs(rest)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from error
    for key, value in pairs.items():
        place = own if key in fields else more
        if key in place and str(place[key]) != str(value):
            raise ValueError(f"{field}: {key} is {value!r} behind the name and {place[key]!r} elsewhere; say it once")
        place[key] = value
    return {**own, field: name.strip(), options: more} if more else {**own, field: name.strip()}


def _scalar(text: str) -> bool | int | float | str:
    """The narrowest type that ``text`` reads as; where any of them is allowed, nothing else tells them apart."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for number in (int, float):
        with suppress(ValueError):
            return number(text)
    return text


def per_loss(name: str, values: tuple[float, ...] | None, count: int) -> None:
    """Refuse numbers that are not one per loss.

    Raises:
        ValueError: Beginning with ``name``.
    """
    if values is not None and len(values) != count:
        raise ValueError(f"{name}: expected {count} numbers, one per loss term, got {len(values)}")
    if values is not None and not math.isfinite(sum(values)):
        raise ValueError(f"{name}: too large to be added up; only their shares matter")


def _parts(text: str) -> Iterator[str]:
    """Split at commas; one before a part without ``=`` belongs to the value before it."""
    held: list[str] = []
    for part in text.split(","):
        if held and len(held) > 1 and "=" not in part and part.strip():
            held[-1] += f":{part.strip()}"
        else:
            held.append(part)
    return iter(held)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise ValueError(f"expected option=value, got {text.strip()!r}")
    return key.strip().replace("-", "_"), value.strip()


# Hints for whoever shows an option as a control; ``json_schema_extra`` of its field.


def slider(low: float, high: float, step: float | None = None, *, integer: bool = False, **more: Any) -> dict[str, Any]:
    """Ends of a slider; on a logarithmic scale unless it has a ``step``. A number beside it may lie beyond.

    Args:
        low: One end.
        high: The other.
        step: From one value to the next.
        integer: Whether only whole numbers make sense.
        **more: ``none``, what no value is called and at which end ("low", "high") it stands; ``each``, what a loss has
            where there is one number per loss and none is given; ``only_if``, an option of the same method and what it
            has to be for this one to count; ``folded``, where it is an adjustment that most leave as it is.
    """
    scale: dict[str, Any] = {"log": True} if step is None else {"step": step}
    return {"slider": {"low": low, "high": high, **scale, "integer": integer or (step or 0) >= 1}, **more}


def hint(info: FieldInfo, name: str) -> Any:
    """One of the hints of a field; None where it has none of this name."""
    extra = info.json_schema_extra
    return extra.get(name) if isinstance(extra, dict) else None
