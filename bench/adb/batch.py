"""Several questions to a phone in one command, because each command costs a round trip."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.adb.phone import Phone
from bench.core.device_state.state import Reading

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
