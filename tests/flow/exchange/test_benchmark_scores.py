"""Results of other benchmarks become scores of an artifact, and stand beside what it costs.

The files under ``tests/data/benchmark_results`` were written by HEAR's evaluation kit 2021.1.3 and
by mteb 2.26.24, for an int8 student on made tones.
"""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.parcels import TIMED, fill
from support.stored_sessions import ARTIFACT

from bench.cli.main import main
from bench.core.errors import ConfigurationError
from bench.flow.exchange.benchmark_scores import import_scores, imported_scores, read_results
from bench.flow.exchange.rows import FileFormat, rows_of, text_of
from bench.store.store import Store
from reports.exchange.tables import lines

RESULTS = Path(__file__).parents[2] / "data" / "benchmark_results"
HEAR = RESULTS / "hear" / "tones-made-full" / "test.predicted-scores.json"
MTEB = RESULTS / "mteb" / "MockAudioClassification.json"
NAMED = "de316c468516fd16d152fc8ffff28dcb327c59ca6287192876ab562e8917c7d5"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "mine.db") as opened:
        fill(opened, {TIMED: 900, replace(TIMED, threads=1, affinity="f0"): 700})
        yield opened


def x_ares(folder: Path, task: str = "esc50", text: str = "0.8125\n400") -> Path:
    """Returns a folder of results as X-ARES leaves it."""
    own = folder / task / "checkpoints" / "TinyEncoder"
    own.mkdir(parents=True)
    (own / "mlp_score.txt").write_text(text)
    (own / "knn_score.txt").write_text("0.5\n400")
    return folder


def test_hears_metrics_keep_their_names_and_get_no_interval() -> None:
    (found,) = read_results(HEAR)
    assert (found.benchmark.value, found.task) == ("HEAR", "tones-made-full")
    assert (found.split, found.metric, found.value) == ("test", "top1_acc", 1.0)
    assert (found.deviation, found.claimed) == (None, None)


def test_of_hears_folds_the_mean_and_deviation_are_read(tmp_path: Path) -> None:
    document = json.loads(HEAR.read_text())
    fold = document.pop("test")
    document |= {"fold00": fold, "fold01": fold}
    document["aggregated_scores"] = {
        "test_score_mean": 0.9, "test_score_std": 0.1, "test_top1_acc_mean": 0.9,
        "test_top1_acc_std": 0.1, "epoch_mean": 3.0,
    }  # fmt: skip
    (tmp_path / "test.predicted-scores.json").write_text(json.dumps(document))
    (found,) = read_results(tmp_path)
    assert (found.metric, found.value, found.deviation) == ("top1_acc", 0.9, 0.1)


def test_mtebs_results_name_version_subset_and_artifact() -> None:
    (found,) = read_results(MTEB.parent)  # its model_meta.json is no result
    assert (found.task, found.split, found.subset) == ("MockAudioClassification", "test", "default")
    assert (found.metric, found.benchmark_version) == ("main_score", "2.26.24")
    assert found.claimed == NAMED


