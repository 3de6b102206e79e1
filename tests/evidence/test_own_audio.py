"""Own audio of every kind, scored by the command line: what it prints; some minutes.

Real voices: words and letters of five speakers, three labels, six clips of each.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.own_audio import LABELS, VOICES, csv, lines, write_clips
from support.program import command_line
from support.tables import write_table

from models.zoo import Zoo

pytestmark = [pytest.mark.evidence, pytest.mark.audio, pytest.mark.zoo, pytest.mark.timeout(3600)]

STUDENT = "tiny_w0.5_keras3_gap_e512_minimalistic"
UNKNOWN = ("speakers_unknown",)
WHOLE = "90 clips, 3 labels (digits; letters; phonetic)"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of own audio.

    Args:
        what: it is, in words.
        make: changes a folder of good clips by label and speaker; returns what is scored.
        status: exit code.
        says: pattern of what must be printed.
        field: keys of the caveats on the score, in order.
        metric: of the task.
    """

    what: str
    make: Callable[[Path], Path]
    status: int = 0
    says: str
    field: tuple[str, ...] = ()
    metric: str = "balanced_accuracy"


def first(root: Path, label: str = "digits", voice: str = VOICES[0]) -> Path:
    return sorted((root / label / voice).glob("*.wav"))[0]


def as_they_are(root: Path) -> Path:
    return root


def without_speakers(root: Path) -> Path:
    for path in sorted(root.rglob("*.wav")):
        path.rename(path.parent.parent / f"{path.parent.name}-{path.name}")
    return root


def turned(root: Path) -> Path:
    """By speaker, then by label; the last speaker has one label only."""
    other = root.with_name("turned")
    for path in sorted(root.rglob("*.wav")):
        label, voice, name = path.relative_to(root).parts
        if voice != VOICES[-1] or label == LABELS[0]:
            (other / voice / label).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, other / voice / label / name)
    return other


def splits_as_folders(root: Path) -> Path:
    other = root.with_name("splits")
    for split in ("train", "test"):
        shutil.copytree(root, other / split)
    return other


def renamed(root: Path) -> Path:
    for path in sorted(root.rglob("*.wav"))[::5]:
        path.rename(path.with_suffix(".m4a"))
    return root


def empty(root: Path) -> Path:
    first(root).write_bytes(b"")
    return root


def of_two_labels(root: Path) -> Path:
    shutil.copy(first(root), root / "letters" / VOICES[0] / "again.wav")
    return root


def copied(root: Path) -> Path:
    shutil.copy(first(root), first(root).with_name("again.wav"))
    return root


def links_and_hidden(root: Path) -> Path:
    first(root).with_name("link.wav").symlink_to(first(root))
    first(root).with_name("._clip.wav").write_bytes(b"no audio")
    return root


def written(change: Callable[[np.ndarray], np.ndarray], rate_hz: int = 16_000) -> Callable:
    def make(root: Path) -> Path:
        audio, _ = soundfile.read(first(root), dtype="float32")
        soundfile.write(first(root), change(audio), rate_hz)
        return root

    return make


def cut(root: Path) -> Path:
    first(root).write_bytes(first(root).read_bytes()[:4_000])
    return root


def text_as_audio(root: Path) -> Path:
    for voice in VOICES[:2]:
        first(root, voice=voice).write_text(f"no audio of {voice}")
    return root


def not_finite(root: Path) -> Path:
    audio = np.full(16_000, np.nan, dtype=np.float32)
    soundfile.write(first(root), audio, 16_000, subtype="FLOAT")
    return root


def one_label(root: Path) -> Path:
    for label in LABELS[1:]:
        shutil.rmtree(root / label)
    return root


def nothing(root: Path) -> Path:
    shutil.rmtree(root)
    root.mkdir()
    return root


def shuffled(root: Path) -> Path:
    """Labels that have nothing to do with the clips."""
    paths = sorted(root.rglob("*.wav"))
    order = np.random.default_rng(3).permutation(len(paths))
    labels = [paths[at].relative_to(root).parts[0] for at in order]
    rows = [
        f"{path.relative_to(root).as_posix()},{label},{path.parent.name}"
        for path, label in zip(paths, labels, strict=True)
    ]
    return csv(root, "path,label,speaker", rows)


def table(head: str, row: str, *, end: str = "\n", **encoding: str) -> Callable[[Path], Path]:
    """Returns a maker of a CSV of all clips; ``row`` is formatted for each of them."""
    return lambda root: csv(root, head, lines(root, row), end=end, **encoding)


