from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.core.errors import ConfigurationError, ConversionError
from models import frontend
from models.accuracy.floor import score_floor
from models.accuracy.score import score_teacher
from models.audio.tasks import task_set
from models.teachers import Teacher, load
from models.teachers.clips import clip_vectors
from models.teachers.teacher import concatenated

Floats = NDArray[np.float32]
Packaged = Callable[[str], Teacher]
MODELS = Path(__file__).parent.parent / "data" / "audio_models"
AUDIO = np.random.default_rng(1).normal(scale=0.1, size=(3, 32_000)).astype(np.float32)


def spectrum(audio: Floats) -> Floats:
    """Returns the loudness in 20 bands of each 50 ms, [batch, frames, 20]."""
    frames = audio[:, : audio.shape[1] // 800 * 800].reshape(len(audio), -1, 800)
    bands = np.abs(np.fft.rfft(frames))[..., :400].reshape(*frames.shape[:2], 20, 20)
    loud: Floats = np.log(bands.mean(axis=3) + 1e-3).astype(np.float32)
    return loud


def network(name: str = "bands", *, every: int = 1, size: int = 20) -> Teacher:
    return Teacher(
        name=name,
        size=size,
        sha256=name,
        licence="ours",
        runtime="numpy",
        min_samples=8_000,
        frames=lambda audio: spectrum(audio)[:, ::every],
    )


@pytest.mark.audio
@pytest.mark.parametrize(
    ("name", "size"), [("speech-embedding", 96), ("ge2e", 256), ("speech-embedding+ge2e", 352)]
)
def test_a_packaged_teacher_gives_frames_of_its_width(
    name: str, size: int, packaged: Packaged
) -> None:
    teacher = packaged(name)
    assert (teacher.name, teacher.size, teacher.licence) == (name, size, "Apache-2.0")
    for samples in (100, 32_000):
        found = teacher(AUDIO[:2, :samples])
        assert found.dtype == np.float32
        assert found.shape[::2] == (2, size)
        alone = [teacher(clip[np.newaxis, :samples])[0] for clip in AUDIO[:2]]
        assert found == pytest.approx(np.stack(alone), abs=1e-4)


@pytest.mark.audio
@pytest.mark.parametrize(("samples", "frames"), [(100, 1), (1_280, 1), (16_000, 12)])
def test_a_centred_teacher_gives_a_frame_for_each_80_ms(
    samples: int, frames: int, packaged: Packaged
) -> None:
    centred = packaged("speech-embedding-centred")
    assert centred(AUDIO[:, :samples]).shape == (3, frames, 96)
    assert centred.sha256 != packaged("speech-embedding").sha256


def test_parts_of_one_rate_lie_side_by_side_and_of_unlike_rates_are_averaged() -> None:
    one, same, slow = network(), network("same"), network("slow", every=3)
    beside = concatenated([one, same])
    assert (beside.name, beside.size, beside.licence) == ("bands+same", 40, "ours")
    assert np.array_equal(beside(AUDIO)[..., 20:], spectrum(AUDIO))
    averaged = concatenated([one, slow])(AUDIO)
    assert averaged.shape == (3, 1, 40)
    assert averaged[:, 0, 20:] == pytest.approx(spectrum(AUDIO)[:, ::3].mean(axis=1), abs=1e-5)
    assert beside.sha256 != concatenated([same, one]).sha256


def test_an_output_of_another_width_or_without_content_names_what_was_found() -> None:
    with pytest.raises(ConfigurationError, match=r"gives \[3, 40, 20\], not \[.*, 96\]"):
        network(size=96)(AUDIO)
    silent = AUDIO.copy()
    silent[1] = np.nan
    with pytest.raises(ConversionError, match="clip 1 of 3 is not finite"):
        network()(silent)


def test_a_tflite_file_gets_its_windows_or_patches() -> None:
    waveform = load(str(MODELS / "waveform.tflite"), cache=MODELS)
    assert (waveform.name, waveform.size) == ("waveform", 15)
    cut = AUDIO[:, :15_600].reshape(3, 15, 1_040)
    found = waveform(AUDIO)
    assert found.shape == (3, 3, 15)  # half overlap
    assert found[:, 0] == pytest.approx((cut**2).mean(axis=2), abs=1e-6)
    mels = np.stack([frontend.patches(clip).mean(axis=1) for clip in AUDIO])
    for name in ("patch", "patch_one"):
        teacher = load(str(MODELS / f"{name}.tflite"), cache=MODELS)
        assert teacher(AUDIO) == pytest.approx(mels, abs=1e-4)


@pytest.mark.parametrize(("name", "kind"), [("nan", "not finite"), ("zero", "all zero")])
def test_a_tflite_file_that_says_nothing_is_refused(name: str, kind: str) -> None:
    with pytest.raises(ConversionError, match=kind):
        load(str(MODELS / f"{name}.tflite"), cache=MODELS)


def test_a_file_that_takes_no_audio_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="neither audio nor log-mel patches"):
        load(str(MODELS.parent / "tiny.tflite"), cache=tmp_path)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")
    pytest.importorskip("onnxruntime")
    with pytest.raises(ConfigurationError, match="onnxruntime cannot run it"):
        load(str(broken), cache=tmp_path)


def test_a_clips_vector_is_the_mean_of_its_frames_and_is_kept(tones: Path, tmp_path: Path) -> None:
    clips = task_set(str(tones)).paths()
    calls: list[tuple[int, int]] = []

    def counted(audio: Floats) -> Floats:
        calls.append((audio.shape[0], audio.shape[1]))
        return spectrum(audio)

    teacher = Teacher(
        name="counted",
        size=20,
        sha256="counted",
        licence="ours",
        runtime="numpy",
        min_samples=8_000,
        frames=counted,
    )
    found = clip_vectors(teacher, clips, cache=tmp_path)
    assert calls == [(18, 19_200)]  # clips of one length go in one call
    assert np.array_equal(clip_vectors(teacher, clips, cache=tmp_path), found)
    assert len(calls) == 1
    both = concatenated([teacher, network()])
    assert np.array_equal(clip_vectors(both, clips, cache=tmp_path)[:, :20], found)
    assert len(calls) == 1


def test_a_teacher_is_scored_beside_the_floor(tones: Path, tmp_path: Path) -> None:
    tasks = task_set(str(tones))
    seen: list[tuple[int, int]] = []
    found = score_teacher(network(), tasks, cache=tmp_path, on_progress=lambda *at: seen.append(at))
    assert (found.artifact_sha256, found.runtime) == ("bands", "numpy")
    assert found.mean == 1.0
    assert found.tasks[0].floor == score_floor(tasks, cache=tmp_path).tasks[0].value
    assert seen[-1] == (18, 18)
    assert score_teacher(network(), tasks, cache=tmp_path) == found
