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


def ask_all(
    phone: Phone, commands: Mapping[str, str], *, limit_s: float = _LIMIT_S
) -> dict[str, Answer]:
    """Returns the answers by name; the commands must not depend on each other.

    Raises:
        TransientDeviceError: the phone went away.
    """
    word = secrets.token_hex(8)
    done = phone.shell(script(word, commands), limit_s=limit_s)
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


def files_of(answer: Answer) -> dict[str, str]:
    """Returns path to content, stripped, of what ``grep -H . PATHS`` answered."""
    contents: dict[str, str] = {}
    for line in answer.lines:
        path, colon, content = line.partition(":")
        if colon and path.startswith("/"):
            contents.setdefault(path, content.strip())
    return contents
