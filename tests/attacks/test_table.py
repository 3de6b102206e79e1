"""The tables of docs/security.md: an attempt, what stops it, a test."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \| `([^`|]+)` \|$", DOC, re.MULTILINE)


def test_every_row_is_read() -> None:
    lines = [line for line in DOC.splitlines() if line.startswith("| ")]
    assert len(ROWS) == len(lines) - lines.count("| attempt | what stops it | test |")
    assert len(ROWS) > 35


@pytest.mark.parametrize(("attempt", "stopped_by", "test"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_has_its_place_and_its_test(attempt: str, stopped_by: str, test: str) -> None:
    path, name = test.split("::")
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.MULTILINE), attempt
    for place in re.findall(r"`([\w/]+\.py)`", stopped_by):
        assert (ROOT / place).is_file(), attempt


def test_every_attack_is_in_the_tables() -> None:
    listed = {test.split("::")[1] for _, _, test in ROWS}
    aside = {
        "test_plain_aliases_and_numbers_are_still_read",
        "test_an_entry_far_down_a_long_list_is_named_by_its_place",
        "test_a_path_on_the_command_line_is_run",
        "test_a_name_that_can_be_shown_may_be_long_or_hidden_where_it_is_only_read",
    }
    for path in Path(__file__).parent.glob("test_*.py"):
        if path.name != Path(__file__).name:
            found = set(re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE))
            assert found - aside <= listed, found - aside - listed
