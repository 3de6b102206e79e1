import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from support.gate_machine import Machine, crashed, planned, raising
from support.gate_phone import drawn_tool
from support.phone_sweeps import TINY
from support.reach import Boot

from bench.cli.main import main
from bench.core import config
from bench.core.caveats import CaveatKind
from bench.core.errors import ConfigurationError
from bench.flow.device.device import Contact
from bench.flow.device.sweep import Sweep
from bench.flow.gate.calibrate import calibration_of, protocol_of, protocols_for, save
from bench.flow.gate.gate import Gate, log_of
from bench.flow.gate.jobs import CalibrationJob, GateJob
from bench.flow.gate.log_file import read
from bench.gate.calibration.device_noise import Calibration, same_rule
from bench.gate.calibration.protocols import ProcessProtocol
from bench.gate.findings import latency_findings
from bench.gate.rule import Rule
from bench.gate.verdict import Verdict
from bench.plan.case import Runner
from bench.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "gate.db") as opened:
        yield opened


def with_itself(
    folder: Path, *names: str, blocks: int = 12, threads: int = 1
) -> tuple[Gate, Sweep]:
    gate, sweep = planned(folder, *names, threads=threads, rule=same_rule(blocks))
    pairs = tuple(replace(each, baseline=each.candidate) for each in gate.comparison.pairs)
    return replace(gate, comparison=replace(gate.comparison, pairs=pairs)), sweep


def measured(gate: Gate, sweep: Sweep, store: Store, run: Machine) -> Calibration:
    session = gate.open_session(sweep, store)
    with suppress(KeyboardInterrupt):
        gate.measure(sweep, session, store, run)
    path = log_of(store, session)
    assert all(each.verdict is not Verdict.REGRESSED for each in latency_findings(read(path)))
    return calibration_of(read(path), path, session, store)


def begun(gate: Gate, sweep: Sweep, *, chosen: int | None = None) -> tuple[int, str]:
    """Returns the processes per side of a gate, and its messages when it begins."""
    job = GateJob(
        gate=gate,
        calibrations=gate.folder.parent / "calibrations",
        processes_per_side=chosen,
    )
    calibrated, _, lines = job.calibrated(sweep)
    return calibrated.rule.processes_per_side, "\n".join(lines)


def test_a_gate_takes_its_processes_from_the_calibration_of_its_device_and_of_no_other(
    tmp_path: Path, store: Store, machine: Machine
) -> None:
    aa, sweep = with_itself(tmp_path, "one", "two")
    found = measured(aa, sweep, store, machine)
    (only,) = found.classes
    assert only.models == ("one float32", "two float32")
    assert (only.blocks, only.processes_per_side) == (24, 1)
    assert only.process_s >= machine.real.wall_s
    assert found.environment.statistic == "minimum thread CPU time"

    gate, sweep = planned(tmp_path, "one", "two", "three")
    assert begun(gate, sweep) == (1, "")
    folder = tmp_path / "calibrations"
    three = replace(only, processes_per_side=3)
    path = save(folder, replace(found, classes=(three,)))
    k, line = begun(gate, sweep)
    calibrated = line
    assert k == 3
    how = "each of 3 inferences after 0 s of warm-up"
    day = found.measured_at[:10]
    assert line.startswith(f"calibrated on {day}: 3 processes per side, {how}; about ")
    assert line.endswith(" for 3 models, if none is slower")
    assert begun(gate, sweep, chosen=2)[0] == 2
    assert begun(gate, sweep, chosen=4) == (4, f"calibrated on {day}: 4 processes per side, {how}")

    parallel, other = planned(tmp_path, "one", threads=2)
    k, line = begun(parallel, other)
    assert k == 1
    assert "not used, these differ: threads, statistic" in line
    moved = replace(sweep, device=replace(sweep.device, name="another", serial="another"))
    assert begun(gate, moved) == (1, "")
    updated = replace(sweep, device=replace(sweep.device, os_build="newer"))
    assert "differ: fingerprint" in begun(gate, updated)[1]

    # One of version 2, which knew no protocols, and of version 1, whose keys said "arm".
    older = json.loads(path.read_text()) | {"schema_version": 2}
    for each in older["classes"]:
        del each["protocol"], each["protocols"]
    path.write_text(json.dumps(older))
    assert begun(gate, sweep) == (3, calibrated)
    older |= {"schema_version": 1}
    path.write_text(json.dumps(older).replace("processes_per_side", "processes_per_arm"))
    assert begun(gate, sweep) == (3, calibrated)

    save(folder, found)
    assert list(folder.glob("*.json")) == [path]
    assert begun(gate, sweep)[0] == 1
    path.write_text("{}")
    assert "calibration not used: " in begun(gate, sweep)[1]


def test_what_ctrl_c_left_is_a_calibration_of_fewer_blocks_once_there_are_twelve(
    tmp_path: Path, store: Store, machine: Machine
) -> None:
    aa, sweep = with_itself(tmp_path, "one", blocks=60)
    machine.happens[1 + 2 * 11] = raising(KeyboardInterrupt())
    with pytest.raises(ConfigurationError, match="all together have 11"):
        measured(aa, sweep, store, machine)
    machine.happens = {len(machine.ran) + 1 + 2 * 4: raising(KeyboardInterrupt())}
    found = measured(aa, sweep, store, machine)  # the same run, continued
    assert found.classes[0].blocks == 15
    assert found.ended == "interrupted"


