"""Every command of the README and the documents has verbs and flags that the program has."""

import re
import shlex
from pathlib import Path

import pytest

from bench.cli.main import VERBS, _parser

DOCS = Path(__file__).parents[2] / "docs"
PAGES = (DOCS.parent / "README.md", *DOCS.glob("*.md"))
# In backticks, after a prompt, or at the beginning of a line of a block; a line may go on below.
COMMAND = re.compile(
    r"(?:`(?:\.venv/bin/)?|^\$ |^ {4,}(?:- )?(?:run: )?)frill-bench ((?:\\\n|[^`\n|>])+)",
    re.MULTILINE,
)
# A verb with flags, as in `run --streaming`.
MENTION = re.compile(rf"`({'|'.join(VERBS)}) ([^`]*--[^`]+)`")


def commands() -> list[str]:
    found = [each for page in PAGES for each in COMMAND.findall(page.read_text())]
    plain = {" ".join(each.replace("\\\n", " ").split()) for each in found}
    return sorted(each for each in plain if not each.endswith("--help"))


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_documents_is_one_of_the_program(command: str) -> None:
    verb, *words = shlex.split(command)
    assert verb in VERBS
    if words:  # else it is only named
        assert _parser(verb).parse_args([verb, *words]).verb == verb


def mentions() -> list[tuple[str, str]]:
    return sorted({each for page in PAGES for each in MENTION.findall(page.read_text())})


@pytest.mark.parametrize(("verb", "words"), mentions())
def test_a_flag_that_is_mentioned_with_its_verb_is_one_of_it(
    verb: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    helped = [verb, *words.split()[: 1 if words.split()[0].isalpha() else 0], "--help"]
    with pytest.raises(SystemExit) as left:
        _parser(verb).parse_args(helped)
    assert left.value.code == 0
    flags = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out))
    assert set(re.findall(r"--[a-z][a-z-]+", words)) <= flags


def test_the_documents_name_commands() -> None:
    assert len(commands()) >= 30
    assert len(mentions()) >= 6
