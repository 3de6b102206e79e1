"""``frill-bench handset``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from bench.cli import flags as shared

if TYPE_CHECKING:
    from bench.handset.abi import Abi
    from bench.handset.running import Running


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``handset``."""
    parser.epilog = "example: frill-bench handset up --property ro.product.model=Pixel"
    actions = parser.add_subparsers(
        dest="action", metavar="up|list|down|allow|deny|tool", required=True
    )
    up = actions.add_parser(
        "up",
        help="boot one and leave it running; the first time packages are fetched through apt",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    up.add_argument("--name", help="its own serial number (default: handset and a number)")
    up.add_argument("--address", metavar="IP", help="a loopback address (default: a free one)")
    up.add_argument("--port", type=int, metavar="N", default=5555, help="of adb")
    up.add_argument(
        "--property",
        action="append",
        metavar="KEY=VALUE",
        help="a system property; may be repeated",
    )
    up.add_argument(
        "--data-mb", type=_megabytes, metavar="N", default=1024, help="size of its /data"
    )
    up.add_argument("--secure", action="store_true", help="let adb ask for a known key")
    up.add_argument(
        "--authorise", metavar="FILE", action="append", help="a public key that it knows"
    )
    up.add_argument(
        "--arm64", action="store_true", help="one for arm64 programs, which run through qemu"
    )
    up.add_argument("--refresh", action="store_true", help="look for newer packages")
    listed = actions.add_parser("list", help="list those that run", allow_abbrev=False)
    down = actions.add_parser("down", help="stop handsets", allow_abbrev=False)
    down.add_argument("names", nargs="*", metavar="NAME", help="a name or a serial")
    down.add_argument("--all", action="store_true", help="stop all of them")
    allow = actions.add_parser(
        "allow",
        help='answer "Allow USB debugging?" on a secure one with yes',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    allow.add_argument("--always", action="store_true", help="remember the key")
    deny = actions.add_parser(
        "deny",
        help="answer it with no",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    for answer in (allow, deny):
        answer.add_argument("name", metavar="NAME", help="a name or a serial")
        answer.add_argument(
            "--wait", type=float, metavar="SECONDS", default=20.0, help="until a key asks"
        )
    tool = actions.add_parser(
        "tool",
        help="build the official benchmark_model for handsets and print its path",
        allow_abbrev=False,
    )
    tool.add_argument("--arm64", action="store_true", help="for arm64 ones")
    for action in (up, listed, down, allow, deny, tool):
        shared.add_json(action)


def run(options: argparse.Namespace) -> int:
    """Boots, lists, stops or answers handsets, or builds their tool, and returns 0."""
    match options.action:
        case "up":
            _up(options)
        case "list":
            _list(options)
        case "down":
            _down(options)
        case "allow" | "deny":
            _answer(options)
        case _:
            _tool(options)
    return 0


def _up(options: argparse.Namespace) -> None:
    from bench.cli.console import print_json, tell
    from bench.handset.running import boot
    from bench.handset.tree import prepare

    phone = boot(
        prepare(refresh=options.refresh, abi=_abi(options)),
        name=options.name,
        address=options.address,
        port=options.port,
        properties=_properties(options.property or []),
        data_bytes=options.data_mb << 20,
        secure=options.secure,
        keys=_keys(options.authorise or []),
    )
    if options.json:
        print_json({"handset": _described(phone)})
    else:
        print(phone.serial)
    tell(f"{phone.name} is up after {phone.record.boot_s:.2f} s; try: adb connect {phone.serial}")
    tell(f"It is no phone: latencies taken on it say nothing. Stop it: handset down {phone.name}")


def _list(options: argparse.Namespace) -> None:
    from bench.cli.console import print_json, tell
    from bench.handset.running import running

    found = running()
    if options.json:
        print_json({"handsets": [_described(each) for each in found]})
    elif found:
        _print(found)
    else:
        tell("no handset is running; boot one: frill-bench handset up")


def _down(options: argparse.Namespace) -> None:
    from bench.cli.console import print_json, tell
    from bench.core.errors import ConfigurationError
    from bench.handset.running import find, running

    if bool(options.names) == options.all:
        raise ConfigurationError("say which handsets to stop", hint="give names, or --all")
    found = running() if options.all else [find(name) for name in dict.fromkeys(options.names)]
    for each in found:
        each.stop()
        tell(f"{each.name} is stopped")
    if options.json:
        print_json({"stopped": [each.name for each in found]})


def _answer(options: argparse.Namespace) -> None:
    from bench.cli.console import print_json, tell
    from bench.handset.running import find

    phone = find(options.name)
    allow = options.action == "allow"
    key = phone.answer(allow=allow, always=allow and options.always, limit_s=options.wait)
    tell(f"{phone.name}: the key is {'allowed' if allow else 'denied'}: {_shortened(key)}")
    if options.json:
        print_json({"name": phone.name, "allowed": allow, "key": key})


def _shortened(key: str) -> str:
    """Returns a public key with the end of its long number, and whose it is."""
    number, _, owner = key.strip().partition(" ")
    return f"...{number[-12:]} {owner}".rstrip()


def _tool(options: argparse.Namespace) -> None:
    from bench.cli.console import print_json, tell
    from bench.core.hashing import sha256_file
    from bench.handset.benchmark_tool import build_tool, delegate_library

    path, delegate = build_tool(abi=_abi(options)), delegate_library(abi=_abi(options))
    if options.json:
        print_json({"path": str(path), "sha256": sha256_file(path), "delegate": str(delegate)})
    else:
        print(path)
    tell(f"a stand-in for an accelerator's delegate lies beside it: {delegate.name}")


def _abi(options: argparse.Namespace) -> Abi:
    from bench.handset.abi import Abi

    return Abi.ARM64 if options.arm64 else Abi.X86_64


def _print(found: list[Running]) -> None:
    from rich.table import Table

    from bench.cli.console import print_table

    table = Table("name", "serial", "abi", "/data MB", "secure", "process")
    for each in found:
        handset = each.record.handset
        table.add_row(
            handset.name,
            handset.serial,
            handset.abi,
            str(handset.data_bytes >> 20),
            "yes" if handset.secure else "no",
            str(each.record.init.pid),
        )
    print_table(table)


def _described(phone: Running) -> dict[str, Any]:
    from bench.core import config

    described: dict[str, Any] = config.unstructure(phone.record)
    return {"serial": phone.serial, **described.pop("handset"), **described}


def _properties(texts: list[str]) -> dict[str, str]:
    from bench.core.errors import ConfigurationError

    for text in texts:
        if "=" not in text:
            raise ConfigurationError(
                f"--property {text}: has no =", hint="write it as ro.product.model=Pixel"
            )
    return dict(text.split("=", 1) for text in texts)


def _keys(paths: list[str]) -> tuple[str, ...]:
    from pathlib import Path

    from bench.core.errors import ConfigurationError

    try:
        return tuple(Path(path).expanduser().read_text().strip() for path in paths)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"--authorise: {error}", hint="give a public key, as in ~/.android/adbkey.pub"
        ) from error


def _megabytes(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value
