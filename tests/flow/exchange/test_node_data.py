"""Op profiles as Model Explorer's custom node data."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.stored_sessions import ARTIFACT, CASE, add_session

from bench.cli.main import main
from bench.core.device_state.telemetry import Telemetry
from bench.flow.exchange.node_data import PROVENANCE
from bench.measure.conditions import HOST_LIMITS
from bench.measure.outcome import Measured
from bench.plan.case import Case, Delegate, Mode, Protocol
from bench.store.records import Invocation
from bench.store.store import Store

LOGS = Path(__file__).parents[2] / "data" / "benchmark_logs"
PLAIN = (LOGS / "44_tf2.14.1_op_profile_stdout.txt").read_text()
OLD = (LOGS / "33_readme_op_profile_tables.txt").read_text()
DELEGATED = """Operator-wise Profiling Info for Regular Benchmark Runs:
============================== Run Order ==============================
[node type]  [first]  [avg ms]  [%]  [cdf%]  [mem KB]  [times called]  [Name]
TRANSPOSE  0.05  0.05  5.0%  5.0%  0.0  1  [a;b]:0
TfLiteXNNPackDelegate  0.95  0.95  95.0%  100.0%  0.0  1  [out, state]:7
ADD  0.01  0.01  1.0%  100.0%  0.0  1  [c, d]:3

Number of nodes executed: 3
"""


def write(folder: Path, profiles: dict[Case, str]) -> Path:
    path = folder / "d.db"
    with Store.open(path) as store:
        store.add_artifact(ARTIFACT)
        session = add_session(store, "s", dict.fromkeys(profiles, 400.0), processes=1)
        for case, text in profiles.items():
            protocol = replace(case.protocol, mode=Mode.OP_PROFILE, processes=1)
            made = Invocation(
                session_id=session.id, case=replace(case, protocol=protocol), ordinal=0,
                model="/zoo/tiny.tflite", command=("b",), started_at=session.started_at,
                wall_s=1.0, exit_status=0, timed_out=False, stdout=text, stderr="",
                telemetry=Telemetry(), limits=HOST_LIMITS,
            )  # fmt: skip
            measured = Measured(
                init_us=1.0, first_us=1.0, inference_us=(1.0,), cpu_us=None, nodes_total=1,
                nodes_delegated=1, partitions=1, memory_mb_peak=None,
            )  # fmt: skip
            store.add_outcome(store.add_invocation(made), measured)
    return path


def exported(folder: Path, profiles: dict[Case, str]) -> list[dict[str, object]]:
    words = ["export", "--db", str(write(folder, profiles)), "--format", "model-explorer"]
    assert main([*words, "--out", str(folder / "out")]) == 0
    found: list[dict[str, object]] = json.loads((folder / "out" / PROVENANCE).read_text())
    return found


def results(folder: Path, about: dict[str, object]) -> dict[str, float]:
    data = json.loads((folder / "out" / str(about["file"])).read_text())
    assert [each["stop"] for each in data["gradient"]] == [0, 0.5, 1]
    return {node: each["value"] for node, each in data["results"].items()}


def test_each_operator_has_its_time_by_its_number_in_the_graph(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = replace(CASE, delegate=Delegate.NONE)
    (about,) = exported(tmp_path, {plain: PLAIN})
    assert about["file"] == f"{ARTIFACT.name}.float32.Pixel-6.none.1-threads.us.json"
    assert (about["session"], about["tool_sha256"], about["unit"]) == ("s", "c" * 64, "us")
    assert results(tmp_path, about) == {"0": 52.0, "1": 3210.0, "2": 167.0, "3": 5.0}
    assert (about["matched"], about["unmatched"]) == (4, 0)
    assert "4 operators with 100.0 % of the time" in capsys.readouterr().err


def test_where_the_tool_prints_no_numbers_it_is_by_the_output_tensor(tmp_path: Path) -> None:
    (about,) = exported(tmp_path, {CASE: OLD})
    assert "MobilenetV1/MobilenetV1/Conv2d_0/Relu6" in results(tmp_path, about)


def test_what_is_a_delegates_has_no_operator_and_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(CASE, protocol=Protocol(processes=6, num_runs=50))
    first, again = exported(tmp_path, {CASE: DELEGATED, other: DELEGATED})
    assert first["file"] != again["file"]
    assert results(tmp_path, first) == {"0": 50.0, "3": 10.0}
    assert (first["matched"], first["unmatched"], first["unmatched_us"]) == (2, 1, 950.0)
    err = capsys.readouterr().err
    assert "2 operators with 5.9 % of the time, 1 rows of no operator" in err
    assert "--delegate none times these" in err
