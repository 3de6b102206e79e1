"""100,000 seeded mutations of five files, each added to a zoo; about fifteen minutes of two cores.

A batch runs in a process of its own. An exception that is no refusal (exit code 70), a process that
ends or one that does not come to an end would fail the test.
"""

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from support.mutations import FILES, outcomes
from support.tables import write_table

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(4 * 3600)]

COUNT = 100_000
BATCH = 2_500
PROCESSES = 2


def test_no_mutation_of_a_model_file_ends_in_anything_but_a_clear_answer(tmp_path: Path) -> None:
    batches = [range(start, start + BATCH) for start in range(0, COUNT, BATCH)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context, max_tasks_per_child=1) as executor:
        counts = sum(executor.map(partial(batch, tmp_path), batches), Counter())
    assert sum(counts.values()) == COUNT
    names = [path.stem for path in FILES]
    kinds = [kind for kind, _ in Counter(kind for _, kind in counts.elements()).most_common()]
    write_table(
        "mutations",
        f"{COUNT:,} seeded mutations of {len(FILES)} model files, one to three changes each, added "
        "to an empty zoo: each was added, or refused by an error with its name and the exit code "
        "2; none ended with 70, none without an end. Where LiteRT crashes, it does so in a child "
        "of the process that reads files, and only that file is refused (`make evidence`).",
        ["outcome", *names, "all"],
        [
            [kind, *(f"{counts[name, kind]:,}" for name in names),
             f"{sum(counts[name, kind] for name in names):,}"]
            for kind in kinds
        ],
    )  # fmt: skip


def batch(folder: Path, seeds: range) -> Counter[tuple[str, str]]:
    """Returns the outcomes of some seeds, in a folder of their own."""
    own = folder / str(seeds.start)
    own.mkdir()
    return outcomes(own, seeds)
