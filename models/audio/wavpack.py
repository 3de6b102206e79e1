"""WavPack files of packages as WAV files, by the program of Debian's package, never installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from bench.core.errors import InfrastructureError
from bench.core.system import apt

_PROGRAM, _PACKAGES = "wvunpack", ("wavpack", "libwavpack1")
_HINT = "install wavpack, or leave the extended tasks out"


def to_wav(folder: Path) -> None:
    """Replaces each WavPack file below a folder by a WAV file of the same samples.

    Raises:
        InfrastructureError: apt could not fetch the program, or a file is damaged.
    """
    found = sorted(folder.rglob("*.wv"))
    if not found:
        return
    with tempfile.TemporaryDirectory(prefix="wavpack-") as scratch:
        program, environment = _program(Path(scratch))
        for path in found:
            _convert(program, path, environment)
            path.unlink()


def _program(scratch: Path) -> tuple[str, dict[str, str]]:
    """Returns the program and the environment that it runs in."""
    if installed := shutil.which(_PROGRAM):
        return installed, dict(os.environ)
    unpacked = scratch / "root"
    for deb in apt.download(_PACKAGES, folder=scratch, hint=_HINT).values():
        apt.unpack(deb, folder=unpacked)
    libraries = {str(path.parent) for path in unpacked.rglob("libwavpack.so*")}
    return str(unpacked / "usr" / "bin" / _PROGRAM), {
        **os.environ,
        "LD_LIBRARY_PATH": ":".join(sorted(libraries)),
    }


def _convert(program: str, path: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [program, "-q", "-o", str(path.with_suffix(".wav")), str(path)],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise InfrastructureError(
            f"{path.name}: {_PROGRAM} failed: {done.stderr.strip()[-200:]}",
            hint=_HINT,
            exit_status=done.returncode,
        )
