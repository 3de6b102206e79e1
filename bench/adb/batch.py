"""Several questions to a phone in one command, because each command costs a round trip."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.adb.phone import Phone

_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one of the questions gave.

    Args:
        text: stdout and stderr together; empty where the phone never came to it.
        exit_status: ``None`` where the phone never came to it.
    """

    text: str
    exit_status: int | None

    @property
    def lines(self) -> list[str]:
        """Returns the lines that say something."""
        return [line.strip() for line in self.text.splitlines() if line.strip()]


def ask_all(
    phone: Phone, commands: Mapping[str, str], *, limit_s: float = _LIMIT_S
) -> dict[str, Answer]:
    """Returns an answer to each of ``commands``, which are independent of each other.

    Raises:
        TransientDeviceError: the phone went away.
    """
    word = secrets.token_hex(8)
    done = phone.shell(script(word, commands), limit_s=limit_s)
    return answers(word, done.text, commands)


def script(word: str, commands: Mapping[str, str]) -> str:
    """Returns the shell commands that ask all of ``commands``; ``word`` marks each one's end."""
    return "".join(
        f"({command}\n) 2>&1\necho {word} {name} $?\n" for name, command in commands.items()
    )


def answers(word: str, text: str, names: Iterable[str]) -> dict[str, Answer]:
    """Returns what a ``script`` with that word printed, for each of ``names``."""
    found = re.findall(rf"(.*?){word} (\S+) (\d+)\r?\n?", text, re.DOTALL)
    given = {name: Answer(text=said, exit_status=int(status)) for said, name, status in found}
    return {name: given.get(name, Answer(text="", exit_status=None)) for name in names}


def files_of(answer: Answer) -> dict[str, str]:
    """Returns path to content, stripped, of what ``grep -H . PATHS`` answered."""
    found: dict[str, str] = {}
    for line in answer.lines:
        path, colon, content = line.partition(":")
        if colon and path.startswith("/"):
            found.setdefault(path, content.strip())
    return found
