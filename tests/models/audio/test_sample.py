from collections.abc import Callable
from pathlib import Path

import pytest

from bench.core.caveats import CaveatKind
from bench.core.errors import BenchError
from models.audio.sample import sampled
from models.audio.tasks import task_set


def test_a_sample_keeps_every_class_on_both_sides_and_is_the_same_each_time(
    tmp_path: Path, write_tone: Callable[..., Path]
) -> None:
    lines = ["path,label,split"]
    for number in range(40):
        label, split = "ab"[number % 2], ("train", "test")[number % 4 > 1 and number < 20]
        path = write_tone(tmp_path / f"{number}.wav", seconds=0.5, seed=number)
        lines.append(f"{path.name},{label},{split}")
    table = tmp_path / "clips.csv"
    table.write_text("\n".join(lines))
    whole = task_set(str(table))
    few = sampled(whole, 12)
    assert few == sampled(whole, 12)
    assert few.sha256 != whole.sha256
    assert CaveatKind.QUICK in {caveat.kind for caveat in few.caveats}
    (task,) = few.tasks
    (fold,) = task.folds
    assert len(task.clips) == len(few.paths()) == 12
    for side in (fold.train, fold.test):
        assert {task.clips[index].label for index in side} == {"a", "b"}
    assert 8 <= len(fold.train) <= 9  # three quarters of the whole are for training
    assert sampled(whole, 40) == whole
    with pytest.raises(BenchError, match="do not fill") as refused:
        sampled(whole, 3)
    assert "at least 4 clips" in refused.value.hint


@pytest.mark.audio
def test_by_default_a_packaged_task_set_is_sampled_to_the_fewest_clips_that_fill_it(
    audio_root: Path,
) -> None:
    for name, count in (("quick", 308), ("default", 930)):
        whole = task_set(name)
        assert len(whole.paths()) > count
        assert len(sampled(whole).paths()) == count
