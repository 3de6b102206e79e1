"""Reads and writes YAML and JSON, typed and strict; errors suggest the nearest known key."""

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
    values = [member.value for member in cls]
    if value not in values:
        raise ValueError(f"{value!r} is none of {', '.join(values)}{near(str(value), values)}")
    return cls(value)


def _of_kind(value: object, kinds: tuple[type, ...], description: str) -> Any:
    if (isinstance(value, bool) and bool not in kinds) or not isinstance(value, kinds):
        raise ValueError(f"must be {description}, not {value!r}")
    return value


# JSON and YAML write whole numbers without a point; nothing else is converted.
_STRICT.register_structure_hook(bool, lambda value, _: _of_kind(value, (bool,), "true or false"))
_STRICT.register_structure_hook(int, lambda value, _: _of_kind(value, (int,), "a whole number"))
_STRICT.register_structure_hook(
    float, lambda value, _: float(_of_kind(value, (int, float), "a number"))
)
# A device's reading is a number, a text or nothing.
_STRICT.register_structure_hook_func(
    lambda kind: kind == float | str | None,
    lambda value, _: (
        float(value)
        if isinstance(value, int) and not isinstance(value, bool)
        else _of_kind(value, (float, str, type(None)), "a number, text or nothing")
    ),
)
# A hook on str gets the StrEnums too.
_STRICT.register_structure_hook(
    str,
    lambda value, kind: _of_kind(value, (str,), "text") if kind is str else _member(value, kind),
)
# A text is a sequence too, but a text where a list belongs is an error.
_TUPLE = _STRICT.get_structure_hook(tuple[object, ...])
_STRICT.register_structure_hook_func(
    lambda kind: getattr(kind, "__origin__", None) is tuple,
    lambda value, kind: _TUPLE(_of_kind(value, (list, tuple), "a list"), kind),
)


def structure(value: object, cls: type[T], *, source: str) -> T:
    """Returns ``value``, a mapping, as a ``cls``.

    Raises:
        ConfigurationError: it does not fit; the message has ``source``, the key's path and, for an
            unknown key, the nearest known one.
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
            f"{source}: " + "; ".join(problems), hint="correct the key and run again"
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


def yaml_values(text: str) -> list[Any]:
    """Returns the plain values of the documents in ``text``, as anybody may have written it.

    Raises:
        ValueError: it is not YAML.
    """
    try:
        return list(yaml.safe_load_all(text))
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from error


def unstructure(value: object) -> Any:
    """Returns ``value`` (a dataclass) as plain dicts, lists, numbers and text."""
    return _STRICT.unstructure(value)


def to_json(value: object) -> str:
    """Returns ``value`` as stable, indented JSON that ends in a line feed."""
    return json.dumps(unstructure(value), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def save(path: Path, value: object) -> None:
    """Writes ``value`` as JSON, complete or not at all."""
    atomic.write_text(path, to_json(value))


def save_yaml(path: Path, value: object) -> None:
    """Writes ``value`` as YAML, its keys in their order, complete or not at all."""
    document = unstructure(value)
    atomic.write_text(path, yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def near(word: str, words: list[str]) -> str:
    """Returns ``; did you mean X?`` for the nearest of ``words``, else an empty text."""
    matches = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f"; did you mean '{matches[0]}'?" if matches else ""


def _problems(error: BaseException, where: str) -> list[str]:
    match error:
        case ClassValidationError() | IterableValidationError():
            return _nested_problems(error, where)
        case ForbiddenExtraKeysError():
            keys = sorted(getattr(error.cl, "__dataclass_fields__", {}))
            unknown = sorted(error.extra_fields)
            return [f"unknown key {_join(where, name)}{near(name, keys)}" for name in unknown]
        case BenchError():  # from a dataclass's own checks
            return [f"{where}: {error.message}" if where else error.message]
        case KeyError():
            return [f"missing key {where or error.args[0]}"]
        case _:
            return [f"{where}: {_sentence(error)}" if where else _sentence(error)]


def _nested_problems(
    error: ClassValidationError | IterableValidationError, where: str
) -> list[str]:
    noted, plain = error.group_exceptions()
    problems: list[str] = []
    for inner, note in noted:
        if isinstance(note, IterableValidationNote):
            path = f"{where}[{note.index}]"
        else:
            path = _join(where, note.name)
        problems += _problems(inner, path)
    for inner in plain:
        problems += _problems(inner, where)
    return problems


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
