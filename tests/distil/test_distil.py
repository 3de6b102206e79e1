"""Students trained for real, from audio to int8; the smallest, for seconds."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from support.lazy import Lazy, needs_tensorflow
from support.patience import PATIENCE_S
from support.program import COMMAND, frill_bench

from bench.core import config
from bench.core.artifact import SAMPLE_RATE_HZ, WeightsOrigin
from bench.core.caveats import CaveatKind
from models import frontend
from models.distill.job import OUTCOME, WEIGHTS, TrainingJob, TrainingOutcome
from models.distill.parts import TrainingClip
from models.distill.recipe import Schedule, TargetSpec
from models.distill.targets import prepare_targets
from models.student import weights
from models.student.spec import parse_name
from models.teachers import Teacher
from models.tflite.arrays import Floats
from models.zoo import Zoo

pytestmark = [pytest.mark.zoo, needs_tensorflow]
train = Lazy("models.distill.train")

TINY = "tiny_w0.5_keras3_gap_e16_minimalistic"
EARLY = "first-epoch.npz"
# Stands in for TRILL: called with samples and a rate, gives two outputs a frame.
TRILL = """
import sys
import tensorflow as tf

SPECS = [tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.int32)]


class Trill(tf.Module):
    @tf.function(input_signature=SPECS)
    def __call__(self, samples, sample_rate):
        tf.debugging.assert_equal(sample_rate, 16000)
        frames = tf.abs(tf.signal.stft(samples, 400, 160, 512))[:, :256]
        bands = tf.math.log(tf.reduce_mean(tf.reshape(frames, [-1, 32, 8]), axis=2) + 0.001)
        return {"embedding": bands[:, :8], "layer19": bands}


tf.saved_model.save(Trill(), sys.argv[1], signatures={})
"""

TWO_DEVICES = """
import sys
from pathlib import Path
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from bench.core import config
from models.distill.job import TrainingJob
from models.distill import train

train._strategy = lambda: tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
train.train(config.load(Path(sys.argv[1]), TrainingJob))
"""


def bands(audio: Floats) -> Floats:
    """Returns the loudness of eight bands a window, float32 [windows, 1, 8]."""
    spectrum = np.abs(np.fft.rfft(audio))[:, :4096].reshape(len(audio), 8, -1)
    found: Floats = np.log(spectrum.mean(axis=2) + 1e-3).astype(np.float32)
    return found[:, np.newaxis]


BANDS = Teacher(
    name="bands",
    size=8,
    sha256="0" * 64,
    licence="none",
    runtime="numpy",
    min_samples=frontend.WINDOW_SAMPLES,
    frames=bands,
)


def tone(number: int) -> Floats:
    """Returns a second and a half of a tone in noise, float32 [24000]."""
    rng = np.random.default_rng(number)
    time_s = np.arange(24_000) / SAMPLE_RATE_HZ
    hertz = rng.uniform(150, 3_000)
    noise = rng.normal(scale=rng.uniform(0.001, 0.05), size=len(time_s))
    heard: Floats = (0.3 * np.sin(2 * np.pi * hertz * time_s) + noise).astype(np.float32)
    return heard


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clips = [
        TrainingClip(name=str(n), read=lambda n=n: tone(n), sha256=f"{n:064d}")  # type: ignore[misc]  # the default binds n
        for n in range(70)
    ]
    asked = TargetSpec(copies=1, telephone_ratio=0.0, validation_ratio=0.1, hop_s=0.25)
    return prepare_targets(asked, BANDS, clips, cache=tmp_path_factory.mktemp("targets")).folder


def job(
    targets: Path, folder: Path, epochs: int, student: str = TINY, rate: float = 3e-3, **more: Any
) -> Path:
    folder.mkdir()
    schedule = Schedule(epochs=epochs, batch_size=32, warmup_steps=4, learning_rate=rate)
    described = TrainingJob(
        student=parse_name(student), schedule=schedule, targets=targets, folder=folder, **more
    )
    config.save(folder / "job.json", described)
    return folder / "job.json"


def trained(path: Path) -> Path:
    """Trains what a job says and returns its folder."""
    train.train(config.load(path, TrainingJob))
    return path.parent


def interrupt(*words: str | Path, once: tuple[Path, str]) -> None:
    """Starts ``frill-bench`` and interrupts it, once a file like that is in the folder."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    folder, pattern = once
    while not list(folder.glob(pattern)):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "interrupted" in errors
    with pytest.raises(ProcessLookupError):  # its training has ended, too
        os.killpg(process.pid, 0)


