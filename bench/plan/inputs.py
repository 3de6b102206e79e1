"""What a model is given when it is timed: the shapes and values of its inputs, and its signature.

A file may leave a size of an input open (-1). A runtime would take 1 for it, which measures another
thing than any app does, so a size is given, or follows from the model's role, or there is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from bench.core.artifact import Role, Tensor
from bench.core.errors import ConfigurationError

T = TypeVar("T")

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"(.+?),({_NUMBER}),({_NUMBER})(?::|$)")
_TEXT = "string"  # of which tools make up different things
_SIZES = re.compile(r"[1-9]\d{0,8}(?:,[1-9]\d{0,8})*")
# A window of audio, or one patch, is one inference: an open first axis counts them.
_ONE_AT_A_TIME = (Role.EMBEDDING_PATCH, Role.EMBEDDING_WAVEFORM, Role.FRONTEND)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenInput:
    """One input of a case, where the file leaves something open or other values are asked for.

    Args:
        name: of the tensor; empty where the file names none.
        shape: its sizes.
        dtype: LiteRT's name, such as ``float32`` or ``string``.
        low, high: limits of its random values, both inclusive; ``None`` for the tool's own.
        values_sha256: of the file of its raw values.
        is_set: the shape is another than the file has, which may leave a size open.
        as_allocated: a runtime takes that shape without a flag: 1 for each open size.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    low: float | None = None
    high: float | None = None
    values_sha256: str | None = None
    is_set: bool = False
    as_allocated: bool = True

    @property
    def text(self) -> str:
        """Name and shape, such as ``waveform [1, 16000]``."""
        return f"{self.name or 'the input'} {list(self.shape)}"

    @property
    def needs_flags(self) -> bool:
        """Whether a tool gives it anything else than it would without flags."""
        has_values = self.values_sha256 is not None or self.low is not None
        return has_values or not self.as_allocated

    @property
    def values_text(self) -> str:
        """Its values in words; empty for the tool's own."""
        name = self.name or "the input"
        if self.values_sha256 is not None:
            return f"{name} from a file, SHA-256 {self.values_sha256[:12]}"
        return "" if self.low is None else f"{name} from {self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenSignature:
    """The signature that is measured of a file with several.

    Args:
        key: its name.
        graph: its graph; without a flag a runtime runs graph 0.
        others: those that are not measured.
    """

    key: str
    graph: int
    others: tuple[str, ...]

    @property
    def text(self) -> str:
        """Its name and those of the others."""
        return f"{self.key}; not measured: {', '.join(self.others)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFlags:
    """What a command line or a suite gives the inputs of all its models, by name.

    A name is that of the tensor or of the signature's input, or its position from 0.

    Args:
        ranges: the least and greatest value of random ones.
        files: raw values, exactly the bytes of the tensor.
        signature: key of the signature to measure; ``None`` for a file's first.
    """

    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    signature: str | None = None

    @property
    def names(self) -> list[str]:
        """The names of all inputs that are given something."""
        return list(dict.fromkeys((*self.shapes, *self.ranges, *self.files)))

    def over(self, other: InputFlags) -> InputFlags:
        """Returns both, where a name has both this one's."""
        return InputFlags(
            shapes={**other.shapes, **self.shapes},
            # Of values from a range and from a file, only those that come last are meant.
            ranges={**_without(other.ranges, self.files), **self.ranges},
            files={**_without(other.files, self.ranges), **self.files},
            signature=self.signature or other.signature,
        )


def parse(
    *,
    shapes: Sequence[str] = (),
    ranges: Sequence[str] = (),
    files: Sequence[str] = (),
    signature: str | None = None,
) -> InputFlags:
    """Returns what flags give, each in the official tool's form.

    Args:
        shapes: ``name:1,16000`` each.
        ranges: ``name,low,high`` each, or several with ``:`` between them.
        files: ``name:path`` each, or several with ``,`` between them; a name's own colons may be
            doubled, as the official tool has it.

    Raises:
        ConfigurationError: one is malformed or is given twice.
    """
    return InputFlags(
        shapes=_unique("--input-shape", map(_shape, shapes)),
        ranges=_unique("--input-value-range", (each for text in ranges for each in _ranges(text))),
        files=_unique(
            "--input-value-file", (_file(each) for text in files for each in _each(text))
        ),
        signature=signature,
    )


