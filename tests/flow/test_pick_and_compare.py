"""``pick`` and ``compare`` on a stored database: what they print, refuse, export and exit with."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support import decisions
from support.decisions import INT8, MIDDLE, SMALL, case_of
from support.layers import write_layers
from support.program import command_line
from support.stored_sessions import ARTIFACT, add_session

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from bench.flow.compare import operator_times, side
from bench.flow.ship import SUMS, export
from bench.plan.case import Mode
from bench.store.store import Store
from models.graph.operators import graph_of
from models.zoo import Zoo
from reports.decision.comparison import By, compare
from reports.parts.documents import results_csv

DATA = Path(__file__).parents[1] / "data"
PROFILED = "44_tf2.14.1_op_profile_stdout.txt"
NAME = "small_w1.0_keras3_gap_e512_fused"


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("decisions") / "results.db"
    with Store.open(path) as store:
        decisions.fill(store)
    return path


def test_pick_names_a_file_for_each_device_and_one_for_the_worst(db: Path) -> None:
    done = command_line("pick", "--latency", "800us/s", "--db", db, status=0)
    assert "on Pixel 6, benchmark_model:\n  tiny w0.5 float32: surely keeps" in done.stdout
    assert "on Pixel 8, benchmark_model:\n  small w1.0 float32: surely keeps" in done.stdout
    words = ("pick", "--latency", "800us/s", "--for-worst", "--json", "--db", db)
    [worst] = json.loads(command_line(*words, status=0).stdout)["answers"]
    assert worst["chosen"]["name"] == "tiny w0.5 float32"
    assert [each["device"] for each in worst["chosen"]["parts"]] == ["Pixel 6", "Pixel 8"]


def test_differences_are_in_pairs_from_a_database_and_not_from_a_csv(
    db: Path, tmp_path: Path
) -> None:
    budget = ("pick", "--latency", "2ms/s", "--device", "pixel 6", "--json")
    [answer] = json.loads(command_line(*budget, "--db", db, status=0).stdout)["answers"]
    assert answer["chosen_less_runner_up"]["paired"] is True
    (tmp_path / "results.csv").write_text(results_csv(side(str(db)).rows))
    read = command_line(*budget, tmp_path / "results.csv", status=0)
    [again] = json.loads(read.stdout)["answers"]
    assert again["chosen"]["name"] == answer["chosen"]["name"]
    assert again["chosen_less_runner_up"]["paired"] is False
    assert "take both intervals as independent" in read.stderr


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("--latency", "1us/s"), 4, "no file keeps all budgets, of"),
        (("--latency", "5"), 2, "such as 5ms/s"),
        ((), 2, "no budget"),
        (("--size", "2MB", "--device", "Pixel"), 2, "several devices begin so"),
        (("--size", "2MB", "--device", "iPhone"), 2, "there are: Pixel 6; Pixel 8"),
        (("--size", "2MB", "results.csv"), 2, "a database and a CSV are given"),
    ],
)  # fmt: skip
def test_what_pick_cannot_do_has_a_code_and_a_hint(
    db: Path, words: tuple[str, ...], status: int, message: str
) -> None:
    done = command_line("pick", *words, "--db", db, status=status)
    assert message in done.stdout + done.stderr


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    command_line("pick", "--size", "1MB", "--db", tmp_path / "none.db", status=2)
    command_line("compare", tmp_path / "none.db", tmp_path / "none.db", status=2)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def zoo(tmp_path: Path) -> Iterator[Zoo]:
    """A zoo with a file that takes the front-end of another file."""
    made = Zoo(tmp_path / "zoo")
    for name, text in (("front", b"front-end"), ("model", b"the model")):
        artifact = replace(
            ARTIFACT, name=name, file=f"{name}.float32.tflite", size_bytes=len(text),
            sha256=hashlib.sha256(text).hexdigest(),
            frontend="front" if name == "model" else "none",
        )  # fmt: skip
        made.put(artifact)
        made.path(artifact).write_bytes(text)
    yield made


def test_an_export_has_the_file_its_front_end_manifests_and_hashes(
    zoo: Zoo, tmp_path: Path
) -> None:
    out = tmp_path / "app" / "assets"
    sha256 = zoo.of("model")[0].sha256
    written = export(zoo, sha256, out)
    names = [
        "model.float32.tflite", "model.float32.json", "front.float32.tflite", "front.float32.json",
    ]  # fmt: skip
    assert [path.name for path in written] == [*names, SUMS]
    for line in (out / SUMS).read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    assert export(zoo, sha256, out) == written  # what is equal stays
    assert [path.name for path in (tmp_path / "app").iterdir()] == ["assets"]


def test_an_export_never_replaces_another_file_and_leaves_nothing_half_done(
    zoo: Zoo, tmp_path: Path
) -> None:
    out = tmp_path / "assets"
    out.mkdir()
    (out / "front.float32.json").write_text("mine")
    sha256 = zoo.of("model")[0].sha256
    with pytest.raises(ConfigurationError, match="is there already and is another file"):
        export(zoo, sha256, out)
    assert {path.name for path in out.iterdir()} == {"front.float32.json"}
    assert (out / "front.float32.json").read_text() == "mine"
    zoo.path(zoo.of("model")[0]).write_bytes(b"another model")
    with pytest.raises(ConfigurationError, match="its SHA-256 begins"):
        export(zoo, sha256, tmp_path / "new")
    assert {path.name for path in tmp_path.iterdir()} == {"assets", "zoo"}


def test_pick_exports_what_it_chose(db: Path, tmp_path: Path) -> None:
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    content = b"small"
    chosen = replace(SMALL, sha256=hashlib.sha256(content).hexdigest())
    config.save(zoo / f"{chosen.name}.float32.json", chosen)
    (zoo / chosen.file).write_bytes(content)
    words = ("pick", "--latency", "800us/s", "--for-worst", "--db", db, "--zoo", zoo)
    refused = command_line(*words, "--export", tmp_path / "out", status=2)
    assert f"has no file with the SHA-256 {SMALL.sha256[:12]}" in refused.stderr
    assert not (tmp_path / "out").exists()
    several = ("pick", "--latency", "800us/s", "--db", db, "--export", tmp_path / "out")
    assert "different files" in command_line(*several, status=2).stderr


def test_two_files_are_compared_with_ratios_and_paired_accuracy(db: Path) -> None:
    words = ("compare", f"{db}:{NAME}.float32", f"{db}:{NAME}.int8", "--json")
    document = json.loads(command_line(*words, status=4).stdout)
    fair, refused = document["pairs"]
    assert document["compared"] == "file"
    assert fair["refused"] == []
    ratio = fair["latency_ratio"]
    assert ratio["value"] == pytest.approx(603.5 / 903.5)
    assert ratio["low"] < ratio["value"] < ratio["high"] < 1
    assert fair["size_ratio"] == pytest.approx(INT8.size_bytes / MIDDLE.size_bytes)
    assert fair["score_change"]["change"]["value"] == pytest.approx(-0.01)
    assert fair["score_change"]["paired"] is True
    assert refused["refused"] == ["affinity none against f0"]
    assert refused["latency_ratio"] is None


def test_two_phones_are_compared_file_by_file_and_other_differences_are_named(db: Path) -> None:
    words = ("compare", f"{db}:Pixel 6", f"{db}:Pixel 8")
    done = command_line(*words, status=4)
    assert "other device" in done.stdout
    assert f"not compared: {NAME}.int8 every 0.96 s: affinity none against f0" in done.stdout
    allowed = command_line(*words, "--allow", "affinity", status=0)
    assert "other device, affinity" in allowed.stdout
    assert "initialisation takes 22.8 ms instead of 7.23 ms" in allowed.stdout
    wrong = command_line(*words, "--allow", "affinty", status=2)
    assert "did you mean 'affinity'?" in wrong.stderr


def test_two_sessions_of_other_devices_are_refused_row_by_row(db: Path) -> None:
    done = command_line("compare", f"{db}:1a2b", f"{db}:5e6f", status=4)
    assert done.stdout.count("not compared") == 3
    assert "device Pixel 6 against Pixel 8" in done.stdout


def test_a_side_that_is_not_there_or_of_another_kind_is_usage(db: Path) -> None:
    unknown = command_line("compare", f"{db}:small", db, status=2)
    assert "there is no such" in unknown.stderr
    assert "devices: Pixel 6, Pixel 8" in unknown.stderr
    mixed = command_line("compare", f"{db}:Pixel 6", f"{db}:{NAME}", status=2)
    assert "is a device and" in mixed.stderr


def test_a_row_without_a_counterpart_is_named(db: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with Store.open(other) as store:
        store.add_artifact(SMALL)
        add_session(store, "9999aaaa", {case_of(SMALL): 400.0})
    done = command_line("compare", db, other)
    assert f"only in A: 5 rows: {NAME}.float32" in done.stderr
    assert "1.33×" in done.stdout


def test_op_profiles_stand_side_by_side_and_give_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "profiled.db"
    log = (DATA / "benchmark_logs" / PROFILED).read_text()
    with Store.open(path) as store:
        for artifact in (SMALL, MIDDLE):
            store.add_artifact(artifact)
        cases = [case_of(each) for each in (SMALL, MIDDLE)]
        session = add_session(store, "1a2b3c4d", {cases[0]: 300.0, cases[1]: 900.0})
        template = store.invocations(session.id)[0]
        for case, times in zip(cases, (1, 3), strict=True):
            profiled = replace(
                case, protocol=replace(case.protocol, mode=Mode.OP_PROFILE, processes=1)
            )
            text = log.replace(" 3.210\t", f" {times * 3.21:.3f}\t")
            made = replace(template, case=profiled, stdout=text, outcome=None, id=0)
            assert template.outcome is not None
            store.add_outcome(store.add_invocation(made), template.outcome)
    one, other = side(f"{path}:{SMALL.name}.float32"), side(f"{path}:{MIDDLE.name}.float32")
    [pair] = compare(one.rows, other.rows, By.FILE, across_formats=True).pairs
    times = operator_times(pair, one, other)
    assert times[0].candidate_us > times[0].baseline_us > 0
    assert all(each.baseline_count == each.candidate_count for each in times)
    done = command_line("compare", one.text, other.text, status=0)
    assert "op profiles" in done.stdout
    bars = [line.split()[-1] for line in done.stdout.splitlines() if "CONV_2D" in line]
    assert any(re.fullmatch(r"█+\++", bar) for bar in bars)
    assert "profiled, " in done.stdout


def profiled_layers(path: Path, folder: Path) -> list[Path]:
    """Stores two files with op profiles in which the second operator of the candidate is slow."""
    log = (DATA / "benchmark_logs" / PROFILED).read_text()
    for op in ("TRANSPOSE", "CONV_2D", "SUM"):
        log = log.replace(op.rjust(32), "FULLY_CONNECTED".rjust(32))
    files = [
        write_layers(folder / f"{name}.tflite", 3, rows=1 + at) for at, name in enumerate("ab")
    ]
    with Store.open(path) as store:
        artifacts = [
            replace(each, sha256=sha256_file(file))
            for each, file in zip((SMALL, MIDDLE), files, strict=True)
        ]
        cases = [case_of(each) for each in artifacts]
        for artifact in artifacts:
            store.add_artifact(artifact)
        first = add_session(store, "1a2b3c4d", {cases[0]: 300.0}, model=str(files[0]))
        second = add_session(store, "5e6f7a8b", {cases[1]: 900.0}, model=str(files[1]), day=2)
        for session, case, times in zip((first, second), cases, (1, 3), strict=True):
            template = store.invocations(session.id)[0]
            protocol = replace(case.protocol, mode=Mode.OP_PROFILE, processes=6)
            for ordinal in range(6):
                text = log.replace(" 3.210\t", f" {times * (3.21 + ordinal / 10):.3f}\t")
                made = replace(
                    template, case=replace(case, protocol=protocol), stdout=text, outcome=None,
                    id=0, ordinal=ordinal,
                )  # fmt: skip
                assert template.outcome is not None
                store.add_outcome(store.add_invocation(made), template.outcome)
    return files


def test_the_operator_that_slowed_down_is_exported_with_a_text_for_an_issue(tmp_path: Path) -> None:
    path = tmp_path / "layers.db"
    files = profiled_layers(path, tmp_path)
    sides = (f"{path}:{SMALL.name}.float32", f"{path}:{MIDDLE.name}.float32")
    words = ("compare", *sides, "--export-operator", tmp_path / "issue")
    done = command_line(*words, status=0)
    assert "takes 10.4 ms, 9.63 ms to 11.1 ms (was 3.46 ms, 3.21 ms to 3.71 ms)" in done.stdout
    [made] = (tmp_path / "issue").glob("*.tflite")
    assert f"wrote {made}, and a text for an issue: {made.with_suffix('.md')}" in done.stderr
    assert [each.op for each in graph_of(made).layers] == ["FULLY_CONNECTED"]
    text = made.with_suffix(".md").read_text()
    assert text.startswith("# FULLY_CONNECTED takes 10.4 ms instead of 3.46 ms")
    assert "| now | 10.4 ms | 9.63 ms to 11.1 ms | 6 |" in text
    assert sha256_file(files[1]) in text
    files[1].unlink()
    refused = command_line(*words, status=0)
    assert "not exported: " in refused.stderr
    assert "neither where it was measured nor in the zoo" in refused.stderr


def test_without_op_profiles_no_operator_is_exported(db: Path, tmp_path: Path) -> None:
    sides = (f"{db}:{NAME}.float32", f"{db}:{NAME}.int8")
    done = command_line("compare", *sides, "--export-operator", tmp_path)
    assert "not exported: " in done.stderr
    assert not list(tmp_path.iterdir())
