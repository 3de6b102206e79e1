"""A thousand databases with one flipped bit each; about a minute."""

from pathlib import Path

import pytest
from support.damaged_stores import flip
from support.tables import write_table

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(3600)]

COUNT = 1000


def test_no_flipped_bit_changes_what_is_read(tmp_path: Path) -> None:
    found = flip(tmp_path, count=COUNT, seed=2, processes=20)
    write_table(
        "flips",
        f"{COUNT:,} copies of a database, each with one flipped bit at a seeded place. All of each "
        "was read, and its page's rows were made: either as before, where the bit is in an unused "
        "part of a page, or with an error that names the file and the next step "
        "(`make evidence`).",
        ["flipped bits", "read as before", "refused", "read with other values"],
        [[f"{COUNT:,}", str(found.same), str(found.refused), str(len(found.silent))]],
    )
    assert found.silent == ()
    assert found.refused > COUNT / 4
