"""The extended tasks, over packages that are fetched apart: game voices, and sounds of two games.

``vocal3`` and ``speech-vs-vocal`` are over the voices of hedgewars, each voice group tested once
and never trained on meanwhile; ``human-vs-other`` is trained on one game and tested on the other.
The hedgewars voices are also among the audio that ``distill`` trains on by default: a student that
was trained on it has heard these clips without their labels, which its scores show as a caveat.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import InfrastructureError
from bench.core.hashing import sha256_file
from models.audio import packages
from models.audio.decode import audio_files, duration_s
from models.audio.taskset import Clip, Fold, Metric, Task, TaskSet, distinct

EXTENDED = "extended"
_HEDGEWARS, _TEEWORLDS, _UFOAI = "hedgewars-data", "teeworlds-data", "ufoai-sound"
_VOICES = PurePosixPath("usr/share/games/hedgewars/Data/Sounds/voices")
# A line's name without its number: what is voiced in it. All other lines are speech.
_VOCAL = {
    "Ow": "pain",
    "Ooff": "pain",
    "Ouch": "pain",
    "PoisonMoan": "pain",
    "Jump": "effort",
    "Firepunch": "yell",
}
_NEITHER = frozenset({"Laugh", "PoisonCough", "Hmm", "Uh-oh"})
_SOUND_FOLDERS = {  # of ufoai-sound; its ambience and its interface have no source to name
    "civilians": "human",
    "soldiers": "human",
    "aliens": "other",
    "weapons": "other",
    "footsteps": "other",
    "doors": "other",
    "ugv": "other",
    "impact": "other",
}
_MACHINE = "hovernet"  # among the aliens
_HUMAN_PREFIX = "vo_teefault_"
_MIN_S, _MUSIC = 0.05, "music_"


def extended(root: Path, *, extended_root: Path | None = None) -> TaskSet:
    """Returns the extended tasks.

    Args:
        root: of the default packages; ``ufoai-sound`` is one of them.
        extended_root: of the packages that are fetched with ``--extended``.

    Raises:
        InfrastructureError: a package was not fetched.
    """
    folders = {
        _HEDGEWARS: _package(_HEDGEWARS, extended_root),
        _TEEWORLDS: _package(_TEEWORLDS, extended_root),
        _UFOAI: root / _UFOAI,
    }
    if not folders[_UFOAI].is_dir():
        raise InfrastructureError(
            f"{root}: {_UFOAI} is not there", hint="run: frill-bench data fetch"
        )
    lines = _lines(folders[_HEDGEWARS])
    vocal = [clip for clip in lines if clip.label in set(_VOCAL.values())]
    either = [
        Clip(
            path=clip.path,
            sha256=clip.sha256,
            label=clip.label if clip.label == "speech" else "vocal",
            group=clip.group,
        )
        for clip in lines
    ]
    return TaskSet(
        name=EXTENDED,
        root=Path("/"),
        tasks=(
            _by_voice("vocal3", vocal),
            _by_voice("speech-vs-vocal", either),
            _human(folders[_UFOAI], folders[_TEEWORLDS]),
        ),
        caveats=(
            Caveat(
                kind=CaveatKind.HEARD_IN_TRAINING,
                evidence=f"{_HEDGEWARS}, of vocal3 and speech-vs-vocal, is among the packages "
                "that distill trains on",
            ),
        ),
    )


def connected(groups: Sequence[str], contents: Sequence[str]) -> list[str]:
    """Returns for each clip the first name of the groups that equal contents connect to its own.

    Two voices that share a file may be one person, so both are on one side of every fold.

    Args:
        groups: of each clip, such as its voice.
        contents: of each clip, its SHA-256.
    """
    parent: dict[str, str] = {group: group for group in groups}

    def first(group: str) -> str:
        while parent[group] != group:
            group = parent[group]
        return group

    members: dict[str, str] = {}
    for group, content in zip(groups, contents, strict=True):
        one, other = sorted((first(group), first(members.setdefault(content, group))))
        parent[other] = one
    return [first(group) for group in groups]


def _package(name: str, extended_root: Path | None) -> Path:
    """Returns the folder of a package: hedgewars may have been fetched to be trained on."""
    roots = [extended_root or packages.extended_root(), packages.distillation_root()]
    for root in roots if extended_root is None else roots[:1]:
        if (root / name).is_dir():
            return root / name
    raise InfrastructureError(
        f"{roots[0]}: {name} is not there", hint="run: frill-bench data fetch --extended"
    )


def _lines(folder: Path) -> list[Clip]:
    """Returns the lines of all voices, without copies, grouped by connected voices."""
    voices = folder / _VOICES
    found = []
    for name in audio_files(voices):
        path = voices / name
        line = path.stem.rstrip("0123456789")
        if line not in _NEITHER:
            label = _VOCAL.get(line, "speech")
            found.append((path, sha256_file(path), label, path.parent.name))
    groups = connected([each[3] for each in found], [each[1] for each in found])
    return _distinct_vocal_first(
        [
            Clip(path=str(path), sha256=sha256, label=label, group=group)
            for (path, sha256, label, _), group in zip(found, groups, strict=True)
        ]
    )


def _distinct_vocal_first(clips: Sequence[Clip]) -> list[Clip]:
    """Returns the clips without copies.

    One file is a yell of one voice and a line of another: it is what it sounds like, a yell.
    """
    vocal = {clip.sha256 for clip in clips if clip.label != "speech"}
    return distinct([clip for clip in clips if clip.label != "speech" or clip.sha256 not in vocal])


def _by_voice(name: str, clips: Sequence[Clip]) -> Task:
    """Returns a task whose folds each test the clips of one voice group."""
    members: Mapping[str, list[int]] = defaultdict(list)
    for index, clip in enumerate(clips):
        members[clip.group].append(index)
    everything = range(len(clips))
    return Task(
        name=name,
        metric=Metric.BALANCED_ACCURACY,
        clips=tuple(clips),
        folds=tuple(
            Fold(
                train=tuple(index for index in everything if clips[index].group != group),
                test=tuple(members[group]),
            )
            for group in sorted(members)
        ),
        pooled=True,
        chance=1 / len({clip.label for clip in clips}),
    )


def _human(ufoai: Path, teeworlds: Path) -> Task:
    """People against all other sounds, trained on one game and tested on the other, both ways."""
    sides = [distinct(_of_ufoai(ufoai)), distinct(_of_teeworlds(teeworlds))]
    bounds = len(sides[0]), len(sides[0]) + len(sides[1])
    first, second = tuple(range(bounds[0])), tuple(range(*bounds))
    return Task(
        name="human-vs-other",
        metric=Metric.BALANCED_ACCURACY,
        clips=(*sides[0], *sides[1]),
        folds=(Fold(train=first, test=second), Fold(train=second, test=first)),
        pooled=False,
        chance=1 / 2,
    )


def _of_ufoai(folder: Path) -> list[Clip]:
    clips = []
    for name in audio_files(folder):
        path = PurePosixPath(name)
        label = _SOUND_FOLDERS.get(path.parts[1])
        if label is not None and _MACHINE not in path.parts:
            clips.append(_clip(folder / name, label, _UFOAI))
    return clips


def _of_teeworlds(folder: Path) -> list[Clip]:
    clips = []
    for name in audio_files(folder):
        path = folder / name
        if not path.name.startswith(_MUSIC) and duration_s(path) >= _MIN_S:
            is_human = path.name.startswith(_HUMAN_PREFIX)
            clips.append(_clip(path, "human" if is_human else "other", _TEEWORLDS))
    return clips


def _clip(path: Path, label: str, group: str) -> Clip:
    return Clip(path=str(path), sha256=sha256_file(path), label=label, group=group)
