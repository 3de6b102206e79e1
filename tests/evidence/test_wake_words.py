"""Packaged wake words over the packaged audio, and the alarms of the packages' own code."""

import itertools
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.program import frill_bench
from support.tables import table, write_texts
from support.wake_words import SPEEDS, spoken

from bench.core.paths import cache_dir
from models.audio.decode import decode
from models.audio.packages import packaged_files
from models.detection import packaged
from models.detection.recordings import pause

pytestmark = [pytest.mark.evidence, pytest.mark.audio, pytest.mark.timeout(14_400)]

WORDS = ("okay_nabu", "hey_jarvis", "alexa")
PACKAGES = ("microwakeword", "openwakeword")
_REFRACTORY_S = 2.0
_TEXT = """# Wake words

What `frill-bench detect` gives for wake words of two packages (pinned by SHA-256 in
`models/detection/packaged.yaml`) over the packaged audio of `data fetch`: telephone prompts in five
languages, Mandarin syllables, sounds of a game. Nobody says a wake word there, so every alarm is
false. All files are heard in one stream that is never reset. Written by `make evidence`.

- *an hour*: with the exact 95 % interval of a Poisson count.
- *missed*: of words that **synthetic voices** say ({voices} English voices of Kokoro-82M, at
  {speeds} of their speed), because no package has recordings of people who say them. It orders
  detectors on these voices; it does not show how often people are missed.
- *at N an hour*: the miss rate in % at the threshold with so many false alarms. *unclear*: even
  a threshold without any alarm in these hours may have more than that (3.69 hours are needed for
  one an hour).
- The packages' own thresholds have different rates of false alarms: those miss rates are not
  compared."""
_OWN = """## The packages' own code on the same audio

A file of {minutes:.0f} minutes, of packaged speech and of all the synthetic words in a row, through
the Python code and the runtime that come with each package, with a straightforward loop over its
scores, and through `detect`: alarms at the package's threshold, {refractory:g} s apart."""
_HEAD = (
    "detector", "hours", "threshold", "false alarms", "an hour (95 %)", "missed",
    "at 0.5 an hour", "at 1 an hour", "at 2 an hour", "at 5 an hour",
)  # fmt: skip
_SCORES = {
    "microwakeword": """
import sys, wave, collections, json
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model
word = MicroWakeWord.from_builtin(Model(sys.argv[1]))
front = MicroWakeWordFeatures()
scores = []
with wave.open(sys.argv[2], "rb") as stream:
    audio = stream.readframes(stream.getnframes())
    for number, features in enumerate(front.process_streaming(audio)):
        score = word.process_streaming_prob(features)
        if (number + 1) % word.stride == 0:
            scores.append((0.02 + 0.01 * (number + 1), score))
json.dump({"threshold": word.probability_cutoff, "scores": scores}, open(sys.argv[3], "w"))
""",
    "openwakeword": """
import sys, wave, json
from pathlib import Path
import pyopen_wakeword
from pyopen_wakeword import OpenWakeWord, OpenWakeWordFeatures, Model
word = OpenWakeWord.from_builtin(Model(sys.argv[1]))
front = OpenWakeWordFeatures.from_builtin()
scores, heard = [], 0
with wave.open(sys.argv[2], "rb") as stream:
    while len(chunk := stream.readframes(1280)) == 2560:
        heard += 1280
        for embedding in front.process_streaming(chunk):
            scores += [(heard / 16000, score) for score in word.process_streaming(embedding)]
json.dump({"threshold": 0.5, "scores": scores}, open(sys.argv[3], "w"))
""",
}


