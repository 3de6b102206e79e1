"""Public tasks out of data that TensorFlow Datasets prepared; run where that is installed."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

# The data set's own builder makes its own features and splits, of a small copy.
PREPARE = """
import sys
from pathlib import Path
import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.audio import crema_d

actors = [str(number) for number in range(1001, 1092)]

class Small:
    def _split_generators(self, dl_manager):
        items = [(f"{actor}_IEO_{label}_XX", actor) for actor in actors for label in crema_d.LABELS]
        splits = crema_d._get_inter_splits_by_group(
            items, [("train", 0.7), ("validation", 0.1), ("test", 0.2)], 0
        )
        return {split: self._generate_examples(sorted(names)) for split, names in splits.items()}

    def _generate_examples(self, names):
        for name in names:
            actor, _, label, _ = name.split("_")
            rng = np.random.default_rng([int(actor), crema_d.LABELS.index(label)])
            audio = rng.integers(-9000, 9000, 800)
            yield name, {"audio": audio, "label": label, "speaker_id": actor}

for method in ("_split_generators", "_generate_examples"):
    setattr(crema_d.CremaD, method, getattr(Small, method))
crema_d.CremaD(data_dir=sys.argv[1]).download_and_prepare()
"""
READ = """
import sys, tracemalloc
from pathlib import Path
from models.audio.decode import decode
from models.public.splits import by_speakers
from models.public.task_sets import public_task_set
from tensorflow_datasets.audio import crema_d, dementiabank

found = public_task_set("crema_d", Path(sys.argv[1]))
(task,) = found.tasks
(fold,) = task.folds
people = [{task.clips[i].group for i in side} for side in (fold.train, fold.validation, fold.test)]
assert [len(each) for each in people] == [63, 9, 19], people
assert {clip.label for clip in task.clips} == set(crema_d.LABELS)
audio = decode(Path(task.clips[0].path))
assert audio.shape == (800,) and 0.2 < abs(audio).max() < 0.3
assert public_task_set("crema_d", Path(sys.argv[1])).sha256 == found.sha256

# Our rule of division is theirs, also for other data and numbers of speakers.
names = ("train", "validation", "test")
for shares, own in ((0.7, 0.1, 0.2), crema_d), ((0.6, 0.2, 0.2), dementiabank):
    for count in range(3, 400, 7):
        speakers = [f"s{number}" for number in range(count)]
        theirs = own._get_inter_splits_by_group(
            [(each, each) for each in speakers], list(zip(names, shares)), 0
        )
        ours = by_speakers(speakers, shares, what="x")
        assert {each: split for split, ids in theirs.items() for each in ids} == ours
"""


@pytest.mark.skipif(not find_spec("tensorflow_datasets"), reason="no tensorflow-datasets")
def test_a_data_set_that_tfds_prepared_is_divided_as_tfds_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path / "cache"))
    for script in (PREPARE, READ):
        subprocess.run([sys.executable, "-c", script, str(tmp_path / "data")], check=True)


def test_prepared_data_without_tfds_name_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    from bench.core.errors import ConfigurationError
    from models.public.task_sets import public_task_set

    folder = tmp_path / "crema_d" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="tensorflow-datasets is not installed") as found:
        public_task_set("crema_d", tmp_path)
    assert ".[tfds]" in found.value.hint
