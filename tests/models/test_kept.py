"""Rows on disk by name: whole files that are only added, shared by several programs."""

from pathlib import Path

import numpy as np
import pytest

from models.embeddings.kept import Kept


def rows(*values: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array([[value, -value, 0.1] for value in values], dtype=np.float32)


def add(kept: Kept, **named: float) -> None:
    with kept.adding(list(named)) as adding:
        for name, value in named.items():
            adding.add(name, rows(value, 2 * value), samples=int(value))


def test_rows_come_back_to_the_bit_also_in_another_program(tmp_path: Path) -> None:
    kept, other = Kept(tmp_path / "rows"), Kept(tmp_path / "rows")
    assert kept.missing(["a", "b"]) == ["a", "b"]
    add(kept, a=1 / 3, b=7.0)
    add(kept, c=9.0)
    assert other.missing(["c", "d", "b", "a"]) == ["d"]
    for each in (kept, other):
        assert np.array_equal(each["b"].values, rows(7.0, 14.0))
        assert np.array_equal(each["a"].values, rows(1 / 3, 2 / 3))
        assert (each["b"].samples, each.samples("c")) == (7, 9)


def test_two_programs_that_keep_the_same_at_once_agree(tmp_path: Path) -> None:
    one, other = Kept(tmp_path), Kept(tmp_path)
    with one.adding(["a"]) as first, other.adding(["a"]) as second:
        for adding in (first, second):
            adding.add("a", rows(5.0), samples=5)
    assert len(list(tmp_path.iterdir())) == 1
    assert np.array_equal(one["a"].values, other["a"].values)


def test_what_is_interrupted_keeps_nothing_and_leaves_no_file(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    with pytest.raises(KeyboardInterrupt), kept.adding(["a", "b"]) as adding:
        adding.add("a", rows(1.0), samples=1)
        raise KeyboardInterrupt
    assert kept.missing(["a"]) == ["a"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("left", [0, 3, 40, -1])
def test_a_file_that_is_cut_counts_as_missing_until_it_is_written_again(
    tmp_path: Path, left: int
) -> None:
    add(Kept(tmp_path), a=3.0)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:left])
    kept = Kept(tmp_path)
    assert kept.missing(["a"]) == ["a"]
    add(kept, a=3.0)
    assert kept.missing(["a"]) == []
    assert np.array_equal(kept["a"].values, rows(3.0, 6.0))


def test_an_emptied_folder_is_noticed(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    add(kept, a=3.0)
    add(kept, b=4.0)
    for path in tmp_path.iterdir():
        path.unlink()
    assert kept.missing(["a", "b"]) == ["a", "b"]
