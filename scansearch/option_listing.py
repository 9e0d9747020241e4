"""What can be set: the one form in which listings show it and errors suggest it."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from scansearch.errors import ScansearchError

if TYPE_CHECKING:
    from pydantic import BaseModel

Sections = Mapping[str, Sequence["Option"]]
"""Options by the name of their section."""
MOST_HINTS = 3
MOST_LISTED = 20
_NAMES = {bool: "true | false", int: "integer", float: "number", str: "text"}
_SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


class Option(NamedTuple):
    """One thing that can be set.

    Args:
        name: Its name, as ``--set`` takes it.
        default: Its value if nobody sets it.
        takes: Its type and range, or its choices.
        description: What it does.
    """

    name: str
    default: Any
    takes: str
    description: str


def options_of(model: type[BaseModel], values: Mapping[str, Any]) -> list[Option]:
    """The fields of a pydantic model; ``values`` are their defaults here, as far as they are not the model's."""
    return [
        Option(name, values.get(name, field.default), takes(field.annotation, field.metadata), field.description or "")
        for name, field in model.model_fields.items()
    ]


def takes(hint: Any, limits: Iterable[Any] = ()) -> str:
    """What a type, and limits such as pydantic's ``Ge``, allow: ``"integer >= 1"``, ``"joint | bilevel"``."""
    parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    names = [_name(part) for part in parts if part not in (type(None), Any)]
    limits = list(limits)
    lengths = [getattr(limit, key) for limit in limits for key in ("min_length", "max_length") if hasattr(limit, key)]
    if get_origin(hint) is list and len(lengths) == 2:
        return names[0].replace("list of", f"list of {lengths[0]} to {lengths[1]}")
    bounds = {key: getattr(limit, key) for limit in limits for key in _SIGNS if hasattr(limit, key)}
    if bounds.keys() == {"ge", "le"}:
        return f"{names[0]} {_number(bounds['ge'])} to {_number(bounds['le'])}"
    return " ".join([" | ".join(names), ", ".join(f"{_SIGNS[k]} {_number(v)}" for k, v in bounds.items())]).strip()


def in_words(form: str) -> str:
    """What ``takes`` says, for the middle of a sentence: ``"an integer from 1 to 64 or auto"``."""
    form = re.sub(r"^list of (.*integers) (\S+) to", r"a list of \1 from \2 to", form)
    form = re.sub(r"\binteger\b", "an integer", form).replace("number", "a number")
    return re.sub(r"an integer (\S+) to", r"an integer from \1 to", form).replace(" | ", " or ")


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _name(part: Any) -> str:
    if get_origin(part) is Annotated:
        kind, *notes = get_args(part)
        return takes(kind, [limit for note in notes for limit in getattr(note, "metadata", [note])])
    if get_origin(part) is Literal:
        return " | ".join(map(str, get_args(part)))
    if get_origin(part) is list:
        return f"list of {_name(get_args(part)[0]).replace('integer', 'integers')}"
    return _NAMES[part] if part in _NAMES else str(getattr(part, "__name__", part))


def unknown_option(kind: str, key: str, sections: Sections, section: str | None = None) -> ScansearchError:
    """The error for a setting that there is not: it suggests what may be meant.

    Args:
        kind: What ``key`` is called in the message.
        key: The name that was given.
        sections: Everything that can be set.
        section: Where it was sought, if in one section only.
    """
    near = " or ".join(map(repr, _near(key, sections, section)))
    hint = f" (did you mean {near}?)" if near else ""
    known = sorted(o.name for name, options in sections.items() for o in options if section in (None, name))
    listed = f"there is: {', '.join(known)}" if len(known) <= MOST_LISTED else "`scansearch strategies NAME` lists all"
    return ScansearchError(f"unknown {kind} {key!r}{hint}; {listed}")


def _near(key: str, sections: Sections, section: str | None) -> list[str]:
    """What may be meant by ``key``.

    That is the same name in another section; else one spelt much alike, those that have its words in them, the few whose
    descriptions have them, or one spelt somewhat alike.
    """
    everything = [(name, option) for name, options in sections.items() for option in options]
    if section is not None and (elsewhere := [f"{name}.{o.name}" for name, o in everything if o.name == key]):
        return elsewhere
    spelt = [o.name for name, o in everything if section in (None, name)]
    if section is None and "." in key:
        spelt += [f"{name}.{o.name}" for name, o in everything]
    words = _words(key)
    named = list(dict.fromkeys(name for name in spelt if words and words <= _words(name)))
    described = [
        o.name if section in (None, name) else f"{name}.{o.name}"
        for name, o in everything
        if words and words <= _words(o.description)
    ]
    few = described if len(described) <= MOST_HINTS else []
    return _alike(key, spelt, 0.7) or named[:MOST_HINTS] or few or _alike(key, spelt, 0.6)


def _alike(key: str, names: Sequence[str], least: float) -> list[str]:
    """The name that is spelt most alike, if there is one: few people misspell a first letter."""
    return [name for name in difflib.get_close_matches(key, names, n=1, cutoff=least) if name[0] == key[0]]


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))
