"""Flags that several verbs share, so that they read the same everywhere.

A group of flags has a protocol with the attributes that the parser sets for it. A verb's
``Options`` declares what its own parser sets; a test checks that the two agree.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Protocol

from bench.core.config import near
from bench.core.errors import ConfigurationError
from bench.core.paths import cache_dir


class VerbOptions(argparse.Namespace):
    """What the parser of every verb sets."""

    verb: str
    json: bool


class DeviceFlags(Protocol):
    """Where, in which state, and with which tool: what ``add_device`` and ``add_tool`` set."""

    host: bool
    serial: list[str]
    wait_for_device: float
    queue: float | None
    may_reboot: bool
    fixed_performance: bool
    airplane: bool
    keep_screen: bool
    cooldown: float | None
    force_unfit: bool
    benchmark_binary: Path | None
    tool: str | None
    tool_version: str | None
    accept_new_tool: bool


def add_snapshot(parser: argparse.ArgumentParser) -> None:
    """Adds ``--snapshot DIR``."""
    parser.add_argument(
        "--snapshot",
        type=Path,
        metavar="DIR",
        help="write all that is read of the phone into a folder that is safe to send (no serial "
        "numbers, accounts or apps); an earlier snapshot there is replaced",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds ``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")


def add_db(parser: argparse.ArgumentParser, text: str = "database file or SQLAlchemy URL") -> None:
    """Adds ``--db FILE``."""
    parser.add_argument("--db", default="frill-bench.db", metavar="FILE", help=text)


def add_scheduler(parser: argparse._ActionsContainer, does: str) -> None:
    """Adds ``--scheduler``.

    Args:
        does: what its workers do, in words.
    """
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help=f"{does} on the workers of this scheduler of Dask, such as tcp://10.0.0.5:8786, "
        "instead of in processes of this machine; it must be your own",
    )


def add_zoo(parser: argparse._ActionsContainer) -> None:
    """Adds ``--zoo DIR``."""
    default = Path(os.environ.get("FRILL_BENCH_ZOO") or cache_dir() / "zoo")
    parser.add_argument(
        "--zoo", type=Path, metavar="DIR", default=default, help="folder of artifacts"
    )


def add_serial(
    parser: argparse._ActionsContainer,
    which: str = "a phone",
    also: str = " (also: $ANDROID_SERIAL)",
) -> None:
    """Adds ``-s``/``--serial``."""
    parser.add_argument(
        "-s",
        "--serial",
        action="append",
        default=[],
        metavar="SERIAL",
        help=f"{which}: its serial, host:port or a virtual handset's name; may be repeated{also}",
    )


def add_audio(parser: argparse.ArgumentParser) -> None:
    """Adds ``--audio DIR``."""
    parser.add_argument(
        "--audio",
        type=Path,
        metavar="DIR",
        help="folder of your own audio, instead of the packaged audio",
    )


def add_device(parser: argparse.ArgumentParser, default: str = "the only attached phone") -> None:
    """Adds the groups of flags for where to measure, and in which state of the phone."""
    where = parser.add_argument_group(f"where (default: {default})")
    where.add_argument(
        "--host", action="store_true", help="this machine; with -s, this machine and those phones"
    )
    add_serial(where)
    where.add_argument(
        "--wait-for-device",
        type=seconds,
        default=120.0,
        metavar="S",
        help="how long to wait for a lost phone, or for its user to allow debugging",
    )
    where.add_argument(
        "--queue",
        type=seconds,
        metavar="MIN",
        help="wait up to MIN minutes for another process of this machine that uses the phone "
        "(default: not at all)",
    )
    where.add_argument(
        "--may-reboot",
        action="store_true",
        help="reboot a phone that hangs, once; a new session then begins, and a gate ends",
    )
    state = parser.add_argument_group("the phone's state (restored at the end)")
    state.add_argument(
        "--fixed-performance",
        action="store_true",
        help="Android's mode of steady clocks; every row has what it did to them",
    )
    state.add_argument(
        "--airplane", action="store_true", help="airplane mode; not for a phone on the network"
    )
    state.add_argument(
        "--keep-screen",
        action="store_true",
        help="do not change the screen (default: on and dim while measuring)",
    )
    state.add_argument(
        "--cooldown",
        type=seconds,
        metavar="S",
        help="how long to wait for a hot phone (default: from its device profile)",
    )
    state.add_argument(
        "--force-unfit",
        action="store_true",
        help="measure an unfit phone too, without waiting; every row is marked",
    )


def add_tool(group: argparse._ArgumentGroup) -> None:
    """Adds the flags of the benchmark tool."""
    group.add_argument(
        "--benchmark-binary",
        type=Path,
        metavar="PATH",
        help="this build of the official benchmark_model; on this machine instead of the LiteRT "
        "interpreter, on phones instead of a download",
    )
    group.add_argument(
        "--tool",
        choices=("interpreter", "compiled-model"),
        help="which official program to download (default: interpreter on phones; on this machine "
        "none, its LiteRT interpreter measures)",
    )
    group.add_argument(
        "--tool-version",
        metavar="V",
        help="release of the CompiledModel tool, or latest, or nightly (default: a known release)",
    )
    group.add_argument(
        "--accept-new-tool",
        action="store_true",
        help="download the tool again, and accept another build than before",
    )


# The fields of a protocol that have flags of the same names, which are those of the official tool.
PROTOCOL = ("num_runs", "warmup_runs", "min_secs", "max_secs", "warmup_min_secs")


def add_protocol(group: argparse._ArgumentGroup) -> None:
    """Adds the flags of one process's runs, under the official tool's names."""
    add = group.add_argument
    add(
        "--num-runs",
        type=int,
        metavar="N",
        help="measured inferences of a process; the official tools allow 3 at most, because they "
        "print statistics only (more evidence: --processes)",
    )
    add("--warmup-runs", type=int, metavar="N", help="inferences before them, at least")
    add("--min-secs", type=seconds, metavar="S", help="measure for at least S; 0 for exact runs")
    add("--max-secs", type=seconds, metavar="S", help="start no inference of a phase after S")
    add("--warmup-min-secs", type=seconds, metavar="S", help="warm up for at least S")


class InputFlags(Protocol):
    """What the files that are measured are given: what ``add_inputs`` sets."""

    input_shape: list[str]
    input_layer: str | None
    input_layer_shape: str | None
    input_value_range: list[str]
    input_value_file: list[str]
    signature: str | None


def add_inputs(group: argparse._ArgumentGroup) -> None:
    """Adds the flags of the inputs of models, under the official tool's names too."""
    for names, metavar, text in (
        (("--input-shape",), "NAME:1,16000", "sizes of an input that the file leaves open"),
        (
            ("--input-value-range", "--input_layer_value_range"),
            "NAME,LOW,HIGH",
            "limits of an input's random values",
        ),
        (
            ("--input-value-file", "--input_layer_value_files"),
            "NAME:FILE",
            "raw bytes of an input, instead of random ones",
        ),
    ):
        group.add_argument(
            *names,
            action="append",
            default=[],
            metavar=metavar,
            help=f"{text}; NAME is the tensor's, the signature's or the position from 0; may be "
            "repeated",
        )
    group.add_argument(
        "--input_layer",
        metavar="NAME,NAME",
        help="the official tool's way to give shapes: names of inputs, for --input_layer_shape",
    )
    group.add_argument(
        "--input_layer_shape",
        metavar="1,16000:1,64",
        help="their sizes, with : between inputs; without --input_layer in the file's order",
    )
    group.add_argument(
        "--signature",
        metavar="KEY",
        help="which signature of files with several (default: the first, as every tool does)",
    )


