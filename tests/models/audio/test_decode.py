from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from bench.core.errors import ConfigurationError
from models.audio.decode import audio_files, decode, decode_part, duration_s


def loudest_hz(audio: Any) -> float:
    return float(np.abs(np.fft.rfft(audio)).argmax() * 16_000 / audio.size)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_any_rate_becomes_16_khz_with_its_pitch(
    tmp_path: Path, write_tone: Any, rate_hz: int
) -> None:
    audio = decode(write_tone(tmp_path / "a.wav", hertz=1_000, seconds=2.0, rate_hz=rate_hz))
    assert audio.dtype == np.float32
    assert abs(audio.size - 32_000) <= 1
    assert loudest_hz(audio) == pytest.approx(1_000, abs=1)


def test_bare_gsm_frames_are_read_at_8_khz(tmp_path: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 500 * np.arange(8_000) / 8_000)
    path = tmp_path / "a.gsm"
    soundfile.write(path, tone, 8_000, format="RAW", subtype="GSM610")
    assert path.stat().st_size == 50 * 33
    assert duration_s(path) == pytest.approx(1.0)
    assert decode(path).size == 16_000
    assert loudest_hz(decode(path)) == pytest.approx(500, abs=2)


@pytest.mark.parametrize("ending", ["wav", "gsm", "ogg"])
def test_a_part_of_a_file_is_that_part_of_the_whole(
    tmp_path: Path, write_tone: Any, ending: str
) -> None:
    path = tmp_path / f"a.{ending}"
    tone = decode(write_tone(tmp_path / "tone.wav", hertz=700, seconds=3.0))
    match ending:
        case "gsm":
            soundfile.write(path, tone[::2], 8_000, format="RAW", subtype="GSM610")
        case _:
            soundfile.write(path, tone, 16_000)
    whole = decode(path)
    for first in (0, 1_600, 27_200, 41_000):
        part = decode_part(path, first=first, samples=15_600)
        expected = whole[first : first + 15_600]
        assert part.shape == expected.shape
        assert part == pytest.approx(expected, abs=1e-3 if ending == "gsm" else 0)
    assert decode_part(path, first=len(whole), samples=100).size == 0


def test_channels_are_averaged_and_peaks_stay_within_one(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.column_stack([np.full(1_600, 0.5), np.full(1_600, -0.25)]), 16_000)
    assert decode(path) == pytest.approx(0.125, abs=1e-4)
    soundfile.write(path, np.full(1_600, 3.0), 16_000, subtype="FLOAT")
    assert decode(path).max() == 1.0


def test_a_file_that_is_no_audio_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(b"RIFF and nothing more")
    for read in (decode, duration_s):
        with pytest.raises(ConfigurationError, match=r"broken\.wav: cannot be decoded"):
            read(path)
    with pytest.raises(ConfigurationError, match=r"missing\.ogg"):
        decode(tmp_path / "missing.ogg")


def test_a_file_of_no_frames_is_an_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    with pytest.raises(ConfigurationError, match="no audio"):
        decode(tmp_path / "empty.wav")


def test_links_empty_files_and_other_files_are_left_out(tmp_path: Path, write_tone: Any) -> None:
    write_tone(tmp_path / "b" / "two.wav")
    write_tone(tmp_path / "a.WAV")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "note.txt").write_text("no audio")
    (tmp_path / "link.wav").symlink_to("a.WAV")
    (tmp_path / "b" / "loop").symlink_to("..")
    assert audio_files(tmp_path) == ["a.WAV", "b/two.wav"]
