"""Every command of the README and the documents has verbs and flags that the program has."""

import re
import shlex
from pathlib import Path

import pytest

from bench.cli.main import VERBS, _parser

DOCS = Path(__file__).parents[2] / "docs"
# In backticks, or at the beginning of a line of a block, where a line may go on below.
COMMAND = re.compile(r"(?:`|^ {4,}(?:- )?(?:run: )?)frill-bench ((?:\\\n|[^`\n|>])+)", re.MULTILINE)


def commands() -> list[str]:
    pages = [DOCS.parent / "README.md", *DOCS.glob("*.md")]
    found = [each for page in pages for each in COMMAND.findall(page.read_text())]
    plain = {" ".join(each.replace("\\\n", " ").split()) for each in found}
    return sorted(each for each in plain if not each.endswith("--help"))


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_documents_is_one_of_the_program(command: str) -> None:
    verb, *words = shlex.split(command)
    assert verb in VERBS
    if words:  # else it is only named
        assert _parser(verb).parse_args([verb, *words]).verb == verb


def test_the_documents_name_commands() -> None:
    assert len(commands()) >= 12
