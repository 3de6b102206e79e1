"""Parses the command line, runs one verb, and turns errors into exit codes."""

from __future__ import annotations

import argparse
import errno
import gc
import importlib
import keyword
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.cli.console import print_to_stderr
from bench.core.errors import BenchError, InfrastructureError
from bench.core.version import VERSION

# Verb to its line in --help, by group. Each is in bench/cli/verbs/GROUP/VERB.py; --help imports
# none of them.
GROUPS = {
    "start": {
        "demo": "run everything on this machine: models, formats, latency, accuracy, a report page",
        "bench": "run everything for a model file of your own, on any device",
    },
    "build": {
        "zoo": "list, show and add models",
        "distill": "train students on a teacher's embeddings",
        "convert": "build students, or take model files of your own, and make TFLite formats",
        "data": "fetch and list the packaged audio",
        "score": "score the accuracy of artifacts on audio tasks",
        "detect": "count the false alarms an hour and the misses of wake words and other events",
        "embed": "write the embeddings of a folder of audio to a file",
    },
    "measure": {
        "devices": "list the connected phones",
        "doctor": "check this machine and its phones before measuring",
        "run": "measure latency: of a suite, or of single files",
        "gate": "test whether a candidate is slower, larger or less accurate than its baseline",
        "ab": "compare tools, delegates, threads, cores or caches on one file, side by side",
        "bisect": "find which of several tools or model files, in order, became slower",
        "calibrate": "measure the noise of a device, and what a gate costs there",
        "handset": "run a virtual phone on this machine, to try things without a real one",
    },
    "results": {
        "report": "join latency, accuracy and size into a page, plots and tables",
        "pick": "name the file to ship: the most accurate one that keeps your budgets",
        "compare": "compare two databases, sessions, devices or files: ratios, with their reasons",
        "history": "show the trend against a pinned baseline, from gate logs: steps and drift",
        "paper": "make FRILL's own table again: students against their teacher, on any device",
        "parse": "read a benchmark log that you already have",
        "import": "add benchmark logs that you already have to a database, marked as imported",
        "export": "write rows for other programs, or a parcel for another database",
        "merge": "add the parcels of others, after deriving every latency again",
    },
}
_HEADINGS = {
    "start": "everything at once",
    "build": "models, their files and their accuracy",
    "measure": "devices and latency",
    "results": "results",
}
VERBS = {verb: line for verbs in GROUPS.values() for verb, line in verbs.items()}

# What is made before garbage is searched for. Large reports keep nearly all that they make, and a
# fifth of their time went into searching it.
_COLLECTED = (50_000, 20, 100)
# Errors of a path or a disk, which any verb can meet. Other system errors are bugs of ours.
_PATH_ERRORS = {
    errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOENT,
    errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS,
}  # fmt: skip

_EXAMPLE = "example: frill-bench demo --out demo\nflags of a verb: frill-bench VERB --help"


class _Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows a default only where there is one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False, []):
            return action.help
        return super()._get_help_string(action)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code of one command line (see the table in docs/exit-codes.md)."""
    if sys.stdout is None:  # closed: the next file opened would take its number, and our output
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as we run
    gc.set_threshold(*_COLLECTED)
    arguments = list(sys.argv[1:] if argv is None else argv)
    verb = next((word for word in arguments if not word.startswith("-")), None)
    parser = _parser(verb)
    try:
        options = parser.parse_args(arguments, _module(verb).Options() if verb in VERBS else None)
    except SystemExit as refused:
        if refused.code and verb in ("gate", "ab"):  # a CI system reads their files after that too
            _module("gate").write_refused(arguments, int(refused.code))
        raise
    try:
        status = int(_module(options.verb).run(options))
        sys.stdout.flush()
        return status
    except BenchError as error:
        return _print_error(options.verb, error)
    except KeyboardInterrupt:
        print_to_stderr(f"frill-bench {options.verb}: interrupted; what was measured is kept")
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) has ended; that is not an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in _PATH_ERRORS:
            return _print_bug(options.verb)
        return _print_error(options.verb, _path_error(error))
    except Exception:
        return _print_bug(options.verb)


def _print_error(verb: str, error: BenchError) -> int:
    print_to_stderr(f"frill-bench {verb}: {error}")
    return error.exit_code


def _path_error(error: OSError) -> BenchError:
    reason = error.strerror or str(error)
    message = reason if error.filename is None else f"{error.filename}: {reason}"
    return InfrastructureError(message, hint="check the path, its permissions and the disk's space")


def _print_bug(verb: str) -> int:
    print_to_stderr(traceback.format_exc().rstrip())
    print_to_stderr(f"frill-bench {verb}: this is a bug in frill-bench; please report it")
    return 70


def _parser(verb: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="frill-bench",
        usage="frill-bench [-h] [--version] VERB ...",
        description=f"On-device benchmarking of speech embeddings.\n\n{_listed()}",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"frill-bench {VERSION}")
    verbs = parser.add_subparsers(
        dest="verb", metavar="VERB", required=True, prog="frill-bench", help=argparse.SUPPRESS
    )
    for name, line in VERBS.items():
        sub = verbs.add_parser(
            name,
            description=line[0].upper() + line[1:] + ".",
            formatter_class=_Formatter,
            allow_abbrev=False,
        )
        if name == verb:  # only the verb that runs is imported
            _module(name).add_arguments(sub)
    return parser


def _listed() -> str:
    """Returns the verbs with their lines, by group."""
    return "\n\n".join(
        "\n".join([f"{_HEADINGS[group]}:", *(f"  {verb:<11}{verbs[verb]}" for verb in verbs)])
        for group, verbs in GROUPS.items()
    )


def _module(verb: str) -> Any:
    group = next(group for group, verbs in GROUPS.items() if verb in verbs)
    is_taken = keyword.iskeyword(verb) or verb in sys.stdlib_module_names
    name = f"{verb}_" if is_taken else verb
    return importlib.import_module(f"bench.cli.verbs.{group}.{name}")
