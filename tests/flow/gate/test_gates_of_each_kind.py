"""Three gates of each kind on a virtual handset whose truth is known; tests/evidence has twenty.

And gates whose handset does not come back, which are no regression.
"""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from support.gate_machine import HASTY, FunctionDevice
from support.gate_phone import GATED, drawn_tool, revision
from support.layers import write_layers
from support.patience import PATIENCE_S, wait_until
from support.phone_sweeps import wanted
from support.reach import Boot, direct

from bench.adb.phone import Phone
from bench.cli.main import main
from bench.core.hashing import sha256_file
from bench.flow.device.device import Contact
from bench.flow.gate.gate import Gate, log_of
from bench.flow.gate.log_file import read
from bench.flow.gate.references import pair_up, side
from bench.gate.findings import latency_findings
from bench.gate.records import CloseReason, Explained, Lost
from bench.gate.rule import Rule
from bench.gate.verdict import UndecidedReason, Verdict
from bench.handset.running import Running
from bench.store.store import Store
from models.graph.operators import graph_of

SEEDS = (1, 2, 3)
MODELS = ("changed", "steady")


@pytest.fixture(scope="module")
def phone(handset: Running) -> Iterator[Phone]:
    with closing(direct(handset.serial)) as found:
        yield found


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """Returns a gate of two revisions."""
    folder = tmp_path_factory.mktemp("revisions")
    for number, name in enumerate(("old", "new")):
        revision(folder / name, *MODELS, number=number)
    old, new = (side(str(folder / name), zoo=folder) for name in ("old", "new"))
    return Gate(comparison=pair_up(old, new), rule=Rule(), folder=folder / "gates")


def verdicts(
    gate: Gate, phone: Phone, folder: Path, *, slowdown: float, seed: int
) -> dict[str, Verdict]:
    """Returns the verdicts of a gate; the phone is not looked at, which costs most of the time."""
    gate = replace(gate, seed=seed)
    files = [
        each.path for pair in gate.comparison.pairs for each in (pair.baseline, pair.candidate)
    ]
    (changed,) = (pair.candidate for pair in gate.comparison.pairs if pair.model.name == "changed")
    tool = drawn_tool(folder / "tool", slowdowns={changed.path: slowdown}, seed=seed, runs=300)
    with Store.open("sqlite://") as store:
        sweep, processes = wanted(tool, *files, suite=GATED).staged(phone)
        session = gate.open_session(sweep, store)
        gate.measure(sweep, session, store, FunctionDevice(partial(processes.run, telemetry=False)))
        log = read(log_of(store, session))
    return {each.model.name: each.verdict for each in latency_findings(log)}


@pytest.mark.parametrize("seed", SEEDS)
def test_what_did_not_change_is_green(gate: Gate, phone: Phone, tmp_path: Path, seed: int) -> None:
    found = verdicts(gate, phone, tmp_path, slowdown=0.0, seed=seed)
    assert found == {"changed": Verdict.SAME, "steady": Verdict.SAME}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tenth_slower_is_red_and_no_other_is(
    gate: Gate, phone: Phone, tmp_path: Path, seed: int
) -> None:
    found = verdicts(gate, phone, tmp_path, slowdown=0.10, seed=seed)
    assert found == {"changed": Verdict.REGRESSED, "steady": Verdict.SAME}


@pytest.mark.parametrize("seed", SEEDS)
def test_five_percent_slower_is_not_green(
    gate: Gate, phone: Phone, tmp_path: Path, seed: int
) -> None:
    found = verdicts(gate, phone, tmp_path, slowdown=0.05, seed=seed)
    assert found["changed"] in (Verdict.REGRESSED, Verdict.UNDECIDED)
    assert found["steady"] is Verdict.SAME


@pytest.mark.parametrize("is_booted_again", [False, True])
def test_a_phone_that_is_lost_for_good_is_no_regression_of_the_slower_model(
    boot_phone: Boot,
    gate: Gate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_booted_again: bool,
) -> None:
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")
    phone, path = boot_phone(), tmp_path / "gate.jsonl"
    revisions = gate.folder.parent
    slower = revisions / "new" / "changed.float32.tflite"
    tool = drawn_tool(tmp_path / "tool", slowdowns={slower: 0.5})

    def lose() -> None:
        wait_until(lambda: path.exists() and path.read_text().count('"kind":"block"') >= 3)
        phone.stop()
        if is_booted_again:
            boot_phone(name=phone.name, address=phone.serial.partition(":")[0])

    loser = threading.Thread(target=lose, daemon=True)
    loser.start()
    code = main(
        ["gate", "--baseline", str(revisions / "old"), "--candidate", str(revisions / "new"),
         "-s", phone.serial, "--benchmark-binary", str(tool), "--db", str(tmp_path / "gate.db"),
         "--log", str(path), "--wait-for-device", f"{PATIENCE_S}" if is_booted_again else "1"],
    )  # fmt: skip
    loser.join(PATIENCE_S)
    assert code == 3
    log = read(path)
    assert log.closed is CloseReason.DEVICE_LOST
    assert isinstance(log.entries[-2], Lost)
    assert ("rebooted" in log.entries[-2].reason) == is_booted_again
    found = latency_findings(log)
    assert {each.verdict for each in found} == {Verdict.UNDECIDED}
    assert {each.reason for each in found} == {UndecidedReason.DEVICE_LOST}


def test_the_operator_that_slowed_down_is_a_file_beside_the_log_with_a_text_for_an_issue(
    handset: Running, official_binary: Path, tmp_path: Path
) -> None:
    sources = [tmp_path / name / "dense.tflite" for name in ("old", "new")]
    for source, layers in zip(sources, (1, 3), strict=True):
        source.parent.mkdir()
        write_layers(source, layers, rows=16)
    old, new = (side(str(source), zoo=tmp_path) for source in sources)
    gate = Gate(comparison=pair_up(old, new), rule=HASTY, folder=tmp_path / "gates")
    files = [
        each.path for pair in gate.comparison.pairs for each in (pair.baseline, pair.candidate)
    ]
    device = wanted(official_binary, *files).device(handset.serial)
    with Store.open("sqlite://") as store, device.opened(Contact()):
        sweep = device.stage()
        session = gate.open_session(sweep, store)
        with device.session(session, store, Contact()):
            gate.measure(sweep, session, store, device)
        path = log_of(store, session)
        text = path.read_text()
    log = read(path)
    (why,) = (each for each in log.entries if isinstance(each, Explained))
    assert why.candidate.profiles == why.baseline.profiles == 6
    slow = max(why.candidate.operators, key=lambda each: each.avg_us or 0)
    assert slow.low_us is not None and slow.high_us is not None
    assert slow.low_us <= (slow.avg_us or 0) <= slow.high_us
    made = path.parent / why.operator_file
    assert [each.op for each in graph_of(made).layers] == ["FULLY_CONNECTED"]
    issue = made.with_suffix(".md").read_text()
    for part in (
        sha256_file(made), sha256_file(files[1]), f"benchmark_model --graph={made.name}",
        "float32[16,128], float32[128,128] to float32[16,128]", "it runs in ai-edge-litert",
        "| now, alone in the file below | ", sha256_file(official_binary),
    ):  # fmt: skip
        assert part in issue, part
    (finding,) = latency_findings(log)
    assert any(line.endswith(why.operator_file) for line in finding.why)
    assert "times of operators are medians of 6 profiled processes a side" in " ".join(finding.why)
    assert text.count('"kind":"explained"') == 1
