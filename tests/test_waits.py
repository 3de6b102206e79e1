"""Tests wait by no number of seconds of their own: a busy machine would fail them."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
WAITED = re.compile(r"\b(?:timeout|limit_s)=\d{2,}|monotonic\(\) \+ \d|\.(?:wait|join)\([1-9]")


def test_what_is_sure_to_come_is_waited_for_as_long_as_support_patience_says() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{number}: {line.strip()}"
        for path in sorted(TESTS.rglob("*.py"))
        if "evidence" not in path.parts
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if WAITED.search(line)
    ]
    assert not found
