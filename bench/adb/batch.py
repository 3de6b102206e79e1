"""Several questions to a phone in one command, because each command costs a round trip."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bench.adb.phone import COMMAND_LIMIT_S, Phone
from bench.adb.shell import PhaseLimits
from bench.core.device_state.state import Reading
from bench.core.progress import OnProgress, ignore

# An old adb server takes 4096 bytes, and phones before Android 7 get a command quoted.
_BATCH_CHARACTERS = 2200
_MARK_CHARACTERS = 60
_REFUSED = re.compile(r"^grep: (\S+): (.+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one of the questions.

    Args:
        text: stdout and stderr together; empty if the phone did not reach the question.
        exit_status: ``None`` if the phone did not reach the question.
    """

    text: str
    exit_status: int | None

    @property
    def lines(self) -> list[str]:
        """Returns the lines that are not blank, stripped."""
        return [line.strip() for line in self.text.splitlines() if line.strip()]


def ask_all(phone: Phone, commands: Mapping[str, str]) -> dict[str, Answer]:
    """Returns the answers by name; the commands must not depend on each other.

    Raises:
        TransientDeviceError: the phone went away.
    """
    word = secrets.token_hex(8)
    done = phone.shell(script(word, commands))
    return answers(word, done.text, commands)


def ask_many(
    phone: Phone,
    commands: Mapping[str, str],
    *,
    limit_s: float = COMMAND_LIMIT_S,
    on_progress: OnProgress = ignore,
) -> dict[str, Answer]:
    """Returns the answers by name, asked in as few commands as old adb servers take.

    A command that does not end is killed, and the ones after it are asked again without it.

    Args:
        limit_s: for each of them, so that slow ones together do not count as one that hangs.
        on_progress: gets the number of commands that were answered or killed, and of all.

    Raises:
        TransientDeviceError: the phone went away.
    """
    found: dict[str, Answer] = {}
    on_progress(0, len(commands))
    for batch in _batches(commands):
        left = list(batch)
        while left:
            word = secrets.token_hex(8)
            asked_now = {name: batch[name] for name in left}
            each = PhaseLimits(mark=f"{word} ".encode(), limits_s=(limit_s,) * (len(left) + 1))
            done = phone.shell(script(word, asked_now), limit_s=each)
            asked = answers(word, done.text, left)
            reached = [name for name in left if asked[name].exit_status is not None]
            found |= {name: asked[name] for name in left[: len(reached) + 1]}
            left = left[len(reached) + 1 :]
            on_progress(len(found), len(commands))
    return found


def script(word: str, commands: Mapping[str, str]) -> str:
    """Returns a script that runs all of ``commands``; ``word`` marks the end of each."""
    return "".join(
        f"({command}\n) 2>&1\necho {word} {name} $?\n" for name, command in commands.items()
    )


def answers(word: str, text: str, names: Iterable[str]) -> dict[str, Answer]:
    """Returns the answer to each of ``names``, from the output of a ``script`` with that word."""
    matches = re.findall(rf"(.*?){word} (\S+) (\d+)\r?\n?", text, re.DOTALL)
    by_name = {
        name: Answer(text=output, exit_status=int(status)) for output, name, status in matches
    }
    return {name: by_name.get(name, Answer(text="", exit_status=None)) for name in names}


def files_of(answer: Answer) -> dict[str, Reading]:
    """Returns path to content, from ``grep -H . PATHS``; the reason where a file is unreadable."""
    contents: dict[str, Reading] = {}
    for line in answer.lines:
        refused = _REFUSED.match(line)
        if refused is not None:
            contents.setdefault(refused[1], Reading(unavailable=refused[2]))
        elif ":" in line:
            path, _, content = line.partition(":")
            contents.setdefault(path, Reading(value=content.strip()))
    return contents


def _batches(commands: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yields the commands, so many together as fit into one command for the phone."""
    batch: dict[str, str] = {}
    size = 0
    for name, command in commands.items():
        if batch and size + len(command) > _BATCH_CHARACTERS:
            yield batch
            batch, size = {}, 0
        batch[name] = command
        size += len(command) + _MARK_CHARACTERS
    if batch:
        yield batch
