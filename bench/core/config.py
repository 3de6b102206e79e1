"""Reads and writes YAML and JSON, typed and strict; errors suggest the nearest known key."""

from __future__ import annotations

import difflib
import json
import marshal
import math
import reprlib
from collections.abc import Collection, Sequence
from contextlib import suppress
from enum import Enum
from functools import lru_cache
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

# Far above every file of ours; a smaller file may still expand to more, by YAML's aliases.
_MOST_BYTES = 64 << 20
_MOST_YAML_BYTES = 2 << 20
_MOST_VALUES = 200_000  # of a YAML file
_MOST_DIGITS = 100
_PART = 500  # entries of a long list that are structured together
_SHARED = 1024  # of a class
_WITHOUT_REFERENCES = 2  # a version of marshal's: equal values are equal bytes
_MOST_PROBLEMS = 10  # that an error lists
_LONGEST_WORD = 200  # that a similar one is searched for

_STRICT = cattrs.Converter(forbid_extra_keys=True)


def _member(value: object, cls: type[Enum]) -> Enum:
    if isinstance(value, str) and value in cls._value2member_map_:
        return cls(value)
    values = [member.value for member in cls]
    if isinstance(value, str):
        with suppress(ValueError):  # another name of a member
            return cls(value)
    similar = near(value, values) if isinstance(value, str) else ""
    raise ValueError(f"{_short(value)} is none of {', '.join(values)}{similar}")


def _of_kind(value: object, kinds: tuple[type, ...], description: str) -> Any:
    if (isinstance(value, bool) and bool not in kinds) or not isinstance(value, kinds):
        raise ValueError(f"must be {description}, not {_short(value)}")
    return value


def _whole(value: object) -> int:
    number = int(_of_kind(value, (int,), "a whole number"))
    if not -(2**63) <= number < 2**63:  # no database takes a larger one
        raise ValueError(f"must be a whole number of 64 bits, not {_short(value)}")
    return number


def _text(value: object) -> str:
    text = str(_of_kind(value, (str,), "text"))
    if not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text):
        raise ValueError(f"must be text, and {_short(value)} has half of a character")
    return text


def _short(value: object) -> str:
    """Returns a value as an error shows it: a large one is cut, and never spelt out first."""
    return _CUT.repr(value)


_CUT = reprlib.Repr()
_CUT.maxlevel, _CUT.maxstring, _CUT.maxother = 3, 200, 200


# JSON and YAML write whole numbers without a point; nothing else is converted.
_STRICT.register_structure_hook(bool, lambda value, _: _of_kind(value, (bool,), "true or false"))
_STRICT.register_structure_hook(int, lambda value, _: _whole(value))
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
    lambda value, kind: _text(value) if kind is str else _member(value, kind),
)
# A text is a sequence too, but a text where a list belongs is an error.
_TUPLE = _STRICT.get_structure_hook(tuple[object, ...])
_STRICT.register_structure_hook_func(
    lambda kind: getattr(kind, "__origin__", None) is tuple,
    lambda value, kind: _tuple(_of_kind(value, (list, tuple), "a list"), kind),
)


def _tuple(items: Sequence[object], kind: Any) -> tuple[object, ...]:
    """Returns the entries of a list; of a long one no more errors are collected than of a part."""
    if not items and kind.__args__[-1] is Ellipsis:
        return ()
    if kind == tuple[float, ...] and all(type(item) is float for item in items):
        return tuple(items)
    if len(items) <= _PART or kind.__args__[-1] is not Ellipsis:
        return tuple(_TUPLE(items, kind))
    structured: list[object] = []
    for start in range(0, len(items), _PART):
        try:
            structured += _TUPLE(items[start : start + _PART], kind)
        except IterableValidationError as error:
            _shift(error, start)
            raise
    return tuple(structured)


def _shift(error: IterableValidationError, start: int) -> None:
    """Adds ``start`` to the index of each entry that an error names."""
    for inner in error.exceptions:
        for note in getattr(inner, "__notes__", ()):
            if isinstance(note, IterableValidationNote):
                note.index = int(note.index) + start


class _Written(bytes):
    """A value's bytes, by which equal ones are found, with the value; nothing is read back."""

    value: Any


def share(cls: type[Any]) -> None:
    """Makes equal values of a frozen class one object, structured once: many records repeat it."""
    structure = _STRICT.get_structure_hook(cls)

    @lru_cache(maxsize=_SHARED)
    def shared(written: _Written) -> Any:
        return structure(written.value, cls)

    def hook(value: Any, _: object) -> Any:
        try:
            written = _Written(marshal.dumps(value, _WITHOUT_REFERENCES))
        except ValueError:  # not of plain values
            return structure(value, cls)
        written.value = value
        return shared(written)

    _STRICT.register_structure_hook(cls, hook)


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
        more = len(problems) - _MOST_PROBLEMS
        raise ConfigurationError(
            f"{source}: "
            + "; ".join(problems[:_MOST_PROBLEMS])
            + (f"; and {more} more" if more > 0 else ""),
            hint="correct the key and run again",
        ) from error


