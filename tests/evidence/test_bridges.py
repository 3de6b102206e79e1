"""HEAR's, X-ARES' and MTEB's own code on a starter student: some minutes, and 7 GB on disk.

Their packages are installed into an environment of its own: that of ``FRILL_BRIDGES_VENV``, which
is kept, else one that is made here. Each program runs whole on made sounds: its checker, its
training of heads, its scores; ``score --import`` reads what it wrote.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.program import command_line
from support.tables import write_table

from bench.core.artifact import Format
from bench.flow.build.convert import convert_to_zoo
from models.student.buildable import parse

pytestmark = [pytest.mark.evidence, pytest.mark.zoo, pytest.mark.audio, pytest.mark.timeout(7200)]

NAME = "tiny_w0.5_keras3_gap_e512_unfused"
ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "tests" / "support" / "other_benchmarks"
# datasets 3 decodes with soundfile; later ones need FFmpeg's libraries. HEAR's kit is of 2021 and
# needs what PyTorch Lightning 1 and setuptools 80 still had; it pins a NumPy that no Python of ours
# has, so the two packages of HEAR are installed without what they pin.
PACKAGES = (
    "torch", "torchaudio", "xares", "mteb[audio]>=2.8", "datasets<4", "librosa", "soundfile",
    "soxr", "ai-edge-litert", "cattrs", "filelock", "platformdirs", "pyyaml", "tensorflow-cpu",
    "pytorch-lightning==1.9.5", "torchinfo", "sed-eval", "dcase-util", "intervaltree", "click",
    "python-slugify", "more-itertools", "setuptools<81", "pynvml",
)  # fmt: skip
OF_HEAR = ("hearvalidator", "heareval")
SHOWN = ("hearvalidator", "heareval", "xares", "mteb", "torch")


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns an environment that has the other benchmarks."""
    kept = os.environ.get("FRILL_BRIDGES_VENV")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("bridges") / "venv"
    if not folder.is_dir():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, *PACKAGES], check=True)
        subprocess.run([*install, "--no-deps", *OF_HEAR], check=True)
    return folder / "bin"


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory, audio_root: Path) -> Path:
    folder = tmp_path_factory.mktemp("bridges-zoo")
    formats = [Format.FLOAT32, Format.INT8]
    _, failed = convert_to_zoo([parse(NAME)], formats=formats, zoo=folder, audio=audio_root)
    assert not failed
    return folder


@pytest.fixture
def database(zoo: Path, tmp_path: Path) -> Iterator[Path]:
    """Returns a database in which the int8 student was timed."""
    path = tmp_path / "results.db"
    model = zoo / f"{NAME}.int8.tflite"
    words = ("run", "--host", "--model", model, "--zoo", zoo, "--processes", "3", "--db", path)
    command_line(*words, status=0)
    yield path


def run(environment: Path, *words: str | Path, cwd: Path) -> str:
    """Returns what a program of the environment prints."""
    environ = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{PROGRAMS}",
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",  # HEAR's kit reads the checkpoints it wrote
    }
    done = subprocess.run(
        [str(environment / "python"), "-W", "ignore", *map(str, words)],
        cwd=cwd, env=environ, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-4_000:]
    return done.stdout


