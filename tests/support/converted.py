"""Real conversions for all tests of models and streams: small networks, real audio, TensorFlow."""

from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path

import pytest

from bench.core.artifact import Format
from models.convert import pool
from models.zoo import Zoo
from support.streams import OTHER_HOPS, STREAM, STUDENT, converted
from support.zoo_names import DFT, DFT_OF_A_HOP, FUSED, STFT, UNFUSED, WITH_FRONTEND


@pytest.fixture(scope="session")
def converters() -> Iterator[Executor]:
    """Yields the processes of all these conversions, which import TensorFlow once each."""
    with pool.processes() as executor:
        yield executor


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, audio_root: Path, converters: Executor) -> Zoo:
    names = (UNFUSED, FUSED, WITH_FRONTEND, DFT, DFT_OF_A_HOP, STFT)
    return converted(tmp_path_factory.mktemp("zoo"), audio_root, names, executor=converters)


@pytest.fixture(scope="session")
def streams(
    tmp_path_factory: pytest.TempPathFactory, audio_root: Path, converters: Executor
) -> Zoo:
    root = tmp_path_factory.mktemp("streams")
    converted(root, audio_root, OTHER_HOPS, [Format.FLOAT32], executor=converters)
    return converted(root, audio_root, [STUDENT, STREAM], executor=converters)
