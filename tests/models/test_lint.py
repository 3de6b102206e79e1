"""``zoo lint``: what is found in files, and that nothing is claimed of what was not run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.program import command_line
from support.schemas import assert_junit, assert_valid
from support.stored_sessions import CASE, DEVICE, add_session

from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from bench.flow.build.lint import THIS_MACHINE, Asked, _kinds, files_of, lint
from bench.flow.report.origin import IMPORTED
from bench.measure.outcome import Failed, Measured
from bench.plan.case import Delegate, Runner
from bench.plan.device import this_machine
from bench.store.store import Store
from models.tflite import litert
from models.tflite.reader import Operator
from reports.lint.findings import Finding, Rule

DATA = Path(__file__).parent.parent / "data"
TINY, SPLIT = DATA / "tiny.tflite", DATA / "tiny_split.tflite"
KEYWORD = DATA / "model_files" / "keyword_scrambled.tflite"
DILATED = DATA / "model_files" / "dilated_conv.tflite"
PATCH = DATA / "audio_models" / "patch.tflite"
PIXEL_8 = replace(DEVICE, name="Pixel 8", model="Pixel 8", serial="eight")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "results.db") as opened:
        yield opened


def found(path: Path, asked: Asked | None = None, store: Store | None = None) -> list[Finding]:
    (file,) = lint([path], asked or Asked(), store=store).files
    return list(file.findings)


def of(findings: list[Finding], rule: Rule) -> Finding:
    (finding,) = [each for each in findings if each.rule is rule]
    return finding


def put(
    store: Store,
    identity: str,
    delegate: Delegate,
    outcome: Measured | Failed,
    *,
    path: Path = TINY,
    day: int = 1,
) -> None:
    """Stores a session on a Pixel 8 whose one process had this outcome."""
    case = replace(CASE, artifact_sha256=sha256_file(path), device=PIXEL_8.key, delegate=delegate)
    add_session(store, identity, {case: 500.0}, device=PIXEL_8, processes=1, day=day)
    (process,) = store.invocations(identity)
    store.add_outcome(process.id, outcome)


def split(taken: int | None, total: int | None, partitions: int | None) -> Measured:
    return Measured(
        init_us=1.0, first_us=1.0, inference_us=(1.0,), cpu_us=None, nodes_total=total,
        nodes_delegated=taken, partitions=partitions, memory_mb_peak=None,
    )  # fmt: skip


def test_a_file_that_one_partition_runs_whole_has_no_finding() -> None:
    assert found(TINY) == []


def test_a_split_graph_names_the_operator_that_splits_it_and_how_that_is_known() -> None:
    findings = found(SPLIT)
    assert [each.rule for each in findings] == [Rule.PARTITIONS, Rule.OPERATORS_LEFT]
    assert findings[0].message == "xnnpack runs it in 2 partitions"
    assert findings[1].message == "xnnpack leaves 1 of 4 operators"
    assert findings[1].why == ("1 FLOOR_MOD (float32, constants float32)",)
    for each in findings:
        assert each.evidence.startswith("observed on this machine with the LiteRT interpreter, ")


def test_operators_are_left_with_the_reason_where_it_is_known() -> None:
    assert any(
        each.startswith("7 SVDF") and each.endswith("no kernels for int16 values")
        for each in of(found(KEYWORD), Rule.OPERATORS_LEFT).why
    )

    def left(op: str, values: str, constants: str) -> str:
        (line,) = _kinds(
            [
                Operator(
                    op=op, output="", inputs=(values,), constants=(constants,), outputs=(values,)
                )
            ]
        )
        return line

    assert "relu6(x + 3) / 6" in left("HARD_SWISH", "int8", "int8")
    assert "dense layers and convolutions only" in left("DEPTHWISE_CONV_2D", "float32", "int8")
    assert left("FLOOR_MOD", "float32", "int32") == "1 FLOOR_MOD (float32, constants int32)"


def test_open_shapes_are_in_the_file_and_sizes_of_results_are_observed() -> None:
    (open_shape,) = found(PATCH)
    assert open_shape.rule is Rule.DYNAMIC
    assert open_shape.message == "the input x has the open shape [-1, 96, 64, 1]"
    assert open_shape.evidence == "in the file"
    shape, size = (each for each in found(DILATED) if each.rule is Rule.DYNAMIC)
    assert "[-1, -1, -1, 3]" in shape.message
    assert size.message == (
        "the result of SPACE_TO_BATCH_ND has a size that is known only while the graph runs, "
        "and so have those of 4 more operators"
    )
    assert size.evidence.endswith("without a delegate")


def test_a_damaged_file_is_a_finding_that_always_fails_and_ends_no_lint(tmp_path: Path) -> None:
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(SPLIT.read_bytes()[:900])
    whole = lint([cut, TINY], Asked())
    assert [len(file.findings) for file in whole.files] == [1, 0]
    assert of(list(whole.files[0].findings), Rule.UNREADABLE).message.startswith("is truncated")
    assert whole.failing == 1


def test_what_was_not_run_on_a_class_of_devices_is_unknown_and_never_a_claim(store: Store) -> None:
    put(store, "one", Delegate.GPU, split(90, 90, 1))
    asked = Asked(classes=("here", "pixel8", "Pixel 9*"))
    split_graph = found(SPLIT, asked, store)  # only another file was run there
    unknown = [each.device for each in split_graph if each.rule is Rule.UNKNOWN]
    assert unknown == ["pixel8", "Pixel 9*"]
    nine = of(found(TINY, asked, store), Rule.UNKNOWN)
    assert nine.message == "it was not run on Pixel 9*"
    assert nine.evidence == "unknown: nothing was run there"
    only_gpu = replace(asked, classes=("pixel8",), delegate=Delegate.NNAPI)
    assert of(found(TINY, only_gpu, store), Rule.UNKNOWN).message.endswith("with nnapi")


def test_a_stored_split_is_stated_with_its_device_tool_and_day(store: Store) -> None:
    put(store, "one", Delegate.GPU, split(70, 90, 3))
    findings = found(TINY, store=store)
    assert [each.rule for each in findings] == [Rule.PARTITIONS, Rule.OPERATORS_LEFT]
    assert findings[0].message == "gpu runs it in 3 partitions"
    assert findings[0].evidence == (
        "observed on Pixel 8 with benchmark_model cccccccccccc, 2026-05-01"
    )
    assert findings[1].why == ("which ones, the tool does not report",)


def test_a_fallback_that_was_stored_is_found_and_another_failure_shows_nothing(
    store: Store,
) -> None:
    put(store, "one", Delegate.NNAPI, Failed(failure="cpu-fallback: NNAPI was not applied"))
    put(store, "two", Delegate.GPU, Failed(failure="timed-out: killed after 9 s"))
    put(store, "three", Delegate.NONE, split(0, 90, 0))
    finding = of(found(TINY, store=store), Rule.FALLBACK)
    assert finding.message == "nnapi did not run as asked: cpu-fallback: NNAPI was not applied"
    assert len(found(TINY, store=store)) == 1


def test_only_the_newest_session_of_a_device_and_tool_counts(store: Store) -> None:
    put(store, "old", Delegate.GPU, Failed(failure="cpu-fallback: no"), day=1)
    put(store, "new", Delegate.GPU, split(90, 90, 1), day=3)
    put(store, "middle", Delegate.GPU, split(80, 90, 2), day=2)
    assert found(TINY, store=store) == []


def test_a_tool_that_does_not_report_the_split_leaves_it_unknown(store: Store) -> None:
    put(store, "one", Delegate.GPU, split(None, None, None))
    finding = of(found(TINY, store=store), Rule.UNKNOWN)
    assert finding.message == "the tool did not report how gpu split the graph"


def test_an_imported_log_is_named_as_the_source(store: Store) -> None:
    put(store, "one", Delegate.GPU, split(80, 90, 2))
    (session,) = store.sessions()
    store.log(session, IMPORTED, file="paste.txt", sha256="f" * 64)
    evidence = of(found(TINY, store=store), Rule.PARTITIONS).evidence
    assert evidence.endswith("imported from paste.txt (ffffffffffff)")


def test_what_this_machine_saw_in_a_stored_session_is_not_listed_twice(store: Store) -> None:
    host = this_machine()
    case = replace(
        CASE, artifact_sha256=sha256_file(SPLIT), device=host.key, runner=Runner.LITERT_PYTHON
    )
    add_session(store, "here", {case: 500.0}, device=host, processes=1)
    (process,) = store.invocations("here")
    for split_again, devices in ((split(3, 4, 2), 1), (split(2, 4, 2), 2)):
        seen = replace(split_again, runtime=litert.runtime())
        store.add_outcome(process.id, seen)
        (file,) = lint([SPLIT], Asked(), store=store).files
        assert len({each.device for each in file.observations}) == devices


def test_each_finding_on_another_device_has_an_observation_of_it(store: Store) -> None:
    put(store, "one", Delegate.GPU, split(70, 90, 3), path=SPLIT)
    put(store, "two", Delegate.XNNPACK, split(3, 4, 2), path=SPLIT)
    (file,) = lint([SPLIT], Asked(), store=store).files
    seen = {(each.device, each.delegate) for each in file.observations}
    assert seen == {(THIS_MACHINE, "xnnpack"), ("Pixel 8", "gpu"), ("Pixel 8", "xnnpack")}
    assert {(each.device, each.delegate) for each in file.findings} == seen
    alike = [each for each in file.findings if each.device == "Pixel 8" and each.why][-1]
    assert alike.why == (
        "which ones, the tool does not report; this machine's XNNPACK leaves as many: 1 FLOOR_MOD",
    )


def test_the_verb_fails_on_what_it_is_told_and_all_its_files_are_valid(tmp_path: Path) -> None:
    models = tmp_path / "my models"
    models.mkdir()
    for path in (TINY, SPLIT, PATCH):
        (models / path.name).write_bytes(path.read_bytes())
    words = ("zoo", "lint", models, "--sarif", "l.sarif", "--junit", "l.xml", "--json")
    fine = command_line(*words, "--fail-on", "fallback", cwd=tmp_path, status=0)
    assert json.loads(fine.stdout)["headline"] == (
        "3 files, none fails; 1 partitions, 1 operators-left, 1 dynamic"
    )
    done = command_line(*words, "--fail-on", "partitions", cwd=tmp_path, status=4)
    document = json.loads(done.stdout)
    assert document["headline"] == "1 of 3 files fails: 1 partitions"
    assert [len(file["findings"]) for file in document["files"]] == [1, 0, 2]
    log = json.loads((tmp_path / "l.sarif").read_text())
    assert_valid(log, "sarif-2.1.0.json")
    first = log["runs"][0]["results"][0]
    assert (first["ruleId"], first["level"]) == ("partitions", "error")
    place = first["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place["uri"] == "my%20models/tiny_split.tflite"
    root = ET.fromstring((tmp_path / "l.xml").read_text())  # noqa: S314 - our own
    assert_junit(root)
    assert [suite.attrib["failures"] for suite in root] == ["1", "0", "0"]
    command_line("zoo", "lint", models, "--fail-on", "partition", cwd=tmp_path, status=2)


def test_unknown_is_open_in_sarif_and_skipped_in_junit_unless_it_fails(tmp_path: Path) -> None:
    words = ("zoo", "lint", TINY, "--for", "Pixel 8", "--sarif", "l.sarif", "--junit", "l.xml")
    for extra, status, kind, tag in (
        ((), 0, ("open", "none"), "skipped"),
        (("--fail-on", "unknown"), 4, ("fail", "error"), "failure"),
    ):
        command_line(*words, *extra, cwd=tmp_path, status=status)
        log = json.loads((tmp_path / "l.sarif").read_text())
        assert_valid(log, "sarif-2.1.0.json")
        (result,) = log["runs"][0]["results"]
        assert (result["kind"], result["level"]) == kind
        root = ET.fromstring((tmp_path / "l.xml").read_text())  # noqa: S314 - our own
        assert [child.tag for child in root[-1].iter(tag)] == [tag]


def test_files_folders_and_names_are_found_and_nothing_is_an_error(tmp_path: Path) -> None:
    assert files_of([str(TINY), str(DATA / "audio_models"), str(TINY)], zoo=tmp_path)[:2] == [
        TINY, DATA / "audio_models" / "crash.tflite",
    ]  # fmt: skip
    for refs in ([], [str(tmp_path)], ["tyni"]):
        with pytest.raises(ConfigurationError):
            files_of(refs, zoo=tmp_path)
