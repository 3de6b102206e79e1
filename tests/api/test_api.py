"""The Python API: the document's example, run as it stands, and what its functions refuse."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import decisions

from bench import api
from bench.core.errors import ConfigurationError
from bench.gate.verdict import UndecidedReason, Verdict
from bench.store.store import Store
from models.zoo import Zoo

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "data" / "tiny.tflite"
SHORT = {"protocol": {"num_runs": 1, "warmup_runs": 0, "warmup_min_secs": 0}}
HEAVY = ("pandas", "numpy", "sqlalchemy", "matplotlib", "rich", "cattrs", "tensorflow")


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("api") / "results.db"
    with Store.open(path) as store:
        decisions.fill(store)
    return path


def test_the_example_of_the_document_runs_as_it_stands(
    split_tones: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    split_tones.rename("clips.csv")
    Zoo(Path("zoo")).add(ROOT / "tests" / "data" / "audio_models" / "waveform.tflite")
    [example] = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL
    )
    names: dict[str, object] = {}
    exec(compile(example, "docs/api.md", "exec"), names)  # noqa: S102 - our own document
    printed = capsys.readouterr().out
    assert "unchanged" in printed
    assert "waveform float32 scores less than" in printed
    assert "such as 5ms/s" in printed
    table = names["table"]
    assert table["latency_us_median"].notna().all()  # type: ignore[index]  # a frame
    assert table["score_mean"].notna().all()  # type: ignore[index]


def test_the_import_is_cheap() -> None:
    loaded = f"import sys; from bench import api; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-P", "-c", loaded],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_rows_and_frames_hold_the_same_numbers_and_what_is_missing_is_nan(db: Path) -> None:
    with api.open(db) as results:
        rows, frame = results.rows(), results.frame()
    assert [row.latency_us_median for row in rows] == list(frame["latency_us_median"])
    assert any(row.on_frontier for row in rows)
    assert frame["size_bytes"].dtype == "int64"
    assert frame["energy_j_per_hour"].dtype == "float64"
    assert frame["energy_j_per_hour"].isna().all()
    assert api.join(db).equals(frame)


def test_pick_answers_for_one_device_or_the_worst_and_refuses_to_choose(db: Path) -> None:
    answer = api.pick(db, latency="800us/s", device="pixel 8")
    assert answer.chosen
    assert answer.chosen.name == "small w1.0 float32"
    worst = api.pick(db, latency="800us/s", for_worst=True)
    assert worst.chosen
    assert worst.chosen.name == "tiny w0.5 float32"
    with pytest.raises(ConfigurationError, match="2 answers, and one is asked for: Pixel 6"):
        api.pick(db, latency="800us/s")
    with pytest.raises(ConfigurationError, match="no budget"):
        api.pick(db, for_worst=True)
    with pytest.raises(ConfigurationError, match="unknown budget speed"):
        api.pick(db, speed="5ms")


def test_a_case_that_fails_is_a_result_and_a_file_without_manifest_has_a_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(TINY.read_bytes()[:400])
    run = api.run([TINY, broken], host=True, processes=1, suite=SHORT, db=tmp_path / "results.db")
    assert [each.name for each in run.failed] == ["broken"]
    frame = run.frame().set_index("name")
    assert frame.loc["tiny", "latency_us_median"] > 0
    assert bool(frame.loc["broken", "is_bad"])
    assert capfd.readouterr() == ("", "")


def test_a_gate_of_equal_files_ends_undecided_when_its_time_is_up(tmp_path: Path) -> None:
    gated = api.gate(TINY, TINY, host=True, max_minutes=0.001, db=tmp_path / "results.db")
    latency, size = gated.findings
    assert latency.reason is UndecidedReason.OUT_OF_TIME
    assert size.verdict is Verdict.SAME
    assert gated.regressed == ()
    assert gated.log
    assert gated.log.parent == tmp_path / "gates"
    assert list(gated.frame()["verdict"]) == ["undecided", "same"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda here: api.open(here / "none.db"), "no such"),
        (lambda here: api.run([], host=True, db=here / "a.db"), "no file to measure"),
        (
            lambda here: api.run(TINY, host=True, suite={"treads": [1]}, db=here / "a.db"),
            "did you mean .threads",
        ),
        (lambda here: api.score(here, db=here / "a.db"), "holds no audio embedding"),
        (lambda here: api.score(TINY, db=here / "a.db"), "has no manifest"),
        (lambda here: api.score(here, protocol="noss", db=here / "a.db"), "no such protocol"),
        (lambda here: api.score(here, conditions=["rain"], db=here / "a.db"), "no such condition"),
        (
            lambda here: api.score(
                here, protocol="noss-published", conditions=["noise"], db=here / "a.db"
            ),
            "by the default protocol",
        ),
        (lambda here: api.gate(TINY, here / "a.csv", host=True, db=here / "a.db"), "never with"),
        (lambda here: api.gate(TINY, TINY, host=True, serial="x", db=here / "a.db"), "one device"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_an_error_with_a_hint_and_makes_nothing(
    call: object, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=message) as refused:
        call(tmp_path)  # type: ignore[operator]
    assert refused.value.hint
    assert list(tmp_path.iterdir()) == []
