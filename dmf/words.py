"""Options of chosen methods by one word each, and back: ``cov_decay=0.8`` for the ``decay`` of a chosen cov.

People type options so beside other settings, and stored runs keep them so: flat, by words that say of which method they
are. A word counts for every chosen method that has it; ``<place>.<option>`` for the one at a place alone, which is
``weighting``, ``auxiliary``, ``schedule`` or what a loss is called among the losses of a run. Words of schedules, such
as ``decay_rate``, count for schedules alone: they were fields of every run before schedules had options.
"""

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from dmf import declared
from dmf.declared import Kind, Word
from dmf.options import Choice, default_of, same

_NUMBERED = re.compile(r"(.+)-(\d+)")
_OTHERS = ("weighting", "auxiliary", "schedule")
NONE = "none"  # in the place of an auxiliary loss


def kind_of(place: str) -> Kind:
    """What a method at a place is."""
    match place:
        case "weighting" | "schedule":
            return place
        case _:
            return "loss"


def numbered(names: Iterable[str]) -> tuple[str, ...]:
    """Names that differ: the second ``tversky`` is ``tversky-2``."""
    seen: Counter[str] = Counter()
    numbered_names = []
    for name in names:
        seen[name] += 1
        numbered_names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return tuple(numbered_names)


def in_places(losses: Sequence[Choice], weighting: Choice, auxiliary: Choice, schedule: Choice) -> dict[str, Choice]:
    """Methods by their place; a loss that is called as another place has a number too."""
    names = [f"{name}-1" if name in _OTHERS else name for name in numbered(loss.name for loss in losses)]
    others = {"weighting": weighting, "auxiliary": auxiliary, "schedule": schedule}
    return {**dict(zip(names, losses, strict=True)), **others}


