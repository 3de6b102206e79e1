"""Reads a .tflite file in a process apart, so that no file can crash, block or fill this one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.core import config
from bench.core.artifact import Format, Partitions, Role, Tensor
from bench.core.errors import ModelFileError
from models.tflite import apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One entry point of a file.

    Args:
        key: its name.
        subgraph: index of its graph; without a flag a runtime runs graph 0.
        names: its own name of each input, in the order of ``inputs``.
        inputs: the tensors of that graph.
    """

    key: str
    subgraph: int
    names: tuple[str, ...]
    inputs: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One operator of a file.

    Args:
        op: its type, such as ``HARD_SWISH``.
        output: the name of its first result.
        inputs: types of the tensors that it takes, without constants.
        constants: types of its constants, such as weights.
        outputs: types of its results.
    """

    op: str
    output: str
    inputs: tuple[str, ...]
    constants: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TfliteFile:
    """What a .tflite file holds.

    Args:
        inputs, outputs: of the first graph.
        parameters: elements of all constant tensors that an operator computes with.
        macs: multiply-accumulates of convolutions and dense layers for one inference at batch one.
        float_ops: operators that compute in float32, with their count; casts are not counted.
        signatures: in the file's order.
        partitions: how XNNPACK splits the graph here; ``None`` if LiteRT cannot allocate it as it
            is, because it needs an input shape or an operator first.
        missing_op: the custom operator that LiteRT lacks, if it does.
        sample_rate_hz: of the audio that it takes, by its metadata.
        left: the operators that XNNPACK does not take here, in order.
        dynamic: the operators with a result whose size is known only while the graph runs here;
            empty if the file was not read closely, or cannot be allocated as it is.
        graphs: number of graphs; all else is of the first one.
    """

    format: Format
    role: Role
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    parameters: int
    macs: int
    float_ops: dict[str, int]
    signatures: tuple[Signature, ...] = ()
    partitions: Partitions | None = None
    missing_op: str | None = None
    sample_rate_hz: int | None = None
    left: tuple[Operator, ...] = ()
    dynamic: tuple[Operator, ...] = ()
    graphs: int = 1


def read(path: Path, *, closely: bool = False) -> TfliteFile:
    """Returns what the file holds, after LiteRT has loaded and allocated it.

    Args:
        closely: whether to allocate it once more, to see which results have no size yet.

    Raises:
        ModelFileError: the file is missing, not a model, truncated or damaged; or it crashes or
            blocks LiteRT.
        ConfigurationError: LiteRT is not installed.
    """
    try:
        answer = apart.ask({"read": apart.hexadecimal(path), "closely": closely})
    except OSError as error:  # it was killed from outside
        raise ModelFileError(
            f"{path}: the process that reads it ended ({error})", hint="run again"
        ) from error
    if ended := answer.get("ended"):
        raise ModelFileError(f"{path}: LiteRT {ended} while it loads it", hint=apart.DAMAGED)
    apart.raise_refusal(answer)
    return config.structure(answer["file"], TfliteFile, source=str(path))
