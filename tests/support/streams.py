"""Streams and the same students on log-mel and on windows of audio, with trained weights."""

from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from bench.core.artifact import SAMPLE_RATE_HZ, Artifact, Format
from bench.flow.build.convert import convert_to_zoo
from models import frontend
from models.audio import packages
from models.audio.decode import decode
from models.student.buildable import parse
from models.tflite.arrays import Floats
from models.tflite.litert import Model
from models.zoo import Zoo

STUDENT = "tiny_w0.5_keras3_gap_e512_unfused"
STREAM = f"{STUDENT}_stream"
OTHER_HOPS = [f"{STREAM}48", f"{STREAM}96"]


def converted(
    root: Path,
    audio_root: Path,
    names: Sequence[str],
    formats: Sequence[Format] = tuple(Format),
    executor: Executor | None = None,
) -> Zoo:
    _, failed = convert_to_zoo(
        [parse(name) for name in names],
        formats=formats,
        zoo=root,
        audio=audio_root,
        executor=executor,
    )
    assert not failed
    return Zoo(root)


def artifact(zoo: Zoo, name: str, format: Format = Format.FLOAT32) -> Artifact:
    found = zoo.get(name, format)
    assert found is not None
    return found


def speech(audio_root: Path, *, seconds: float) -> Floats:
    """Returns clips of speech one after the other, float32 [samples], 16 kHz mono."""
    clips = [each for each in packages.packaged_files(audio_root) if each.startswith("asterisk-")]
    samples, audio = round(seconds * SAMPLE_RATE_HZ), []
    for clip in clips:
        audio.append(decode(audio_root / clip))
        if sum(map(len, audio)) >= samples:
            return np.concatenate(audio)[:samples]
    raise AssertionError("too little speech")


def offline(model: Model, audio: Floats, ends: list[int]) -> Floats:
    """Returns the embeddings of the windows that end at these samples, by NumPy's log-mel."""
    windows = [audio[end - frontend.WINDOW_SAMPLES : end] for end in ends]
    patches = (frontend.patch(window)[np.newaxis, :, :, np.newaxis] for window in windows)
    return np.stack([model(patch)[0].ravel() for patch in patches])
