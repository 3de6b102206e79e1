"""Copies a file of the zoo into a folder to ship: with manifest, front-end and hashes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.core.artifact import Artifact
from bench.core.errors import ConfigurationError, InfrastructureError
from bench.core.hashing import sha256_file
from models.zoo import Zoo

SUMS = "SHA256SUMS"


def export(zoo: Zoo, sha256: str, out: Path) -> list[Path]:
    """Returns the files in ``out``: the model, what makes its input from audio, manifests, hashes.

    All of them are there at the end, or none. What is there already and equal stays; nothing is
    replaced.

    Raises:
        ConfigurationError: the zoo has no such file, or ``out`` has another one of that name.
        InfrastructureError: a copy differs from its original.
    """
    sources = _sources(zoo, sha256)
    if out.exists() and not out.is_dir():
        raise ConfigurationError(f"{out}: is not a folder", hint="give a folder with --export")
    out.parent.mkdir(parents=True, exist_ok=True)
    with _staged(out) as staged:
        for name, source in sources.items():
            shutil.copyfile(source, staged / name)
            _sync(staged / name)
        hashes = {name: sha256_file(staged / name) for name in sources}
        for artifact in _artifacts(zoo, sha256):
            if hashes[artifact.file] != artifact.sha256:
                raise InfrastructureError(
                    f"{artifact.file}: the copy differs from its manifest",
                    hint="check the disk, then run it again",
                )
        sums = "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes))
        (staged / SUMS).write_text(sums, encoding="utf-8")
        _sync(staged / SUMS)
        names = [*sources, SUMS]
        if out.exists():
            _put_all(staged, out, names)
        else:
            staged.chmod(0o755)
            staged.rename(out)
    return [out / name for name in names]


def _artifacts(zoo: Zoo, sha256: str) -> list[Artifact]:
    """Returns the artifact, and its front-end where that is a file of its own."""
    everything = zoo.artifacts()
    found = next((each for each in everything if each.sha256 == sha256), None)
    if found is None:
        raise ConfigurationError(
            f"{zoo.root}: has no file with the SHA-256 {sha256[:12]}",
            hint="give the folder that was measured with --zoo",
        )
    front = [each for each in everything if each.name == found.frontend]
    return [found, *front[:1]]


def _sources(zoo: Zoo, sha256: str) -> Mapping[str, Path]:
    """Returns the files to copy by name, after comparing their hashes with the manifests'."""
    paths = []
    for artifact in _artifacts(zoo, sha256):
        paths += [zoo.checked_path(artifact), zoo.manifest(artifact.name, artifact.format)]
    return {path.name: path for path in paths}


@contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """Yields an empty folder beside ``out``; it is removed unless it was renamed."""
    folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put_all(staged: Path, out: Path, names: list[str]) -> None:
    """Puts files into a folder that exists; takes all back if another file has a name of theirs."""
    put: list[Path] = []
    try:
        for name in names:
            try:
                os.link(staged / name, out / name)  # fails where there is one, and is never partial
                put.append(out / name)
            except FileExistsError as error:
                if (out / name).is_file() and sha256_file(out / name) == sha256_file(staged / name):
                    continue
                raise ConfigurationError(
                    f"{out / name}: is there already and is another file",
                    hint="give another folder with --export",
                ) from error
    except BaseException:
        for path in put:
            path.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    path.chmod(0o644)
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
