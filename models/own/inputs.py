"""Real inputs for a model of one's own: from audio, through a front-end, or given by its owner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from bench.core.artifact import Role, Tensor
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_bytes
from models import frontend
from models.convert.job import InputFiles
from models.own.given import given_inputs
from models.tflite.arrays import AsTaken, Floats
from models.tflite.litert import Model

_MOST = {"calibration": 100, "heldout": 200}  # as many as of students
_LEAST_AUDIO = 4_000  # samples; a shorter fixed input is taken for something else


class Hears(StrEnum):
    """What a model's inputs are made from."""

    AUDIO = "a window of audio"
    LOG_MEL = "FRILL's log-mel"
    FRONT_END = "the output of its front-end"
    GIVEN = "given inputs"
    NOTHING = "nothing that is known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What its owner states of a model's input.

    Args:
        front: the .tflite file of its front-end.
        given: a folder of real inputs.
    """

    role: Role | None = None
    window_samples: int | None = None
    front: Path | None = None
    given: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The real inputs of a model.

    Args:
        calibration, heldout: of disjoint recordings; ``None`` without any.
        calibration_sha256, heldout_sha256: of their bytes.
        reason: why there are none.
    """

    calibration: AsTaken | None = None
    heldout: AsTaken | None = None
    calibration_sha256: str = ""
    heldout_sha256: str = ""
    reason: str = ""

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each input tensor; empty without inputs."""
        return [] if self.heldout is None else [one.shape for one in self.heldout.values[0]]


def hears(tensors: Sequence[Tensor], wanted: Wanted, role: Role | None = None) -> Hears:
    """Returns what a model's inputs are made from.

    Args:
        role: what a .tflite file's own shapes and metadata show.
    """
    if wanted.given is not None:
        return Hears.GIVEN
    if len(tensors) != 1 or not tensors[0].dtype.startswith("float"):
        return Hears.NOTHING
    if wanted.front is not None:
        return Hears.FRONT_END
    role = wanted.role or role
    if role is Role.OTHER and wanted.role is not None:
        return Hears.NOTHING
    shape = tensors[0].shape
    is_flat = len(shape) in (1, 2) and shape[0] in (1, -1, shape[-1])
    if is_flat and (shape[-1] >= _LEAST_AUDIO or wanted.window_samples or _is_audio(wanted.role)):
        return Hears.NOTHING if role is Role.OTHER and not wanted.window_samples else Hears.AUDIO
    patch = (frontend.PATCH_FRAMES, frontend.MEL_BINS)
    return Hears.LOG_MEL if shape[1:] in (patch, (*patch, 1)) else Hears.NOTHING


def real_inputs(
    tensors: Sequence[Tensor],
    names: Sequence[str],
    kind: Hears,
    wanted: Wanted,
    audio: InputFiles | None,
) -> Inputs:
    """Returns the real inputs of a model.

    Args:
        tensors: its inputs; ``names`` has other names of theirs.
        audio: windows of FRILL's length; ``None`` without any audio.

    Raises:
        ConfigurationError: the length of its window is not known, its front-end gives another
            shape, or given inputs are not what it takes.
    """
    if kind is Hears.GIVEN and wanted.given is not None:
        return _inputs(*given_inputs(wanted.given, tensors, names))
    if kind is Hears.NOTHING:
        return Inputs(reason=why_nothing(tensors))
    samples, to_input = _from_audio(tensors[0], kind, wanted)
    if audio is None:
        return Inputs(reason="there is no audio: frill-bench data fetch, or --audio DIR")

    def made(path: Path) -> AsTaken:
        return AsTaken(
            values=tuple((to_input(window),) for window in windows(np.load(path), samples))
        )

    return _inputs(made(audio.calibration), made(audio.heldout))


def windows(audio: Floats, samples: int) -> Floats:
    """Returns windows of any length, float32 [count, samples], of real ones [count, 15600].

    A longer one continues with the next windows.
    """
    pieces = -(-samples // audio.shape[1])
    joined = np.concatenate([np.roll(audio, -at, axis=0) for at in range(pieces)], axis=1)
    return joined[:, :samples]


def why_nothing(tensors: Sequence[Tensor]) -> str:
    """Returns why no real inputs can be made for a model, and what gives it some."""
    shapes = ", ".join(f"{each.dtype} {list(each.shape)}" for each in tensors)
    if len(tensors) > 1:
        return (
            f"it takes {len(tensors)} inputs ({shapes}), which are not made from audio alone: "
            "give real ones with --calibration DIR"
        )
    return (
        f"it takes {shapes}, neither a waveform nor FRILL's log-mel: give its front-end with "
        "--frontend FILE, or real inputs with --calibration DIR"
    )


def _is_audio(role: Role | None) -> bool:
    return role in (Role.EMBEDDING_WAVEFORM, Role.FRONTEND)


def _from_audio(
    tensor: Tensor, kind: Hears, wanted: Wanted
) -> tuple[int, Callable[[Floats], Floats]]:
    """Returns how many samples of audio one input is made from, and how."""
    if kind is Hears.FRONT_END and wanted.front is not None:
        return _through(wanted.front, tensor, wanted.window_samples)
    if kind is Hears.LOG_MEL:
        shape = tuple(abs(n) for n in tensor.shape)
        return frontend.WINDOW_SAMPLES, lambda window: frontend.patch(window).reshape(shape)
    samples = wanted.window_samples or tensor.shape[-1]
    if samples < 1:
        raise ConfigurationError(
            f"it takes {list(tensor.shape)}, a window of unknown length",
            hint="give it in seconds, such as --window-s 0.975",
        )
    if tensor.shape[-1] not in (-1, samples):
        raise ConfigurationError(
            f"the window of this file is {tensor.shape[-1]} samples, not {samples}",
            hint="leave out --window-s: it is in the graph",
        )
    return samples, lambda window: window.reshape((1,) * (len(tensor.shape) - 1) + (samples,))


def _through(
    path: Path, tensor: Tensor, window_samples: int | None
) -> tuple[int, Callable[[Floats], Floats]]:
    shape = Model(path).input_shapes()[0]
    if window_samples is not None:
        shape = (*shape[:-1], window_samples)
    model = Model(path, shapes=[shape])

    def to_input(window: Floats) -> Floats:
        value = model(window.reshape(shape))[0]
        sides = [1 if at == 0 and n < 0 else n for at, n in enumerate(tensor.shape)]
        try:
            return value.reshape(sides)
        except ValueError:
            raise ConfigurationError(
                f"{path}: gives {list(value.shape)} for a window of {shape[-1]} samples, and the "
                f"model takes {list(tensor.shape)}",
                hint="give the front-end that the model was trained with",
            ) from None

    return shape[-1], to_input


def _inputs(calibration: AsTaken, heldout: AsTaken) -> Inputs:
    calibration = _evenly(calibration, _MOST["calibration"])
    heldout = _evenly(heldout, _MOST["heldout"])
    return Inputs(
        calibration=calibration,
        heldout=heldout,
        calibration_sha256=_sha256(calibration),
        heldout_sha256=_sha256(heldout),
    )


def _evenly(samples: AsTaken, most: int) -> AsTaken:
    count = len(samples.values)
    if count <= most:
        return samples
    return AsTaken(values=tuple(samples.values[at * count // most] for at in range(most)))


def _sha256(samples: AsTaken) -> str:
    return sha256_bytes(b"".join(value.tobytes() for one in samples.values for value in one))
