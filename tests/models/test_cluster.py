"""``score --scheduler``: the same pieces on the workers of Dask, here a small scheduler of ours."""

from collections.abc import Iterator
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.audio_models import MODELS, manifest

from bench.core.errors import ConfigurationError, InfrastructureError
from bench.flow.build.cluster import at
from models.audio.tasks import task_set
from models.distill import parts
from models.distill.corpus import clips_of
from models.distill.parts import TargetWorkers
from models.distill.recipe import TargetSpec
from models.distill.targets import prepare_targets
from models.embeddings.embed import embed_clips
from models.embeddings.pieces import Work
from models.teachers.teacher import Teacher

distributed: Any = pytest.importorskip("distributed")

PATH = MODELS / "patch_one.tflite"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Yields the address of a scheduler with two workers, which are threads of this process."""
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    )
    with cluster:
        yield str(cluster.scheduler_address)


def test_a_cluster_gives_the_same_bits_and_keeps_them_here(
    address: str, tones: Path, tmp_path: Path
) -> None:
    clips = task_set(str(tones)).paths()
    here = embed_clips(PATH, manifest(PATH), clips, cache=tmp_path / "here")
    with Work(at(address)) as work:
        # Workers need not be in the folder that paths are relative to.
        path, near = Path(relpath(PATH)), {each: Path(relpath(clips[each])) for each in clips}
        there = embed_clips(path, manifest(path), near, cache=tmp_path / "there", work=work)
        assert work.embedded.clips == 18
    assert np.array_equal(here, there)
    again = embed_clips(PATH, manifest(PATH), clips, cache=tmp_path / "there")
    assert np.array_equal(here, again)


def test_a_worker_refuses_a_clip_that_is_another_one_there(
    address: str, tones: Path, tmp_path: Path
) -> None:
    clips = task_set(str(tones)).paths()
    first = next(iter(clips))
    clips[first] = clips[next(reversed(clips))]
    with (
        pytest.raises(ConfigurationError, match=r"clip\.wav on .*: is not there, or is another"),
        Work(at(address)) as work,
    ):
        embed_clips(PATH, manifest(PATH), clips, cache=tmp_path, work=work)


@dataclass(frozen=True)
class Loudness:
    """Returns a teacher whose two numbers are a clip's loudness and the negative of it."""

    size: int = 2

    def __call__(self) -> Teacher:
        return Teacher(
            name="loudness",
            size=self.size,
            sha256=f"{self.size:064d}",
            licence="none",
            runtime="numpy",
            min_samples=8_000,
            frames=lambda audio: np.abs(audio).mean(axis=1)[:, None, None] * np.array([1.0, -1.0]),
        )


def test_a_teachers_targets_are_the_same_from_a_cluster(
    address: str, tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_PART", 4)
    clips, _ = clips_of(str(tones))
    spec = TargetSpec(audio=str(tones), validation_ratio=0.3, copies=2)
    here = prepare_targets(spec, Loudness()(), clips, cache=tmp_path / "here")
    with at(address)() as pool:
        workers = TargetWorkers(pool=pool, teacher=Loudness())
        there = prepare_targets(
            spec, Loudness()(), clips, cache=tmp_path / "there", workers=workers
        )
        assert np.array_equal(here.patches, there.patches)
        assert np.array_equal(here.values, there.values)
        assert here.index == there.index
        with pytest.raises(ConfigurationError, match="has other weights than here"):
            other = TargetWorkers(pool=pool, teacher=Loudness(size=3))
            prepare_targets(spec, Loudness()(), clips, cache=tmp_path / "3", workers=other)


def test_where_no_scheduler_answers_the_error_says_how_to_start_one() -> None:
    with (
        pytest.raises(InfrastructureError, match="no scheduler of Dask answers") as error,
        at("nonsense://nowhere")(),
    ):
        pass
    assert "dask scheduler" in str(error.value)
