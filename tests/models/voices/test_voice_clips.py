from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.audio.decode import decode
from models.audio.development import SYNTHETIC
from models.tflite.arrays import Floats
from models.voices import clips, kokoro
from models.voices.kokoro import Kokoro

CONTENTS = kokoro.catalogue()
NAMES = tuple(sorted({*SYNTHETIC, *(f"{letter}f_one" for letter in CONTENTS.languages)}))


class Tone:
    """Speaks as a tone: as long as what is said, as high as the style's first number says."""

    def __init__(self, stops_at: int | None = None) -> None:
        self.said: list[Mapping[str, NDArray[Any]]] = []
        self._stops_at = stops_at

    def __call__(self, values: Mapping[str, NDArray[Any]]) -> Mapping[str, Floats]:
        if len(self.said) == self._stops_at:
            raise KeyboardInterrupt
        self.said.append(values)
        time_s = np.arange(100 * values["tokens"].size) / kokoro.RATE_HZ
        hertz = 100 * values["style"][0, 0]
        return {"audio": (0.5 * np.sin(2 * np.pi * hertz * time_s)).astype(np.float32)}


def speaking(run: Tone) -> Kokoro:
    styles = {
        name: np.full((510, 256), number + 1, dtype=np.float32) for number, name in enumerate(NAMES)
    }
    return Kokoro(run=run, vocabulary=CONTENTS.vocabulary, styles=styles)


def test_the_model_knows_every_phoneme_and_everything_is_pinned() -> None:
    said = {each for sentences in CONTENTS.languages.values() for each in sentences.values()}
    assert len(said) > 100
    assert set("".join(said)) <= set(CONTENTS.vocabulary)
    sums = [CONTENTS.model.sha256, CONTENTS.styles.sha256]
    sums += [wheel.sha256 for wheel in CONTENTS.model.parts]
    assert all(len(bytes.fromhex(each)) == 32 for each in sums)


def test_a_held_out_voice_is_in_no_blend_and_speaks_all_languages_alike() -> None:
    planned = list(clips.speeches(CONTENTS, NAMES, clips=6))
    assert not {name for each in planned for name, _ in each.voice.of if len(each.voice.of) > 1} & (
        SYNTHETIC
    )
    counts = Counter(each.voice.name for each in planned)
    languages = Counter(
        each.path.partition("-")[2] for each in planned if each.voice.name in SYNTHETIC
    )
    assert {counts[name] for name in SYNTHETIC} == {18}
    assert {counts[name] for name in counts if name not in SYNTHETIC} == {6}
    assert len(set(languages.values())) == 1
    assert len(languages) == len(CONTENTS.languages)
    assert all(sum(share for _, share in each.voice.of) == pytest.approx(1) for each in planned)
    assert len({each.path for each in planned}) == len(planned)


def test_more_clips_of_each_voice_leave_the_first_ones_as_they_were() -> None:
    few = list(clips.speeches(CONTENTS, NAMES, clips=1))
    assert list(clips.speeches(CONTENTS, NAMES, clips=2))[: len(few)] == few


def test_an_interrupted_synthesis_keeps_whole_clips_and_goes_on(tmp_path: Path) -> None:
    planned = [each.path for each in clips.speeches(CONTENTS, NAMES, clips=1)]
    with pytest.raises(KeyboardInterrupt):
        clips.synthesise(CONTENTS, speaking(Tone(stops_at=7)), tmp_path, clips=1)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*")} == {
        *planned[:7]
    }
    rest = Tone()
    seen: list[tuple[int, int]] = []
    made = clips.synthesise(
        CONTENTS,
        speaking(rest),
        tmp_path,
        clips=1,
        on_progress=lambda voice, done, total: seen.append((done, total)),
    )
    assert made == len(rest.said) == len(planned) - 7
    assert seen[0] == (8, len(planned))
    assert seen[-1] == (len(planned), len(planned))
    assert clips.synthesise(CONTENTS, speaking(rest), tmp_path, clips=1) == 0


def test_a_blend_speaks_with_the_mean_of_its_voices_styles(tmp_path: Path) -> None:
    run = Tone()
    model = speaking(run)
    clips.synthesise(CONTENTS, model, tmp_path, clips=1)
    planned = list(clips.speeches(CONTENTS, NAMES, clips=1))
    place = next(n for n, each in enumerate(planned) if len(each.voice.of) == 2)
    mean = sum(share * model.styles[name][0, 0] for name, share in planned[place].voice.of)
    assert run.said[place]["style"][0, 0] == pytest.approx(mean)
    audio = decode(tmp_path / planned[place].path)
    spectrum = np.abs(np.fft.rfft(audio))
    assert spectrum.argmax() * 16_000 / audio.size == pytest.approx(100 * mean, rel=0.02)