def fixed(text: bytes) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        (root / "clips.csv").write_bytes(text)
        return root / "clips.csv"

    return make


def two_voices_tested(label_of_test: str | None = None) -> Callable[[Path], Path]:
    """Returns a maker of a split by speaker, of one label in test where it is given."""

    def make(root: Path) -> Path:
        rows = [
            row
            for row in lines(root, "{path},{label},{split},{voice}")
            if label_of_test is None or ",train," in row or f",{label_of_test}," in row
        ]
        return csv(root, "path,label,split,speaker", rows)

    return make


KINDS = (
    Kind(what="`LABEL/SPEAKER/clip.wav`", make=as_they_are, says=re.escape(WHOLE) + ", 5 speakers"),
    Kind(what="`LABEL/clip.wav`", make=without_speakers, says="of 90 of 90 clips", field=UNKNOWN),
    Kind(what="a CSV with splits by speaker", make=two_voices_tested(), says="5 speakers"),
    Kind(what="the same speakers in train and test",
         make=table("path,label,split,speaker", "{path},{label},{mixed},{voice}"),
         says="5 speakers: ", field=("speakers_shared",)),
    Kind(what="a CSV without a column `speaker`", make=table("path,label", "{path},{label}"),
         says="of 90 of 90 clips", field=UNKNOWN),
    Kind(what="a single class in test", make=two_voices_tested("digits"), says="'digits' alone",
         field=("one_class_tested",), metric="recall"),
    Kind(what="`SPEAKER/LABEL/`, one speaker with one label", make=turned, status=2,
         says="not SPEAKER/LABEL/"),
    Kind(what="`train/LABEL/` and `test/LABEL/`", make=splits_as_folders, status=2,
         says="named like splits, not like labels"),
    Kind(what="18 of 90 files renamed to `.m4a`", make=renamed, says="18 that end in .m4a",
         field=("clips_left_out",)),
    Kind(what="an empty file in a folder", make=empty, says="1 empty", field=("clips_left_out",)),
    Kind(what="an empty file in a CSV",
         make=lambda root: table("path,label", "{path},{label}")(empty(root)), status=2,
         says="1 of 90 clips cannot be decoded"),
    Kind(what="one clip under two labels", make=of_two_labels, says="2 of two labels",
         field=("clips_left_out",)),
    Kind(what="one clip twice", make=copied, says="1 copies", field=("clips_left_out",)),
    Kind(what="links and hidden files", make=links_and_hidden, says="1 hidden, 1 that are links",
         field=("clips_left_out",)),
    Kind(what="one clip in train and test",
         make=lambda root: csv(root, "path,label,split,speaker", [
             *lines(root, "{path},{label},{split},{voice}"),
             f"{first(root).relative_to(root).as_posix()},digits,test,{VOICES[0]}"]),
         says="1 in several splits, kept in the first", field=("clips_left_out",)),
    Kind(what="silence", make=written(np.zeros_like), says="1 silent", field=("odd_audio",)),
    Kind(what="five samples", make=written(lambda audio: audio[2_000:2_005]),
         says="1 shorter than a frame of 25 ms", field=("odd_audio",)),
    Kind(what="50 times too loud", make=written(lambda audio: np.clip(50 * audio, -1, 1)),
         says="1 clipped", field=("odd_audio",)),
    Kind(what="a rate of 100 Hz", make=written(lambda audio: audio[:200], 100),
         says="1 recorded at less than 8 kHz", field=("odd_audio",)),
    Kind(what="rates of 192 kHz and eight channels",
         make=written(lambda audio: np.stack([audio] * 8, axis=1), 192_000), says="90 clips"),
    Kind(what="a WAV file that is cut off", make=cut, says="1 cut off before their end",
         field=("odd_audio",)),
    Kind(what="two text files named `.wav`", make=text_as_audio, status=2,
         says=r"2 of 90 clips cannot be decoded: .*; .*"),
    Kind(what="samples that are not numbers", make=not_finite, status=2, says="not finite"),
    Kind(what="a single label", make=one_label, status=2, says="a single label, 'digits'"),
    Kind(what="an empty folder", make=nothing, status=2, says="no labelled audio"),
    Kind(what="a model below the log-mel floor (that same split)", make=two_voices_tested("digits"),
         says="below_floor: ", field=("one_class_tested",), metric="recall"),
    Kind(what="labels that mean nothing", make=shuffled, says="90 clips"),
    Kind(what="100 missing files",
         make=lambda root: csv(root, "path,label", [f"no{n}.wav,x" for n in range(100)]), status=2,
         says="100 of 100 files are missing: .*; and 90 more"),
    Kind(what="`;` between the columns", make=table("path;label", "{path};{label}"), status=2,
         says="separated by ';', not by commas"),
    Kind(what="a tab between the columns", make=table("path\tlabel", "{path}\t{label}"), status=2,
         says="separated by "),
    Kind(what="a column `lable`", make=table("path,lable", "{path},{label}"), status=2,
         says="no column 'label'; did you mean 'lable'"),
    Kind(what="a split `tset`", make=table("path,label,split", "{path},{label},tset"), status=2,
         says="unknown split 'tset'; did you mean 'test'"),
    Kind(what="a label in test that is not in train",
         make=lambda root: csv(root, "path,label,split", [
             f"{path},{'train' if label == 'digits' else 'test'}"
             for path, label in (row.split(" ") for row in lines(root, "{path},{label} {label}"))]),
         status=2, says="label 'letters' is not in the train split"),
    Kind(what="a header alone", make=fixed(b"path,label\n"), status=2, says="no labelled audio"),
    Kind(what="Latin-1", make=fixed("path,label\nh\xf6r.wav,x\n".encode("latin-1")), status=2,
         says="save it as UTF-8"),
    Kind(what="a binary file as a CSV", make=fixed(bytes(range(256)) * 8), status=2,
         says="cannot be read as a CSV"),
    Kind(what="a byte order mark and CR LF, blanks after commas",
         make=table("path, label, speaker", "{path}, {label}, {voice}", end="\r\n",
                    encoding="utf-8-sig"),
         says=re.escape(WHOLE) + ", 5 speakers"),
)  # fmt: skip


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a zoo of the smallest trained student's int8 file."""
    folder = tmp_path_factory.mktemp("zoo")
    command_line("convert", STUDENT, "--formats", "int8", "--zoo", folder / "all", status=0)
    Zoo(folder / "one").add(folder / "all" / f"{STUDENT}.int8.tflite", name=STUDENT)
    return folder / "one"


