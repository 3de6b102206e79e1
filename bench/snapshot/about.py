"""``SNAPSHOT.md``: what a snapshot holds, in plain words for the user who sends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.snapshot.commands import COMMANDS
from bench.snapshot.keeping import properties_of
from bench.snapshot.layout import Snapshot
from bench.snapshot.take import Taken

_SAFE = """\
## Is it safe to send?

Yes. It holds what frill-bench reads of a phone: its model, chip and Android version, and its cores,
clocks, temperatures, battery and load. It holds no files, messages, accounts, phone numbers,
networks or names of apps. All of it is text that you can read before you send it.

Serial numbers are replaced by `hashed-` and eight letters, the same everywhere. Somebody who knows
the serial number already can see that it is this phone. Other identifiers, such as network
addresses, would all be `hashed-00000000`. Of properties, `dumpsys power`, mounts and settings only
the lines are kept that the program needs; very long texts are cut in their middle.
"""
_USE = """\
## What to do with it

- Send it with a description of what is odd: pack this folder and attach it to the report.
- `frill-bench handset up --replay FOLDER` boots a virtual handset that answers as this phone did.

Nothing was changed on the phone: one setting was written with the value that it had, and a key
without a meaning was sent, to see whether the phone allows that.
"""


def describe(taken: Taken, findings: Sequence[str] = ()) -> str:
    """Returns the text of ``SNAPSHOT.md``.

    Args:
        findings: those of ``doctor``, a line each.
    """
    snapshot = taken.snapshot
    parts = [
        f"# Snapshot of {_phone(snapshot)}\n",
        f"Taken by frill-bench {snapshot.program} at {snapshot.date}.\n",
        _SAFE,
        _USE,
        "## What it holds\n",
        *_contents(snapshot),
        "",
        *_not_imitated(taken),
    ]
    if findings:
        parts += ["", "## What doctor finds\n", *map(taken.cleaner.clean, findings)]
    return "\n".join(parts).rstrip("\n") + "\n"


def _phone(snapshot: Snapshot) -> str:
    properties = properties_of(snapshot.commands.get("getprop", ""))
    maker, model, release = (
        properties.get(f"ro.{key}", "")
        for key in ("product.manufacturer", "product.model", "build.version.release")
    )
    name = " ".join(filter(None, (maker, model))) or "a phone"
    return f"{name}, Android {release}" if release else name


def _contents(snapshot: Snapshot) -> Iterator[str]:
    yield "| file | what it shows | exit status |"
    yield "|---|---|---|"
    for name, command in COMMANDS.items():
        if name in snapshot.commands:
            status = snapshot.exit_status.get(name, 0)
            yield f"| `commands/{name}.txt` | {command.what} | {status} |"
    yield f"| `files/` | {len(snapshot.files)} files of its kernel | |"
    if snapshot.refused:
        yield "\nThe phone does not let adb's shell read these (not all of them need be odd):\n"
        yield from (f"- `{path}`: {words}" for path, words in snapshot.refused.items())


def _not_imitated(taken: Taken) -> Iterator[str]:
    yield "## What a replay does not imitate\n"
    yield f"- Shell: {taken.shell or 'it names no version'}."
    shows = "shows" if taken.keeps_counters else "does not show"
    yield f"- The phone {shows} what a process used after it has ended."
    yield f"- The phone {'has' if taken.perfetto else 'does not have'} perfetto."
    yield f"- Features of adb: {', '.join(taken.snapshot.features) or 'it names none'}."
    if taken.unanswered:
        yield f"- These did not end in time: {', '.join(taken.unanswered)}."
    yield "- The id of the boot and the time are left out."
