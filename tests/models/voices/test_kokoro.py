from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from bench.core.errors import InfrastructureError
from models.voices import kokoro
from models.voices.kokoro import Joined, Kokoro
from models.wheel import Wheel


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Wheel, ...]:
    """Returns two wheels that are in the cache, unpacked, each with a part of a model."""
    wheels = [
        Wheel(name=f"model-{number}", version="1.0", sha256="", members=("a/part.bin",))
        for number in (1, 2)
    ]
    for number, wheel in enumerate(wheels):
        folder = tmp_path / "models" / f"{wheel.name}-{wheel.version}"
        folder.mkdir(parents=True)
        (folder / "part.bin").write_bytes(b"half " * (number + 1))
    return tuple(wheels)


def test_a_model_in_parts_is_joined_once_and_the_parts_go(
    tmp_path: Path, parts: tuple[Wheel, ...]
) -> None:
    wanted = Joined(sha256=sha256(b"half half half ").hexdigest(), parts=parts)
    whole = kokoro._joined(wanted, tmp_path)
    assert whole.read_bytes() == b"half half half "
    assert list((tmp_path / "models").iterdir()) == [whole]
    assert kokoro._joined(wanted, tmp_path) == whole


def test_a_joined_model_of_another_sum_is_refused(tmp_path: Path, parts: tuple[Wheel, ...]) -> None:
    with pytest.raises(InfrastructureError, match="not the pinned 00"):
        kokoro._joined(Joined(sha256="00" * 32, parts=parts), tmp_path)
    assert not list((tmp_path / "models").glob("kokoro*"))


def test_the_style_is_that_of_as_many_phonemes_as_are_spoken() -> None:
    seen = []

    def run(values: object) -> dict[str, np.ndarray]:
        seen.append(values)
        return {"audio": np.array([[3.0, -0.5]], dtype=np.float32)}

    style = np.arange(4 * 256, dtype=np.float32).reshape(4, 256)
    model = Kokoro(run=run, vocabulary={"a": 7, " ": 9}, styles={})
    audio = model.say("a a", style, speed=0.9)
    assert list(audio) == [1.0, -0.5]
    (values,) = seen
    assert values["tokens"].tolist() == [[0, 7, 9, 7, 0]]
    assert values["style"].tolist() == [style[2].tolist()]
    assert values["speed"] == pytest.approx(0.9)
    model.say("a" * 9, style, speed=1.0)
    assert seen[1]["style"].tolist() == [style[3].tolist()]  # there is none for more
