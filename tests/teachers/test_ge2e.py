import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.core.errors import ConfigurationError
from models.teachers import Teacher, ge2e, torch_file

Floats = NDArray[np.float32]
REFERENCE = np.load(Path(__file__).parent / "ge2e_reference.npz")
MARK = 0x1950A86A20F9469CFC6C  # of the format
AUDIO = REFERENCE["audio"].astype(np.float32) / 32_768


def random_layer(rng: np.random.Generator, inputs: int) -> ge2e.Layer:
    def drawn(*sides: int) -> Floats:
        return rng.normal(scale=0.2, size=sides).astype(np.float32)

    return ge2e.Layer(across=drawn(inputs, 1_024), back=drawn(256, 1_024), bias=drawn(1_024))


def test_the_filterbank_and_the_mel_powers_are_those_of_librosa() -> None:
    assert ge2e.mel_weights() == pytest.approx(REFERENCE["filterbank"].T, abs=1e-8)
    assert ge2e.mel(AUDIO[np.newaxis])[0] == pytest.approx(REFERENCE["mel"], rel=1e-4, abs=1e-6)


def test_a_layer_is_the_recurrence_written_by_hand() -> None:
    rng = np.random.default_rng(0)
    layer = random_layer(rng, 40)
    inputs = rng.normal(size=(5, 2, 40)).astype(np.float32)

    def sigmoid(value: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1 / (1 + np.exp(-value))

    for clip in range(2):
        output, cell = np.zeros(256), np.zeros(256)
        for step in range(5):
            gates = inputs[step, clip].astype(float) @ layer.across + layer.bias
            gates += output @ layer.back
            entry, forget, new, leave = gates.reshape(4, 256)
            cell = sigmoid(forget) * cell + sigmoid(entry) * np.tanh(new)
            output = sigmoid(leave) * np.tanh(cell)
            assert layer(inputs)[step, clip] == pytest.approx(output, abs=1e-5)


@pytest.mark.audio
def test_the_vectors_are_those_of_pytorch_and_librosa(packaged: Callable[[str], Teacher]) -> None:
    teacher = packaged("ge2e")
    (found,) = teacher(np.tile(AUDIO, 8)[np.newaxis])
    assert found == pytest.approx(REFERENCE["vectors"], abs=1e-5)


@pytest.mark.parametrize(
    ("samples", "windows"),
    [(1_000, 1), (25_600, 1), (30_000, 1), (40_000, 2), (50_000, 3), (100_000, 7)],
)
def test_a_last_window_that_is_filled_by_less_than_three_quarters_is_left_out(
    samples: int, windows: int
) -> None:
    assert len(ge2e.starts(samples)) == windows


class _Command:
    def __reduce__(self) -> object:
        return (print, ("a checkpoint ran code",))


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (
            [0x1950A86A20F9469CFC6C, 1_001, {}, {"model_state": _Command()}],
            "names __builtin__.print",
        ),
        ([MARK, 1_001, {}, {"other": 1}], "model_state"),
        ([7], "lacks the mark"),
    ],
)
def test_a_checkpoint_that_names_anything_but_tensors_is_refused(
    pickled: list[object], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.pt"
    path.write_bytes(b"".join(pickle.dumps(each, protocol=2) for each in pickled))
    with pytest.raises(ConfigurationError, match=message):
        torch_file.read(path, "model_state")
    assert capsys.readouterr().out == ""