def test_the_other_benchmarks_run_a_file_and_their_results_come_back(
    environment: Path, zoo: Path, database: Path, tmp_path: Path
) -> None:
    file = zoo / f"{NAME}.int8.tflite"
    rows = [*by_hear(environment, file, tmp_path), *by_x_ares(environment, file, tmp_path)]
    rows += by_mteb(environment, file, database, tmp_path)
    place = ("--db", database, "--zoo", zoo)
    for results in ("embeddings", "x-ares"):
        command_line("score", f"{NAME}.int8", "--import", tmp_path / results, *place, status=0)
    command_line("score", "--import", tmp_path / "mteb", *place, status=0)
    exported = command_line(
        "export", "--db", database, "--format", "jsonl", "--table", "imported", status=0
    )
    imported = [json.loads(line) for line in exported.stdout.splitlines()]
    found = {(each["benchmark"], each["metric"]) for each in imported}
    assert found >= {
        ("HEAR", "top1_acc"), ("X-ARES", "mlp_score"), ("X-ARES", "knn_score"),
        ("MTEB", "main_score"),
    }  # fmt: skip
    assert all(each["latency_us_per_audio_s"] for each in imported)
    rows += [
        [each["benchmark"], f"`score --import`: {each['task']}, {each['metric']}",
         f"{each['value']:.3f}, beside {each['latency_us_per_audio_s'] / 1000:.2f} ms per second "
         "of audio"]
        for each in imported
    ]  # fmt: skip
    versions = run(environment, "-c", VERSIONS, cwd=tmp_path).strip()
    write_table(
        "bridges",
        f"The programs of other benchmarks on `{NAME}.int8.tflite`, a starter student, with its "
        f"front-end and its manifest's hop of 0.17 s, on made tones. {versions}. X-ARES' WAV files "
        "are read by soundfile, since torchaudio's decoder needs FFmpeg's libraries; all else is "
        "the packages' own code. Scores of made tones show that a bridge works, and nothing of "
        "the model.",
        ("program", "what ran", "what it gave"),
        rows,
    )


VERSIONS = f"""
from importlib.metadata import version
print(", ".join(f"{{name}} {{version(name)}}" for name in {SHOWN}))
"""


def by_hear(environment: Path, file: Path, folder: Path) -> list[list[str]]:
    """Runs HEAR's validator, its embeddings of both kinds and its predictions."""
    said = run(
        environment, "-m", "hearvalidator.validate", "models.hear", "--model", file,
        "--device", "cpu", cwd=folder,
    )  # fmt: skip
    assert said.rstrip().endswith("Looks good!")
    make = "from made import hear_task; from pathlib import Path; hear_task(Path('tasks/tones'))"
    run(environment, "-c", make, cwd=folder)
    embed = ("-m", "heareval.embeddings.runner", "models.hear", "--model", file)
    run(environment, *embed, "--tasks-dir", "tasks", cwd=folder)
    options = ("--grid", "faster", "--grid-points", "1")
    task = Path("embeddings/models.hear/tones")
    run(environment, "-m", "heareval.predictions.runner", task, *options, cwd=folder)
    results = json.loads((folder / task / "test.predicted-scores.json").read_text())
    assert results["test"]["test_top1_acc"] > 0.5
    return [
        ["HEAR", "`hear-validator models.hear`", "Looks good!"],
        ["HEAR", "`heareval`: embeddings, predictions", f"{results['test']['test_top1_acc']:.3f}"],
    ]


def by_x_ares(environment: Path, file: Path, folder: Path) -> list[list[str]]:
    """Runs X-ARES' checker and a task of its kind."""
    said = run(environment, PROGRAMS / "run_x_ares.py", file, "x-ares", cwd=folder)
    answer = json.loads(said.splitlines()[-1])
    assert answer["checked"] is True
    assert answer["mlp"] > 0.5
    assert answer["knn"] > 0.5
    return [
        ["X-ARES", "`check_audio_encoder`", str(answer["checked"])],
        ["X-ARES", "`XaresTask.run`: MLP, kNN", f"{answer['mlp']:.3f}, {answer['knn']:.3f}"],
    ]


def by_mteb(environment: Path, file: Path, database: Path, folder: Path) -> list[list[str]]:
    """Runs MTEB's tasks of made sounds, and joins its table with our costs."""
    costs = folder / "costs.csv"
    command_line("export", "--db", database, "--for", "mteb", "--out", costs, status=0)
    said = run(environment, PROGRAMS / "run_mteb.py", file, "mteb", costs, cwd=folder)
    answer = json.loads(said.splitlines()[-1])
    assert answer["is_encoder"] is True
    assert answer["all_passed"] is True
    assert len(answer["ran"]) >= 6
    (joined,) = answer["joined"]
    return [
        ["MTEB", "`EncoderProtocol`", str(answer["is_encoder"])],
        ["MTEB", "`mock_run`: its audio tasks", f"{len(answer['ran'])} passed"],
        ["MTEB", "its table merged with `export --for mteb`",
         f"{joined['score']:.3f}, {joined['ms_per_audio_s']:.2f} ms per second of audio"],
    ]  # fmt: skip
