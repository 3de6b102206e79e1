"""An artifact opened for another benchmark: audio in memory in, embeddings out; NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.core import config
from bench.core.artifact import SAMPLE_RATE_HZ, Artifact
from bench.core.errors import ConfigurationError, ConversionError
from models.audio.decode import to_16_khz
from models.embeddings.clip_windows import opened_front, windows_of
from models.embeddings.embed import opened, pooled
from models.embeddings.windows import has_choice_of_hop, whole_hop
from models.tflite.arrays import Floats
from models.zoo import Zoo


class OpenedArtifact:
    """A .tflite file of a zoo with its front-end; embeds audio as ``score`` and ``embed`` do.

    Attributes:
        artifact: its manifest.
        hop_samples: audio between two windows, in samples at 16 kHz.
        dimensions: of an embedding.

    Args:
        path: of the file; its manifest is beside it, and so is the front-end that it names.
        hop_s: seconds between two windows; by default the manifest's.

    Raises:
        ConfigurationError: there is no manifest, the file is another than it describes, it embeds
            no audio, or fixes its hop.
        ModelFileError: the file is not a usable model.
    """

    def __init__(self, path: Path, *, hop_s: float | None = None) -> None:
        self.artifact = _manifest(path)
        self.hop_samples = _hop(self.artifact, hop_s)
        zoo = Zoo(path.parent)
        front = zoo.frontend_path(self.artifact)
        self._front = None if front is None else opened_front(front, self.artifact)
        self._embedder = opened(zoo.checked_path(self.artifact), self.artifact)
        silence = np.zeros(self.artifact.audio()[0], dtype=np.float32)
        self.dimensions = self._windows([silence])[0].shape[1]

    @property
    def hop_ms(self) -> float:
        """Audio between two windows, in milliseconds."""
        return self.hop_samples * 1000 / SAMPLE_RATE_HZ

    def scenes(self, sounds: Sequence[Floats]) -> Floats:
        """Returns an embedding of each sound, the mean over its windows, float32 [sounds, dims].

        The windows are those of ``score``: at each hop, and one that ends with the sound.

        Args:
            sounds: float32 [samples] each, 16 kHz mono; what is beyond [-1, 1] is clipped.

        Raises:
            ConfigurationError: a sound is empty or not finite.
            ConversionError: an embedding is not finite or all zero.
        """
        heard = [_heard(sound, SAMPLE_RATE_HZ, number) for number, sound in enumerate(sounds)]
        vectors = self._windows(heard)
        source = str(self.artifact.file)
        named = [(f"sound {number}", each) for number, each in enumerate(vectors)]
        return np.stack([pooled(each, clip=name, source=source) for name, each in named])

    def frames(self, sounds: Sequence[Floats]) -> tuple[Floats, Floats]:
        """Returns embeddings at the times 0, one hop, two hops ... of sounds of one length.

        Each window has its time in its middle, so half of the first and of the last one may be
        silence before and after the sound, as in HEAR's own baselines.

        Args:
            sounds: as of ``scenes``, all of one length.

        Returns:
            float32 [sounds, times, dims] and the times in milliseconds, float32 [times].

        Raises:
            ConfigurationError: a sound is empty or not finite.
            ConversionError: an embedding is not finite.
        """
        return self._centred(sounds, first=0)

    def slices(self, sounds: Sequence[Floats]) -> tuple[Floats, Floats]:
        """Returns embeddings of consecutive slices of one hop, as ``frames`` at their middles.

        There are as many as cover the sound, so that slice n is of the label of n hops.
        """
        return self._centred(sounds, first=self.hop_samples // 2)

    def _centred(self, sounds: Sequence[Floats], *, first: int) -> tuple[Floats, Floats]:
        heard = [_heard(sound, SAMPLE_RATE_HZ, number) for number, sound in enumerate(sounds)]
        window, hop = self.artifact.audio()[0], self.hop_samples
        length = len(heard[0])
        count = length // hop + 1 if first == 0 else -(-length // hop)
        placed = [
            _placed(sound, begin=first - window // 2, samples=(count - 1) * hop + window)
            for sound in heard
        ]
        vectors = np.stack(self._windows(placed))
        if not np.isfinite(vectors).all():
            raise ConversionError(
                f"{self.artifact.file}: an embedding is not finite",
                hint="check the conversion of this file against its float32 source",
            )
        times = (first + np.arange(count) * hop) * (1000 / SAMPLE_RATE_HZ)
        return vectors, times.astype(np.float32)

    def _windows(self, sounds: Sequence[Floats]) -> list[Floats]:
        """Returns the embeddings of the windows of each sound, float32 [windows, dims] each."""
        windows = windows_of(self.artifact, sounds, hop=self.hop_samples, front=self._front)
        return [vectors for _, vectors in self._embedder.embedded(windows)]


def at_16_khz(sound: Floats, rate_hz: int, *, number: int) -> Floats:
    """Returns a sound of any rate as the models take it, float32 [samples], 16 kHz mono.

    Args:
        sound: float32 [samples] or [channels, samples].
        number: what to call it in an error.

    Raises:
        ConfigurationError: it is empty or not finite.
    """
    return _heard(sound, rate_hz, number)


def _heard(sound: Floats, rate_hz: int, number: int) -> Floats:
    values = np.asarray(sound, dtype=np.float32)
    if values.ndim not in (1, 2):
        raise ConfigurationError(
            f"sound {number}: its shape is {list(values.shape)}",
            hint="give [samples], or [channels, samples]",
        )
    return to_16_khz(f"sound {number}", np.atleast_2d(values).T, rate_hz)


def _placed(sound: Floats, *, begin: int, samples: int) -> Floats:
    """Returns ``samples`` of a sound from ``begin`` on; what is outside it is silence."""
    placed = np.zeros(samples, dtype=np.float32)
    own = sound[max(0, begin) : begin + samples]
    start = max(0, -begin)
    placed[start : start + len(own)] = own
    return placed


def _manifest(path: Path) -> Artifact:
    manifest = path.with_suffix(".json")
    if not (path.is_file() and manifest.is_file()):
        missing = path if not path.is_file() else manifest
        raise ConfigurationError(
            f"{missing}: no such file; a .tflite file and its manifest are needed",
            hint="frill-bench convert, or zoo add FILE, makes both: give ZOO/NAME.FORMAT.tflite",
        )
    artifact = config.load(manifest, Artifact)
    if artifact.file != path.name:
        raise ConfigurationError(
            f"{manifest}: describes {artifact.file}, not {path.name}",
            hint="add the file again: frill-bench zoo add FILE",
        )
    return artifact


def _hop(artifact: Artifact, hop_s: float | None) -> int:
    """Returns the hop in samples.

    Raises:
        ConfigurationError: it is not positive, or the file fixes another one.
    """
    own = artifact.audio()[1]
    if hop_s is None:
        return whole_hop(artifact, own)
    asked = round(hop_s * SAMPLE_RATE_HZ)
    if asked < 1 or (asked != own and not has_choice_of_hop(artifact)):
        raise ConfigurationError(
            f"{artifact.file}: its hop cannot be {hop_s:g} s",
            hint="give seconds above 0; a stream, or a model with a front-end of its own, has one "
            f"hop only: {own / SAMPLE_RATE_HZ:g}",
        )
    return whole_hop(artifact, asked)
