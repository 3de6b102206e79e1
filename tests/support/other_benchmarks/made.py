"""Made sounds: two labels of noisy tones, 1.5 s each."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16_000
SPLITS = {"train": 24, "valid": 8, "test": 12}
LABELS = ("low", "high")


def sounds(count: int, seed: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yields label and sound, float32 [24000]."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(RATE_HZ * 3 // 2) / RATE_HZ
    for number in range(count):
        label = number % 2
        hertz = (300, 2_500)[label] * rng.uniform(0.9, 1.1)
        tone = 0.3 * np.sin(2 * np.pi * hertz * seconds)
        yield label, (tone + 0.02 * rng.standard_normal(len(seconds))).astype(np.float32)


def hear_task(folder: Path) -> None:
    """Writes a task as HEAR's preprocessing leaves it."""
    folder.mkdir(parents=True)
    about = {
        "task_name": "tones",
        "version": "made",
        "embedding_type": "scene",
        "prediction_type": "multiclass",
        "split_mode": "trainvaltest",
        "sample_duration": 1.5,
        "evaluation": ["top1_acc"],
        "splits": [*SPLITS],
        "evaluation_params": {},
    }
    (folder / "task_metadata.json").write_text(json.dumps(about))
    (folder / "labelvocabulary.csv").write_text("idx,label\n0,low\n1,high\n")
    for seed, (split, count) in enumerate(SPLITS.items()):
        audio = folder / str(RATE_HZ) / split
        audio.mkdir(parents=True)
        labels = {}
        for number, (label, sound) in enumerate(sounds(count, seed)):
            soundfile.write(audio / f"{number}.wav", sound, RATE_HZ)
            labels[f"{number}.wav"] = [LABELS[label]]
        (folder / f"{split}.json").write_text(json.dumps(labels))


def x_ares_task(folder: Path, ready: str) -> None:
    """Writes a task's sounds as X-ARES downloads them."""
    import webdataset

    folder.mkdir(parents=True)
    for seed, (split, count) in enumerate(SPLITS.items()):
        with webdataset.TarWriter(str(folder / f"{split}000000.tar")) as tar:
            for number, (label, sound) in enumerate(sounds(count, seed)):
                wave = folder / "sound.wav"
                soundfile.write(wave, sound, RATE_HZ)
                about = json.dumps({"label": label}).encode()
                tar.write({"__key__": f"{split}{number}", "wav": wave.read_bytes(), "json": about})
    (folder / "sound.wav").unlink()
    (folder / ready).touch()
