"""The loop of docs/deploy.md runs as it stands."""

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.streams import STREAM, STUDENT, artifact, offline, speech

from models.stream import Hop
from models.tflite.arrays import Floats
from models.tflite.litert import Model
from models.zoo import Zoo

PAGE = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
(LOOP,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.zoo
@pytest.mark.audio
def test_the_loop_of_the_page_gives_the_embeddings_of_the_last_windows(
    streams: Zoo, tmp_path: Path, audio_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, stream = (streams.path(artifact(streams, name)) for name in (STUDENT, STREAM))
    shutil.copy(stream, tmp_path / "student_stream.tflite")
    monkeypatch.chdir(tmp_path)
    page: dict[str, Any] = {}
    exec(LOOP, page)  # noqa: S102 - what an app's author copies
    embeddings: Callable[[Iterable[Floats]], Iterator[Floats]] = page["embeddings"]
    audio = speech(audio_root, seconds=3.4)
    vectors = list(embeddings(audio.reshape(-1, 2720)))
    ends = [2720 * call for call in range(6, 21)]
    assert np.abs(np.stack(vectors) - offline(Model(student), audio, ends)).max() < 1e-4


def test_the_shapes_and_calls_of_the_page_are_those_of_the_files() -> None:
    hops = [Hop(frames) for frames in (17, 48, 96)]
    rows = [line.split("|")[4:-1] for line in PAGE.splitlines() if re.match(r"\| [012] \|", line)]
    for hop, *cells in zip(hops, *rows, strict=True):
        shapes = [list(shape) for shape in hop.input_shapes]
        words = [cell.strip().split(" to ")[0] for cell in cells]
        assert words == [*map(str, shapes), "none"][:3]
    calls = ", ".join(str(hop.calls_to_fill) for hop in hops[:2])
    assert f"({calls} and {hops[2].calls_to_fill})" in PAGE
    assert LOOP.count(f"CALLS_TO_FILL = {hops[0].calls_to_fill}\n") == 1
    assert PAGE.count("calls >= 6") == 2