@pytest.fixture(scope="module")
def whole(targets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder of a whole training, with its state after the first epoch kept apart."""
    described = job(targets, tmp_path_factory.mktemp("trained") / "whole", 4)
    state, early = described.parent / "state.npz", described.parent / EARLY

    def keep(*_: object) -> None:
        if state.exists() and not early.exists():
            shutil.copy(state, early)

    train.train(config.load(described, TrainingJob), on_progress=keep)
    return described.parent


def test_training_goes_on_from_its_first_epoch_to_the_same_curve(
    targets: Path, whole: Path, tmp_path: Path
) -> None:
    resumed = job(targets, tmp_path / "resumed", 4)
    shutil.copy(whole / EARLY, resumed.parent / "state.npz")  # as an interrupted training leaves it
    with np.load(whole / EARLY) as state:
        assert len(json.loads(str(state["curve"]))) == 1
    one, two = (config.load(each / OUTCOME, TrainingOutcome) for each in (whole, trained(resumed)))
    assert [each.loss for each in two.curve] == pytest.approx(
        [each.loss for each in one.curve], rel=1e-3
    )
    assert [each.validation_loss for each in two.curve] == pytest.approx(
        [each.validation_loss for each in one.curve], rel=1e-3
    )
    assert two.validation_cosine == pytest.approx(one.validation_cosine, abs=1e-3)
    # It learnt: a teacher's bands are there to be heard.
    assert one.curve[-1].loss < 0.8 * one.curve[0].loss


def test_a_student_starts_from_trained_weights(targets: Path, whole: Path, tmp_path: Path) -> None:
    described = job(targets, tmp_path / "further", 1, weights=whole / WEIGHTS, rate=1e-6)
    start, further = (weights.load(each / WEIGHTS) for each in (whole, trained(described)))
    for name, values in start.arrays.items():
        assert further.arrays[name] == pytest.approx(values, rel=0.05, abs=0.05), name


@pytest.mark.evidence
def test_several_devices_share_a_training(targets: Path, tmp_path: Path) -> None:
    # Two parts of the CPU stand for two GPUs: what a strategy does to a training is the same.
    described = job(targets, tmp_path / "both", 1, student=TINY.replace("gap_", "gap_r4_"))
    subprocess.run([sys.executable, "-c", TWO_DEVICES, str(described)], check=True)
    (epoch,) = config.load(described.parent / OUTCOME, TrainingOutcome).curve
    assert np.isfinite([epoch.loss, epoch.validation_loss]).all()
    assert (described.parent / WEIGHTS).is_file()


@pytest.mark.journey  # like the one over Ctrl-C, a training to its end
def test_frills_own_way_learns_no_ranges(targets: Path, whole: Path, tmp_path: Path) -> None:
    aware = {"student": f"{TINY}_qat", "start": whole, "rounded": "embedding"}
    student = weights.load(trained(job(targets, tmp_path / "aware", 1, **aware)) / WEIGHTS)
    start = weights.load(whole / WEIGHTS)
    assert student.ranges == ()
    assert student.arrays.keys() == start.arrays.keys()
    assert (student.arrays["embedding/0"] != start.arrays["embedding/0"]).any()


@dataclass(frozen=True)
class Distillation:
    """A teacher, audio and an output folder for students of a local SavedModel."""

    words: tuple[str, ...]
    tones: Path
    out: Path

    def command(self, *names: str) -> tuple[str, ...]:
        return ("distill", *names, *self.words, "--out", str(self.out), "--json")


@pytest.fixture(scope="module")
def distillation(tmp_path_factory: pytest.TempPathFactory) -> Distillation:
    folder = tmp_path_factory.mktemp("distillation")
    teacher, tones = folder / "trill", folder / "tones"
    subprocess.run([sys.executable, "-c", TRILL, str(teacher)], check=True, capture_output=True)
    for index, (label, hertz) in enumerate((("low", 300), ("middle", 900), ("high", 2_700))):
        for take in range(6):
            speaker = tones / label / f"speaker{take}"
            speaker.mkdir(parents=True)
            noise = np.random.default_rng(100 * index + take).normal(scale=0.01, size=19_200)
            time_s = np.arange(len(noise)) / SAMPLE_RATE_HZ
            heard = 0.3 * np.sin(2 * np.pi * hertz * (1 + take / 50) * time_s) + noise
            soundfile.write(speaker / "clip.wav", heard, SAMPLE_RATE_HZ)
    words = ("--teacher", str(teacher), "--output", "layer19", "--audio", str(tones))
    words += ("--epochs", "2", "--batch-size", "8")
    return Distillation(words=words, tones=tones, out=folder / "students")


@pytest.mark.journey
@pytest.mark.timeout(1800)
def test_students_of_a_local_saved_model_go_from_audio_to_int8_over_ctrl_c(
    distillation: Distillation, audio_root: Path
) -> None:
    aware = f"{TINY}_qat"
    command = distillation.command(TINY, aware)
    interrupt(*command, once=(distillation.out, ".training/*_qat-*/state.npz"))
    done = json.loads(frill_bench(*command, "--score", distillation.tones, status=0).stdout)
    assert done["new"] == [aware]  # the other was ready
    first, second = done["students"]
    for card in (first, second):
        scores_hold(card)
        markdown = (distillation.out / f"{card['student']}.md").read_text()
        for line in ("int8", "teacher", "less float32"):
            assert f"| {line} |" in markdown
    files = {each.file: each for each in Zoo(distillation.out / "zoo").artifacts()}
    assert len(files) == 8
    for artifact in files.values():
        assert artifact.weights is WeightsOrigin.DISTILLED
        assert CaveatKind.UNTRAINED not in {caveat.kind for caveat in artifact.caveats}
        assert artifact.provenance.startswith("distilled from trill, ")
    assert files[f"{TINY}.int8.tflite"].calibration_sha256
    learned = files[f"{aware}.int8.tflite"]
    assert learned.float_ops == {}
    assert learned.calibration_sha256 is None  # its ranges were learned


def scores_hold(card: dict[str, Any]) -> None:
    assert card["teacher"] == "trill"
    assert len(card["curve"]) in (1, 2)  # the quantisation-aware one is trained for half as long
    assert card["audio_clips"] == 18
    assert [one["format"] for one in card["scores"]] == ["float32", "float16", "dynamic", "int8"]
    exact = card["scores"][0]["score"]["mean"]
    for one in card["scores"]:
        assert 0 <= one["score"]["mean"] <= 1
        (mean,) = (loss for loss in one["less_float32"] if loss["task"] == "mean")
        assert mean["value"] == pytest.approx(one["score"]["mean"] - exact, abs=1e-9)
        assert mean["low"] <= mean["value"] <= mean["high"]
    assert card["teacher_score"]["mean"] > 0.5  # pitches are easily told apart
    assert card["teacher_score"]["tasks"][0]["floor"] is not None


def test_random_weights_with_learned_ranges_are_refused(tmp_path: Path) -> None:
    done = frill_bench("convert", f"{TINY}_qat", "--zoo", tmp_path)
    assert done.returncode == 2
    assert "needs trained weights" in done.stderr


def test_a_start_without_weights_or_over_them_is_refused(tmp_path: Path) -> None:
    starting = ("distill", TINY, "--start", tmp_path / "empty")
    done = frill_bench(*starting, "--out", tmp_path, status=2)
    assert f"holds no weights of {TINY}" in done.stderr
    done = frill_bench("distill", TINY, "--start", tmp_path, "--out", tmp_path, status=2)
    assert "would be overwritten" in done.stderr
    done = frill_bench("distill", TINY, "--start", "starter", "--out", tmp_path, status=2)
    assert "it is not a starter student" in done.stderr
    low_rank = "small_w1.0_keras3_gap_r64_e1024_unfused"
    done = frill_bench("distill", low_rank, "--start", "starter", "--out", tmp_path, status=2)
    assert "cannot start from trained weights" in done.stderr


def test_a_call_without_students_is_a_usage_error() -> None:
    done = frill_bench("distill")
    assert done.returncode == 2
    assert "no students given" in done.stderr
