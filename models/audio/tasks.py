"""The six tasks over the packaged audio, and a pair of them on fewer clips.

Each stands in for the public task that it names with "for", whose data cannot be fetched by a
machine: seven telephone voices and two tone voices rank embeddings and guard against regressions;
they make no claim about those public tasks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath

import numpy as np

from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from bench.core.progress import OnProgress, ignore
from models.audio import development, extended, folder, packages
from models.audio.decode import audio_files, duration_s
from models.audio.taskset import Clip, Fold, Metric, Task, TaskSet, distinct, grouped_folds

DEFAULT = "default"
QUICK = "quick"
DEMO = "demo"

_VOICES = {
    "asterisk-core-sounds-en-gsm": "Allison",
    "asterisk-core-sounds-fr-gsm": "June",
    "asterisk-core-sounds-it-gsm": "Carlo",
    "asterisk-core-sounds-ru-gsm": "Ivrvoice",
    "asterisk-prompt-es-co": "July",
    "asterisk-prompt-fr-armelle": "Armelle",
    "asterisk-prompt-it-menardi-gsm": "Menardi",
}
_TONES = "gcin-voice"
_SPANISH_ALLISON = "asterisk-core-sounds-es-gsm"
_SPEAKERS = {**_VOICES, _SPANISH_ALLISON: "Allison"}
# language: (the voice of the core sounds, the other voice)
_LANGUAGES = {
    "es": (_SPANISH_ALLISON, "asterisk-prompt-es-co"),
    "fr": ("asterisk-core-sounds-fr-gsm", "asterisk-prompt-fr-armelle"),
    "it": ("asterisk-core-sounds-it-gsm", "asterisk-prompt-it-menardi-gsm"),
}
_WORD_FOLDERS = frozenset({"digits", "letters", "phonetic", "ICAO"})
_SIGNAL_TONES = frozenset(
    {"ascending-2tone", "descending-2tone", "confbridge-join", "confbridge-leave"}
)
_MIN_S = 0.3  # a shorter prompt is a click or a single vowel
_LANGUAGE_MIN_S = 2.0
_NEUTRAL_TONE = "1"  # gcin marks the first tone by no digit and the neutral tone by this one
_SOUND_FOLDERS = {
    "weapons": "weapon",
    "ambience": "ambience",
    "footsteps": "footstep",
    "civilians": "human",
    "soldiers": "human",
    "aliens": "creature",
    "ui": "ui",
    "geoscape": "ui",
    "doors": "mechanical",
    "ugv": "mechanical",
    "impact": "mechanical",
}
_NO_CREATURE = "hovernet"  # a machine among the aliens
_FOLDS = 5
_QUICK_SEED = 7
_QUICK_LANGUAGE = "fr"
_QUICK_TONE, _DEMO_TONE = 28, 112  # clips per class


def task_set(
    source: str, *, audio_root: Path | None = None, on_progress: OnProgress = ignore
) -> TaskSet:
    """Returns a task set: ``default``, ``quick``, ``demo``, ``extended``, ``development``, or own.

    Args:
        source: its name, or a folder or CSV.
        on_progress: called with the user's clips checked and all of them.

    Raises:
        ConfigurationError: there is no such name, folder or file, or it does not make a task.
        InfrastructureError: the packaged audio was not fetched.
    """
    root = audio_root or packages.default_root()
    match source:
        case "default":
            return default(root)
        case "quick":
            return quick(root)
        case "demo":
            return demo(root)
        case development.DEVELOPMENT:
            return development.development()
        case extended.EXTENDED:
            return extended.extended(root)
    path = Path(source)
    if path.is_dir() or path.is_file():
        return folder.own_task_set(path, on_progress=on_progress)
    raise ConfigurationError(
        f"{source}: no such task set, folder or CSV",
        hint="use default, quick, demo, extended, development or a path",
    )


def about(task_set: TaskSet) -> list[str]:
    """Returns lines on the user's own audio: what was understood, and each caveat."""
    if task_set.name in (DEFAULT, QUICK, DEMO, extended.EXTENDED, development.DEVELOPMENT):
        return []
    caveats = [
        f"{each.kind.value}: {each.text} ({each.evidence})" for each in task_set.caveats_of_scores
    ]
    return [f"{task_set.name}: {folder.summary(task_set)}", *caveats]


def default(root: Path) -> TaskSet:
    """Returns the six tasks.

    Raises:
        InfrastructureError: the packaged audio was not fetched.
    """
    packaged = _PackagedClips(root)
    tasks = (
        _kw1shot(packaged, _LANGUAGES),
        _spk7(packaged),
        _xling(packaged),
        _lang3(packaged),
        _tone4(packaged),
    )
    return TaskSet(name=DEFAULT, root=root, tasks=(*tasks, _sound7(root)))