def resolve(
    tensors: Sequence[Tensor],
    asked: InputFlags,
    *,
    file: str,
    names: Sequence[str] = (),
    role: Role | None = None,
    window_samples: int | None = None,
) -> tuple[GivenInput, ...]:
    """Returns the inputs of a file as they are measured; empty if it leaves nothing open.

    Args:
        tensors: its inputs.
        asked: what the command line gives; what fits no input of it is left out.
        file: its path, for errors.
        names: of the inputs in the signature, in the same order.
        role: of the file, which may give an open size.
        window_samples: of a file that takes audio, where the role alone does not give it.

    Raises:
        ConfigurationError: a size stays open, or a shape has another rank.
    """
    given = [
        _given(tensor, _names_of(tensor, at, names), asked, file)
        for at, tensor in enumerate(tensors)
    ]
    by_role = _shape_of_role(tensors, role, window_samples)
    found = [
        each if all(n > 0 for n in each.shape) else replace(each, shape=by_role or each.shape)
        for each in given
    ]
    if still_open := [each for each in found if any(n < 0 for n in each.shape)]:
        suggested = " ".join(f"--input-shape {_suggested(each)}" for each in still_open)
        raise ConfigurationError(
            f"{file}: leaves sizes of its inputs open: "
            + ", ".join(each.text for each in still_open)
            + "; a runtime would take 1 for each, which no app does",
            hint=f"give the sizes that an app uses: {suggested}; or add it to the zoo with a "
            "--role and a --window-s",
        )
    found = [
        replace(
            each,
            is_set=each.shape != tensor.shape,
            as_allocated=each.shape == tuple(abs(n) for n in tensor.shape),
        )
        for each, tensor in zip(found, tensors, strict=True)
    ]
    leaves_nothing = all(
        each == plain_input(tensor) and tensor.dtype != _TEXT
        for each, tensor in zip(found, tensors, strict=True)
    )
    return () if leaves_nothing else tuple(found)


def plain_input(tensor: Tensor) -> GivenInput:
    """Returns an input that the file leaves nothing open of."""
    return GivenInput(name=tensor.name, shape=tensor.shape, dtype=tensor.dtype)


def names_of(tensors: Sequence[Tensor], names: Sequence[str] = ()) -> list[str]:
    """Returns all names that flags may use for the inputs of a file."""
    return [
        name for at, tensor in enumerate(tensors) for name in _names_of(tensor, at, names) if name
    ]


def _names_of(tensor: Tensor, position: int, names: Sequence[str]) -> tuple[str, ...]:
    in_signature = names[position] if position < len(names) else ""
    return tensor.name, in_signature, str(position)


def _given(tensor: Tensor, names: tuple[str, ...], asked: InputFlags, file: str) -> GivenInput:
    shape = _of(asked.shapes, names) or tensor.shape
    if len(shape) != len(tensor.shape):
        raise ConfigurationError(
            f"{file}: the input {tensor.name!r} is {list(tensor.shape)}, and --input-shape gives "
            f"{list(shape)}",
            hint=f"give {len(tensor.shape)} sizes",
        )
    low, high = _of(asked.ranges, names) or (None, None)
    return GivenInput(
        name=tensor.name,
        shape=shape,
        dtype=tensor.dtype,
        low=low,
        high=high,
    )


def value_file(
    tensor: Tensor, position: int, names: Sequence[str], asked: InputFlags
) -> Path | None:
    """Returns the file of raw values that flags give for an input, if they do."""
    return _of(asked.files, _names_of(tensor, position, names))


def _without(values: Mapping[str, T], names: Iterable[str]) -> dict[str, T]:
    return {name: value for name, value in values.items() if name not in names}


