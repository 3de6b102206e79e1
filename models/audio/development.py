"""The development set: voices that no student is trained on and no task tests, to choose recipes.

A recipe that was chosen by the tasks' own test scores is scored too well by them. These voices are
apart from both: folders of the training packages, each one person's (a character's, in one game),
and synthetic voices. What cannot be seen is whether one person recorded several folders.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from bench.core.errors import InfrastructureError
from bench.core.hashing import sha256_file
from bench.core.paths import cache_dir
from models.audio import packages
from models.audio.decode import audio_files
from models.audio.taskset import Clip, Fold, Metric, Task, TaskSet, distinct, grouped_folds

DEVELOPMENT = "development"
SYNTHETIC = frozenset(
    [
        "af_nova",
        "am_eric",
        "am_puck",
        "bf_lily",
        "bm_george",
        "em_alex",
        "hf_beta",
        "if_sara",
        "jf_nezumi",
        "pm_santa",
        "zf_xiaoyi",
        "zm_yunyang",
    ]
)
_TUBERLING = PurePosixPath("ktuberling-data/usr/share/ktuberling/sounds")
_LETTRES = PurePosixPath("klettres-data/usr/share/klettres")
_HEDGEWARS = PurePosixPath("hedgewars-data/usr/share/games/hedgewars/Data/Sounds/voices")
_PACKAGED = frozenset(
    {
        *(_TUBERLING / language for language in ("gl", "sl", "wa")),
        *(_LETTRES / language for language in ("he", "hu", "tn")),
        *(_HEDGEWARS / character for character in ("Mobster", "Singer", "Surfer")),
    }
)
_FOLDS = 5


def voices_root() -> Path:
    """Returns the folder of the synthetic voices."""
    return cache_dir() / "voices"


def held_out_voice(clip: str) -> str | None:
    """Returns the voice of a clip of the training packages if it is held out, else ``None``.

    Args:
        clip: relative to the folder of the packages.
    """
    return next((str(each) for each in PurePosixPath(clip).parents if each in _PACKAGED), None)


def development() -> TaskSet:
    """Returns two tasks: to distinguish held-out voices of packages, and synthetic ones.

    Each is learned from a fifth of the clips and tested on the others, in five turns. Synthetic
    voices, which no channel betrays, are distinguished by the nearest neighbour: a head would
    distinguish all of them.

    Raises:
        InfrastructureError: the training packages or the synthetic voices were not fetched.
    """
    root = cache_dir()
    return TaskSet(
        name=DEVELOPMENT,
        root=root,
        tasks=(
            _task("new-voices", Metric.BALANCED_ACCURACY, _packaged_clips(root)),
            _task("new-synthetic-voices", Metric.TOP1, _synthetic_clips(root)),
        ),
    )


def _packaged_clips(root: Path) -> list[Clip]:
    folder = packages.distillation_root()
    if packages.manifest(folder) is None:
        raise InfrastructureError(
            "the training packages were not fetched, and the development set has voices of them",
            hint="run: frill-bench data fetch --distillation",
        )
    return distinct(
        [
            _clip(root, folder / name, voice)
            for name in packages.packaged_files(folder)
            if (voice := held_out_voice(name)) is not None
        ]
    )


def _synthetic_clips(root: Path) -> list[Clip]:
    folder = voices_root()
    found = [
        _clip(root, folder / voice / name, voice)
        for voice in sorted(SYNTHETIC)
        for name in audio_files(folder / voice)
    ]
    if len({clip.label for clip in found}) < len(SYNTHETIC):
        raise InfrastructureError(
            "the synthetic voices are not all there, and the development set has some of them",
            hint="run: frill-bench data fetch --voices",
        )
    return found


def _clip(root: Path, path: Path, voice: str) -> Clip:
    sha256 = sha256_file(path)
    name = path.relative_to(root).as_posix()
    return Clip(path=name, sha256=sha256, label=voice, group=sha256, speaker=voice)


def _task(name: str, metric: Metric, clips: list[Clip]) -> Task:
    labels = [clip.label for clip in clips]
    folds = grouped_folds(labels, [clip.group for clip in clips], count=_FOLDS)
    return Task(
        name=name,
        metric=metric,
        clips=tuple(clips),
        folds=tuple(Fold(train=fold.test, test=fold.train) for fold in folds),
        pooled=False,
        chance=1 / len(set(labels)),
    )
