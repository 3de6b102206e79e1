"""Conversion with real audio: draws patches for calibration and checks, converts into a zoo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np

from bench.core import config
from bench.core.artifact import Artifact, Format
from bench.core.errors import BenchError
from bench.core.hashing import sha256_bytes, sha256_file, sha256_value
from bench.core.paths import cache_dir
from models import frontend
from models.audio import calibration, packages, tasks
from models.convert.job import ConversionJob, RealInputs, save_inputs
from models.convert.pool import convert_models, processes
from models.student import weights as weights_file
from models.student.buildable import Buildable, LogMelFrontend

# Enough for a percentile range, by measurement (docs/conversion.md), and for a 5th percentile.
_CALIBRATION_PATCHES = 100
_HELDOUT_PATCHES = 200


def convert_to_zoo(
    models: Sequence[Buildable],
    *,
    formats: Sequence[Format],
    zoo: Path,
    audio: Path | None = None,
    seed: int = 1,
    weights: str = weights_file.STARTER,
    executor: Executor | None = None,
    on_finished: Callable[[str], None] | None = None,
) -> tuple[list[list[Artifact]], dict[str, BenchError]]:
    """Returns each model's artifacts, in order, and the error of each model that failed.

    Args:
        formats: of each model; a front-end is never quantised, so it has float32 only.
        zoo: the folder of the artifacts.
        audio: a folder of audio; by default the packaged audio, if it was fetched.
        seed: of random weights.
        weights: ``starter``, ``random`` or a folder; see ``models.student.weights``.
        executor: of ``models.convert.pool.processes``, for several calls, or of a cluster, whose
            processes are given the path of the zoo as it is; by default one of its own.
        on_finished: called with the name of each finished model.

    Raises:
        ConfigurationError: the folder lacks a model's weights.
    """
    inputs = real_inputs(audio)
    jobs = [
        ConversionJob(
            model=model,
            formats=(Format.FLOAT32,) if isinstance(model, LogMelFrontend) else tuple(formats),
            zoo=zoo,
            inputs=None if inputs is None else inputs.of(model),
            seed=seed,
            weights=found and found.absolute(),  # a process of a cluster is in another folder
        )
        for model in models
        for found in [weights_file.find(model, weights)]
    ]
    with processes() if executor is None else nullcontext(executor) as pool:
        artifacts, failed = convert_models(jobs, executor=pool, on_finished=on_finished)
    return [artifacts[model.name] for model in models if model.name in artifacts], failed


def real_inputs(audio: Path | None) -> RealInputs | None:
    """Returns the real inputs of all conversions; ``None`` without audio.

    Args:
        audio: a folder of audio; by default the packaged audio, if it was fetched.

    Raises:
        ConfigurationError: the folder has too little audio.
    """
    packaged = packages.default_root()
    root = audio or (packaged if packages.manifest(packaged) is not None else None)
    if root is None:
        return None
    folder = cache_dir() / "patches"
    if packages.manifest(root) is None:  # a folder of audio may change at any time
        return _draw(root, folder)
    # The packaged audio is fixed by its manifest, and its patches by this code.
    code = [sha256_file(Path(str(module.__file__))) for module in (calibration, frontend, tasks)]
    identity = [sha256_file(root / packages.MANIFEST), _CALIBRATION_PATCHES, _HELDOUT_PATCHES, code]
    index = folder / f"{sha256_value(identity)}.json"
    if index.exists():
        stored = config.load(index, RealInputs)
        if stored.are_there():
            return stored
    inputs = _draw(root, folder)
    config.save(index, inputs)
    return inputs


def _draw(root: Path, folder: Path) -> RealInputs:
    draw = partial(calibration.patches_for, waveform=True, audio_root=root)
    windows = [
        draw("calibration", count=_CALIBRATION_PATCHES),
        draw("heldout", count=_HELDOUT_PATCHES),
    ]
    patches = []
    for audio, _ in windows:
        values = np.stack([frontend.patch(window) for window in audio])[..., np.newaxis]
        patches.append((values, sha256_bytes(values.tobytes())))
    return RealInputs(audio=save_inputs(folder, *windows), patches=save_inputs(folder, *patches))
