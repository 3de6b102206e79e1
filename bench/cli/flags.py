"""Options that several verbs share, so that they read the same everywhere."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from bench.core.config import near
from bench.core.errors import ConfigurationError
from bench.core.paths import cache_dir


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds ``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")


def add_zoo(parser: argparse.ArgumentParser) -> None:
    """Adds ``--zoo DIR``."""
    default = Path(os.environ.get("FRILL_BENCH_ZOO") or cache_dir() / "zoo")
    parser.add_argument(
        "--zoo", type=Path, metavar="DIR", default=default, help="folder of artifacts"
    )


def add_serial(parser: argparse._ActionsContainer) -> None:
    """Adds ``-s``/``--serial``."""
    parser.add_argument(
        "-s",
        "--serial",
        action="append",
        default=[],
        metavar="SERIAL",
        help="a phone: its serial, host:port or a virtual handset's name; may be repeated "
        "(also: $ANDROID_SERIAL)",
    )


def add_audio(parser: argparse.ArgumentParser) -> None:
    """Adds ``--audio DIR``."""
    parser.add_argument(
        "--audio",
        type=Path,
        metavar="DIR",
        help="folder of audio of your own, instead of the packaged audio",
    )


def words(text: str, known: list[str], what: str) -> list[str]:
    """Returns the words of a comma list, each one of ``known``.

    Raises:
        ConfigurationError: names the wrong word and suggests the near one.
    """
    found = [word.strip() for word in text.split(",") if word.strip()]
    if not found:
        raise ConfigurationError(f"no {what} is given", hint=f"one of {', '.join(known)}")
    for word in found:
        if word not in known:
            raise ConfigurationError(
                f"unknown {what} {word!r}{near(word, known)}", hint=f"one of {', '.join(known)}"
            )
    return found