def add_timeout(group: argparse._ArgumentGroup) -> None:
    """Adds ``--timeout``."""
    group.add_argument(
        "--timeout",
        type=seconds,
        metavar="S",
        help="kill a process after this time (default: the longest that its protocol can take)",
    )


def add_grid(parser: argparse._ActionsContainer) -> None:
    """Adds ``--grid``."""
    parser.add_argument(
        "--grid",
        nargs="+",
        metavar="AXIS=V1,V2",
        default=[],
        help="all students of a grid, such as size=tiny,small width=0.5,1.0 activation=unfused",
    )


def counts(text: str) -> list[int]:
    """Returns the whole numbers of a comma-separated list."""
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a comma-separated list of whole numbers"
        ) from None


def share(text: str) -> float:
    """Returns ``1%`` or ``0.01`` as a share."""
    number = text.removesuffix("%")
    try:
        return float(number) / 100 if number != text else float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share, such as 1%") from None


def seconds(text: str) -> float:
    """Returns a duration in seconds, at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration in seconds, 0 or more")
    return value


def words(text: str, allowed: list[str], noun: str) -> list[str]:
    """Returns the words of a comma-separated list, all of them in ``allowed``.

    Raises:
        ConfigurationError: names the wrong word and suggests a similar one.
    """
    parts = [word.strip() for word in text.split(",") if word.strip()]
    choices = ", ".join(allowed)
    if not parts:
        raise ConfigurationError(f"no {noun} is given", hint=f"one of {choices}")
    for word in parts:
        if word not in allowed:
            raise ConfigurationError(
                f"unknown {noun} {word!r}{near(word, allowed)}", hint=f"one of {choices}"
            )
    return parts
