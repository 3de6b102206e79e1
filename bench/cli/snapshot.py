"""Takes a snapshot of the one phone that is meant, and shows its progress."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.adb.transport.serials import Found
from bench.cli.console import print_to_stderr
from bench.cli.terminal import one_bar
from bench.core.errors import ConfigurationError
from bench.flow.checks.machine import Finding
from bench.flow.checks.snapshot import snapshot_phone


def snapshot_one(phones: Sequence[Found], folder: Path, findings: Sequence[Finding] = ()) -> None:
    """Writes a snapshot of a phone into a folder.

    Args:
        phones: those that may be meant.
        findings: of ``doctor``, which it gets too.

    Raises:
        ConfigurationError: not one phone is meant, or the folder holds something else.
        DeviceError: the phone cannot be used, or refuses commands.
        TransientDeviceError: it went away.
    """
    if len(phones) != 1:
        raise ConfigurationError(
            f"--snapshot is for one phone, and {len(phones)} are usable",
            hint="name it: -s SERIAL",
        )
    [found] = phones
    name = f"snapshot of {found.serial}"
    with one_bar(name) as on_progress:
        snapshot_phone(
            found,
            folder,
            findings=findings,
            on_prompt=lambda: print_to_stderr(
                f"{found.serial}: unlock it and accept 'Allow USB debugging?' on its screen"
            ),
            on_progress=lambda done, total: on_progress(name, done, total),
        )
