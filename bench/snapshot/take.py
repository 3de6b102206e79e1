"""Takes a snapshot of a phone, in a few commands that change nothing on it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bench.adb.batch import Answer, ask_many
from bench.adb.phone import COMMAND_LIMIT_S, Phone
from bench.adb.state.watch import keeps_counters
from bench.core.errors import DeviceError
from bench.core.progress import OnProgress, ignore
from bench.core.version import VERSION
from bench.snapshot.commands import COMMANDS
from bench.snapshot.files import Files, files_in, questions
from bench.snapshot.identifiers import Cleaner, cleaner_of
from bench.snapshot.keeping import keep, properties_of, shorten
from bench.snapshot.layout import MAX_BYTES, Snapshot

_ROOM_BYTES = 40_000  # for SNAPSHOT.md and snapshot.yaml
_LONGEST_FILE = 16_000
_SHELL = 'echo "$KSH_VERSION${EPOCHREALTIME:+, with a clock}"'
_PERFETTO = "command -v perfetto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A snapshot, and what a replay cannot imitate.

    Args:
        unanswered: commands that did not end in time.
        shell: the version of the phone's shell.
        perfetto: whether the phone has it; it can show the energy of rails.
        keeps_counters: whether the phone shows what a process used after it has ended.
        cleaner: replaces the identifiers of this phone in other texts.
    """

    snapshot: Snapshot
    unanswered: tuple[str, ...]
    shell: str
    perfetto: bool
    keeps_counters: bool
    cleaner: Cleaner


def take(
    phone: Phone, *, limit_s: float = COMMAND_LIMIT_S, on_progress: OnProgress = ignore
) -> Taken:
    """Returns a snapshot of a phone, without identifiers.

    Args:
        limit_s: for each command; a hung one is killed, and left out.
        on_progress: gets the number of commands that were answered, and of all.

    Raises:
        DeviceError: the phone refuses commands, or shows no properties.
        TransientDeviceError: it went away.
    """
    commands = {name: command.asks for name, command in COMMANDS.items()}
    asked = {**commands, **questions(), "shell": _SHELL, "perfetto": _PERFETTO}
    answers = ask_many(phone, asked, limit_s=limit_s, on_progress=on_progress)
    properties = properties_of(_text(answers["getprop"]))
    if not properties:
        raise DeviceError(
            f"{phone.serial}: getprop shows nothing; is it Android?",
            hint=f"run it by hand: adb -s {shlex.quote(phone.serial)} shell getprop",
            last_lines=answers["getprop"].lines[-3:],
        )
    cleaner = cleaner_of(properties, phone.serial)
    files = files_in({name: _text(answers[name]) for name in questions()})
    snapshot = _fitting(
        Snapshot(
            commands={
                name: keep(name, _text(answers[name]), cleaner)
                for name in COMMANDS
                if answers[name].exit_status is not None
            },
            files=_cleaned(files, cleaner),
            exit_status={
                name: status for name in COMMANDS if (status := answers[name].exit_status)
            },
            refused={path: cleaner.clean(words) for path, words in files.refused.items()},
            features=phone.transport.features(),
            program=VERSION,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
        )
    )
    return Taken(
        snapshot=snapshot,
        unanswered=tuple(name for name, answer in answers.items() if answer.exit_status is None),
        shell=_text(answers["shell"]).strip(),
        perfetto=answers["perfetto"].exit_status == 0,
        keeps_counters=keeps_counters(phone),
        cleaner=cleaner,
    )


def _text(answer: Answer) -> str:
    return answer.text.replace("\0", "\\x00")


def _cleaned(files: Files, cleaner: Cleaner) -> dict[str, str]:
    return {
        path: cleaner.clean(shorten(text, _LONGEST_FILE), numbers=False)
        for path, text in files.texts.items()
    }


def _fitting(snapshot: Snapshot) -> Snapshot:
    """Returns the snapshot, after halving its longest texts until it is small enough."""
    commands, files = dict(snapshot.commands), dict(snapshot.files)
    while snapshot.size_bytes > MAX_BYTES - _ROOM_BYTES:
        texts = max((commands, files), key=lambda each: max(map(len, each.values()), default=0))
        name = max(texts, key=lambda each: len(texts[each]))
        texts[name] = shorten(texts[name], len(texts[name]) // 2)
        snapshot = replace(snapshot, commands=commands, files=files)
    return snapshot