def distribute(given: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Give options that stand by their words to the methods that have them, and check them there.

    Args:
        given: Values by field or word; ``terms``, ``weighting``, ``auxiliary`` and ``schedule`` as anything a choice is
            read from.
        fields: The fields of the configuration, with their defaults.

    Returns:
        Values by field, and what is an option of no method at all. What is one of methods that are not chosen is the
        field ``spare``.

    Raises:
        ValidationError: If an option of a method cannot be.
    """
    values = dict(given)
    words = {key: values.pop(key) for key in given if key not in fields} | dict(values.pop("spare", None) or {})
    places = _places(values, fields)
    if not words and not any(choice.options for choice in places.values()):
        return values | _fields_of(places, values, fields)
    known, of_schedules = declared.words(), declared.words("schedule")
    used: set[str] = set()
    chosen, strangers = dict(places), []
    for place, choice in places.items():
        model = declared.options_model(kind_of(place), choice.name)
        if model is None:
            strangers += [place] if choice.name != NONE else []
            continue
        options: dict[str, Any] = {}
        for option, word in model.words().items():
            if word in words and word not in fields and (place == "schedule" or word not in of_schedules):
                options[option] = words[word]
                used.add(word)
        for key, value in choice.options.items():
            options[_name_of(model.words(), key, choice.name)] = value
        for option, word in model.words().items():
            for key in (f"{place}.{option}", f"{place}.{word}"):
                if key in words:
                    options[option] = words[key]
                    used.add(key)
        # By word, so that what is wrong with one is said of its word.
        by_word = {model.words().get(option, option): value for option, value in options.items()}
        chosen[place] = Choice(name=choice.name, options=model.of_words(by_word).changed)
    rest = {word: value for word, value in words.items() if word not in used}
    if rest and "weighting" in strangers:  # of one that is not loaded nobody knows the options: it has all these
        own = {word: value for word, value in rest.items() if word not in of_schedules}
        chosen["weighting"] = _with_more(chosen["weighting"], _not_at_default(own))
        rest = {word: value for word, value in rest.items() if word not in own}
    elif rest and strangers:
        unknown = {word: value for word, value in rest.items() if word.rpartition(".")[2] not in known}
        chosen[strangers[0]] = _with_more(chosen[strangers[0]], unknown)
        rest = {word: value for word, value in rest.items() if word not in unknown}
    values |= _fields_of(chosen, values, fields)
    if not rest:
        return values
    spare = {word: _checked(known[word], value) for word, value in rest.items() if word in known}
    values["spare"] = {word: value for word, value in spare.items() if not same(value, default_of(known[word].info))}
    return values | {word: value for word, value in rest.items() if word.rpartition(".")[2] not in known}


def beside_choice(data: Any, field: str, kind: Kind, default: Choice) -> Any:
    """A configuration of which one ``field`` is a choice, and options may stand beside it by their words.

    Args:
        data: What it is read from.
        field: That of the choice.
        kind: What is chosen.
        default: What is chosen where nothing is said.

    Raises:
        ValueError: If the chosen method has no such option; begins with its word.
        ValidationError: If an option cannot be.
    """
    if not isinstance(data, Mapping):
        return data
    words = declared.words(kind)
    given = {word: value for word, value in data.items() if word in words}
    rest = {name: value for name, value in data.items() if name not in words}
    if not given and field not in data:
        return data
    choice = _choice(field, data.get(field, default))
    model = declared.options_model(kind, choice.name)
    if model is None:  # nobody knows its options; it is refused once something is built of it
        return {**rest, field: Choice(name=choice.name, options=given | choice.options)}
    own = {_name_of(model.words(), name, choice.name): value for name, value in (given | choice.options).items()}
    by_word = {model.words()[name]: value for name, value in own.items()}
    return {**rest, field: Choice(name=choice.name, options=model.of_words(by_word).changed)}


def _with_more(choice: Choice, options: Mapping[str, Any]) -> Choice:
    return Choice(name=choice.name, options={**options, **choice.options})


def _name_of(words: Mapping[str, str], key: str, method: str) -> str:
    """The name of an option that is given by its name or its word.

    Raises:
        ValueError: If there is none.
    """
    option = next((name for name, word in words.items() if key in (name, word)), None)
    if option is None:
        known = f"It has: {', '.join(words)}." if words else "It has none."
        raise ValueError(f"{key}: {method} has no such option. {known}")
    return option


def gather(places: Mapping[str, Choice], own_fields: Container[str], *, changed: bool = False) -> dict[str, Any]:
    """Options of chosen methods by word: what :func:`distribute` gives back to them.

    Args:
        places: The methods, by place.
        own_fields: Words that mean something else.
        changed: Only what differs from the default.
    """
    of_schedules = declared.words("schedule")
    held: dict[str, list[tuple[str, Any, bool]]] = {}
    for place, choice in places.items():
        model = declared.options_model(kind_of(place), choice.name)
        if model is None:
            entries = [(name, name, value, True) for name, value in choice.options.items()]
        else:
            options = model.of_words(choice.options)
            differing = options.changed
            entries = [(name, word, getattr(options, name), name in differing) for name, word in model.words().items()]
        for _, word, value, differs in entries:
            shared = word if place == "schedule" or word not in of_schedules else f"{place}.{word}"
            held.setdefault(shared, []).append((f"{place}.{word}", value, differs))
    values: dict[str, Any] = {}
    for word, entries_of_word in held.items():
        if changed and not any(differs for _, _, differs in entries_of_word):
            continue
        first = entries_of_word[0][1]
        if word not in own_fields and all(same(value, first) for _, value, _ in entries_of_word):
            values[word] = first
        else:
            values |= {place: value for place, value, differs in entries_of_word if differs or not changed}
    return values


def value_of(places: Mapping[str, Choice], word: str) -> Any:
    """An option by its word: that of the first chosen method that has it, else the default of any.

    Raises:
        AttributeError: If no method has it.
    """
    is_of_schedules = word in declared.words("schedule")
    for place, choice in places.items():
        if is_of_schedules and place != "schedule":
            continue
        model = declared.options_model(kind_of(place), choice.name)
        for name, called in model.words().items() if model else ():
            if called == word:
                return getattr(model.of_words(choice.options), name)  # type: ignore[union-attr]
    known = declared.words()
    if word not in known:
        raise AttributeError(f"no method has an option {word!r}")
    return default_of(known[word].info)


def _checked(word: Word, value: Any) -> Any:
    """A value of an option as the first method that has it takes it.

    Raises:
        ValidationError: If it takes none such.
    """
    model = declared.options_model(word.kind, word.methods[0])
    assert model is not None
    return getattr(model.of_words({word.word: value}), word.name)


def _not_at_default(words: Mapping[str, Any]) -> dict[str, Any]:
    known = declared.words()
    return {
        word: value
        for word, value in words.items()
        if word not in known or not same(value, default_of(known[word].info))
    }


def _fields_of(places: Mapping[str, Choice], values: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that methods stand in, where they were given or are not the default."""
    terms = tuple(choice for place, choice in places.items() if place not in _OTHERS)
    chosen = {"terms": terms, **{place: places[place] for place in _OTHERS}}
    return {name: value for name, value in chosen.items() if name in values or value != fields[name].default}


def _places(values: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Choice]:
    terms = values.get("terms", fields["terms"].default)
    if isinstance(terms, str | Mapping | Choice):
        terms = (terms,)
    if not isinstance(terms, list | tuple):
        raise ValueError(f"terms: expected names of losses, got {terms!r}")
    losses = _without_numbers([_choice("terms", term) for term in terms])
    return in_places(losses, *(_choice(place, values.get(place, fields[place].default)) for place in _OTHERS))


def _choice(field: str, value: Any) -> Choice:
    if not isinstance(value, str | Mapping | Choice):
        raise ValueError(f"{field}: input should be a valid string, got {value!r}")
    return Choice.model_validate(value)


def _without_numbers(losses: Sequence[Choice]) -> list[Choice]:
    """Losses that are called ``tversky-2`` because another is called tversky, by their own name."""
    choices: list[Choice] = []
    for loss in losses:
        match = _NUMBERED.fullmatch(loss.name)
        names = [each.name for each in choices]
        if match and names.count(match[1]) == int(match[2]) - 1 and declared.method("loss", loss.name) is None:
            choices.append(Choice(name=match[1], options=loss.options))
        else:
            choices.append(loss)
    return choices
