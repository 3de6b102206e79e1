"""Processes beside this one: results in order, few at a time, no unfinished file."""

import os
from pathlib import Path

import pytest
from support.patience import wait_until

from bench.core import atomic
from bench.core.system import workers
from bench.core.system.workers import Here, in_order


def test_results_come_in_order_and_few_pieces_are_begun_ahead() -> None:
    begun: list[int] = []

    def begin(piece: int) -> object:
        begun.append(piece)
        return lambda: 10 * piece

    results = in_order(begin, iter(range(1_000_000)), ahead=3)  # type: ignore[arg-type,var-annotated]
    assert [next(results), next(results)] == [0, 10]
    assert begun == [0, 1, 2, 3, 4]
    assert list(in_order(begin, range(2), ahead=3)) == [0, 10]  # type: ignore[arg-type]
    assert list(Here().each(str, [1, 2])) == ["1", "2"]


def unfinished(folder: Path) -> None:
    """Writes a file and never ends it."""
    with atomic.replacing(folder / "file") as partial:
        partial.write_text("half")
        (folder / "begun").write_text(str(os.getpid()))
        wait_until(lambda: False)


def test_a_process_that_is_interrupted_removes_the_file_that_it_writes(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        workers.workers(most=1, writing=True) as found,
    ):
        found.begin(unfinished, tmp_path)
        wait_until((tmp_path / "begun").is_file)
        assert len(list(tmp_path.iterdir())) == 2
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["begun"]
