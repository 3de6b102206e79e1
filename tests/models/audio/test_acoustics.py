"""Clips in conditions: measured for what each condition states, and the same in another process."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.cli.score_flags import CONDITIONS
from bench.core.progress import ignore
from models.audio import acoustics
from models.audio.acoustics import AcousticCondition, perturbed, perturbed_paths, room, with_noise
from models.audio.decode import decode, write_flac
from models.tflite.arrays import Floats

RATE_HZ = 16_000
SHA256 = "a" * 64


@pytest.fixture(scope="module")
def audio() -> Floats:
    """Returns two seconds of white noise at a tenth of full scale: it has all frequencies."""
    return (0.1 * np.random.default_rng(1).normal(size=2 * RATE_HZ)).clip(-1, 1).astype(np.float32)


def level_db(audio: Floats, low_hz: float, high_hz: float) -> float:
    """Returns the mean power of a band, in dB."""
    power = np.abs(np.fft.rfft(audio.astype(np.float64) * np.hanning(len(audio)))) ** 2
    hertz = np.fft.rfftfreq(len(audio), 1 / RATE_HZ)
    return float(10 * np.log10(power[(hertz >= low_hz) & (hertz < high_hz)].mean() + 1e-12))


def test_noise_is_ten_decibels_below_and_pink(audio: Floats) -> None:
    heard = with_noise(audio, np.random.default_rng(2))
    noise = heard - audio
    assert 10 * np.log10(np.mean(audio**2) / np.mean(noise**2)) == pytest.approx(10)
    octaves = [level_db(noise.astype(np.float32), 125 * 2**k, 250 * 2**k) for k in range(5)]
    assert np.diff(octaves) == pytest.approx([-3.0] * 4, abs=0.8)


def test_a_telephone_keeps_its_band_and_nothing_else(audio: Floats) -> None:
    heard = perturbed(audio, AcousticCondition.TELEPHONE, sha256=SHA256)
    assert len(heard) == len(audio)
    within = level_db(heard, 500, 3_200) - level_db(audio, 500, 3_200)
    assert within == pytest.approx(0, abs=0.5)
    for low_hz, high_hz in ((0, 150), (3_700, 3_900), (4_200, 8_000)):
        assert level_db(heard, low_hz, high_hz) < level_db(heard, 500, 3_200) - 30
    # It is not late: it fits the clip best where it is.
    late = np.correlate(heard[1_000:9_000], audio[900:9_100], mode="valid").argmax() - 100
    assert abs(late) <= 1


def test_mu_law_has_its_256_levels(audio: Floats) -> None:
    coded = acoustics.through_mu_law(np.linspace(-1, 1, 20_000, dtype=np.float32))
    assert 250 <= len(np.unique(coded)) <= 256


def test_a_room_decays_by_sixty_decibels_within_its_rt60() -> None:
    response = room(np.random.default_rng(3))
    left = np.cumsum(response[:0:-1] ** 2)[::-1]  # Schroeder's integral of the tail
    decay = 10 * np.log10(left / left[0])
    start, end = (np.argmax(decay <= level) for level in (-5, -35))
    assert 2 * (end - start) / RATE_HZ == pytest.approx(acoustics.RT60_S, rel=0.05)
    assert np.sum(response[1:] ** 2) == pytest.approx(response[0] ** 2)


def test_a_room_is_as_loud_as_before(audio: Floats) -> None:
    heard = perturbed(audio, AcousticCondition.REVERBERATION, sha256=SHA256)
    assert np.mean(heard**2) == pytest.approx(np.mean(audio**2), rel=1e-3)
    assert np.corrcoef(heard, audio)[0, 1] == pytest.approx(np.sqrt(0.5), abs=0.05)


def test_clipping_is_at_a_quarter_of_the_peak(audio: Floats) -> None:
    heard = perturbed(audio, AcousticCondition.CLIPPING, sha256=SHA256)
    limit = 0.25 * np.abs(audio).max()
    assert np.abs(heard).max() == pytest.approx(limit)
    inside = np.abs(audio) < limit
    assert np.array_equal(heard[inside], audio[inside])


@pytest.mark.parametrize("condition", AcousticCondition)
def test_what_is_silent_or_short_or_loud_stays_within_full_scale(
    condition: AcousticCondition,
) -> None:
    loud = np.sign(np.sin(np.arange(RATE_HZ) / 20)).astype(np.float32)
    for clip in (loud, np.zeros(900, dtype=np.float32), loud[:60]):
        heard = perturbed(clip, condition, sha256=SHA256)
        assert heard.shape == clip.shape
        assert heard.dtype == np.float32
        assert np.isfinite(heard).all()
        assert np.abs(heard).max() <= 1


def test_a_clip_is_the_same_in_another_process_and_another_clip_is_not(
    audio: Floats, tmp_path: Path
) -> None:
    write_flac(tmp_path / "clip.flac", audio)
    program = (
        "import hashlib, pathlib\n"
        "from models.audio.acoustics import AcousticCondition, perturbed\n"
        "from models.audio.decode import decode\n"
        f"clip = decode(pathlib.Path({str(tmp_path / 'clip.flac')!r}))\n"
        "for each in AcousticCondition:\n"
        "    heard = perturbed(clip, each, sha256='a' * 64)\n"
        "    print(hashlib.sha256(heard.tobytes()).hexdigest())\n"
    )
    words = [sys.executable, "-c", program]
    one, other = (subprocess.run(words, capture_output=True, check=True).stdout for _ in range(2))
    assert one == other
    assert len(set(one.split())) == len(AcousticCondition)
    clips = [
        perturbed(decode(tmp_path / "clip.flac"), AcousticCondition.NOISE, sha256=letter * 64)
        for letter in "ab"
    ]
    assert not np.array_equal(*clips)


def test_the_parser_knows_all_conditions() -> None:
    assert tuple(AcousticCondition) == CONDITIONS


def test_perturbed_clips_are_kept_by_content_and_condition(audio: Floats, tmp_path: Path) -> None:
    write_flac(tmp_path / "clip.flac", audio[:RATE_HZ])
    clips = {SHA256: tmp_path / "clip.flac"}
    ways = [
        perturbed_paths(clips, each, cache=tmp_path, on_progress=ignore)
        for each in (AcousticCondition.NOISE, AcousticCondition.CLIPPING)
    ]
    (one,), (other,) = ways
    assert one != other
    (kept,) = ways[0].values()
    written = kept.stat().st_mtime_ns
    assert (
        perturbed_paths(clips, AcousticCondition.NOISE, cache=tmp_path, on_progress=ignore)
        == ways[0]
    )
    assert kept.stat().st_mtime_ns == written
    wanted = perturbed(decode(tmp_path / "clip.flac"), AcousticCondition.NOISE, sha256=SHA256)
    assert decode(kept) == pytest.approx(wanted, abs=1e-4)
