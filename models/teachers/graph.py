"""Teachers out of single files: how audio is fed to an .onnx or .tflite graph of one input."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file, sha256_value
from models import frontend
from models.onnx import onnx_door
from models.teachers.teacher import Teacher, check_frames, choose
from models.tflite import litert, reader
from models.tflite.apart import Model
from models.tflite.arrays import Floats

_VERSION = 1  # of the calls below
_MIN_WAVEFORM = 4_000  # samples; a shorter fixed input is not audio


@dataclass(frozen=True, slots=True, kw_only=True)
class _Graph:
    """A graph of one input.

    Args:
        shape: its input's, with -1 for a free axis.
        output: the name of the output that is taken; ``None`` for the only one.
    """

    run: onnx_door.Run
    shape: tuple[int, ...]
    output: str | None

    def frames(self, audio: Floats) -> Floats:
        """Returns float32 [batch, frames, size] of audio float32 [batch, samples]."""
        if len(self.shape) <= 2 and self.shape[-1] == -1:
            return self._run_all(audio)
        if len(self.shape) <= 2:
            cut = _windows(audio, self.shape[-1])
        else:
            cut = np.stack([frontend.patches(clip) for clip in audio])
        batch, count = cut.shape[:2]
        frames = self._run_all(cut.reshape(batch * count, *cut.shape[2:]))
        return frames.reshape(batch, -1, frames.shape[-1])

    def _run_all(self, inputs: Floats) -> Floats:
        """Returns float32 [inputs, frames, size], one call for as many as the graph takes."""
        many = len(inputs) if self.shape[0] == -1 and len(self.shape) > 1 else 1
        outputs = []
        for first in range(0, len(inputs), many):
            some = inputs[first : first + many]
            if len(self.shape) == 1:
                some = some[0]
            elif len(self.shape) == 4:
                some = some[..., np.newaxis]
            wide = choose(self.run(some), self.output)
            outputs.append(wide.reshape(min(many, len(inputs) - first), -1, wide.shape[-1]))
        return np.concatenate(outputs)


def from_file(
    path: Path,
    *,
    output: str | None = None,
    name: str | None = None,
    licence: str = "the file's own",
    min_samples: int = frontend.MIN_SAMPLES,
) -> Teacher:
    """Returns the teacher in an .onnx or .tflite file that takes audio or log-mel patches.

    Args:
        output: the name of the output that is taken; needed where there are several.
        name: what it is called; the file's name without.
        licence: of its weights.
        min_samples: shorter audio is zero-padded to that many samples.

    Raises:
        ConfigurationError: it takes neither, or has several outputs and none is named.
        ConversionError: its output for noise is not finite, or all zero.
    """
    if path.suffix == ".onnx":
        (run, shape), runtime = onnx_door.load(path), onnx_door.runtime()
    else:
        (run, shape), runtime = _tflite(path), litert.runtime()
    patch = (frontend.PATCH_FRAMES, frontend.MEL_BINS)
    waveform = len(shape) in (1, 2) and (shape[-1] == -1 or shape[-1] >= _MIN_WAVEFORM)
    if not waveform and shape[1:] not in (patch, (*patch, 1)):
        raise ConfigurationError(
            f"{path}: takes {list(shape)}, neither audio nor log-mel patches",
            hint="a teacher takes [batch, samples] at 16 kHz, or [batch, 96, 64, 1]",
        )
    graph = _Graph(run=run, shape=shape, output=output)
    name = name or path.stem
    probe = graph.frames(_probe(min_samples))
    check_frames(probe, name, probe.shape[-1])
    return Teacher(
        name=name,
        size=probe.shape[-1],
        sha256=sha256_value([_VERSION, sha256_file(path), output, min_samples]),
        licence=licence,
        runtime=runtime,
        min_samples=min_samples,
        frames=graph.frames,
    )


def _tflite(path: Path) -> tuple[onnx_door.Run, tuple[int, ...]]:
    read = reader.read(path)
    if len(read.inputs) != 1:
        raise ConfigurationError(
            f"{path}: has {len(read.inputs)} inputs, not one",
            hint="a teacher takes [batch, samples] at 16 kHz, or [batch, 96, 64, 1]",
        )
    model = Model(path)
    names = [each.name for each in read.outputs]
    return (lambda value: dict(zip(names, model(value), strict=True))), read.inputs[0].shape


def _windows(audio: Floats, samples: int) -> Floats:
    """Returns windows with half overlap, float32 [batch, windows, samples]."""
    cut = [
        frontend.windows(clip, window_samples=samples, hop_samples=max(1, samples // 2))
        for clip in audio
    ]
    return np.stack(cut)


def _probe(samples: int) -> Floats:
    noise = np.random.default_rng(0).normal(scale=0.1, size=(1, samples))
    return noise.astype(np.float32)
