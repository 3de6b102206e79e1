"""Small real models of audio, and a manifest for each."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.core.artifact import Artifact, Format, Role, Tensor, WeightsOrigin
from bench.core.hashing import sha256_file
from models import frontend

MODELS = Path(__file__).parent.parent / "data" / "audio_models"


def manifest(
    path: Path, *, batch: int = 1, shape: tuple[int, ...] = (96, 64, 1), **changes: Any
) -> Artifact:
    artifact = Artifact(
        name=path.stem,
        format=Format.FLOAT32,
        role=Role.EMBEDDING_PATCH,
        file=path.name,
        sha256=sha256_file(path),
        size_bytes=path.stat().st_size,
        inputs=(Tensor(name="x", shape=(batch, *shape), dtype="float32"),),
        outputs=(),
        parameters=0,
        macs=None,
        frontend="log-mel",
        window_samples=frontend.WINDOW_SAMPLES,
        hop_samples=frontend.PATCH_HOP_SAMPLES,
        partitions=None,
        float_ops={},
        tools={},
        weights=WeightsOrigin.GIVEN,
    )
    return replace(artifact, **changes)
