"""Flags that describe a model of one's own; ``zoo add`` shares some of them."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bench.core.artifact import SAMPLE_RATE_HZ, Role
from bench.core.config import near
from bench.core.errors import ConfigurationError

if TYPE_CHECKING:
    from bench.flow.build.own import OwnModel

_MAX_HOP_S = 3600.0


class InputOptions(Protocol):
    """What ``add_role`` sets."""

    role: Role | None
    window_s: float | None
    hop_s: float | None


class OwnOptions(InputOptions, Protocol):
    """What ``add_own`` sets."""

    name: str | None
    frontend: str | None
    calibration: Path | None


def add_own(group: argparse._ArgumentGroup) -> None:
    """Adds the flags that describe a model file."""
    group.add_argument("--name", help="its name in the zoo (default: its file name)")
    group.add_argument(
        "--frontend",
        metavar="FILE|NAME",
        help="what makes its input from audio: a .tflite file, or a model in the zoo (default: "
        "FRILL's front-end, where the shape fits)",
    )
    add_role(group)
    group.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="folder of real inputs, .npz files with an array for each input (or .npy), for a "
        "model that hears no audio, or has several inputs",
    )


def add_role(parser: argparse._ActionsContainer) -> None:
    """Adds ``--role``, ``--window-s`` and ``--hop-s``."""
    parser.add_argument(
        "--role",
        type=_role,
        metavar="ROLE",
        help=f"what it takes and gives: {', '.join(Role)} (default: by its shapes and metadata)",
    )
    parser.add_argument(
        "--window-s",
        type=float,
        metavar="S",
        help="seconds of audio of an inference, where the file leaves that open",
    )
    parser.add_argument(
        "--hop-s", type=float, metavar="S", help="seconds of audio between inferences"
    )


def add_scale(parser: argparse._ActionsContainer) -> None:
    """Adds the flags of what a file leaves to the program around it."""
    flags = (
        ("--input-scale", 1.0, "factor of its input: 32768 for a file that takes 16-bit samples"),
        ("--output-scale", 1.0, "factor of its output"),
        ("--output-offset", 0.0, "added to its output after that"),
    )
    for flag, default, what in flags:
        text = f"{what}; put into the graph of the copy (default: {default:g})"
        parser.add_argument(flag, type=_number, default=default, metavar="X", help=text)


def samples(flag: str, seconds: float | None) -> int | None:
    """Returns a length of audio in samples.

    Raises:
        ConfigurationError: it is none.
    """
    if seconds is None:
        return None
    if not 1 / SAMPLE_RATE_HZ <= seconds <= _MAX_HOP_S:
        raise ConfigurationError(
            f"{flag} {seconds} is not a length of audio", hint="give seconds above 0, such as 0.96"
        )
    return round(seconds * SAMPLE_RATE_HZ)


def own_model(options: OwnOptions, path: Path) -> OwnModel:
    """Returns a model file with what the command line states of it."""
    from bench.flow.build.own import OwnModel

    return OwnModel(
        path=path,
        name=options.name,
        frontend=options.frontend,
        role=options.role,
        window_samples=samples("--window-s", options.window_s),
        hop_samples=samples("--hop-s", options.hop_s),
        calibration=options.calibration,
    )


def given_flags(options: OwnOptions) -> list[str]:
    """Returns those of the flags of ``add_own`` that are given."""
    names = ("name", "frontend", "role", "window_s", "hop_s", "calibration")
    return [f"--{name.replace('_', '-')}" for name in names if getattr(options, name) is not None]


def _role(text: str) -> Role:
    if text not in list(Role):
        raise argparse.ArgumentTypeError(
            f"{text!r} is none of {', '.join(Role)}{near(text, list(Role))}"
        )
    return Role(text)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return number