def load(path: Path, cls: type[T], *, finite: bool = True) -> T:
    """Returns the ``cls`` that a ``.yaml``, ``.yml`` or ``.json`` file holds.

    Args:
        finite: refuse NaN and infinite numbers in JSON, as in every file from outside.

    Raises:
        ConfigurationError: the file is missing, malformed or does not fit.
    """
    is_json = path.suffix == ".json"
    try:
        text = read_bytes(path, most=_MOST_BYTES if is_json else _MOST_YAML_BYTES).decode()
        value = parse_json(text, finite=finite) if is_json else _parse_yaml(text)
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path}: no such file", hint="check the path") from error
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
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
        return [_bounded(value) for value in yaml.load_all(text, Loader=_Loader)]
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from error


def read_bytes(path: Path, *, most: int) -> bytes:
    """Returns the content of a file, which may be a link to a device without an end.

    Raises:
        OSError: it cannot be read.
        ValueError: it has more than ``most`` bytes.
    """
    with path.open("rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it is larger than {most >> 20} MiB")
    return content


def parse_json(text: str, *, finite: bool = True) -> Any:
    """Returns the value of a JSON text.

    Args:
        finite: every number must be.

    Raises:
        ValueError: it is not JSON, or is nested too deeply.
    """
    number = _finite if finite else float
    try:
        return json.loads(text, parse_float=number, parse_constant=number)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _parse_yaml(text: str) -> Any:
    """Returns the value of a YAML text of plain values, each number finite."""
    return _bounded(yaml.load(text, Loader=_Loader))  # noqa: S506 - a SafeLoader


def _bounded(value: Any) -> Any:
    """Returns a value of YAML that its aliases do not blow up, and whose numbers are finite."""
    left: list[tuple[str, object]] = [("", value)]
    count = 1
    while left:
        where, each = left.pop()
        if isinstance(each, float) and not math.isfinite(each):
            raise ValueError(f"{where}: {each} is not a number that a file may have")
        inner: Collection[tuple[str, object]] = ()
        if isinstance(each, dict):
            inner = [(_join(where, str(key))[:_LONGEST_WORD], entry) for key, entry in each.items()]
        elif isinstance(each, list | tuple | set):
            inner = [(where, entry) for entry in each]
        count += len(inner)
        if count > _MOST_VALUES:
            raise ValueError("its aliases expand to too many values")
        left += inner
    return value


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which makes plain values only, without what a small file can blow up."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise ValueError("it has the merge key <<, which is not read: write the keys out")
        super().flatten_mapping(node)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > _MOST_DIGITS:
            raise ValueError(f"it has a number of more than {_MOST_DIGITS} digits")
        return int(super().construct_yaml_int(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def _finite(number: str) -> float:
    if not math.isfinite(float(number)):
        raise ValueError(f"{number} is not a number that a file may have")
    return float(number)


def unstructure(value: object) -> Any:
    """Returns ``value`` (a dataclass) as plain dicts, lists, numbers and text."""
    return _STRICT.unstructure(value)


def to_json(value: object) -> str:
    """Returns ``value`` as stable, indented JSON that ends in a line feed."""
    return json.dumps(unstructure(value), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def save(path: Path, value: object) -> None:
    """Writes ``value`` as JSON, complete or not at all."""
    atomic.write_text(path, to_json(value))


def to_yaml(value: object) -> str:
    """Returns ``value`` as YAML, its keys in their order."""
    text: str = yaml.safe_dump(unstructure(value), sort_keys=False, allow_unicode=True)
    return text


def save_yaml(path: Path, value: object) -> None:
    """Writes ``value`` as YAML, its keys in their order, complete or not at all."""
    atomic.write_text(path, to_yaml(value))


def near(word: str, words: list[str]) -> str:
    """Returns ``; did you mean X?`` for the nearest of ``words``, else an empty text."""
    if len(word) > _LONGEST_WORD:
        return ""
    matches = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f"; did you mean '{matches[0]}'?" if matches else ""


def _problems(error: BaseException, where: str) -> list[str]:
    match error:
        case ClassValidationError() | IterableValidationError():
            return _nested_problems(error, where)
        case ForbiddenExtraKeysError():
            keys = sorted(getattr(error.cl, "__dataclass_fields__", {}))
            unknown = sorted(map(str, error.extra_fields))
            shown = [f"{_join(where, name)}{near(name, keys)}" for name in unknown[:_MOST_PROBLEMS]]
            rest = [_join(where, name) for name in unknown[_MOST_PROBLEMS:]]
            return [f"unknown key {name}" for name in [*shown, *rest]]
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