def quick(root: Path) -> TaskSet:
    """Returns two tasks on 400 short clips: a smoke test of accuracy in seconds.

    Words of one language and a seeded, stratified sample of tones. No voices: with few clips of
    each, the recording channel, which the log-mel floor uses, distinguishes them best.

    Raises:
        InfrastructureError: the packaged audio was not fetched.
    """
    language = {_QUICK_LANGUAGE: _LANGUAGES[_QUICK_LANGUAGE]}
    return _pair(QUICK, root, languages=language, tones=_QUICK_TONE)


def demo(root: Path) -> TaskSet:
    """Returns the same two tasks on 1,300 clips, to distinguish students from the floor.

    Raises:
        InfrastructureError: the packaged audio was not fetched.
    """
    return _pair(DEMO, root, languages=_LANGUAGES, tones=_DEMO_TONE)


def _pair(
    name: str, root: Path, *, languages: Mapping[str, tuple[str, str]], tones: int
) -> TaskSet:
    packaged = _PackagedClips(root)
    words = _kw1shot(packaged, languages)
    few = _thin(_tone4(packaged).clips, tones, np.random.default_rng(_QUICK_SEED))
    return TaskSet(
        name=name,
        root=root,
        tasks=(words, _tones(few)),
        caveats=(Caveat(kind=CaveatKind.QUICK, evidence=f"{len(words.clips) + len(few)} clips"),),
    )


def untested_files(root: Path) -> list[str]:
    """Returns the packaged clips that no task tests, relative to ``root``, sorted.

    Clips that heads are only trained on, and clips that are in no task.

    Raises:
        InfrastructureError: the packaged audio was not fetched.
    """
    tested = {
        task.clips[index].sha256
        for task in default(root).tasks
        for fold in task.folds
        for index in (*fold.validation, *fold.test)
    }
    return [
        name for name in packages.packaged_files(root) if sha256_file(root / name) not in tested
    ]


class _PackagedClips:
    """The packaged clips by package, each hashed and timed at most once."""

    def __init__(self, root: Path) -> None:
        self._paths: dict[str, list[PurePosixPath]] = defaultdict(list)
        for name in packages.packaged_files(root):
            path = PurePosixPath(name)
            self._paths[path.parts[0]].append(path)
        self._sha256_of = cache(lambda path: sha256_file(root / path))
        self.lasts_s = cache(lambda path: duration_s(root / path))

    def paths(self, package: str) -> list[PurePosixPath]:
        """Returns a package's files; of telephone prompts, only speech of 0.3 s and more."""
        if package == _TONES:
            return self._paths[package]
        return [
            path
            for path in self._paths[package]
            if path.stem not in _SIGNAL_TONES and self.lasts_s(path) >= _MIN_S
        ]

    def clip(self, path: PurePosixPath, label: str, group: str) -> Clip:
        """Returns a file as a clip, with its speaker."""
        package = path.parts[0]
        # The tones are recorded by two people, the files of each under one name.
        speaker = f"gcin {path.stem}" if package == _TONES else _SPEAKERS[package]
        return Clip(
            path=str(path),
            sha256=self._sha256_of(path),
            label=label,
            group=group,
            speaker=speaker,
        )


def _is_word(path: PurePosixPath) -> bool:
    return path.parent.name in _WORD_FOLDERS


def _word(path: PurePosixPath) -> str:
    return f"{path.parent.name}/{path.stem}"


def _kw1shot(packaged: _PackagedClips, languages: Mapping[str, tuple[str, str]]) -> Task:
    """The same word in another voice, both ways, in each language: for Speech Commands."""
    clips: list[Clip] = []
    folds: list[Fold] = []
    chances = []
    for language, voices in languages.items():
        spoken = [
            {_word(path): path for path in packaged.paths(voice) if _is_word(path)}
            for voice in voices
        ]
        words = sorted(set(spoken[0]) & set(spoken[1]))
        sides = []
        for voice, paths in zip(voices, spoken, strict=True):
            start = len(clips)
            clips += [packaged.clip(paths[word], f"{language} {word}", voice) for word in words]
            sides.append(tuple(range(start, len(clips))))
        folds += [Fold(train=sides[0], test=sides[1]), Fold(train=sides[1], test=sides[0])]
        chances.append(1 / len(words))
    return Task(
        name="kw1shot",
        metric=Metric.TOP1,
        clips=tuple(clips),
        folds=tuple(folds),
        pooled=False,
        chance=float(np.mean(chances)),
    )


