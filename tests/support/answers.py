"""A phone that gives recorded answers, for phones that the virtual handset cannot be."""

import re
from collections.abc import Mapping
from typing import cast

from bench.adb.phone import COMMAND_LIMIT_S, Phone
from bench.adb.shell import Completed, Limit
from bench.adb.transport.stream import Transport


class Answering(Phone):
    """Answers each question of a batch by its name; the others as a shell without the command."""

    def __init__(self, answers: Mapping[str, str]) -> None:
        super().__init__(cast("Transport", None))
        self.answers = answers

    @property
    def serial(self) -> str:
        return "R58N"

    def shell(self, command: str, *, limit_s: Limit = COMMAND_LIMIT_S) -> Completed:
        stdout = ""
        for word, name in re.findall(r"^echo (\w+) (\w+) \$\?$", command, re.MULTILINE):
            text = self.answers.get(name)
            stdout += f"{text or 'sh: not found'}\n{word} {name} {127 if text is None else 0}\n"
        return Completed(
            stdout=stdout.encode(),
            stderr=b"",
            exit_status=0,
            timed_out=False,
        )
