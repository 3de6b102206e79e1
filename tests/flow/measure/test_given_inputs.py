"""Shapes, values and signatures of models' inputs: what is measured, and what the rows say."""

import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.model_files import (
    CASES,
    STRING,
    TINY,
    crashing,
    edited,
)
from support.phone_sweeps import Swept, sweep, wanted
from support.program import command_line

from bench.core.caveats import CaveatKind
from bench.core.errors import ConfigurationError
from bench.flow.device import derived
from bench.flow.device.files import MeasuredFiles, with_inputs
from bench.handset.running import Running
from bench.measure.outcome import Measured
from bench.plan.inputs import official_shapes, parse
from bench.plan.suite import bare_target
from models.tflite.litert import Model

DYNAMIC = CASES / "dynamic_waveform.tflite"
TWO = CASES / "two_signatures.tflite"
LOOKUP = CASES / "embedding_lookup.tflite"
SUITE = """
name: one
models: ["*"]
delegates: [none]
protocol: {processes: 1, num_runs: 2, warmup_runs: 0, warmup_min_secs: 0, max_secs: 5}
"""


def ran(folder: Path, *words: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    suite = folder / "suite.yaml"
    suite.write_text(SUITE)
    database = folder / "results.db"
    return command_line("run", suite, "--host", "--db", database, "--json", *words, status=status)


def cases(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    (session,) = json.loads(done.stdout)["sessions"]
    found: list[dict[str, Any]] = session["cases"]
    return found


def by_name(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(found, key=lambda case: case["name"], reverse=True)


def evidence(case: dict[str, Any], kind: CaveatKind) -> list[str]:
    return [each["evidence"] for each in case["caveats"] if each["kind"] == kind]


def test_an_unknown_size_is_refused_unless_it_is_given(tmp_path: Path) -> None:
    refused = ran(tmp_path, "--model", DYNAMIC, status=2)
    assert "serving_default_x:0 [1, -1]" in refused.stderr
    assert "--input-shape serving_default_x:0:1,N" in refused.stderr
    (long,) = cases(ran(tmp_path, "--model", DYNAMIC, "--input-shape", "x:1,160000"))
    (short,) = cases(ran(tmp_path, "--model", DYNAMIC, "--input-shape", "x:1,4000"))
    assert long["artifact_sha256"] == short["artifact_sha256"]
    assert long["key"] != short["key"]
    assert long["latency_us_min"] > 5 * short["latency_us_min"]
    assert evidence(long, CaveatKind.INPUT_SHAPE) == ["serving_default_x:0 [1, 160000]"]


def test_the_role_in_the_zoo_gives_the_window(tmp_path: Path) -> None:
    zoo = tmp_path / "zoo"
    words = ("--role", "embedding-waveform", "--window-s", "0.5")
    command_line("zoo", "add", DYNAMIC, "--zoo", zoo, *words, status=0)
    (case,) = cases(ran(tmp_path, "--zoo", zoo))
    assert evidence(case, CaveatKind.INPUT_SHAPE) == ["serving_default_x:0 [1, 8000]"]


def test_a_copy_with_another_shape_computes_what_the_resized_file_does() -> None:
    asked = parse(shapes=["x:1,16000"])
    files = with_inputs([bare_target(DYNAMIC)], asked, on_message=pytest.fail)
    copy = derived.copies(files.targets)[files.targets[0].sha256]
    assert copy.name == DYNAMIC.name
    audio = np.random.default_rng(1).uniform(-0.5, 0.5, (1, 16_000)).astype(np.float32)
    for delegate in ("xnnpack", "none"):
        model = Model(copy, delegate=delegate)
        assert model.input_shapes() == [(1, 16_000)]
        resized = Model(DYNAMIC, delegate=delegate)
        np.testing.assert_array_equal(model(audio)[0], resized(audio)[0])


def test_the_signature_that_is_measured_is_named_and_the_others_are_listed(
    tmp_path: Path,
) -> None:
    (first,) = cases(ran(tmp_path, "--model", TWO, "--input-shape", "x:4"))
    assert evidence(first, CaveatKind.SIGNATURE) == ["add; not measured: multiply"]
    words = ("--model", TWO, "--input-shape", "x:4", "--signature")
    (other,) = cases(ran(tmp_path, *words, "multiply"))
    assert evidence(other, CaveatKind.SIGNATURE) == ["multiply; not measured: add"]
    assert other["signature"] == {"key": "multiply", "graph": 1, "others": ["add"]}
    assert first["key"] != other["key"]
    refused = ran(tmp_path, *words, "multiple", status=2)
    assert "has no signature 'multiple'; did you mean 'multiply'?" in refused.stderr


def test_a_copy_computes_the_signature_that_is_asked_for() -> None:
    asked = parse(shapes=["x:3"], signature="multiply")
    files = with_inputs([bare_target(TWO)], asked, on_message=pytest.fail)
    copies = derived.copies(files.targets)
    (copy,) = copies.values()
    x = np.array([1.0, 2.0, 5.0], dtype=np.float32)
    product, summed = Model(copy)(x)[0], Model(TWO)(x)[0]
    assert np.ptp(product / x) == 0
    assert np.ptp(summed - x) == 0


def test_values_in_a_range_or_from_a_file_make_an_index_valid(tmp_path: Path) -> None:
    failed = ran(tmp_path, "--model", LOOKUP, status=4)
    assert cases(failed)[0]["failed"] == 1
    (ranged,) = cases(ran(tmp_path, "--model", LOOKUP, "--input-value-range", "lookup,0,15"))
    assert evidence(ranged, CaveatKind.INPUT_VALUES) == ["lookup from 0 to 15"]
    values = tmp_path / "row.raw"
    values.write_bytes(struct.pack("<i", 7))
    words = ("--model", LOOKUP, "--input-value-file")
    (filed,) = cases(ran(tmp_path, *words, f"lookup:{values}"))
    assert evidence(filed, CaveatKind.INPUT_VALUES)[0].startswith("lookup from a file, SHA-256")
    assert len({cases(failed)[0]["key"], ranged["key"], filed["key"]}) == 3
    values.write_bytes(b"\0" * 5)
    refused = ran(tmp_path, *words, f"lookup:{values}", status=2)
    assert "has 5 bytes, and lookup [1] of" in refused.stderr
    assert "takes 4 (int32)" in refused.stderr


def test_a_name_that_no_model_has_is_refused_with_those_that_they_have(tmp_path: Path) -> None:
    refused = ran(tmp_path, "--model", LOOKUP, "--input-value-range", "look_up,0,15", status=2)
    assert "no model has an input 'look_up'; did you mean 'lookup'?" in refused.stderr


def test_a_model_of_text_needs_the_official_tool_on_this_machine(tmp_path: Path) -> None:
    def change(graph: Any) -> None:
        main = graph.subgraphs[0]
        main.tensors[main.inputs[0]].type = STRING

    source = edited(TINY, change, tmp_path / "text.tflite")
    refused = ran(tmp_path, "--model", source, status=2)
    assert "text.tflite: takes text" in refused.stderr
    assert "--benchmark-binary" in refused.stderr


def test_a_file_that_crashes_the_runtime_costs_its_own_case_only(tmp_path: Path) -> None:
    source = edited(CASES / "dilated_conv.tflite", crashing, tmp_path / "crashing.tflite")
    done = ran(tmp_path, "--model", source, TINY, status=4)
    bad, good = cases(done)
    assert (bad["name"], bad["failed"], good["failed"]) == ("crashing", 1, 0)
    assert "SIGSEGV" in bad["failures"][0]
    assert "crashing.tflite: is damaged: operator 16 names tensor -1" in done.stderr


def test_a_gate_takes_files_without_names_and_refuses_unknown_sizes(tmp_path: Path) -> None:
    def gate(file: Path, status: int | None = None) -> subprocess.CompletedProcess[str]:
        words = ["--baseline", file, "--candidate", file, "--max-minutes", "0.02"]
        database = tmp_path / "gate.db"
        return command_line("gate", "--host", "--delegate", "none", "--db", database, *words,
                            status=status)  # fmt: skip

    done = gate(CASES / "keyword_scrambled.tflite")
    assert done.returncode in (0, 4, 5), done.stderr
    assert "keyword_scrambled" in done.stdout
    assert "--input-shape serving_default_x:0:1,N" in gate(DYNAMIC, status=2).stderr


def files_of(path: Path, **said: Any) -> MeasuredFiles:
    return with_inputs([bare_target(path)], parse(**said), on_message=pytest.fail)


def on_the_handset(handset: Running, tool: Path, files: MeasuredFiles, database: Path) -> Swept:
    what = wanted(tool, targets=files.targets, value_files=files.value_files)
    return sweep([handset.serial], what, database)


def test_the_official_tool_is_given_shapes_ranges_and_files(
    handset: Running, official_binary: Path, tmp_path: Path
) -> None:
    values = tmp_path / "row.raw"
    values.write_bytes(struct.pack("<i", 7))
    shaped = files_of(DYNAMIC, shapes=["x:1,16000"])
    ranged = files_of(LOOKUP, ranges=["lookup,0,15"])
    filed = files_of(LOOKUP, files=[f"lookup:{values}"])
    ran = []
    for at, files in enumerate((shaped, ranged, filed)):
        found = on_the_handset(handset, official_binary, files, tmp_path / f"{at}.db")
        assert found.lanes[0].error is None
        # A look-up takes less than the microsecond that the tool can print.
        assert [each.exit_status for each in found.only] == [0, 0], found.only[0].stderr
        ran.append(found.only[0])
    assert isinstance(ran[0].outcome, Measured)
    assert ran[0].outcome.inference_us[0] > 100
    assert "Input layers: [serving_default_x:0]" in ran[0].stdout
    assert "Input shapes: [1,16000]" in ran[0].stdout
    assert "Input value ranges: [lookup,0,15]" in ran[1].stdout
    assert "Input value files: [lookup:/data/local/tmp/frill-bench/" in ran[2].stdout


def test_a_tool_without_signatures_refuses_another_than_the_first(
    handset: Running, official_binary: Path, tmp_path: Path
) -> None:
    files = files_of(TWO, shapes=["x:4"], signature="multiply")
    found = on_the_handset(handset, official_binary, files, tmp_path / "two.db")
    error = found.lanes[0].error
    assert isinstance(error, ConfigurationError)
    assert "--signature_to_run_for" in error.message
    assert "first signature only" in error.hint


def test_a_suite_gives_inputs_by_the_flags_names_and_the_command_line_goes_before_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "row.raw").write_bytes(struct.pack("<i", 7))
    suite = tmp_path / "own.yaml"
    words = ("run", suite, "--host", "--db", tmp_path / "r.db", "--json")
    suite.write_text(
        SUITE.replace('["*"]', f'["{TWO}", "{LOOKUP}"]')
        + 'input_shape: ["x:4"]\ninput_value_file: ["lookup:row.raw"]\n'
    )
    two, lookup = by_name(cases(command_line(*words, status=0)))
    assert evidence(two, CaveatKind.INPUT_SHAPE) == ["add_x:0 [4]"]
    assert evidence(lookup, CaveatKind.INPUT_VALUES)[0].startswith("lookup from a file, SHA-256")
    flags = ("--input_layer=x", "--input_layer_shape=7", "--input_layer_value_range=lookup,0,15")
    two, lookup = by_name(cases(command_line(*words, *flags, status=0)))
    assert evidence(two, CaveatKind.INPUT_SHAPE) == ["add_x:0 [7]"]
    assert evidence(lookup, CaveatKind.INPUT_VALUES) == ["lookup from 0 to 15"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('input_shapes: ["x:1"]', "unknown key input_shapes; did you mean 'input_shape'?"),
        ('input_layer_shape: ["1"]', "unknown key input_layer_shape; did you mean 'input_shape'?"),
        ('input_layer_value_files: ["x:f"]', "did you mean 'input_value_file'?"),
        ("signatures: add", "unknown key signatures; did you mean 'signature'?"),
        ('input_shape: ["x:1,0"]', "input_shape 'x:1,0' is not a name and sizes"),
        ('input_shape: "x:1"', "input_shape: must be a list, not 'x:1'"),
        ('input_value_range: ["x,2,1"]', "input_value_range x,2,1: ends before it begins"),
        ('input_value_file: ["x:a", "x:b"]', "input_value_file: 'x' is given twice"),
    ],
)
def test_a_suites_wrong_input_is_named_by_its_key(tmp_path: Path, line: str, message: str) -> None:
    suite = tmp_path / "own.yaml"
    suite.write_text(f"{SUITE}{line}\n")
    done = command_line("run", suite, "--host", "--dry-run", status=2)
    assert message in done.stderr


def test_official_shapes_without_their_names_are_in_the_files_order() -> None:
    assert official_shapes(None, "1,16000:1,64") == ["0:1,16000", "1:1,64"]
    assert official_shapes("x,y", "1,16000:4") == ["x:1,16000", "y:4"]
    for layers, shapes in (("x", None), ("x,y", "1"), ("x", "1:2")):
        with pytest.raises(ConfigurationError, match="--input_layer"):
            official_shapes(layers, shapes)
