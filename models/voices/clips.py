"""Clips of synthetic voices: which voice speaks which text, and FLAC files in the user's cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.core.progress import OnStepProgress, ignore
from bench.core.system import lock
from models.audio.decode import resample, write_flac
from models.audio.development import SYNTHETIC
from models.tflite.arrays import Floats
from models.voices.kokoro import RATE_HZ, Catalogue, Kokoro

CLIPS = 8  # of each voice
_BLENDS = 46  # with the 54 voices, a hundred
_SEED = 82
_OWN_LANGUAGE = 0.6  # of the clips; the others, of any, keep the voice apart from the language
_HELD_OUT_TAKES = 3
_SPEEDS = (0.85, 1.15)
_SHARES = (0.35, 0.65)  # of a blend's first voice


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A voice of the model, or a blend of two.

    Args:
        name: of its folder.
        of: the model's voices in it, and the share of each.
    """

    name: str
    of: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """What is spoken in one clip.

    Args:
        path: of its file, relative to the folder of all.
        speed: 1 is the voice's own.
    """

    voice: Voice
    path: str
    phonemes: str
    speed: float


def voices(names: tuple[str, ...]) -> list[Voice]:
    """Returns the model's voices, and blends of two of them, of which none is held out.

    Args:
        names: of the model's voices, sorted.
    """
    rng = np.random.default_rng(_SEED)
    trained = [name for name in names if name not in SYNTHETIC]
    own = [Voice(name=name, of=((name, 1.0),)) for name in names]
    blends = []
    for number in range(_BLENDS):
        first, second = (str(name) for name in rng.choice(trained, 2, replace=False))
        share = round(float(rng.uniform(*_SHARES)), 3)
        blends.append(
            Voice(name=f"blend_{number:02}", of=((first, share), (second, round(1 - share, 3))))
        )
    return own + blends


def speeches(
    contents: Catalogue, names: tuple[str, ...], *, clips: int = CLIPS
) -> Iterator[Speech]:
    """Yields what is spoken: a clip of each voice in turn, ``clips`` times, the same on every call.

    A clip is one sentence or two, at 0.85 to 1.15 of the voice's speed; two in three are of the
    voice's own language. Voices that are held out have three clips in a turn, of all languages
    alike.

    Args:
        names: of the model's voices, sorted.
    """
    letters = sorted(contents.languages)
    for turn in range(clips):
        for place, voice in enumerate(voices(names)):
            takes = _HELD_OUT_TAKES if voice.name in SYNTHETIC else 1
            for number in range(turn * takes, (turn + 1) * takes):
                rng = np.random.default_rng([_SEED, place, number])
                own = voice.of[0][0][0]
                language = own if rng.random() < _OWN_LANGUAGE else str(rng.choice(letters))
                if voice.name in SYNTHETIC:
                    language = letters[(place + number) % len(letters)]
                sentences = list(contents.languages[language].values())
                chosen = rng.choice(sentences, int(rng.integers(1, 3)), replace=False)
                yield Speech(
                    voice=voice,
                    path=f"{voice.name}/{number:03}-{language}.flac",
                    phonemes=" ".join(str(each) for each in chosen),
                    speed=round(float(rng.uniform(*_SPEEDS)), 3),
                )


def synthesise(
    contents: Catalogue,
    model: Kokoro,
    root: Path,
    *,
    clips: int = CLIPS,
    workers: int = 1,
    on_progress: OnStepProgress = ignore,
) -> int:
    """Writes the clips that are not in ``root`` yet, and returns how many that were.

    An interrupted call leaves whole clips, of all voices about as many; the same call continues.

    Args:
        clips: of each voice.
        workers: clips at a time, with a thread each.
        on_progress: called with the voice of a finished clip, the clips done and all clips.

    Raises:
        ConfigurationError: the model does not take these phonemes.
    """
    names = tuple(sorted(model.styles))
    planned = list(speeches(contents, names, clips=clips))
    with lock.waiting(root / ".lock"):
        missing = [each for each in planned if not (root / each.path).is_file()]
        done = len(planned) - len(missing)
        pool = ThreadPoolExecutor(workers)
        try:
            running = {pool.submit(_write, model, each, root): each for each in missing}
            for future in as_completed(running):
                future.result()
                done += 1
                on_progress(running[future].voice.name, done, len(planned))
        finally:
            pool.shutdown(cancel_futures=True)
    return len(missing)


def _write(model: Kokoro, speech: Speech, root: Path) -> None:
    audio = model.say(speech.phonemes, _style(speech.voice, model.styles), speed=speech.speed)
    write_flac(root / speech.path, resample(audio, RATE_HZ))


def _style(voice: Voice, styles: Mapping[str, Floats]) -> Floats:
    blended: Floats = np.zeros_like(styles[voice.of[0][0]])
    for name, share in voice.of:
        blended += np.float32(share) * styles[name]
    return blended
