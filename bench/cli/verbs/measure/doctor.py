"""``frill-bench doctor``: checks of this machine and its phones, before anything is measured."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags as shared
from bench.cli.console import print_json, print_line, print_to_stderr
from bench.core import config
from bench.core.errors import DeviceError, TransientDeviceError
from bench.core.units import printable

if TYPE_CHECKING:
    from bench.adb.transport.serials import Found
    from bench.flow.checks.machine import Finding
    from bench.flow.checks.phone import Checkup

_COLOURS = {"ok": "green", "note": "cyan", "warning": "yellow", "problem": "red"}


class Options(shared.VerbOptions):
    """What the parser of ``doctor`` sets."""

    serial: list[str]
    snapshot: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``doctor``."""
    parser.epilog = "example: frill-bench doctor -s 192.168.0.7:5555"
    shared.add_serial(parser)
    shared.add_snapshot(parser)
    shared.add_json(parser)


def run(options: Options) -> int:
    """Prints the findings; returns 0, or 3 where one of them is a problem."""
    from bench.flow.checks.machine import Level, examine_machine
    from bench.flow.checks.phone import check_phone
    from device_profiles.device_profile import profiles

    if options.snapshot is not None:
        from bench.snapshot.writing import check_place

        check_place(options.snapshot)
    device_profiles = profiles()
    machine = examine_machine()
    phones = _phones(options.serial)
    checkups = [
        check_phone(each, device_profiles, on_prompt=partial(_ask_to_allow, each.serial))
        for each in phones
    ]
    if not options.json:
        _print(machine, checkups)
    written = {} if options.snapshot is None else _snapshot(checkups, options.snapshot)
    if options.json:
        print_json(
            {
                "machine": config.unstructure(machine),
                "phones": [config.unstructure(each) for each in checkups],
                **written,
            }
        )
    elif not written:
        _ask_for_odd_ones(checkups)
    findings = [*machine, *(finding for each in checkups for finding in each.findings)]
    return DeviceError.exit_code if any(each.level is Level.PROBLEM for each in findings) else 0


def _snapshot(checkups: Sequence[Checkup], folder: Path) -> dict[str, str]:
    """Returns what was written, by its key in JSON."""
    from bench.cli.snapshot import snapshot_one

    findings = checkups[0].findings if len(checkups) == 1 else ()
    snapshot_one([each.found for each in checkups], folder, findings)
    print_to_stderr(f"wrote {folder}")
    return {"snapshot": str(folder)}


def _ask_for_odd_ones(checkups: Sequence[Checkup]) -> None:
    from bench.flow.checks.snapshot import how_to_send, what_is_odd

    for each in checkups:
        if each.facts is not None and (odd := what_is_odd(each.facts, each.state)):
            print_to_stderr(how_to_send(each.found.serial, odd))


def _phones(serials: Sequence[str]) -> list[Found]:
    from bench.cli.requests import serials_of
    from bench.flow.phone.discovery import find_phones

    names = serials or list(filter(None, [os.environ.get("ANDROID_SERIAL")]))
    try:
        phones = find_phones(serials_of(names))
    except TransientDeviceError as error:  # no answer of the adb server; a finding shows that too
        print_to_stderr(str(error))
        return []
    if not phones:
        print_to_stderr(
            "no phone is connected: plug one in with USB debugging on, or name one: -s HOST:PORT"
        )
    return phones


def _ask_to_allow(serial: str) -> None:
    print_to_stderr(f"{serial}: unlock the phone and accept 'Allow USB debugging?' on its screen")


def _print(machine: Sequence[Finding], checkups: Sequence[Checkup]) -> None:
    _print_findings("this machine", machine)
    for each in checkups:
        _print_findings(each.found.serial, each.findings)
    for each in checkups:
        because = "; ".join(each.worth.because)
        print_line(
            f"{each.found.serial}: numbers measured now are {each.worth.verdict}"
            + (f": {because}" if because else "")
        )


def _print_findings(title: str, findings: Sequence[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    from bench.cli.terminal import print_table

    table = Table("check", "", "result", title=title, title_justify="left")
    for each in findings:
        text = Text(printable(each.found))
        if each.next_step:
            text.append(f"\n→ {printable(each.next_step)}", style="bold")
        table.add_row(each.check, Text(each.level, style=_COLOURS[each.level]), text)
    print_table(table)
