from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.artifact import Fidelity, Format, Role, Tensor
from bench.core.errors import ConfigurationError, ToolOutputError
from models.audio.speech import inputs_for
from models.convert.fidelity import (
    below_snr,
    compare,
    degenerate,
    format_of_bounds,
    no_worse,
    shortfall,
    wrong_state,
)
from models.stream import INPUTS, Hop, filled
from models.tflite.raw_tensors import from_bytes, to_bytes

PATCH = Tensor(name="log_mel:0", shape=(-1, 96, 64, 1), dtype="float32")
AUDIO = Tensor(name="audio:0", shape=(1, 40_000), dtype="float32")
INT8 = Tensor(name="q", shape=(1, 4), dtype="int8", scale=0.5, zero_point=-1)


def test_floats_are_quantised_as_the_tensor_says_and_come_back() -> None:
    content = to_bytes(np.array([[-1.0, 0.0, 0.5, 1_000.0]], dtype=np.float32), INT8)
    assert np.frombuffer(content, np.int8).tolist() == [-3, -1, 0, 127]
    plain = Tensor(name="f", shape=(1, 2), dtype="float32")
    content += np.array([1.5, -2.0], dtype=np.float32).tobytes()
    quantised, floats = from_bytes(content, (INT8, plain), (4, 2))
    assert quantised.tolist() == [-1.0, 0.0, 0.5, 64.0]
    assert floats.tolist() == [1.5, -2.0]


@given(st.integers(0, 40).filter(lambda n: n != 4))
def test_outputs_of_another_size_are_refused(size: int) -> None:
    with pytest.raises(ToolOutputError, match=f"{size} bytes, not 4"):
        from_bytes(bytes(size), (INT8,), (4,))


def test_whole_numbers_that_mean_no_floats_are_refused() -> None:
    tokens = Tensor(name="tokens", shape=(1, 3), dtype="int32")
    with pytest.raises(ConfigurationError, match="takes int32"):
        to_bytes(np.zeros((1, 3), dtype=np.float32), tokens)


def outputs(seed: int = 0) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    return np.random.default_rng(seed).normal(size=(8, 32))


def test_outputs_that_carry_nothing_are_told_apart() -> None:
    fine = outputs()
    assert degenerate(fine) == ""
    spoiled = fine.copy()
    spoiled[3, 5] = np.nan
    assert degenerate(spoiled) == "nan-output: 1 of 256 values"
    assert degenerate(np.where(np.arange(8)[:, None] == 2, 0, fine)).startswith("zero-output: on 1")
    assert degenerate(np.ones((8, 32))) == "constant-output: all values are equal"
    assert degenerate(np.tile(fine[:1], (8, 1))) == "constant-output: the same for all 8 inputs"
    assert degenerate(fine[:, :1]) == ""


@pytest.mark.parametrize("format", [Format.FLOAT16, Format.DYNAMIC, Format.INT8])
def test_a_wrong_scale_is_seen_in_the_noise_though_no_cosine_shows_it(format: Format) -> None:
    fine = outputs()
    same = compare(fine, fine, patches_sha256="")
    assert (shortfall(format, same), below_snr(format, same)) == ("", "")
    doubled = compare(fine, 2 * fine, patches_sha256="")
    assert doubled.cosine_min > 0.999999
    assert "signal to noise 0.0 dB" in below_snr(format, doubled)


def test_the_state_of_a_stream_may_be_silent_but_not_wrong() -> None:
    state = outputs()
    state[3] = 0
    assert wrong_state(Format.FLOAT16, state, state) == ""
    assert wrong_state(Format.FLOAT16, state, state * 1.001) == ""  # rounded to half precision
    assert "signal to noise" in wrong_state(Format.FLOAT16, state, np.roll(state, 1, axis=1))
    spoiled = state.copy()
    spoiled[0, 0] = np.nan
    assert wrong_state(Format.FLOAT16, state, spoiled) == "1 of 256 values are not finite"


def test_a_stream_is_given_audio_and_the_state_that_follows_from_it(tmp_path: Path) -> None:
    hop = Hop(17)
    tensors = tuple(
        Tensor(name=name, shape=shape, dtype="float32")
        for name, shape in zip(INPUTS, hop.input_shapes, strict=True)
    )
    stream = inputs_for(tensors, Role.EMBEDDING_STREAM, count=3, audio_root=tmp_path)
    whole = Tensor(name="audio", shape=(1, 15_600), dtype="float32")
    windows = inputs_for((whole,), Role.EMBEDDING_WAVEFORM, count=3, audio_root=tmp_path)
    for values, (window,) in zip(stream.values, windows.values, strict=True):
        assert all(
            np.array_equal(value, wanted)
            for value, wanted in zip(values, filled(window, hop), strict=True)
        )
    assert stream.what == windows.what


def test_a_device_may_lose_what_the_conversion_loses_and_a_quarter_more() -> None:
    source, rounding = outputs(), outputs(1)

    def lost(share: float) -> Fidelity:
        return compare(source, source + share * rounding, patches_sha256="")

    assert no_worse(lost(0.1), lost(0.1))
    assert no_worse(lost(0.105), lost(0.1))
    assert not no_worse(lost(0.12), lost(0.1))
    assert no_worse(lost(0.0), lost(0.0))


def test_an_accelerator_may_compute_in_half_precision_and_a_cpu_may_not_lose_more_than_that() -> (
    None
):
    held = {
        each: tuple(format_of_bounds(each, accelerated=on) for on in (False, True))
        for each in Format
    }
    assert held == {
        Format.FLOAT32: (Format.FLOAT16, Format.DYNAMIC),
        Format.FLOAT16: (Format.FLOAT16, Format.DYNAMIC),
        Format.DYNAMIC: (Format.DYNAMIC, Format.DYNAMIC),
        Format.INT8: (Format.INT8, Format.INT8),
    }


def test_without_audio_the_inputs_are_noise_that_says_so_and_is_the_same_every_time(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    nowhere = tmp_path_factory.mktemp("none")
    for tensor, role, shape in (
        (PATCH, Role.EMBEDDING_PATCH, (1, 96, 64, 1)),
        (AUDIO, Role.EMBEDDING_WAVEFORM, (1, 40_000)),
    ):
        found = inputs_for((tensor,), role, count=4, audio_root=nowhere)
        again = inputs_for((tensor,), role, count=4, audio_root=nowhere)
        assert found.sha256 == again.sha256
        assert len(found.values) == 4
        assert {value.shape for (value,) in found.values} == {shape}
        assert "noise instead of speech" in found.what
        for (value,) in found.values:
            assert np.isfinite(value).all()
            assert value.std() > 0


def test_two_inputs_of_no_audio_are_given_random_numbers(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    found = inputs_for(
        (AUDIO, INT8), Role.OTHER, count=3, audio_root=tmp_path_factory.getbasetemp()
    )
    assert [[value.shape for value in one] for one in found.values] == 3 * [[(1, 40_000), (1, 4)]]
    assert "takes no audio" in found.what
