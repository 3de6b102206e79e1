"""The one door to PyTorch: an artifact as the modules that HEAR and X-ARES take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.core.artifact import SAMPLE_RATE_HZ
from bench.core.errors import ConfigurationError
from models.bridges.opened import OpenedArtifact
from models.tflite.arrays import Floats
from models.tflite.extras import from_extra

with from_extra("hear", "PyTorch"):
    import torch


class HearModel(torch.nn.Module):  # type: ignore[misc]  # PyTorch is not installed where mypy runs
    """What HEAR's ``load_model`` returns; it has no weights that PyTorch knows of.

    Attributes:
        sample_rate: of the audio that it takes, in Hz.
        scene_embedding_size, timestamp_embedding_size: dimensions of an embedding.
        opened: the artifact.
    """

    def __init__(self, path: Path, *, hop_s: float | None = None) -> None:
        super().__init__()
        self.opened = OpenedArtifact(path, hop_s=hop_s)
        self.sample_rate = SAMPLE_RATE_HZ
        self.scene_embedding_size = self.opened.dimensions
        self.timestamp_embedding_size = self.opened.dimensions

    def forward(self, audio: Any) -> Any:
        """Returns the scene embeddings of a tensor [sounds, samples]."""
        return scenes(audio, self)


class ArtifactEncoder(torch.nn.Module):  # type: ignore[misc]  # as above
    """An encoder of X-ARES: its subclass names the file in ``path``.

    Attributes:
        sampling_rate: of the audio that it takes, in Hz.
        hop_size_in_ms: between two embeddings.
        output_dim: dimensions of an embedding.

    Args:
        path: of the .tflite file; by default the class's own.
        hop_s: seconds between two embeddings; by default the class's own, else the manifest's.
    """

    path: str | Path = ""
    hop_s: float | None = None

    def __init__(self, path: str | Path | None = None, *, hop_s: float | None = None) -> None:
        super().__init__()
        chosen = path or self.path
        if not str(chosen):
            raise ConfigurationError(
                "the encoder has no file", hint='path = "ZOO/NAME.FORMAT.tflite" in its class'
            )
        self.opened = OpenedArtifact(Path(chosen), hop_s=hop_s or self.hop_s)
        self.sampling_rate = SAMPLE_RATE_HZ
        self.hop_size_in_ms = self.opened.hop_ms
        self.output_dim = self.opened.dimensions

    def forward(self, audio: Any) -> Any:
        """Returns the embeddings of consecutive hops, a float32 tensor [sounds, hops, dims].

        Args:
            audio: a tensor [sounds, samples] or [samples], 16 kHz.
        """
        vectors, _ = self.opened.slices(_sounds(audio if audio.ndim == 2 else audio[None]))
        return _tensor(vectors, audio)


def scenes(audio: Any, model: HearModel) -> Any:
    """Returns one embedding of each sound, a float32 tensor [sounds, dims] where the audio is.

    Args:
        audio: a tensor [sounds, samples], 16 kHz.

    Raises:
        ConfigurationError: the audio has another shape, or a sound is empty or not finite.
    """
    return _tensor(model.opened.scenes(_sounds(audio)), audio)


def timestamps(audio: Any, model: HearModel) -> tuple[Any, Any]:
    """Returns embeddings at regular times of each sound, and these times.

    Args, Raises: as of ``scenes``.

    Returns:
        float32 tensors where the audio is: [sounds, times, dims], and [sounds, times] in
        milliseconds.
    """
    sounds = _sounds(audio)
    vectors, times = model.opened.frames(sounds)
    return _tensor(vectors, audio), _tensor(np.tile(times, (len(sounds), 1)), audio)


def _sounds(audio: Any) -> list[Floats]:
    if audio.ndim != 2 or 0 in audio.shape:
        raise ConfigurationError(
            f"the audio's shape is {list(audio.shape)}", hint="give [sounds, samples]"
        )
    return list(audio.detach().to(device="cpu", dtype=torch.float32).numpy())


def _tensor(values: Floats, audio: Any) -> Any:
    return torch.from_numpy(values).to(audio.device)
