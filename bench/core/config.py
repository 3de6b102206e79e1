"""The one way in and out of YAML and JSON: typed, strict, and with the near key in the error."""

from __future__ import annotations

import difflib
import json
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import cattrs
import yaml
from cattrs.errors import (
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
)

from bench.core import atomic
from bench.core.errors import BenchError, ConfigurationError

T = TypeVar("T")

_STRICT = cattrs.Converter(forbid_extra_keys=True)


def _member(value: object, cls: type[Enum]) -> Enum:
    known = [each.value for each in cls]
    if value not in known:
        raise ValueError(f"{value!r} is none of {', '.join(known)}{near(str(value), known)}")
    return cls(value)


def _exactly(value: object, kinds: tuple[type, ...], wanted: str) -> Any:
    if (isinstance(value, bool) and bool not in kinds) or not isinstance(value, kinds):
        raise ValueError(f"must be {wanted}, not {value!r}")
    return value


# JSON and YAML spell whole numbers without a point; nothing else may turn into a number or text.
_STRICT.register_structure_hook(bool, lambda value, _: _exactly(value, (bool,), "true or false"))
_STRICT.register_structure_hook(int, lambda value, _: _exactly(value, (int,), "a whole number"))
_STRICT.register_structure_hook(
    float, lambda value, _: float(_exactly(value, (int, float), "a number"))
)
# What a device tells is a number or text, or nothing.
_STRICT.register_structure_hook_func(
    lambda kind: kind == float | str | None,
    lambda value, _: (
        float(value)
        if isinstance(value, int) and not isinstance(value, bool)
        else _exactly(value, (float, str, type(None)), "a number, text or nothing")
    ),
)
# A hook on str gets the StrEnums too.
_STRICT.register_structure_hook(
    str,
    lambda value, kind: _exactly(value, (str,), "text") if kind is str else _member(value, kind),
)
# Text is a sequence of characters too, and a list that somebody forgot to write is not that.
_TUPLE = _STRICT.get_structure_hook(tuple[object, ...])
_STRICT.register_structure_hook_func(
    lambda kind: getattr(kind, "__origin__", None) is tuple,
    lambda value, kind: _TUPLE(_exactly(value, (list, tuple), "a list"), kind),
)


def structure(value: object, cls: type[T], *, source: str) -> T:
    """Returns ``value``, a mapping, as a ``cls``.

    Raises:
        ConfigurationError: names ``source``, the key path and, for an unknown key, the near one.
    """
    if not isinstance(value, dict):
        raise ConfigurationError(
            f"{source}: {'is empty' if value is None else f'holds {type(value).__name__}'}, "
            "not a mapping",
            hint=f"write the keys of a {cls.__name__}",
        )
    try:
        return _STRICT.structure(value, cls)
    except (ClassValidationError, IterableValidationError) as error:
        problems = list(_problems(error, ""))
        raise ConfigurationError(
            f"{source}: " + "; ".join(problems), hint="mend the key and run again"
        ) from error


def load(path: Path, cls: type[T]) -> T:
    """Returns the ``cls`` that a ``.yaml``, ``.yml`` or ``.json`` file holds.

    Raises:
        ConfigurationError: the file is missing, malformed or does not fit.
    """
    try:
        text = path.read_text(encoding="utf-8")
        value = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path}: no such file", hint="check the path") from error
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"{path}: cannot be read: {_sentence(error)}", hint="check that it is YAML or JSON"
        ) from error
    return structure(value, cls, source=str(path))


def unstructure(value: object) -> Any:
    """Returns ``value`` (a dataclass) as plain dicts, lists, numbers and text."""
    return _STRICT.unstructure(value)


def to_json(value: object) -> str:
    """Returns ``value`` as stable, indented JSON that ends in a line feed."""
    return json.dumps(unstructure(value), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def save(path: Path, value: object) -> None:
    """Writes ``value`` as JSON, whole or not at all."""
    atomic.write_text(path, to_json(value))


def near(word: str, known: list[str]) -> str:
    """Returns ``; did you mean X?`` for the nearest of ``known``, else an empty text."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean '{found[0]}'?" if found else ""


def _problems(error: BaseException, where: str) -> list[str]:
    match error:
        case ClassValidationError() | IterableValidationError():
            return _nested_problems(error, where)
        case ForbiddenExtraKeysError():
            known = sorted(getattr(error.cl, "__dataclass_fields__", {}))
            unknown = sorted(error.extra_fields)
            return [f"unknown key {_join(where, name)}{near(name, known)}" for name in unknown]
        case BenchError():  # of a dataclass that checks itself
            return [f"{where}: {error.message}" if where else error.message]
        case KeyError():
            return [f"missing key {where or error.args[0]}"]
        case _:
            return [f"{where}: {_sentence(error)}" if where else _sentence(error)]


def _nested_problems(
    error: ClassValidationError | IterableValidationError, where: str
) -> list[str]:
    noted, plain = error.group_exceptions()
    found: list[str] = []
    for inner, note in noted:
        if isinstance(note, IterableValidationNote):
            path = f"{where}[{note.index}]"
        else:
            path = _join(where, note.name)
        found += _problems(inner, path)
    for inner in plain:
        found += _problems(inner, where)
    return found


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