def test_x_ares_scores_are_read_below_a_folder(tmp_path: Path) -> None:
    found = read_results(x_ares(tmp_path))
    assert [(each.task, each.metric, each.value) for each in found] == [
        ("esc50", "knn_score", 0.5),
        ("esc50", "mlp_score", 0.8125),
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{}", "is of no kind that is known"),
        ("a.json", "[", "is not JSON"),
        ("a.json", '{"task_name": "t", "mteb_version": "2", "scores": {"test": [{}]}}', "lacks"),
        ("a.json", '{"task_name": "t", "mteb_version": "2", "scores": 3}', "lacks what"),
        ("mlp_score.txt", "0.5\n1", "is not in TASK/checkpoints/ENCODER"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        read_results(tmp_path / name)


@pytest.mark.parametrize("value", ["nan", "true", '"1"', "null"])
def test_a_score_that_is_no_number_is_refused(tmp_path: Path, value: str) -> None:
    subset = f'{{"hf_subset": "default", "main_score": {value.replace("nan", "NaN")}}}'
    text = f'{{"task_name": "t", "mteb_version": "2", "scores": {{"test": [{subset}]}}}}'
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ConfigurationError, match=r"a score is .*, not a number"):
        read_results(tmp_path / "a.json")


def test_an_x_ares_score_must_be_finite_and_a_folder_must_hold_some(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not a number"):
        read_results(x_ares(tmp_path / "a", text="nan\n1"))
    with pytest.raises(ConfigurationError, match="does not begin with a number"):
        read_results(x_ares(tmp_path / "b", text="\n"))
    (tmp_path / "c").mkdir()
    with pytest.raises(ConfigurationError, match="holds no results"):
        read_results(tmp_path / "c")
    with pytest.raises(ConfigurationError, match="no such file"):
        read_results(tmp_path / "d")


def test_imported_scores_stand_beside_the_costs_and_apart_from_our_scores(
    store: Store, tmp_path: Path
) -> None:
    before = lines(rows_of(store, "results"), "results"), lines(rows_of(store, "tasks"), "tasks")
    scores_before = store.scores()
    (artifact,) = store.artifacts()
    import_scores(store, read_results(x_ares(tmp_path)), [artifact], artifact)
    assert store.scores() == scores_before
    after = lines(rows_of(store, "results"), "results"), lines(rows_of(store, "tasks"), "tasks")
    assert after == before
    rows = lines(rows_of(store, "imported"), "imported")
    assert len(rows) == 4  # two numbers, two cases
    costs = {row["case_key"]: row["latency_us_per_audio_s"] for row in before[0]}
    for row in rows:
        assert row["artifact_sha256"] == artifact.sha256
        assert row["latency_us_per_audio_s"] == costs[row["case_key"]]
        assert row["benchmark"] == "X-ARES"


def test_a_file_that_was_not_timed_has_its_scores_alone(store: Store, tmp_path: Path) -> None:
    other = replace(ARTIFACT, sha256="e" * 64, name="other")
    import_scores(store, read_results(x_ares(tmp_path)), [other], other)
    rows = lines(rows_of(store, "imported"), "imported")
    assert [(row["student"], row["device"], row["value"]) for row in rows] == [
        ("other", None, 0.5),
        ("other", None, 0.8125),
    ]


def test_the_same_file_twice_is_stored_once_and_a_newer_number_replaces_it(
    store: Store, tmp_path: Path
) -> None:
    (artifact,) = store.artifacts()
    for folder, text in (("a", "0.8\n4"), ("a", ""), ("b", "0.9\n4")):
        where = tmp_path / folder
        found = read_results(x_ares(where, text=text) if text else where)
        import_scores(store, found, [artifact], artifact)
    assert len(store.events(kind="imported-score")) == 3  # knn once, mlp twice
    assert [each.value for each in imported_scores(store)] == [0.5, 0.9]


def test_the_artifact_must_be_known_and_the_one_that_the_results_name(store: Store) -> None:
    (artifact,) = store.artifacts()
    with pytest.raises(ConfigurationError, match="does not write which file it scored"):
        import_scores(store, read_results(HEAR), [artifact], None)
    with pytest.raises(ConfigurationError, match=f"begins {NAMED[:12]}, which neither"):
        import_scores(store, read_results(MTEB), [artifact], None)
    with pytest.raises(ConfigurationError, match="not of tiny"):
        import_scores(store, read_results(MTEB), [artifact], artifact)
    named = replace(artifact, sha256=NAMED)
    (score,) = import_scores(store, read_results(MTEB), [artifact, named], None)
    assert score.artifact_sha256 == NAMED


def test_the_costs_for_mteb_carry_its_names_and_our_intervals(store: Store) -> None:
    rows = rows_of(store, "results")
    read = [*csv.DictReader(io.StringIO(text_of(store, rows, FileFormat.MTEB, "results")))]
    (artifact,) = store.artifacts()
    assert len(read) == 2
    for cost, row in zip(read, lines(rows, "results"), strict=True):
        assert cost["model_name"] == f"frill-bench/{artifact.name}.{artifact.format}"
        assert cost["model_revision"] == artifact.sha256
        assert cost["tool_sha256"] == row["tool_sha256"]
        for mine, theirs in (("ms_per_audio_s", "latency_us_per_audio_s"),):
            for end in ("", "_low", "_high"):
                assert float(cost[mine + end]) == pytest.approx(float(str(row[theirs + end])) / 1e3)


def test_the_verbs_import_and_export(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (artifact,) = store.artifacts()
    shutil.copytree(HEAR.parent, tmp_path / "tones")
    db = ["--db", str(tmp_path / "mine.db")]
    command = ["score", "--import", str(tmp_path / "tones"), *db, "--zoo", str(tmp_path / "zoo")]
    assert main([*command, artifact.sha256[:12]]) == 0
    printed = capsys.readouterr()
    assert "tones-made-full" in printed.out
    assert "wrote 1 score of other benchmarks" in printed.err
    assert main([*command, f"{artifact.name}.{artifact.format}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["imported"][0]["metric"] == "top1_acc"
    assert main(["export", *db, "--format", "csv", "--table", "imported"]) == 0
    assert "tones-made-full" in capsys.readouterr().out
    assert main(["export", *db, "--for", "mteb"]) == 0
    assert "ms_per_audio_s" in capsys.readouterr().out
    assert main(["export", *db, "--parcel", str(tmp_path / "p.zip")]) == 0
    assert "does not hold 1 score of other benchmarks" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nothing.int8",), "neither the zoo nor the database has"),
        (("a", "b"), "results are of one file"),
        (("a", "--task-set", "quick"), "--task-set is for scores that are made here"),
        ((), "does not write which file it scored"),
    ],
)
def test_what_cannot_be_imported_is_a_usage_error(
    store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    message: str,
) -> None:
    db = ["--db", str(tmp_path / "mine.db"), "--zoo", str(tmp_path / "zoo")]
    assert main(["score", *words, "--import", str(HEAR), *db]) == 2
    assert message in capsys.readouterr().err
