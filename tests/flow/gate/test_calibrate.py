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
from bench.flow.gate.calibrate import calibration_of, save
from bench.flow.gate.gate import Gate, log_of
from bench.flow.gate.jobs import GateJob
from bench.flow.gate.log_file import read
from bench.gate.calibration.device_noise import Calibration, same_rule
from bench.gate.findings import latency_findings
from bench.gate.rule import Rule
from bench.gate.verdict import Verdict
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
    calibrated, lines = job.calibrated(sweep)
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
    assert k == 3
    assert line.startswith(f"calibrated on {found.measured_at[:10]}: 3 processes per side; about ")
    assert line.endswith(" for 3 models, if none is slower")
    assert begun(gate, sweep, chosen=2)[0] == 2
    assert begun(gate, sweep, chosen=4) == (
        4,
        line[: line.index("3 ")] + "4 processes per side",
    )

    parallel, other = planned(tmp_path, "one", threads=2)
    k, line = begun(parallel, other)
    assert k == 1
    assert "not used, these differ: threads, statistic" in line
    moved = replace(sweep, device=replace(sweep.device, name="another", serial="another"))
    assert begun(gate, moved) == (1, "")
    updated = replace(sweep, device=replace(sweep.device, os_build="newer"))
    assert "differ: fingerprint" in begun(gate, updated)[1]

    # A calibration of version 1, whose keys said "arm".
    path.write_text(
        path.read_text()
        .replace("processes_per_side", "processes_per_arm")
        .replace('"schema_version": 2', '"schema_version": 1')
    )
    assert begun(gate, sweep)[0] == 3

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
    words = ["-s", phone.serial, "--benchmark-binary", str(tool)]
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
    assert ": 3 processes per side; about " in capsys.readouterr().err
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
