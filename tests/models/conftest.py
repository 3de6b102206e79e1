"""One real conversion for all tests of the zoo: small networks on real audio, in TensorFlow."""

from pathlib import Path

import pytest
from support.streams import OTHER_HOPS, STREAM, STUDENT, converted
from support.zoo_names import DFT, DFT_OF_A_HOP, FUSED, STFT, UNFUSED, WITH_FRONTEND

from bench.core.artifact import Format
from bench.flow.build.convert import convert_to_zoo
from models.student.buildable import parse
from models.zoo import Zoo


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory, audio_root: Path) -> Zoo:
    root = tmp_path_factory.mktemp("zoo")
    _, failed = convert_to_zoo(
        [parse(name) for name in (UNFUSED, FUSED, WITH_FRONTEND, DFT, DFT_OF_A_HOP, STFT)],
        formats=list(Format),
        zoo=root,
        audio=audio_root,
    )
    assert not failed
    return Zoo(root)


@pytest.fixture(scope="session")
def streams(tmp_path_factory: pytest.TempPathFactory, audio_root: Path) -> Zoo:
    root = tmp_path_factory.mktemp("streams")
    converted(root, audio_root, OTHER_HOPS, [Format.FLOAT32])
    return converted(root, audio_root, [STUDENT, STREAM], list(Format))
