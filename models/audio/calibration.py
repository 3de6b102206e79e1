"""Real log-mel patches to calibrate and to check a conversion with, from disjoint clips."""

from __future__ import annotations

from collections import defaultdict
from itertools import zip_longest
from pathlib import Path
from typing import Literal

import numpy as np

from bench.core.artifact import SAMPLE_RATE_HZ
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_bytes, sha256_file
from models import frontend
from models.audio import packages, tasks
from models.audio.decode import audio_files, decode_part, duration_s
from models.tflite.arrays import Floats

Purpose = Literal["calibration", "heldout"]

# Speakers of the packaged audio on the calibration side; all others are held out. Allison speaks
# both English and Spanish. The voices of gcin are file names; ufoai's people are split by content.
_CALIBRATION_PACKAGES = frozenset(
    {
        "asterisk-core-sounds-en-gsm",
        "asterisk-core-sounds-es-gsm",
        "asterisk-core-sounds-fr-gsm",
        "asterisk-core-sounds-it-gsm",
    }
)
_SEEDS: dict[Purpose, int] = {"calibration": 20_201, "heldout": 20_211}
_POOL_FACTOR = 4  # candidates for each patch that is chosen
_EXTREME_SHARE = 0.15  # of the quietest, and again of the highest-contrast candidates


def patches_for(
    purpose: Purpose, *, count: int, waveform: bool = False, audio_root: Path
) -> tuple[Floats, str]:
    """Returns real patches and the SHA-256 of their bytes, the same on every call.

    They come from all voices and sounds in turn: 70 % at random, 15 % the quietest and 15 % those
    of the highest contrast among four times as many candidates: these are the ones that
    exceed a quantised range. ``calibration`` and ``heldout`` share no clip and, in the packaged
    audio, no speaker. There, ``calibration`` is of clips that no task tests: no score is of audio
    that has set the ranges. (Their voices are tested on other clips: the packages have no more.)

    Args:
        purpose: which of the two disjoint sets.
        count: how many patches; fewer are given only if the audio holds fewer.
        waveform: give the audio under each patch instead of its log-mel.
        audio_root: the audio cache, or any folder of audio files.

    Returns:
        float32 [count, 96, 64, 1], log-mel; or with ``waveform`` float32 [count, 15600], 16 kHz
        mono, in [-1, 1].

    Raises:
        ConfigurationError: there is too little audio for two disjoint sets.
    """
    rng = np.random.default_rng(_SEEDS[purpose])
    clips = _draw(_clips_of(purpose, audio_root), _POOL_FACTOR * count, rng)
    if not clips:
        raise ConfigurationError(
            f"{audio_root}: no audio for the {purpose} patches",
            hint="run: frill-bench data fetch, or give a folder with at least two audio files",
        )
    pool = _patches(audio_root, clips, rng)
    chosen = _choose(np.stack([patch for patch, _ in pool]), count, rng)
    picked = np.stack([pool[index][int(waveform)] for index in chosen])
    if not waveform:
        picked = picked[..., np.newaxis]
    return picked, sha256_bytes(picked.tobytes())


def _clips_of(purpose: Purpose, root: Path) -> dict[str, list[str]]:
    """Returns the clips of one purpose by group: voice, kind of sound or sub-folder."""
    groups: dict[str, list[str]] = defaultdict(list)
    if packages.manifest(root) is not None:
        files = tasks.untested_files if purpose == "calibration" else packages.packaged_files
        for clip in files(root):
            if _packaged_purpose(clip, root) == purpose:
                groups[_packaged_group(clip)].append(clip)
    else:
        # Copies of one file stay on one side; a hash keeps the side when files are added.
        for clip in audio_files(root):
            if _hashed_purpose(root / clip) == purpose:
                groups[Path(clip).parent.as_posix()].append(clip)
    return groups


def _packaged_purpose(clip: str, root: Path) -> Purpose:
    package, name = clip.split("/", 1)
    if package == "gcin-voice":
        return "calibration" if name.endswith("/3.ogg") else "heldout"
    if package == "ufoai-sound":
        return _hashed_purpose(root / clip)
    return "calibration" if package in _CALIBRATION_PACKAGES else "heldout"


def _hashed_purpose(path: Path) -> Purpose:
    return "calibration" if int(sha256_file(path)[:8], 16) % 2 == 0 else "heldout"


def _packaged_group(clip: str) -> str:
    package = clip.split("/", 1)[0]
    return Path(clip).parent.as_posix() if package == "ufoai-sound" else package


def _draw(groups: dict[str, list[str]], count: int, rng: np.random.Generator) -> list[str]:
    """Returns ``count`` clips, one of each group in turn; clips repeat only when all are used."""
    queues = [[str(clip) for clip in rng.permutation(groups[name])] for name in sorted(groups)]
    turns = [clip for rank in zip_longest(*queues) for clip in rank if clip is not None]
    return (turns * -(-count // max(len(turns), 1)))[:count]


def _patches(root: Path, clips: list[str], rng: np.random.Generator) -> list[tuple[Floats, Floats]]:
    """Returns a random patch of each clip, float32 [96, 64], with its audio, float32 [15600].

    A clip that comes again gives another of its patches, or none if that one was taken.
    """
    patches: dict[tuple[str, int], tuple[Floats, Floats]] = {}
    for clip in clips:
        samples = int(duration_s(root / clip) * SAMPLE_RATE_HZ)
        spare = max(0, samples - frontend.WINDOW_SAMPLES)
        place = int(rng.integers(spare // frontend.PATCH_HOP_SAMPLES + 1))
        if (clip, place) not in patches:
            window = _window(root / clip, place * frontend.PATCH_HOP_SAMPLES)
            patches[clip, place] = frontend.patch(window), window
    return list(patches.values())


def _window(path: Path, first: int) -> Floats:
    """Returns the window of a clip that starts at a sample; zeros follow where the clip ends."""
    audio = decode_part(path, first=first, samples=frontend.WINDOW_SAMPLES)
    return np.pad(audio, (0, frontend.WINDOW_SAMPLES - len(audio)))


def _choose(pool: Floats, count: int, rng: np.random.Generator) -> list[int]:
    """Returns the indices of ``count`` patches of a pool, shuffled: quiet, contrasted, and any."""
    count = min(count, len(pool))
    extremes = int(_EXTREME_SHARE * count)
    flat = pool.reshape(len(pool), -1)
    quiet = list(np.argsort(flat.mean(axis=1), kind="stable")[:extremes])
    contrasted = [
        i for i in np.argsort(-flat.std(axis=1), kind="stable")[: 2 * extremes] if i not in quiet
    ][:extremes]
    taken = {*quiet, *contrasted}
    others = [index for index in rng.permutation(len(pool)) if index not in taken]
    chosen = [*quiet, *contrasted, *others[: count - len(taken)]]
    return [int(index) for index in rng.permutation(chosen)]
