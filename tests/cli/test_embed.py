"""``embed``: the vectors of a folder of audio, for other programs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from support.program import command_line

MODELS = Path(__file__).parents[1] / "data" / "audio_models"


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    folder = tmp_path / "zoo"
    command_line("zoo", "add", MODELS / "patch.tflite", "--zoo", folder, "--name", "m", status=0)
    return folder


def test_a_row_for_each_clip_with_where_it_is_from(zoo: Path, tones: Path, tmp_path: Path) -> None:
    shutil.copy(tones / "low/speaker0/clip.wav", tones / "again.wav")
    words = ("embed", "m", tones, "--zoo", zoo, "--out", tmp_path / "v.npz", "--json")
    document = json.loads(command_line(*words, status=0).stdout)
    with np.load(tmp_path / "v.npz") as stored:
        paths, vectors = list(stored["paths"]), stored["vectors"]
        provenance = json.loads(str(stored["provenance"]))
    assert (document["rows"], document["dimensions"]) == vectors.shape
    assert vectors.dtype == np.float32
    assert len(paths) == 19
    assert np.array_equal(
        vectors[paths.index("again.wav")], vectors[paths.index("low/speaker0/clip.wav")]
    )
    assert provenance["artifact_sha256"] == document["artifact_sha256"]
    assert provenance["delegate"] == "xnnpack"


def test_windows_have_their_starts_and_their_mean_is_the_clips_vector(
    zoo: Path, tones: Path, tmp_path: Path
) -> None:
    clips, windows = tmp_path / "clips.parquet", tmp_path / "windows.parquet"
    hop = ("--hop", "10", "--zoo", zoo)
    command_line("embed", "m.float32", tones, *hop, "--out", clips, status=0)
    command_line("embed", "m", tones, *hop, "--windows", "--out", windows, status=0)
    whole, parts = parquet.read_table(clips), parquet.read_table(windows)
    assert json.loads(parts.schema.metadata[b"frill-bench"])["row_is"] == "window"
    name = whole["path"][0].as_py()
    own = [row for row in parts.to_pylist() if row["path"] == name]
    assert [row["start_s"] for row in own[:3]] == pytest.approx([0.0, 0.1, 0.2])
    mean = np.mean([row["vector"] for row in own], axis=0)
    assert whole["vector"][0].as_py() == pytest.approx(mean, abs=1e-6)


def test_a_file_needs_no_zoo(tones: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "v.npz"
    command_line("embed", MODELS / "patch.tflite", tones, "--out", out, status=0)
    assert out.is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("m", "TONES", "--out", "v.csv"), "its suffix is neither .npz nor .parquet"),
        (("m", "EMPTY", "--out", "v.npz"), "holds no audio files"),
        (("n", "TONES", "--out", "v.npz"), "has no model 'n'"),
        (("m.int8", "TONES", "--out", "v.npz"), "has no m in int8"),
        (("m", "TONES", "--out", "v.npz", "--hop", "0"), "its hop cannot be 0 frames"),
    ],
)
def test_what_cannot_be_embedded_is_refused_and_nothing_is_left(
    words: tuple[str, ...], message: str, zoo: Path, tones: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"TONES": tones, "EMPTY": tmp_path / "empty"}
    given = [places.get(word, tmp_path / word if word[:2] == "v." else word) for word in words]
    done = command_line("embed", *given, "--zoo", zoo)
    assert done.returncode == 2
    assert message in done.stderr
    assert not list(tmp_path.glob("v.*"))
