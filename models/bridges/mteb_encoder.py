"""The one door to MTEB: an artifact as an audio encoder that ``mteb.evaluate`` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.core.imported_score import other_name
from models.bridges.opened import OpenedArtifact, at_16_khz
from models.tflite.arrays import Floats
from models.tflite.extras import from_extra

with from_extra("mteb", "mteb"):
    from mteb.models.abs_encoder import AbsEncoder
    from mteb.models.model_meta import ModelMeta, ScoringFunction

_ONE_MB = 1 << 20


class ArtifactAudioEncoder(AbsEncoder):  # type: ignore[misc]  # mteb is not installed where mypy runs
    """An encoder of MTEB's protocol, for tasks of audio alone.

    Its name is ``frill-bench/NAME.FORMAT`` and its revision the SHA-256 of the file, by which
    ``score --import`` finds the artifact again.

    Args:
        path: of the .tflite file; its manifest is beside it.
        hop_s: seconds between two windows; by default the manifest's.
    """

    def __init__(self, path: str | Path, *, hop_s: float | None = None) -> None:
        self.model = OpenedArtifact(Path(path), hop_s=hop_s)
        self.mteb_model_meta = _meta(self.model, hop_s)

    def encode(self, inputs: Any, **_: Any) -> Floats:
        """Returns an embedding of each sound, float32 [sounds, dims].

        Args:
            inputs: batches with ``audio``: sounds of any rate, each with ``array`` and
                ``sampling_rate``.

        Raises:
            ConfigurationError: a sound is empty or not finite.
            ConversionError: an embedding is not finite or all zero.
        """
        found: list[Floats] = []
        for batch in inputs:
            sounds = [
                at_16_khz(np.asarray(each["array"]), int(each["sampling_rate"]), number=number)
                for number, each in enumerate(batch["audio"])
            ]
            found.append(self.model.scenes(sounds))
        return np.concatenate(found)


def _meta(opened: OpenedArtifact, hop_s: float | None) -> Any:
    artifact = opened.artifact
    return ModelMeta(
        loader=None,
        name=other_name(artifact.name, artifact.format),
        revision=artifact.sha256,
        release_date=None,
        languages=None,
        n_parameters=artifact.parameters,
        memory_usage_mb=artifact.size_bytes / _ONE_MB,
        max_tokens=None,
        embed_dim=opened.dimensions,
        license=None,
        open_weights=None,
        public_training_code=None,
        public_training_data=None,
        framework=["TensorFlow"],
        similarity_fn_name=ScoringFunction.COSINE,
        use_instructions=False,
        training_datasets=None,
        modalities=["audio"],
        experiment_kwargs=None if hop_s is None else {"hop_s": hop_s},
    )
