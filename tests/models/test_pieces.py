"""Embeddings of clips in pieces: here and in processes, kept by clip, interrupted."""

import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from support.audio_models import MODELS, manifest

from models import frontend
from models.audio.decode import decode
from models.audio.tasks import task_set
from models.embeddings import pieces
from models.embeddings.embed import embed_at_hops, embed_clips
from models.embeddings.pieces import Work
from models.tflite.arrays import Floats

PATH = MODELS / "patch_one.tflite"


def embedded(
    clips: Mapping[str, Path], cache: Path, *hops: int, work: Work | None = None
) -> tuple[dict[int, Floats], int]:
    """Returns embeddings, and how many clips were embedded for them."""
    with work or Work() as own:
        before = own.embedded.clips
        frames = [160 * hop for hop in hops or (17,)]
        found = embed_at_hops(PATH, manifest(PATH), clips, hops=frames, cache=cache, work=own)
        return found, own.embedded.clips - before


def test_a_clip_of_two_task_sets_is_embedded_once(tones: Path, tmp_path: Path) -> None:
    clips = task_set(str(tones)).paths()
    some = dict(list(clips.items())[3:10])
    first, count = embedded(some, tmp_path)
    assert count == 7
    both, count = embedded(clips, tmp_path)
    assert count == 18 - 7
    assert np.array_equal(both[2_720][3:10], first[2_720])
    alone, _ = embedded(clips, tmp_path / "other")
    assert np.array_equal(both[2_720], alone[2_720])


def test_a_clip_that_one_window_holds_is_embedded_once_for_all_hops(
    write_tone: Callable[..., Path], tmp_path: Path
) -> None:
    clips = {
        name: write_tone(tmp_path / f"{name}.wav", hertz=500, seconds=seconds, seed=1)
        for name, seconds in (("short", 0.4), ("one second", 0.98), ("long", 2.0))
    }
    assert embedded(clips, tmp_path, 17)[1] == 3
    found, count = embedded(clips, tmp_path, 48)
    assert count == 1
    alone, _ = embedded(clips, tmp_path / "other", 48)
    assert np.array_equal(found[7_680], alone[7_680])


def test_what_was_embedded_is_counted_and_what_was_kept_is_not(tones: Path, tmp_path: Path) -> None:
    clips = task_set(str(tones)).paths()
    with Work() as work:
        embedded(clips, tmp_path, work=work)
        assert work.embedded.clips == 18
        assert work.embedded.audio_s == pytest.approx(18 * 1.2)
        assert work.embedded.text.startswith("embedded 18 clips, 0.006 audio-hours, ")
    with Work() as work:
        embedded(clips, tmp_path, work=work)
        assert work.embedded.text == "embedded no clip: all were kept from before"


def test_an_interruption_keeps_what_was_embedded_and_leaves_no_half_file(
    tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "_CLIPS", 4)
    clips = task_set(str(tones)).paths()

    def interrupt(done: int, _: int) -> None:
        if done == 10:  # within the third piece
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_clips(PATH, manifest(PATH), clips, cache=tmp_path / "cache", on_progress=interrupt)
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".rows"}
    assert not [path for path in files if path.name.startswith(".")]
    assert embedded(clips, tmp_path / "cache")[1] == 18 - 8


def test_processes_give_the_same_bits_and_are_gone_afterwards(
    tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = task_set(str(tones)).paths()
    here, _ = embedded(clips, tmp_path / "here", 17, 48)
    monkeypatch.setattr(pieces, "_FEW", 0)
    monkeypatch.setattr(pieces, "_CLIPS", 5)
    beside, count = embedded(clips, tmp_path / "beside", 17, 48)
    assert count == 18
    for hop, vectors in here.items():
        assert np.array_equal(beside[hop], vectors)


def test_the_log_mel_of_long_audio_is_that_of_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = np.random.default_rng(1).normal(scale=0.1, size=50_003).astype(np.float32)
    whole = frontend.log_mel(audio)
    monkeypatch.setattr(frontend, "_AT_ONCE", 64)
    assert np.array_equal(frontend.log_mel(audio), whole)


def test_a_long_clip_takes_little_more_than_its_audio_and_its_frames(
    write_tone: Callable[..., Path], tmp_path: Path
) -> None:
    clip = write_tone(tmp_path / "clip.wav", hertz=500, seconds=150.0, seed=1)
    embedded({"short": write_tone(tmp_path / "short.wav", seconds=2.0)}, tmp_path, 1)
    audio_bytes = decode(clip).nbytes
    tracemalloc.start()
    embedded({"long": clip}, tmp_path, 1)  # 14,900 windows, of 366 MB
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * audio_bytes
