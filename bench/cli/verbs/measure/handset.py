"""``frill-bench handset``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from bench.cli import flags as shared
from bench.cli.console import print_json, print_line, print_to_stderr
from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file

if TYPE_CHECKING:
    from bench.handset.running import Running


class Options(shared.VerbOptions):
    """What the parser of ``handset`` sets."""

    action: str
    names: list[str]
    all: bool
    name: str | None
    address: str | None
    port: int
    property: list[str] | None
    data_mb: int
    replay: str | None
    refresh: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``handset``."""
    parser.epilog = "example: frill-bench handset up --property ro.product.model=Pixel"
    actions = parser.add_subparsers(dest="action", metavar="up|list|down|tool", required=True)
    up = actions.add_parser(
        "up",
        help="start a handset and leave it running (the first time, packages are fetched with apt)",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    up.add_argument("--name", help="its name and serial number (default: handset and a number)")
    up.add_argument("--address", metavar="IP", help="a loopback address (default: a free one)")
    up.add_argument("--port", type=int, metavar="N", default=5555, help="port of adb")
    up.add_argument(
        "--property",
        action="append",
        metavar="KEY=VALUE",
        help="a system property; may be repeated",
    )
    up.add_argument(
        "--data-mb", type=_megabytes, metavar="N", default=1024, help="size of its /data"
    )
    up.add_argument(
        "--replay",
        metavar="DIR|NAME",
        help="show what a phone showed: the folder of a snapshot, or a phone of the gallery",
    )
    up.add_argument("--refresh", action="store_true", help="check for newer packages")
    listing = actions.add_parser("list", help="list the running handsets", allow_abbrev=False)
    down = actions.add_parser("down", help="stop handsets", allow_abbrev=False)
    down.add_argument("names", nargs="*", metavar="NAME", help="a name or a serial")
    down.add_argument("--all", action="store_true", help="stop all of them")
    tool = actions.add_parser(
        "tool",
        help="build the official benchmark_model for handsets and print its path",
        allow_abbrev=False,
    )
    for action in (up, listing, down, tool):
        shared.add_json(action)


def run(options: Options) -> int:
    """Boots, lists or stops handsets, or builds their tool, and returns 0."""
    actions = {"up": _up, "list": _list, "down": _down, "tool": _tool}
    actions[options.action](options)
    return 0


def _up(options: Options) -> None:
    from bench.handset.process import may_be_shell
    from bench.handset.running import boot
    from bench.handset.tree import prepare

    phone = boot(
        prepare(refresh=options.refresh),
        name=options.name,
        address=options.address,
        port=options.port,
        properties=_properties(options.property or []),
        data_bytes=options.data_mb << 20,
        replay=options.replay,
    )
    if options.json:
        print_json({"handset": _to_json(phone)})
    else:
        print_line(phone.serial)
    print_to_stderr(
        f"{phone.name} is up after {phone.record.boot_s:.2f} s; try: adb connect {phone.serial}"
    )
    if options.replay is not None and not may_be_shell():
        print_to_stderr("without root its shell can read what that phone refuses")
    print_to_stderr(
        "it is not a phone: its latencies mean nothing; stop it: "
        f"frill-bench handset down {phone.name}"
    )


def _list(options: Options) -> None:
    from bench.handset.running import running

    handsets = running()
    if options.json:
        print_json({"handsets": [_to_json(each) for each in handsets]})
    elif handsets:
        _print(handsets)
    else:
        print_to_stderr("no handset is running; start one: frill-bench handset up")


def _down(options: Options) -> None:
    from bench.handset.running import find, running

    if bool(options.names) == options.all:
        raise ConfigurationError(
            "no handset is named", hint="give the names of those to stop, or --all"
        )
    handsets = running() if options.all else [find(name) for name in dict.fromkeys(options.names)]
    for each in handsets:
        each.stop()
        print_to_stderr(f"{each.name} is stopped")
    if options.json:
        print_json({"stopped": [each.name for each in handsets]})


def _tool(options: Options) -> None:
    from bench.handset.benchmark_tool import build_tool, delegate_library

    path, delegate = build_tool(), delegate_library()
    if options.json:
        print_json({"path": str(path), "sha256": sha256_file(path), "delegate": str(delegate)})
    else:
        print_line(str(path))
    print_to_stderr(f"beside it is {delegate.name}, which acts as an accelerator's delegate")


def _print(handsets: list[Running]) -> None:
    from bench.cli.terminal import print_rows

    rows = []
    for each in handsets:
        handset, pid = each.record.handset, each.record.init.pid
        megabytes = str(handset.data_bytes >> 20)
        rows.append((handset.name, handset.serial, handset.replay or "-", megabytes, str(pid)))
    print_rows(("name", "serial", "replays", "/data MB", "process"), rows)


def _to_json(phone: Running) -> dict[str, Any]:
    fields: dict[str, Any] = config.unstructure(phone.record)
    return {"serial": phone.serial, **fields.pop("handset"), **fields}


def _properties(texts: list[str]) -> dict[str, str]:
    for text in texts:
        if "=" not in text:
            raise ConfigurationError(
                f"--property {text}: has no =", hint="write it as ro.product.model=Pixel"
            )
    return dict(text.split("=", 1) for text in texts)


def _megabytes(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value
