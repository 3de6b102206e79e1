import numpy as np
import pytest

from models import dft, frontend
from models.student.ops import frame_macs


def test_two_stages_are_the_dft_of_a_frame() -> None:
    frame = np.random.default_rng(1).normal(size=frontend.FRAME_SAMPLES)
    by_group = (dft.stage_one().T @ frame.reshape(25, 16)).reshape(16, 32)
    parts = np.einsum("gi,gio->go", by_group, dft.stage_two())
    magnitude = np.hypot(parts[:, :15], parts[:, 15:])
    exact = np.abs(np.fft.rfft(frame, frontend.FFT_SAMPLES))
    assert magnitude == pytest.approx(exact[dft.bins()], abs=1e-11)


def test_each_bin_that_a_mel_bin_weighs_comes_once() -> None:
    assert sorted(dft.bins().ravel()) == list(range(240))
    assert frontend.used_bins()[1] == 240


def test_a_frame_takes_a_quarter_of_the_products_of_a_plain_dft() -> None:
    low, high = frontend.used_bins()
    plain = frontend.FRAME_SAMPLES * 2 * (high - low) + frame_macs("stft")
    assert frame_macs("dft") == 16 * 25 * 32 + 16 * 32 * 30 + 240 * 64
    assert frame_macs("dft") < plain / 4
