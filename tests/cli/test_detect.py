"""``detect``: packaged wake words on real speech, a head on an embedding, events in a list."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.audio_models import MODELS
from support.program import command_line
from support.required import required

from models.audio.decode import decode

pytestmark = pytest.mark.audio


@pytest.fixture(scope="module")
def background(audio_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder of eight clips of real speech."""
    folder = tmp_path_factory.mktemp("background")
    for path in sorted(audio_root.rglob("*.gsm"))[:800:100]:
        shutil.copy(path, folder)
    return folder


def test_two_packaged_wake_words_on_real_speech_with_their_intervals(
    background: Path, tmp_path: Path, write_tone: Any
) -> None:
    write_tone(tmp_path / "no-word" / "tone.wav")
    write_tone(tmp_path / "two" / "one.wav", seed=1)
    write_tone(tmp_path / "two" / "other.wav", seed=2)
    out = tmp_path / "out"
    names = ("openwakeword/alexa", "openwakeword/hey_jarvis")
    done = command_line(
        "detect", *names, "--audio", background, "--positives", f"alexa={tmp_path / 'no-word'}",
        "--positives", f"hey_jarvis={tmp_path / 'two'}",
        "--rate", "1,1000000", "--out", out, "--json",
    )  # fmt: skip
    if done.returncode == 3 and not required("audio"):
        pytest.skip(f"no packaged detector: {done.stderr}")
    document = json.loads(done.stdout)
    hours = sum(len(decode(path)) for path in background.iterdir()) / 16_000 / 3_600
    assert document["audio"]["hours"] == pytest.approx(hours)
    assert [each["name"] for each in document["detectors"]] == [*names]
    for each, events in zip(document["detectors"], (1, 2), strict=True):
        assert len(each["files"]) == 3
        assert (each["threshold"], each["false_alarms"]) == (0.5, 0)
        assert each["missed"] == each["events"] == events
        assert each["false_alarms_per_hour"]["high"] == pytest.approx(3.689 / hours, rel=1e-3)
        unsure, sure = each["matched"]
        assert unsure["known"] == "unclear"
        assert unsure["miss_rate"] is None
        assert sure["known"] == "yes"
        assert 0 < sure["miss_rate"]["high"] <= 1
    assert "at 1 false alarms an hour: unclear; 3.7 hours" in done.stderr
    assert "have different rates of false alarms" in done.stderr
    written = {path.name for path in out.iterdir()}
    assert written >= {"detections.json", "false-alarms.csv", "false-alarms.svg"}
    with (out / "false-alarms.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["detector"] for row in rows} == {*names}
    assert all(0 <= float(row["miss_rate_low"]) <= float(row["miss_rate"]) <= 1 for row in rows)


def test_a_head_on_an_embedding_finds_tones_that_it_was_not_trained_on(
    tones: Path, tmp_path: Path, write_tone: Any
) -> None:
    for take in range(8):
        pitch = 2_700 * (1.03 + take / 60)
        write_tone(tmp_path / "high" / f"{take}.wav", hertz=pitch, seconds=1.2, seed=50 + take)
        write_tone(tmp_path / "low" / f"{take}.wav", hertz=pitch / 5, seconds=1.2, seed=90 + take)
    shutil.copy(next((tones / "high").rglob("*.wav")), tmp_path / "high" / "trained.wav")
    words = (
        "detect", MODELS / "patch.tflite", "--head", tones, "--word", "high",
        "--audio", tmp_path / "low", "--positives", tmp_path / "high",
    )  # fmt: skip
    done = command_line(*words, status=0)
    assert "8 recordings, 8 events" in done.stdout
    assert "0 of 8" in done.stdout
    assert "note: 1 recording left out: copies" in done.stderr
    table = " ".join(done.stdout.split())
    assert "patch.float32 + head" in table
    assert "at matched false alarms" in table


def test_events_are_read_from_a_list_beside_a_folder(tmp_path: Path, write_tone: Any) -> None:
    import soundfile

    silence = np.zeros(16_000 * 4)
    tone, _ = soundfile.read(write_tone(tmp_path / "tone.wav", hertz=900))
    soundfile.write(tmp_path / "long.wav", np.concatenate([silence, tone, silence]), 16_000)
    (tmp_path / "events.csv").write_text("path,start_s,end_s\nlong.wav,4,5\n")
    shutil.copy(MODELS / "patch.tflite", tmp_path)
    (tmp_path / "tone.yaml").write_text(
        "name: tone\nfrontend: log-mel\nstages: [{file: patch.tflite, window: 96, hop: 4, "
        "output_index: 18, output_scale: 0.07, output_offset: 0.5}]\n"
    )
    done = command_line(
        "detect", tmp_path / "tone.yaml", "--events", tmp_path / "events.csv", "--json", status=0
    )
    (found,) = json.loads(done.stdout)["detectors"]
    assert (found["false_alarms"], found["missed"]) == (0, 0)
    stricter = command_line(
        "detect", tmp_path / "tone.yaml", "--events", tmp_path / "events.csv",
        "--threshold", "0.99", "--average", "3", "--refractory", "1", "--json", status=0,
    )  # fmt: skip
    (found,) = json.loads(stricter.stdout)["detectors"]
    assert (found["threshold"], found["average"], found["missed"]) == (0.99, 3, 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("openwakeword/alexia",), "there is no packaged detector 'openwakeword/alexia'; did you"),
        (("DIR/no.tflite", "--audio", "DIR"), "no.tflite: there is no such file"),
        (("PATCH", "--audio", "DIR"), "which is not audio"),
        (("PATCH", "--head", "DIR"), "--head and --word belong together"),
        (("PATCH", "--audio", "DIR", "--rate", "0"), "'0' is not a list of rates"),
        (("WAVEFORM",), "there is no audio to hear false alarms on"),
        (("WAVEFORM", "--events", "DIR/e.csv"), "line 2: an event from '3' to '2' s"),
        (("WAVEFORM", "--audio", "DIR"), "holds no audio files"),
        (
            ("WAVEFORM", "--audio", "TONES", "--positives", "wave=TONES"),
            "no detector has this word",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(
    words: tuple[str, ...], message: str, tmp_path: Path, write_tone: Any
) -> None:
    write_tone(tmp_path / "tones" / "a.wav", seconds=0.1)
    files = {"PATCH": MODELS / "patch.tflite", "WAVEFORM": MODELS / "waveform.tflite"}
    places = {"TONES": str(tmp_path / "tones"), "DIR": str(tmp_path / "empty")}
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "e.csv").write_text("path,start_s,end_s\na.wav,3,2\n")
    given = [files.get(word, word) for word in words]
    for sign, place in places.items():
        given = [str(word).replace(sign, place) for word in given]
    done = command_line("detect", *given, status=2)
    assert message in done.stderr