def test_a_model_that_fails_leaves_the_others_their_calibration(
    tmp_path: Path, store: Store, machine: Machine
) -> None:
    aa, sweep = with_itself(tmp_path, "one", "two")
    machine.happens[6] = crashed
    found = measured(aa, sweep, store, machine)
    assert found.classes[0].models == ("two float32",)


def test_several_protocols_take_turns_and_a_gate_uses_the_one_that_was_chosen(
    tmp_path: Path, store: Store, machine: Machine
) -> None:
    aa, sweep = with_itself(tmp_path, "one", "two")
    lines: list[str] = []
    opened = CalibrationJob(gate=aa, on_message=lines.append).open(sweep, store)
    opened.run(machine, Contact())
    protocols = protocols_for(Runner.LITERT_PYTHON)
    assert lines == [
        "12 blocks of 2 models, with 6 protocols in turn: at least 2 minutes; --minutes ends "
        "earlier, and cuts all alike"
    ]
    warm_ups = [
        case.protocol.warmup_min_secs for case in machine.ran[2::3][:6]
    ]  # after one to fill caches
    assert warm_ups == [each.warmup_s for each in protocols]
    path = log_of(store, opened.session)
    log = read(path)
    assert [ProcessProtocol.of(pair.observed) for pair in log.opened.models] == [*protocols] * 2
    assert str(log.opened.models[0].model) == "one (7 inferences after 0.05 s of warm-up) float32"
    found = calibration_of(log, path, opened.session, store)
    assert [each.models for each in found.classes] == [("one float32", "two float32")]
    assert [each.protocol for each in found.classes[0].protocols] == list(protocols)

    chosen = replace(found.classes[0], protocol=protocols[1])
    save(tmp_path / "calibrations", replace(found, classes=(chosen,)))
    gate, sweep = planned(tmp_path, "one")
    for keeps, expected in ((False, protocols[1]), (True, protocol_of(sweep.cases[0]))):
        job = GateJob(
            gate=replace(gate, on_message=lines.append),
            calibrations=tmp_path / "calibrations",
            keeps_protocol=keeps,
        )
        gated = job.open(sweep, store)
        gated.run(machine, Contact())
        (pair,) = read(log_of(store, gated.session)).opened.models
        assert ProcessProtocol.of(pair.observed) == expected
        assert protocol_of(machine.ran[-1]) == expected
        assert any(f"each of {expected.text}" in line for line in lines)


def test_the_rule_of_a_gate_is_its_own_except_for_the_processes(
    tmp_path: Path, store: Store, machine: Machine
) -> None:
    aa, sweep = with_itself(tmp_path, "one")
    save(tmp_path / "calibrations", measured(aa, sweep, store, machine))
    gate, sweep = planned(tmp_path, "one", rule=Rule(margin=0.1))
    job = GateJob(gate=gate, calibrations=tmp_path / "calibrations")
    opened = job.open(sweep, store)
    opened.run(machine, Contact())
    log = read(log_of(store, opened.session))
    assert log.opened.rule == Rule(margin=0.1)
    assert [each.verdict for each in latency_findings(log)] == [Verdict.SAME]


def test_a_bimodal_phone_is_calibrated_to_the_fastest_of_three_and_its_gate_uses_that(
    boot_phone: Boot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    phone = boot_phone()
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("old", "new")):
        (tmp_path / f"{name}.tflite").write_bytes(TINY.read_bytes() + bytes(number))
    tool = drawn_tool(tmp_path / "tool", slowdowns={}, profile="bimodal", seed=3)
    words = ["-s", phone.serial, "--benchmark-binary", str(tool), "--num-runs", "7"]
    assert main(["calibrate", "--model", "old.tflite", "--blocks", "14", "--json", *words]) == 0
    shown = capsys.readouterr()
    assert "measured on a virtual handset" in shown.err
    document = json.loads(shown.out)["calibration"]
    assert document["processes_per_side"] == 3
    (path,) = (tmp_path / "calibrations").glob("*.json")
    stored = config.load(path, Calibration)
    assert [each.kind for each in stored.caveats] == [CaveatKind.VIRTUAL]
    (only,) = stored.classes
    assert only.modes is not None
    assert only.modes.slowdown == pytest.approx(0.12, abs=0.04)
    assert read(Path(stored.log)).opened.rule == same_rule(14)

    gate = ["gate", "--baseline", "old.tflite", "--candidate", "new.tflite", "--log", "gate.jsonl"]
    assert main([*gate, "--max-minutes", "0", *words]) == 0
    how = "each of at least 7 inferences and 0.1 s after 0.15 s of warm-up"
    assert f": 3 processes per side, {how}; about " in capsys.readouterr().err
    assert read(tmp_path / "gate.jsonl").opened.rule == replace(
        Rule().for_models(1), processes_per_side=3
    )


def test_too_few_blocks_give_no_calibration_and_status_four_or_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["calibrate", "--model", str(TINY), "--host"]
    assert main([*words, "--blocks", "11"]) == 2
    assert "measure 12 to 500" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert main([*words, "--minutes", "0.01"]) == 4
    assert "no model has 12 blocks" in capsys.readouterr().err
    assert [each.suffix for each in (tmp_path / "calibrations").iterdir()] == [".jsonl"]


def test_a_sustained_gate_has_no_protocol_to_choose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["gate", "--baseline", str(TINY), "--candidate", str(TINY), "--host"]
    assert main([*words, "--sustained", "1", "--warmup-min-secs", "0.1"]) == 2
    assert "are of single processes" in capsys.readouterr().err
