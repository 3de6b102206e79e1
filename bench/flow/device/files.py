"""The inputs of the files that are measured, before any device is asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.core.artifact import Role, Tensor
from bench.core.config import near
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from bench.plan.inputs import (
    ChosenSignature,
    GivenInput,
    InputFlags,
    names_of,
    plain_input,
    resolve,
    value_file,
)
from bench.plan.suite import Target
from models.tflite import reader
from models.tflite.reader import Signature, TfliteFile

# Bytes of one element, by LiteRT's names; a text has no fixed length.
ELEMENT_BYTES = {
    **dict.fromkeys(("bool", "int8", "uint8"), 1),
    **dict.fromkeys(("int16", "uint16", "float16"), 2),
    **dict.fromkeys(("int32", "uint32", "float32"), 4),
    **dict.fromkeys(("int64", "uint64", "float64", "complex64"), 8),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredFiles:
    """Files with all that is known of their inputs.

    Args:
        value_files: SHA-256 of each file of raw values to its path.
    """

    targets: tuple[Target, ...]
    value_files: dict[str, Path]


def with_inputs(
    targets: Sequence[Target], asked: InputFlags, *, on_message: Callable[[str], None]
) -> MeasuredFiles:
    """Returns files with the shapes and values of their inputs and with the signature.

    A file that cannot be read stays as it is: its case fails, and the others are measured.

    Args:
        on_message: takes a line about such a file.

    Raises:
        ConfigurationError: a size of an input stays open, or what is asked for fits no file.
    """
    found: list[Target] = []
    known: list[str] = []
    value_files: dict[str, Path] = {}
    for target in targets:
        try:
            file = reader.read(target.path)
        except ConfigurationError as error:  # it is damaged, or LiteRT is not installed here
            on_message(f"{error.message}; it is measured nevertheless")
            found.append(target)
            continue
        signature = _signature(target, file, asked.signature)
        tensors = signature.inputs if signature else file.inputs
        names = signature.names if signature else _first_names(file)
        known += names_of(tensors, names)
        given = _given(target, file, signature, asked)
        files = [value_file(each, at, names, asked) for at, each in enumerate(tensors)]
        given = _with_files(target, tensors, given, files)
        for each, path in zip(given, files, strict=False):
            if path is not None and each.values_sha256 is not None:
                value_files[each.values_sha256] = path
        found.append(
            replace(
                target,
                given_inputs=given,
                signature=_chosen(file, signature),
            )
        )
    _refuse_unknown(asked, known)
    return MeasuredFiles(targets=tuple(found), value_files=value_files)


def _signature(target: Target, file: TfliteFile, key: str | None) -> Signature | None:
    """Returns the signature to measure of a file with several; ``None`` of any other."""
    keys = [each.key for each in file.signatures]
    if key is not None and key not in keys:
        raise ConfigurationError(
            f"{target.path}: has no signature {key!r}{near(key, keys)}",
            hint=f"it has {', '.join(map(repr, keys)) or 'none'}",
        )
    if len(keys) < 2:
        return None
    return next(
        (
            each
            for each in file.signatures
            if (each.subgraph == 0 if key is None else each.key == key)
        ),
        None,
    )


def _chosen(file: TfliteFile, signature: Signature | None) -> ChosenSignature | None:
    if signature is None:
        return None
    others = tuple(each.key for each in file.signatures if each.key != signature.key)
    return ChosenSignature(key=signature.key, graph=signature.subgraph, others=others)


def _first_names(file: TfliteFile) -> tuple[str, ...]:
    return next((each.names for each in file.signatures if each.subgraph == 0), ())


def _given(
    target: Target, file: TfliteFile, signature: Signature | None, asked: InputFlags
) -> tuple[GivenInput, ...]:
    artifact = target.artifact
    is_first = signature is None or signature.subgraph == 0
    role = artifact.role if artifact else file.role
    return resolve(
        signature.inputs if signature else file.inputs,
        asked,
        file=str(target.path),
        names=signature.names if signature else _first_names(file),
        role=role if is_first else Role.OTHER,
        window_samples=artifact.window_samples if artifact else None,
    )


def _with_files(
    target: Target,
    tensors: Sequence[Tensor],
    given: tuple[GivenInput, ...],
    files: Sequence[Path | None],
) -> tuple[GivenInput, ...]:
    """Returns the inputs with the files of their values, after comparing the sizes."""
    if not any(files):
        return given
    given = given or tuple(map(plain_input, tensors))
    return tuple(
        each
        if path is None
        else replace(each, values_sha256=_checked(target, tensor, each, path), low=None, high=None)
        for each, tensor, path in zip(given, tensors, files, strict=True)
    )


def _checked(target: Target, tensor: Tensor, given: GivenInput, path: Path) -> str:
    try:
        size_bytes = path.stat().st_size
        sha256 = sha256_file(path)
    except OSError as error:
        raise ConfigurationError(
            f"{path}: cannot be read: {error.strerror}", hint="check --input-value-file"
        ) from error
    element_bytes = ELEMENT_BYTES.get(tensor.dtype)
    wanted = None if element_bytes is None else element_bytes * math.prod(given.shape)
    if wanted is not None and size_bytes != wanted:
        raise ConfigurationError(
            f"{path}: has {size_bytes} bytes, and {given.text} of {target.path} takes {wanted} "
            f"({tensor.dtype})",
            hint="write exactly the raw values of the input, without any header",
        )
    return sha256


def _refuse_unknown(asked: InputFlags, known: Sequence[Any]) -> None:
    for name in asked.names:
        if name not in known:
            raise ConfigurationError(
                f"no model has an input {name!r}{near(name, list(known))}",
                hint=f"their inputs: {', '.join(dict.fromkeys(known)) or 'none that can be read'}",
            )
