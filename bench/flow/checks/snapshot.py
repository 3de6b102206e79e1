"""Takes a snapshot of a phone that is attached."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.adb.state.facts import Facts
from bench.adb.transport.serials import Found
from bench.core.device_state.state import State
from bench.core.progress import OnProgress, ignore
from bench.flow.checks.machine import Finding
from bench.flow.phone.discovery import connect
from bench.snapshot.about import describe
from bench.snapshot.take import take
from bench.snapshot.writing import check_place, write

_THERMAL_SERVICE_SDK = 29


def snapshot_phone(
    found: Found,
    folder: Path,
    environ: Mapping[str, str] = os.environ,
    *,
    findings: Sequence[Finding] = (),
    on_prompt: Callable[[], None],
    on_progress: OnProgress = ignore,
) -> None:
    """Writes a snapshot of a phone into a folder, complete or not at all.

    Args:
        findings: of ``doctor``, which it gets too.
        on_prompt: called when the user must accept this machine's key on the phone's screen.
        on_progress: gets the number of commands that were answered, and of all.

    Raises:
        ConfigurationError: the folder holds something else or cannot be written.
        DeviceError: the phone cannot be used, or refuses commands.
        TransientDeviceError: it went away.
    """
    check_place(folder)
    with connect(found, environ, on_prompt=on_prompt) as phone:
        taken = take(phone, on_progress=on_progress)
    lines = [f"- {each.check}: {each.level}: {each.found}" for each in findings]
    write(folder, taken.snapshot, describe(taken, lines))


def what_is_odd(facts: Facts, state: State | None = None) -> tuple[str, ...]:
    """Returns what a phone does not show although nearly all do, in words."""
    fastest_unknown = not facts.clusters or not (facts.clusters_complete or facts.offline_cores)
    hidden = {
        "its cores": not facts.cores,
        "which cores are the fastest": fastest_unknown,
        "its ABI": not facts.abis,
        "its chip": facts.soc is None,
        "its Android version": facts.sdk is None,
        "its page size": facts.page_bytes is None,
        "how to pin a process": not facts.taskset,
    }
    if state is not None:
        has_service = (facts.sdk or 0) >= _THERMAL_SERVICE_SDK
        hidden |= {
            "its thermal status": has_service and state.thermal_status.number is None,
            "its battery": state.battery_level_percent.number is None,
            "its screen": state.screen.text is None,
            "its clocks": not state.clocks,
            "its free space": state.free_bytes.number is None,
        }
    return tuple(words for words, is_hidden in hidden.items() if is_hidden)


def how_to_send(serial: str, odd: Sequence[str]) -> str:
    """Returns a line that asks for a snapshot of a phone that does not show something."""
    command = f"frill-bench devices -s {shlex.quote(serial)} --snapshot DIR"
    return f"{serial}: it hides {', '.join(odd)}; send us what it prints: {command}"
