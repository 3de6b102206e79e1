"""Several questions to a phone in one command, because each command costs a round trip."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
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
    script = "".join(
        f"({command}\n) 2>&1\necho {word} {name} $?\n" for name, command in commands.items()
    )
    done = phone.shell(script, limit_s=limit_s)
    found = re.findall(rf"(.*?){word} (\S+) (\d+)\r?\n?", done.text, re.DOTALL)
    given = {name: Answer(text=text, exit_status=int(status)) for text, name, status in found}
    return {name: given.get(name, Answer(text="", exit_status=None)) for name in commands}


def files_of(answer: Answer) -> dict[str, str]:
    """Returns path to content, stripped, of what ``grep -H . PATHS`` answered."""
    found: dict[str, str] = {}
    for line in answer.lines:
        path, colon, content = line.partition(":")
        if colon and path.startswith("/"):
            found.setdefault(path, content.strip())
    return found