def test_the_false_alarms_of_packaged_wake_words_and_the_packages_own_alarms(
    audio_root: Path, tmp_path: Path
) -> None:
    rows: list[list[str]] = []
    own_rows: list[list[str]] = []
    apart = _installed(tmp_path / "site")
    file = tmp_path / "audio" / "all.wav"
    minutes = _one_file(audio_root, file)
    own_text = _OWN.format(minutes=minutes, refractory=_REFRACTORY_S)
    text = _TEXT.format(
        voices=len(list(spoken(WORDS[0], cache_dir()).iterdir())),
        speeds=" and ".join(f"{speed:g}" for speed in SPEEDS),
    )
    clips = [("--positives", f"{word}={spoken(word, cache_dir())}") for word in WORDS]
    positives = tuple(itertools.chain(*clips))
    for package in PACKAGES:
        names = [f"{package}/{word}" for word in WORDS]
        document = _detect(*names, "--audio", audio_root, "--rate", "0.5,1,2,5", *positives)
        hours = document["audio"]["hours"]
        assert hours > 3.5
        rows += [_row(hours, each) for each in document["detectors"]]
        _write(text, rows, own_text, own_rows)
    for package in PACKAGES:
        names = [f"{package}/{word}" for word in WORDS]
        for found in _detect(*names, "--audio", file.parent)["detectors"]:
            word = found["name"].removeprefix(f"{package}/")
            theirs = _their_alarms(package, word, file, apart, tmp_path)
            times = [alarm["at_s"] for alarm in found["first_false_alarms"]]
            both = sum(any(abs(at - other) < 0.1 for other in times) for at in theirs)
            counts = len(theirs), found["false_alarms"], both
            own_rows.append([found["name"], *map(str, counts)])
            _write(text, rows, own_text, own_rows)
            assert max(counts) - min(counts) <= 1
            assert both > 5
    assert len(rows) == len(own_rows) == len(PACKAGES) * len(WORDS)


def _write(text: str, rows: list[list[str]], own_text: str, own_rows: list[list[str]]) -> None:
    head = ("detector", "alarms by its own code", "by detect", "of them within 0.1 s")
    write_texts("wake_words", text, table(_HEAD, rows), own_text, table(head, own_rows))


def _row(hours: float, found: Mapping[str, Any]) -> list[str]:
    missed = found["miss_rate"]
    return [
        found["name"],
        f"{hours:.2f}",
        f"{found['threshold']:g}",
        str(found["false_alarms"]),
        _interval(found["false_alarms_per_hour"], 1),
        f"{found['missed']} of {found['events']}: {_interval(missed, 100)} %",
        *(
            each["known"] if each["miss_rate"] is None else _interval(each["miss_rate"], 100)
            for each in found["matched"]
        ),
    ]


def _interval(estimate: Mapping[str, float], per: float) -> str:
    value, low, high = (per * estimate[name] for name in ("value", "low", "high"))
    return f"{value:.2g} ({low:.2g} to {high:.2g})"


def _detect(*words: str | Path) -> dict[str, Any]:
    done = frill_bench("detect", *words, "--json", status=0)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _one_file(audio_root: Path, path: Path) -> float:
    """Writes speech and words with pauses between as one 16-bit file, and returns its minutes."""
    import soundfile

    speech = [audio_root / name for name in packaged_files(audio_root)[::150]]
    words = [clip for word in WORDS for clip in sorted(spoken(word, cache_dir()).rglob("*.flac"))]
    parts = [part for clip in (*speech, *words) for part in (decode(clip), pause(1.5))]
    audio = np.concatenate([pause(8.0), *parts])
    path.parent.mkdir()
    soundfile.write(path, audio, 16_000, subtype="PCM_16")
    return len(audio) / 16_000 / 60


def _installed(folder: Path) -> Path:
    """Returns a folder with the packages' own code, apart from this environment."""
    wheels = [each.wheel for each in packaged.catalogue().packages]
    subprocess.run(
        [sys.executable, "-P", "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder,
         *(f"{wheel.name}=={wheel.version}" for wheel in wheels)],
        check=True,
    )  # fmt: skip
    return folder


def _their_alarms(package: str, word: str, file: Path, apart: Path, scratch: Path) -> list[float]:
    """Returns when a package's own code raises alarms, by a loop over its scores."""
    out = scratch / "scores.json"
    code = f"import sys; sys.path.insert(0, {str(apart)!r})\n{_SCORES[package]}"
    subprocess.run([sys.executable, "-c", code, word, file, out], check=True, capture_output=True)
    given = json.loads(out.read_text())
    alarms: list[float] = []
    for at_s, score in given["scores"]:
        if score >= given["threshold"] and (not alarms or at_s - alarms[-1] >= _REFRACTORY_S):
            alarms.append(at_s)
    return alarms