def test_every_kind_of_own_audio_is_scored_or_refused_with_a_sentence(
    zoo: Path, audio_root: Path, tmp_path: Path
) -> None:
    good = tmp_path / "good"
    write_clips(audio_root, good)
    rows = [row(kind, zoo, good, tmp_path / str(at)) for at, kind in enumerate(KINDS)]
    write_table(
        "own_audio",
        f"`frill-bench score --audio` with the int8 file of `{STUDENT}` on {len(KINDS)} kinds of "
        f"own audio: 90 real clips of {len(LABELS)} labels and {len(VOICES)} speakers, changed as "
        "the first column has it. Printed is the line that is special to it; `caveats` are on the "
        "score in the JSON document and in the database (`make evidence`).",
        ["own audio", "exit", "accuracy (95 %)", "log-mel", "caveats", "printed"],
        rows,
    )


def row(kind: Kind, zoo: Path, good: Path, folder: Path) -> list[str]:
    """Returns the row of a kind, after checking it."""
    shutil.copytree(good, folder / "clips")
    source = kind.make(folder / "clips")
    words = ("score", "--zoo", zoo, "--audio", source, "--db", folder / "r.db", "--json")
    done = command_line(*words)
    printed = [line.replace(f"{folder}/", "") for line in done.stderr.splitlines()]
    assert done.returncode == kind.status, (kind.what, done.stderr)
    assert "Traceback" not in done.stderr
    said = next((line for line in printed if re.search(kind.says, line)), None)
    assert said is not None, (kind.what, printed)
    shutil.rmtree(folder)
    if kind.status:
        assert not done.stdout, kind.what
        return [kind.what, str(kind.status), "", "", "", cell(said)]
    (score,) = json.loads(done.stdout)["scores"]
    (task,) = score["tasks"]
    assert task["metric"] == kind.metric, kind.what
    caveats = tuple(each["kind"] for each in score["caveats"])
    assert caveats == kind.field, (kind.what, caveats)
    below = [line for line in printed if "below_floor" in line]
    assert bool(below) == (task["value"] < task["floor"]), kind.what
    value = f"{task['value']:.3f} ({task['low']:.3f}-{task['high']:.3f})"
    marked = [*caveats, *(["(below_floor printed)"] if below else [])]
    return [kind.what, "0", value, f"{task['floor']:.3f}", ", ".join(marked), cell(said)]


def cell(line: str) -> str:
    """Returns a printed line as a table can hold it."""
    line = line.strip().replace("|", "\\|")
    return line if len(line) <= 240 else f"{line[:240]} ..."