def official_shapes(layers: str | None, shapes: str | None) -> list[str]:
    """Returns ``NAME:1,16000`` for each input that the official tool's two flags give.

    Args:
        layers: of ``--input_layer``: names with ``,`` between them; ``None`` for the positions.
        shapes: of ``--input_layer_shape``: sizes with ``:`` between the inputs.

    Raises:
        ConfigurationError: they are of different numbers of inputs.
    """
    if shapes is None:
        if layers is not None:
            raise ConfigurationError(
                f"--input_layer {layers} has no --input_layer_shape",
                hint="give both, or --input-shape NAME:1,16000",
            )
        return []
    sizes = shapes.split(":")
    names = list(map(str, range(len(sizes)))) if layers is None else layers.split(",")
    if len(names) != len(sizes):
        raise ConfigurationError(
            f"--input_layer has {len(names)} names and --input_layer_shape {len(sizes)} shapes",
            hint="put : between the shapes of several inputs, such as 1,16000:1,64",
        )
    return [f"{name}:{each}" for name, each in zip(names, sizes, strict=True)]


def _of(values: Mapping[str, T], names: tuple[str, ...]) -> T | None:
    return next((values[name] for name in names if name and name in values), None)


def _shape_of_role(
    tensors: Sequence[Tensor], role: Role | None, window_samples: int | None
) -> tuple[int, ...] | None:
    """Returns the shape of the only input by the role; ``None`` where that does not give it."""
    if role not in _ONE_AT_A_TIME or len(tensors) != 1:
        return None
    shape = list(tensors[0].shape)
    if role is not Role.EMBEDDING_PATCH and shape[-1] < 0 and window_samples is not None:
        shape[-1] = window_samples
    if len(shape) > 1 and shape[0] < 0:
        shape[0] = 1
    return tuple(shape)


def _suggested(given: GivenInput) -> str:
    sizes = ["1" if at == 0 and len(given.shape) > 1 else "N" for at in range(len(given.shape))]
    shown = [size if n < 0 else str(n) for size, n in zip(sizes, given.shape, strict=True)]
    return f"{given.name or '0'}:{','.join(shown)}"


def _unique(flag: str, pairs: Iterable[tuple[str, T]]) -> dict[str, T]:
    found: dict[str, T] = {}
    for name, value in pairs:
        if name in found:
            raise ConfigurationError(f"{flag}: {name!r} is given twice", hint="give it once")
        found[name] = value
    return found


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, colon, sizes = text.rpartition(":")
    if not colon or not name or not _SIZES.fullmatch(sizes):
        raise ConfigurationError(
            f"--input-shape {text!r} is not a name and sizes",
            hint="write NAME:1,16000, with every size above 0; NAME may be the position, from 0",
        )
    return name, tuple(int(size) for size in sizes.split(","))


def _ranges(text: str) -> list[tuple[str, tuple[float, float]]]:
    matches = list(_RANGE.finditer(text))
    if not matches or "".join(each[0] for each in matches) != text:
        raise ConfigurationError(
            f"--input-value-range {text!r} is not a name and two numbers",
            hint="write NAME,0,15 for values from 0 to 15",
        )
    ranges = [(each[1], (float(each[2]), float(each[3]))) for each in matches]
    for name, (low, high) in ranges:
        if low > high:
            raise ConfigurationError(
                f"--input-value-range {name},{low:g},{high:g}: ends before it begins",
                hint="give the least value first",
            )
    return ranges


def _each(text: str) -> list[str]:
    """Returns the entries of a list; a comma without a colon after it belongs to a path."""
    return re.split(r",(?=[^,]*:)", text)


def _file(text: str) -> tuple[str, Path]:
    name, colon, path = text.rpartition(":")
    if not colon or not name or not path:
        raise ConfigurationError(
            f"--input-value-file {text!r} is not a name and a path",
            hint="write NAME:values.raw, a file of exactly the input's raw bytes",
        )
    return name.replace("::", ":"), Path(path)
