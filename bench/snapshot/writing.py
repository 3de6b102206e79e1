"""Writes the folder of a snapshot, complete or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.core.errors import ConfigurationError
from bench.snapshot.layout import ABOUT, DETAILS, Snapshot


def check_place(folder: Path) -> None:
    """Checks that a snapshot may be written to a folder.

    Raises:
        ConfigurationError: something else is there, or nothing can be written there.
    """
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        _check_is_snapshot(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def write(folder: Path, snapshot: Snapshot, about: str) -> None:
    """Writes a snapshot, in place of an earlier one.

    Args:
        about: the text of ``SNAPSHOT.md``.

    Raises:
        ConfigurationError: something else is there, or nothing can be written there.
    """
    check_place(folder)
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
            new = Path(scratch, "new")
            snapshot.save(new, about)
            if folder.exists():
                folder.replace(Path(scratch, "old"))
            new.replace(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _check_is_snapshot(folder: Path) -> None:
    """Checks that a folder holds a snapshot that this program took, and nothing else."""
    try:
        if not (folder / ABOUT).is_file() or not (folder / DETAILS).is_file():
            raise ConfigurationError(f"it has no {ABOUT} and {DETAILS}")
        if not Snapshot.load(folder).program:
            raise ConfigurationError("no phone was read for it")
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{folder}: is not an earlier snapshot, so it is not replaced: {error.message}",
            hint="name a folder that is empty or does not exist",
        ) from error


def _unwritable(folder: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{folder}: cannot be written: {error.strerror or error}", hint="name another folder"
    )
