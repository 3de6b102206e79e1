"""The log-mel graphs, converted for real, beside the reference in NumPy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support.zoo_names import DFT, DFT_OF_A_HOP, STFT, WITH_FRONTEND

from bench.core.artifact import Artifact, Format, Role
from models import frontend
from models.audio.calibration import patches_for
from models.tflite import litert
from models.tflite.litert import Model
from models.zoo import Zoo

pytestmark = [pytest.mark.zoo, pytest.mark.audio]
Floats = NDArray[np.float32]

TIME_S = np.arange(frontend.WINDOW_SAMPLES) / 16_000
TONES_HZ = (100, 200, 440, 1000, 1234.5, 3000, 5000, 7000)
AUDIO: dict[str, Callable[[Floats], Floats]] = {
    "speech": lambda speech: speech,
    "silence": lambda speech: np.zeros_like(speech[:1]),
    "clipping": lambda speech: np.clip(20 * speech, -1, 1),
    "tones": lambda _: np.stack(
        [0.9 * np.sin(2 * np.pi * hertz * TIME_S) for hertz in TONES_HZ]
    ).astype(np.float32),
}


@pytest.fixture(scope="module")
def speech(audio_root: Path) -> Floats:
    windows, _ = patches_for("heldout", count=40, waveform=True, audio_root=audio_root)
    return windows


def artifact(zoo: Zoo, name: str) -> Artifact:
    found = zoo.get(name, Format.FLOAT32)
    assert found is not None
    return found


def errors(zoo: Zoo, name: str, windows: Floats, delegate: str) -> Floats:
    model = Model(zoo.path(artifact(zoo, name)), delegate=delegate)
    graph = np.stack([model(window[np.newaxis])[0][0, :, :, 0] for window in windows])
    return np.abs(graph - np.stack([frontend.patch(window) for window in windows]))


@pytest.mark.parametrize("delegate", ["xnnpack", "none"])
@pytest.mark.parametrize(
    ("audio", "rms", "largest"),
    [
        ("speech", 1e-4, 1e-2),
        ("silence", 1e-6, 1e-6),
        ("clipping", 2e-4, 2e-2),
        ("tones", 1e-3, 1e-2),  # nearly all bins are more than 100 dB below the tone
    ],
)
def test_the_dft_is_as_exact_as_float32_lets_an_fft_be(
    zoo: Zoo, speech: Floats, audio: str, rms: float, largest: float, delegate: str
) -> None:
    windows = AUDIO[audio](speech)
    by_dft, by_fft = (errors(zoo, name, windows, delegate) for name in (DFT, STFT))
    assert np.sqrt(np.mean(by_dft**2)) < rms
    assert by_dft.max() < largest
    assert np.sqrt(np.mean(by_dft**2)) <= 4 * np.sqrt(np.mean(by_fft**2))


def test_most_of_speech_is_exact_to_a_ten_thousandth(zoo: Zoo, speech: Floats) -> None:
    assert np.mean(errors(zoo, DFT, speech, "xnnpack") < 1e-4) > 0.95


def test_xnnpack_runs_the_dft_whole_alone_and_in_a_student(zoo: Zoo) -> None:
    for name in (DFT, DFT_OF_A_HOP, WITH_FRONTEND):
        split = litert.allocate(zoo.path(artifact(zoo, name))).partitions
        assert split is not None
        assert (split.partitions, split.left) == (1, {})
        assert split.nodes_delegated == split.nodes_total


def test_without_xnnpack_no_operator_is_one_of_the_slow_ones(zoo: Zoo) -> None:
    slow = {"BATCH_MATMUL", "STRIDED_SLICE", "SQUARE", "MAXIMUM"}
    assert slow.isdisjoint(artifact(zoo, DFT).float_ops)


def test_a_hops_front_end_makes_the_new_frames_of_the_whole_windows(
    zoo: Zoo, speech: Floats
) -> None:
    found = artifact(zoo, DFT_OF_A_HOP)
    assert (found.role, found.window_samples, found.hop_samples) == (Role.FRONTEND, 2960, 2720)
    assert [each.shape for each in (*found.inputs, *found.outputs)] == [(1, 2960), (1, 17, 64, 1)]
    whole, hop = (Model(zoo.path(artifact(zoo, name))) for name in (DFT, DFT_OF_A_HOP))
    newest = hop(speech[:1, -found.window_samples :])[0]
    assert newest == pytest.approx(whole(speech[:1])[0][:, -17:], abs=1e-4)


@pytest.mark.parametrize("name", ["frontend-dft", "frontend-stft", "frontend-dft-1"])
def test_in_training_a_batch_is_the_frames_of_each_window(speech: Floats, name: str) -> None:
    from models.network import export
    from models.student.buildable import architecture, parse

    spec = parse(name)
    samples = architecture(spec).window_samples
    both = export.network(spec, seed=1)(speech[:3, :samples]).numpy()
    assert both.shape == (3, *architecture(spec).output_shapes[0][1:])
    for window, frames in zip(speech[:3, :samples], both, strict=True):
        padded = np.pad(window, (0, frontend.WINDOW_SAMPLES - samples))
        reference = frontend.log_mel(padded)[: frames.shape[0]]
        assert frames[:, :, 0] == pytest.approx(reference, abs=5e-3)
