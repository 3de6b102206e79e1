"""``frill-bench devices``: the connected phones."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cli import flags as shared
from bench.cli.console import print_json, print_to_stderr
from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.paths import device_profiles_dir

if TYPE_CHECKING:
    from bench.flow.phone.discovery import Attached

_NO_FILE = Path()  # --capture without a file


class Options(shared.VerbOptions):
    """What the parser of ``devices`` sets."""

    serial: list[str]
    capture: Path | None
    snapshot: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``devices``."""
    parser.epilog = "example: frill-bench devices --capture"
    shared.add_serial(parser, "only this phone", also="")
    parser.add_argument(
        "--capture",
        nargs="?",
        type=Path,
        const=_NO_FILE,
        metavar="FILE",
        help="write a device profile of the phone, into your own profiles unless FILE is given",
    )
    shared.add_snapshot(parser)
    shared.add_json(parser)


def run(options: Options) -> int:
    """Lists phones, usable or not, and returns 0."""
    if options.snapshot is not None:
        from bench.snapshot.writing import check_place

        check_place(options.snapshot)
    attached = _find_phones(options.serial)
    written = _write(attached, options)
    if options.json:
        paths = {key: str(path) for key, path in written.items()}
        print_json({"devices": [_to_json(each) for each in attached], **paths})
    elif attached:
        _print(attached)
    for each in attached:
        if each.trouble:
            print_to_stderr(f"{each.trouble}\n  {each.next_step}")
    if not attached:
        print_to_stderr(
            "no phone is connected: plug one in with USB debugging on, name one: -s HOST:PORT,\n"
            "or start a virtual one: frill-bench handset up"
        )
    if options.snapshot is None:
        _ask_for_odd_ones(attached)
    for path in written.values():
        print_to_stderr(f"wrote {path}")
    return 0


def _write(attached: list[Attached], options: Options) -> dict[str, Path]:
    """Returns what was written, by its key in JSON."""
    written: dict[str, Path] = {}
    if options.capture is not None:
        written["captured"] = _capture(attached, options.capture)
    if options.snapshot is not None:
        from bench.cli.snapshot import snapshot_one

        # A phone that shows no facts is odd, and is the one to take a snapshot of.
        listed = [each.found for each in attached]
        usable = [each.found for each in attached if each.facts is not None]
        snapshot_one(listed if len(listed) == 1 else usable, options.snapshot)
        written["snapshot"] = options.snapshot
    return written


def _ask_for_odd_ones(attached: list[Attached]) -> None:
    from bench.flow.checks.snapshot import how_to_send, what_is_odd

    for each in attached:
        if each.facts is not None and (odd := what_is_odd(each.facts)):
            print_to_stderr(how_to_send(each.found.serial, odd))


def _find_phones(serials: list[str]) -> list[Attached]:
    from bench.adb.transport.serials import Found, Way
    from bench.flow.phone.discovery import find_phones, inspect_phone
    from bench.handset.running import running

    handsets = {each.name: each.serial for each in running()}
    phones = find_phones([handsets.get(serial, serial) for serial in serials])
    if not serials:
        listed = {each.serial for each in phones}
        virtual = [serial for serial in handsets.values() if serial not in listed]
        phones += [Found(serial=serial, way=Way.TCP) for serial in virtual]
    return [inspect_phone(each) for each in phones]


def _capture(attached: list[Attached], file: Path) -> Path:
    from bench.flow.phone.discovery import capture_profile, profile_of
    from device_profiles.device_profile import profiles, save

    readable = [each.facts for each in attached if each.facts is not None]
    if len(readable) != 1:
        raise ConfigurationError(
            f"--capture is for one phone, and {len(readable)} are usable",
            hint="name it: -s SERIAL",
        )
    [facts] = readable
    name = "".join(letter if letter.isalnum() else "-" for letter in facts.model.lower())
    path = device_profiles_dir() / f"{name}.yaml" if file == _NO_FILE else file
    save(path, capture_profile(facts, profile_of(facts, profiles())))
    return path


def _print(attached: list[Attached]) -> None:
    from rich.table import Column, Table

    from bench.cli.terminal import print_table

    table = Table(
        Column("serial", no_wrap=True), "connection", "state", "phone", "SoC", "Android", "cores"
    )
    for each in attached:
        facts, found = each.facts, each.found
        if facts is None:
            state = found.state if found.state != "device" else "unusable"
            table.add_row(found.serial, found.way, state, found.model, "", "", "")
            continue
        table.add_row(
            found.serial,
            found.way,
            "virtual" if facts.virtual else found.state,
            facts.model,
            facts.soc or "",
            facts.release or "",
            "+".join(str(len(cluster.cores)) for cluster in facts.clusters)
            or str(len(facts.cores)),
        )
    print_table(table)


def _to_json(attached: Attached) -> dict[str, Any]:
    fields: dict[str, Any] = config.unstructure(attached)
    return {**fields.pop("found"), **fields}
