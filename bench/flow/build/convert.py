"""Conversion with real audio: which patches calibrate and check which models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bench.core import config
from bench.core.artifact import Artifact, Format
from bench.core.errors import BenchError
from bench.core.hashing import sha256_bytes, sha256_file, sha256_value
from bench.core.paths import cache_dir
from models import frontend
from models.audio import calibration, packages
from models.convert import model as zoo_convert
from models.student import starter

# Enough for a percentile range, by measurement (docs/conversion.md), and for a 5th percentile.
CALIBRATION_PATCHES = 100
HELDOUT_PATCHES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The real inputs of all conversions: for models that take audio, and for those on log-mel."""

    audio: zoo_convert.Inputs
    patches: zoo_convert.Inputs


def convert(
    names: Sequence[str],
    *,
    formats: Sequence[Format],
    zoo: Path,
    audio: Path | None = None,
    seed: int = 1,
    weights: str = starter.STARTER,
    done: Callable[[str], None] | None = None,
) -> tuple[list[list[Artifact]], dict[str, BenchError]]:
    """Returns each model's artifacts, in order, and the error of each model that failed.

    Args:
        names: canonical names of models that can be built.
        audio: a folder of one's own; the packaged audio, if it was fetched, by default.
        weights: ``starter``, ``random`` or a folder; see ``models.student.starter``.

    Raises:
        ConfigurationError: the folder lacks a model's weights.
    """
    inputs = _inputs(audio)
    jobs = [
        zoo_convert.Job(
            name=name,
            # A front-end is never quantised (models/tflite/quantise.py), so it has one format.
            formats=(Format.FLOAT32,) if name in zoo_convert.FRONTENDS else tuple(formats),
            zoo=zoo,
            inputs=inputs.get(zoo_convert.takes_audio(name)),
            seed=seed,
            weights=starter.weights_of(name, weights),
        )
        for name in names
    ]
    with zoo_convert.processes() as executor:
        made, failed = zoo_convert.convert_all(jobs, executor=executor, done=done)
    return [made[name] for name in names if name in made], failed


def _inputs(audio: Path | None) -> dict[bool, zoo_convert.Inputs]:
    """Returns the inputs of models that take audio (true) and of others; none without audio."""
    packaged = packages.default_root()
    root = audio or (packaged if packages.manifest(packaged) is not None else None)
    if root is None:
        return {}
    folder = cache_dir() / "patches"
    if packages.manifest(root) is None:  # somebody's own folder may change at any time
        return _drawn(root, folder)
    # The packaged audio does not change under its manifest, nor do its patches under their rules.
    rules = [sha256_file(Path(str(module.__file__))) for module in (calibration, frontend)]
    drawing = [sha256_file(root / packages.MANIFEST), CALIBRATION_PATCHES, HELDOUT_PATCHES, rules]
    index = folder / f"{sha256_value(drawing)}.json"
    if index.exists():
        found = config.load(index, Drawn)
        files = (found.audio.calibration, found.audio.heldout, found.patches.calibration)
        if all(path.exists() for path in (*files, found.patches.heldout)):
            return {True: found.audio, False: found.patches}
    made = _drawn(root, folder)
    config.save(index, Drawn(audio=made[True], patches=made[False]))
    return made


def _drawn(root: Path, folder: Path) -> dict[bool, zoo_convert.Inputs]:
    draw = partial(calibration.patches_for, waveform=True, audio_root=root)
    heard = [draw("calibration", count=CALIBRATION_PATCHES), draw("heldout", count=HELDOUT_PATCHES)]
    seen = []
    for windows, _ in heard:
        patches = np.stack([frontend.patch(window) for window in windows])[..., np.newaxis]
        seen.append((patches, sha256_bytes(patches.tobytes())))
    return {
        True: zoo_convert.save_inputs(folder, *heard),
        False: zoo_convert.save_inputs(folder, *seen),
    }