def _spk7(packaged: _PackagedClips) -> Task:
    """Seven voices, trained on sentences, tested on single words: for VoxCeleb."""
    clips = _voices(packaged)
    train = [clip for clip in clips if not _is_word(PurePosixPath(clip.path))]
    test = [clip for clip in clips if _is_word(PurePosixPath(clip.path))]
    return _split("spk7-short", Metric.BALANCED_ACCURACY, train, test)


def _xling(packaged: _PackagedClips) -> Task:
    """One of the seven voices, tested in a language that she does not speak in training.

    For VoxCeleb across languages.
    """
    train = [clip for clip in _voices(packaged) if not _is_word(PurePosixPath(clip.path))]
    test = [packaged.clip(path, "Allison", path.stem) for path in packaged.paths(_SPANISH_ALLISON)]
    return _split("spk-xling", Metric.RECALL, train, distinct(test))


def _voices(packaged: _PackagedClips) -> list[Clip]:
    return distinct(
        [
            packaged.clip(path, voice, path.stem)  # prompts of one name are the same sentence
            for package, voice in _VOICES.items()
            for path in packaged.paths(package)
        ]
    )


def _lang3(packaged: _PackagedClips) -> Task:
    """Three languages, each trained on one voice, tested on another, both ways: for VoxForge."""
    sides = [
        distinct(
            [
                packaged.clip(path, language, path.stem)
                for language, voices in _LANGUAGES.items()
                for path in packaged.paths(voices[side])
                if not _is_word(path) and packaged.lasts_s(path) > _LANGUAGE_MIN_S
            ]
        )
        for side in (0, 1)
    ]
    first, second = _sides(*sides)
    return Task(
        name="lang3-xvoice",
        metric=Metric.BALANCED_ACCURACY,
        clips=(*sides[0], *sides[1]),
        folds=(Fold(train=first, test=second), Fold(train=second, test=first)),
        pooled=False,
        chance=1 / len(_LANGUAGES),
    )


def _tone4(packaged: _PackagedClips) -> Task:
    """The tone of a Mandarin syllable, over unseen syllables: for prosody."""
    clips = []
    for path in packaged.paths(_TONES):
        syllable = path.parent.name.rstrip("1234")
        tone = path.parent.name[len(syllable) :] or "first"
        if tone != _NEUTRAL_TONE:
            clips.append(packaged.clip(path, f"tone {tone}", syllable))
    return _tones(distinct(clips))


def _tones(clips: Sequence[Clip]) -> Task:
    return _kfold("tone4", clips, chance=1 / 4)


def _sound7(root: Path) -> Task:
    """Seven kinds of sound, over unseen families of takes: for ESC-50's human sounds."""
    clips = []
    for name in audio_files(root / "ufoai-sound"):
        path = PurePosixPath("ufoai-sound", name)
        kind = _SOUND_FOLDERS.get(path.parts[2])
        if kind is not None and _NO_CREATURE not in path.parts:
            stem = path.stem.rstrip("0123456789")
            sha256 = sha256_file(root / path)
            clips.append(Clip(path=str(path), sha256=sha256, label=kind, group=stem))
    chance = 1 / len(set(_SOUND_FOLDERS.values()))
    return _kfold("sound7", distinct(clips), chance=chance)


def _kfold(name: str, clips: Sequence[Clip], *, chance: float) -> Task:
    return Task(
        name=name,
        metric=Metric.BALANCED_ACCURACY,
        clips=tuple(clips),
        folds=grouped_folds(
            [clip.label for clip in clips], [clip.group for clip in clips], count=_FOLDS
        ),
        pooled=True,
        chance=chance,
    )


def _split(name: str, metric: Metric, train: Sequence[Clip], test: Sequence[Clip]) -> Task:
    first, second = _sides(train, test)
    return Task(
        name=name,
        metric=metric,
        clips=(*train, *test),
        folds=(Fold(train=first, test=second),),
        pooled=False,
        chance=1 / len(_VOICES),
    )


def _sides(first: Sequence[Clip], second: Sequence[Clip]) -> tuple[tuple[int, ...], ...]:
    """Returns the indices of two lists of clips that follow each other."""
    places = tuple(range(len(first) + len(second)))
    return places[: len(first)], places[len(first) :]


def _thin(clips: Sequence[Clip], count: int, rng: np.random.Generator) -> list[Clip]:
    """Returns ``count`` clips of each label, drawn at random, in their old order."""
    chosen: set[int] = set()
    for label in sorted({clip.label for clip in clips}):
        own = [index for index, clip in enumerate(clips) if clip.label == label]
        chosen.update(int(index) for index in rng.choice(own, min(count, len(own)), replace=False))
    return [clips[index] for index in sorted(chosen)]
