"""``score --scheduler``: the same pieces on the workers of Dask, here a small scheduler of ours."""

from collections.abc import Iterator
from os.path import relpath
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.audio_models import MODELS, manifest

from bench.core.errors import ConfigurationError, InfrastructureError
from bench.flow.build.cluster import at
from models.accuracy.embed import embed_clips
from models.accuracy.pieces import Work
from models.audio.tasks import task_set

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


def test_where_no_scheduler_answers_the_error_says_how_to_start_one() -> None:
    with (
        pytest.raises(InfrastructureError, match="no scheduler of Dask answers") as error,
        at("nonsense://nowhere")(),
    ):
        pass
    assert "dask scheduler" in str(error.value)
