"""Detectors over real audio, in blocks as it comes, against loops over their files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.audio_models import MODELS
from support.required import required

from bench.core import config
from bench.core.errors import ConfigurationError, InfrastructureError
from bench.core.paths import cache_dir
from models.audio.decode import decode, decode_blocks
from models.detection import detector as detectors
from models.detection import packaged
from models.detection.alarms import thresholds
from models.detection.chain import Chains
from models.detection.detector import Description, Detector, Frontend, Stage
from models.detection.listen import listen
from models.detection.recordings import recordings
from models.tflite.arrays import Floats
from models.tflite.litert import Model

pytestmark = pytest.mark.audio


def packaged_detector(name: str) -> Detector:
    try:
        return packaged.load(name, cache_dir())
    except InfrastructureError as error:
        if required("audio"):
            raise
        pytest.skip(f"no packaged detector: {error.message}")


@pytest.fixture(scope="module")
def speech(audio_root: Path) -> Floats:
    """Returns six seconds of real speech, of 16-bit samples."""
    folder = next(audio_root.rglob("letters")).parent
    paths = sorted(folder.glob("*.gsm"))[:6]
    audio = np.concatenate([decode(path) for path in paths])[: 6 * 16_000]
    return (np.rint(audio * 32_767) / 32_768).astype(np.float32)


def in_blocks(detector: Detector, audio: Floats, *others: Detector) -> tuple[Floats, list[int]]:
    chains = Chains([*others, detector])
    parts = [chains(part)[-1] for part in np.split(audio, [1, 700, 1_000, 20_000, 20_001, 70_000])]
    scores = np.concatenate([part.values for part in parts if part.values.size])
    return scores, [int(end) for part in parts for end in part.ends]


def test_a_chain_of_files_gives_what_a_loop_over_them_gives(speech: Floats) -> None:
    detector = packaged_detector("openwakeword/hey_jarvis")
    mel, embed, head = (path for path, _ in detector.stages)
    run = Model(mel, shapes=[(1, 1_760)])
    steps = range(0, len(speech) - 1_760 + 1, 1_280)
    pcm = speech * 32_768
    frames = np.concatenate(
        [run(pcm[np.newaxis, at : at + 1_760])[0].reshape(-1, 32) / 10 + 2 for at in steps]
    )
    run = Model(embed, shapes=[(1, 76, 32, 1)])
    rows = [
        run(frames[np.newaxis, at : at + 76, :, np.newaxis])[0].ravel()
        for at in range(0, len(frames) - 75, 8)
    ]
    run = Model(head)
    wanted = [
        run(np.stack(rows[at : at + 16])[np.newaxis])[0].item() for at in range(len(rows) - 15)
    ]
    # Another word has the same log-mel and embedding, which then run once.
    scores, ends = in_blocks(detector, speech, packaged_detector("openwakeword/alexa"))
    assert len(wanted) > 30
    assert scores[:, 0] == pytest.approx(np.array(wanted), abs=1e-6)
    assert np.unique(np.diff(ends)).tolist() == [1_280]


def test_a_file_with_its_state_inside_gives_what_a_loop_over_it_gives(speech: Floats) -> None:
    pymicro_features = pytest.importorskip("pymicro_features")
    detector = packaged_detector("microwakeword/okay_nabu")
    assert (detector.threshold, detector.average) == (0.85, 5)  # of its manifest
    front = pymicro_features.MicroFrontend()
    pcm = (speech * 32_768).astype("<i2")
    hops = [front.process_samples(pcm[at : at + 160].tobytes()) for at in range(0, len(pcm), 160)]
    features = np.array([hop.features for hop in hops if hop.features], np.float32)
    run = Model(detector.stages[0][0], delegate="none")
    wanted = [
        run(features[np.newaxis, at : at + 3])[0].item() for at in range(0, len(features) - 2, 3)
    ]
    scores, ends = in_blocks(detector, speech)
    assert scores[:, 0].tolist() == wanted
    assert ends[:2] == [480 + 2 * 160, 480 + 5 * 160]


@pytest.fixture(scope="module")
def loudness(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    """Returns a detector whose score is one of a real file's numbers: of loud audio it is high."""
    folder = tmp_path_factory.mktemp("loudness")
    file = folder / "patch.tflite"
    file.write_bytes((MODELS / "patch.tflite").read_bytes())
    stage = Stage(
        file=file.name, window=96, hop=5, output_index=18, output_scale=0.07, output_offset=0.5
    )
    described = Description(name="loudness", frontend=Frontend.LOG_MEL, stages=(stage,))
    path = folder / "loudness.yaml"
    config.save(path, described)
    return detectors.load(path)


def test_events_are_found_alarms_elsewhere_are_false_and_hours_are_those_without_events(
    loudness: Detector, tmp_path: Path, write_tone: Any
) -> None:
    import soundfile

    quiet = np.random.default_rng(1).normal(scale=1e-4, size=16_000 * 60)
    tone, _ = soundfile.read(write_tone(tmp_path / "tone.wav", hertz=900, seconds=1.5))
    long = quiet.copy()
    for at_s in (10, 30, 40):  # the one at 40 s is no event
        long[at_s * 16_000 :][: len(tone)] += tone
    soundfile.write(tmp_path / "long.wav", np.clip(long, -1, 1), 16_000)
    rows = ["path,start_s,end_s", "long.wav,10,11.5", "long.wav,30,31.5", "long.wav,50,51"]
    (tmp_path / "events.csv").write_text("\n".join(rows))
    heard = recordings(events=tmp_path / "events.csv")
    (done,) = listen([loudness], heard, levels=[thresholds(loudness.threshold)])
    own = int(done.levels.searchsorted(loudness.threshold))
    assert done.alarms[own] == 1
    (alarm,) = done.listed
    assert alarm.name == "long.wav"
    assert 40 < alarm.at_s < 42.5
    first, second, silent = done.peaks
    assert first > loudness.threshold
    assert first == pytest.approx(second, abs=0.05)
    assert silent < loudness.threshold
    assert done.hours == pytest.approx((60 - 2.5 - 2.5 - 2) / 3_600, rel=1e-4)


