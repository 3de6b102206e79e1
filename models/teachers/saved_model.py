"""Teachers in SavedModels: the ways to call them are tried in turn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from bench.core.artifact import SAMPLE_RATE_HZ
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file, sha256_value
from models import frontend
from models.teachers.teacher import Teacher, check_frames, choose
from models.tflite.arrays import Floats

if TYPE_CHECKING:  # TensorFlow takes seconds to import
    from models.network.saved_model import Call


MARK = "saved_model.pb"
_VERSION = 1  # of the calls
_PROBE_SAMPLES = 2 * SAMPLE_RATE_HZ
_NEAR = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Called:
    """A SavedModel and the way that it is called.

    Args:
        batched: several clips of one length go in one call.
    """

    call: Call
    output: str | None
    batched: bool

    def frames(self, audio: Floats) -> Floats:
        """Returns float32 [batch, frames, size] of audio float32 [batch, samples]."""
        from models.network.saved_model import Takes

        match self.call.takes:
            case Takes.CLIP:
                return np.concatenate([self._frames(clip, 1) for clip in audio])
            case Takes.CLIPS if self.batched:
                return self._frames(audio, len(audio))
            case Takes.CLIPS:
                return np.concatenate([self._frames(clip[np.newaxis], 1) for clip in audio])
            case Takes.PATCHES:
                cut = np.concatenate([frontend.patches(clip) for clip in audio])
                return self._frames(cut[..., np.newaxis], len(audio))

    def _frames(self, value: Floats, batch: int) -> Floats:
        wide = choose(self.call.run(value), self.output)
        if wide.ndim == 0 or not wide.size:
            raise ConfigurationError(
                f"the output is {list(wide.shape)}, which is not an embedding",
                hint="name another output",
            )
        return wide.reshape(batch, -1, wide.shape[-1])


def from_folder(
    folder: Path,
    *,
    output: str | None = None,
    size: int | None = None,
    name: str | None = None,
    licence: str = "the model's own",
) -> Teacher:
    """Returns the teacher in a SavedModel's folder; the ways to call it are tried in turn.

    Args:
        folder: holds ``saved_model.pb``.
        output: the name of the output that is taken, or its index in a tuple; by default
            ``embedding``, or the only one.
        size: the width that it must have.
        name: what it is called; the folder's name without.
        licence: of its weights.

    Raises:
        ConfigurationError: it is not a SavedModel, takes no audio, or its output has another width.
        ConversionError: its output for noise is not finite, or all zero.
    """
    name = name or folder.resolve().name
    network = _network()
    called, probe = _first_that_works(network, network.calls(folder), output, name)
    check_frames(probe, name, size or probe.shape[-1])
    files = {
        path.relative_to(folder).as_posix(): sha256_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return Teacher(
        name=name,
        size=probe.shape[-1],
        sha256=sha256_value([_VERSION, files, output, called.call.words, called.call.takes]),
        licence=licence,
        runtime=network.runtime(),
        min_samples=frontend.MIN_SAMPLES,
        frames=called.frames,
    )


def _first_that_works(
    network: ModuleType, calls: list[Call], output: str | None, name: str
) -> tuple[_Called, Floats]:
    """Returns the way to call a model, and its frames for a probe of two clips."""
    noise = np.random.default_rng(0).normal(scale=0.1, size=(2, _PROBE_SAMPLES))
    probe = noise.astype(np.float32)
    refused = []
    for call in calls:
        single = _Called(call=call, output=output, batched=False)
        try:
            alone = single.frames(probe)
        except network.NotTakenError as error:
            refused.append(error.message)
            continue
        together = _Called(call=call, output=output, batched=True)
        return (together if _agrees(together, probe, alone) else single), alone
    raise ConfigurationError(
        f"{name}: takes no audio in any of the known ways: {'; '.join(refused) or 'no function'}",
        hint="a teacher takes 16 kHz audio [samples] or [batch, samples], or log-mel patches",
    )


def _agrees(together: _Called, probe: Floats, alone: Floats) -> bool:
    """Returns whether two clips in one call give what each gives alone.

    FRILL takes a batch and gives the patches of all clips in one row, so a batch of one is safe
    and a larger one is not.
    """
    try:
        frames = together.frames(probe)
    except (ConfigurationError, ValueError):
        return False
    return frames.shape == alone.shape and np.allclose(frames, alone, rtol=_NEAR, atol=_NEAR)


def _network() -> ModuleType:
    try:
        from models.network import saved_model
    except ImportError as error:
        raise ConfigurationError(
            f"{error.name} is not installed, which SavedModels need",
            hint="pip install -e '.[zoo]' -c constraints.txt, or give a .tflite or .onnx file",
        ) from error
    return saved_model