def test_files_are_one_stream_and_a_clip_at_its_beginning_is_heard(
    loudness: Detector, tmp_path: Path, write_tone: Any
) -> None:
    for take in range(3):
        write_tone(tmp_path / "tones" / f"{take}.wav", hertz=900, seconds=0.8, seed=take)
    levels = thresholds(0.5)
    clips = recordings(audio=tmp_path / "tones")
    twice = [replace(loudness, refractory_s=0.0), replace(loudness, refractory_s=60.0)]
    done, together = listen(twice, clips, levels=[levels, levels])
    own = int(levels.searchsorted(0.5))
    assert done.alarms[own] > 3
    assert together.alarms[own] == 1  # the refractory time goes over the ends of files
    assert done.hours == pytest.approx(2.4 / 3_600)


def test_what_is_among_the_positives_or_there_twice_is_not_background_again(
    tmp_path: Path, write_tone: Any
) -> None:
    write_tone(tmp_path / "all" / "word" / "one.wav", seed=1)
    write_tone(tmp_path / "all" / "other.wav", seed=2)
    write_tone(tmp_path / "all" / "twice.wav", seed=2)
    heard = recordings(audio=tmp_path / "all", positives={"": tmp_path / "all" / "word"})
    assert [each.name for each in heard.background] == ["other.wav"]
    assert heard.left_out == 2
    again = recordings(audio=tmp_path / "all", positives={"": tmp_path / "all" / "word"})
    assert again.sha256 == heard.sha256


@pytest.mark.parametrize("rate_hz", [16_000, 8_000, 44_100])
def test_audio_in_blocks_is_the_audio_as_a_whole(
    tmp_path: Path, write_tone: Any, rate_hz: int
) -> None:
    path = write_tone(tmp_path / "a.wav", seconds=3.3, rate_hz=rate_hz)
    whole, blocks = decode(path), list(decode_blocks(path, block_s=0.5))
    assert len(blocks) > 5
    parts = np.concatenate(blocks)
    assert abs(len(parts) - len(whole)) <= 1
    size = min(len(parts), len(whole))
    assert np.abs(parts[:size] - whole[:size]).max() <= (0 if rate_hz == 16_000 else 1e-5)


MANIFEST = {
    "type": "micro", "wake_word": "w", "model": "w.tflite", "version": 2,
    "micro": {"probability_cutoff": 0.9, "sliding_window_size": 5, "feature_step_size": 10},
}  # fmt: skip


def micro(**changes: object) -> dict[str, object]:
    return {**MANIFEST, "micro": {**MANIFEST["micro"], **changes}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("w.json", json.dumps(micro(feature_step_size=20)), "its features are every 20 ms"),
        ("w.json", json.dumps(micro(probability_cutoff=None)), "probability_cutoff or"),
        ("w.json", json.dumps(MANIFEST), r"takes \[1, 96, 64, 1\], not \[1, rows, 40\]"),
        ("w.json", '{"type": "other"}', "is not microWakeWord's manifest"),
        ("w.yaml", "{name: w, stages: []}", "has no stages"),
        ("w.yaml", "{name: w, stages: [{file: w.tflite, window: 2, hop: 3}]}", "has a hop of 3"),
        ("w.yaml", "{name: w, stages: [{file: w.tflite, window: 1000000000, hop: 3}]}",
         "a window of 1000000000"),
        ("w.yaml", "{name: w, stages: [{file: v.tflite, window: 3, hop: 3}]}", "not there"),
        ("w.yaml", "{name: w, threshold: 2, stages: [{file: w.tflite, window: 3, hop: 3}]}",
         "its threshold cannot be 2"),
        ("w.tflite", None, r"takes \[1, 96, 64, 1\], which is not audio"),
        ("w.txt", "", "is neither a .tflite file nor a description"),
        ("v.yaml", None, "there is no such file"),
    ],
)  # fmt: skip
def test_what_is_no_detector_is_refused(
    tmp_path: Path, name: str, text: str | None, message: str
) -> None:
    (tmp_path / "w.tflite").write_bytes((MODELS / "patch_one.tflite").read_bytes())
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        detectors.load(tmp_path / name)


def test_what_gives_no_score_is_refused_when_it_is_heard(
    loudness: Detector, tmp_path: Path, write_tone: Any
) -> None:
    write_tone(tmp_path / "tones" / "a.wav")
    heard, levels = recordings(audio=tmp_path / "tones"), thresholds(0.5)
    ((path, stage),) = loudness.stages
    for wrong, message in (
        (replace(stage, output_index=None), r"gives \d+ numbers, not one score"),
        (replace(stage, output_scale=1e3), "its scores reach from"),
        (replace(stage, output_index=99), "there is none of index 99"),
        (replace(stage, window=95), "and a window has"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            listen([replace(loudness, stages=((path, wrong),))], heard, levels=[levels])
