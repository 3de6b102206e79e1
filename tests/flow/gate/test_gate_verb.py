import json
import os
import shutil
import signal
import subprocess
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.gate_machine import HASTY, FunctionDevice, planned
from support.gate_phone import GATED, drawn_tool, revision
from support.patience import PATIENCE_S, wait_until
from support.phone_sweeps import sweep, wanted
from support.program import COMMAND, NO_SERVER
from support.reach import Boot, direct

from bench.cli.main import main
from bench.core.errors import worst
from bench.core.hashing import sha256_file
from bench.flow.device.requests import SideRequest
from bench.flow.gate.bundle import load, official, save
from bench.flow.gate.gate import log_of
from bench.flow.gate.jobs import GateJob
from bench.flow.gate.log_file import read
from bench.gate.log import from_bytes
from bench.gate.records import Block, Closed, Discarded, Lost, Opened, Resumed
from bench.gate.schedule import candidate_first
from bench.handset.running import Running
from bench.plan.case import Case
from bench.plan.suite import zoo_targets
from bench.store.store import Store
from bench.tool.host import Execution
from models.zoo import Zoo

ROOT = Path(__file__).parents[3]
STAND_IN = ROOT / "tests" / "data" / "stand_in"


@pytest.fixture
def revisions(tmp_path: Path) -> Path:
    """Returns a folder with two revisions of two models."""
    for number, folder in enumerate(("old", "new")):
        revision(tmp_path / folder, "slower", "steady", number=number)
    return tmp_path


class Started:
    """The verb in a process of its own, and the lines of its log so far."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._log = folder / "gate.jsonl"
        self._process = subprocess.Popen(
            [*COMMAND, "gate", "--baseline", "old", "--candidate", "new", "--log", "gate.jsonl",
             *words],
            cwd=folder, env={**os.environ, **NO_SERVER, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def after_blocks(self, count: int) -> None:
        """Returns once so many blocks are written."""
        wait_until(lambda: self._process.poll() is not None or self._blocks() >= count)
        assert self._process.poll() is None, self._process.communicate()

    def _blocks(self) -> int:
        return self._log.read_text().count('"kind":"block"') if self._log.exists() else 0

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def ended(self, *, status: int) -> tuple[str, str]:
        """Returns what it printed."""
        stdout, stderr = self._process.communicate(timeout=PATIENCE_S)
        assert self._process.returncode == status, stderr
        return stdout, stderr


def test_a_gate_on_a_phone_survives_ctrl_c_and_a_lost_phone_and_flags_only_the_slower_model(
    boot_phone: Boot, revisions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phone = boot_phone()
    slower = revisions / "new" / "slower.float32.tflite"
    tool = drawn_tool(revisions / "tool", slowdowns={slower: 0.10}, profile="locked")
    words = ("-s", phone.serial, "--benchmark-binary", str(tool))

    first = Started(revisions, *words)
    first.after_blocks(3)
    first.interrupt()
    stdout, stderr = first.ended(status=130)
    assert "undecided: interrupted" in stdout
    content = (revisions / "gate.jsonl").read_bytes()

    second = Started(revisions, *words)
    second.after_blocks(6)
    phone.kill_adbd()
    stdout, stderr = second.ended(status=1)
    assert "slower float32: regressed; latency 1." in stderr
    assert "steady float32: regressed" not in stderr
    assert "measured on a virtual handset" in stderr
    rows = {
        line.split()[0]: line.split(" latency ")[0].split()[-2]
        for line in stdout.splitlines()
        if " latency " in line
    }
    assert rows == {"slower": "regressed", "steady": "same"}

    path = revisions / "gate.jsonl"
    assert path.read_bytes().startswith(content)
    log = from_bytes(path.read_bytes(), source="log")
    for each in log.entries:
        if isinstance(each, Block | Discarded):
            coin = candidate_first(log.opened.seed, each.model, each.index)
            assert each.candidate_first == coin
    ends = [type(each) for each in log.entries if isinstance(each, Closed | Resumed | Lost)]
    assert ends == [Closed, Resumed, Lost, Resumed, Closed]

    capsys.readouterr()
    assert main(["gate", "--replay", str(path)]) == 1
    assert capsys.readouterr().out == stdout


def test_what_a_phone_tells_of_itself_discards_both_sides_of_a_block(
    handset: Running, tmp_path: Path
) -> None:
    gate, _ = planned(tmp_path, "one", rule=HASTY)
    (pair,) = gate.comparison.pairs
    tool = drawn_tool(tmp_path / "tool", slowdowns={}, seed=9)
    what = wanted(tool, pair.baseline.path, pair.candidate.path, suite=GATED)
    cap = handset.path("/sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq")
    full = cap.read_text()
    ran = 0

    def run(case: Case) -> Execution:
        nonlocal ran
        # After two that are thrown away: the first side of a block, later the second of another.
        cap.write_text("1171200" if ran in (2, 7) else full)
        ran += 1
        try:
            return processes.run(case)
        finally:
            cap.write_text(full)

    with closing(direct(handset.serial)) as phone, Store.open(tmp_path / "a.db") as store:
        plan, processes = what.staged(phone)
        session = gate.open_session(plan, store)
        gate.measure(plan, session, store, FunctionDevice(run))
        log = read(log_of(store, session))
    kinds = [type(each) for each in log.entries]
    assert kinds == [Discarded, Block, Discarded, Block, Closed]
    reasons = [each.reasons for each in log.entries if isinstance(each, Discarded)]
    assert all(reason.startswith("cap-lowered: ") for (reason,) in reasons)
    assert all("cores 0-" in reason for (reason,) in reasons)


def test_either_side_can_have_its_own_tool_on_a_phone(handset: Running, tmp_path: Path) -> None:
    gate, _ = planned(tmp_path, "one", rule=HASTY)
    (pair,) = gate.comparison.pairs
    old, new = (
        drawn_tool(tmp_path / name, slowdowns={}, seed=seed)
        for seed, name in enumerate(("old", "new"), start=7)
    )
    job = GateJob(gate=gate, calibrations=tmp_path / "none", processes_per_side=1)
    sides = (SideRequest(tool=old), SideRequest())
    what = wanted(new, pair.baseline.path, pair.candidate.path, sides=sides, job=job, suite=GATED)
    swept = sweep([handset.serial], what, tmp_path / "gate.db")
    assert swept.lanes[0].error is None
    used = {(each.case.artifact_sha256, each.command[0].rpartition("/")[2]) for each in swept.only}
    assert used == {
        (pair.baseline.sha256, sha256_file(old)),
        (pair.candidate.sha256, sha256_file(new)),
    }


def test_a_candidates_tool_is_not_even_copied_to_a_phone(
    handset: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    theirs = []
    for number, side in enumerate(("old", "new")):
        made = revision(tmp_path / f"{side}-files", "tiny", number=number)
        program = tmp_path / f"{side}-tool" / "benchmark_model"
        shutil.copytree(STAND_IN, program.parent)
        program.write_text(f"{program.read_text()}\n# of {side}\n")
        save(tmp_path / side, zoo_targets(made.root), tool=official(program), binary=program)
        theirs.append(sha256_file(program))
    mine = drawn_tool(tmp_path / "mine", slowdowns={}, seed=11)
    words = ("gate", "--baseline", "old", "--candidate", "new", "-s", handset.serial)
    main([*words, "--max-minutes", "0", "--benchmark-binary", str(mine), "--force-unfit"])
    with closing(direct(handset.serial)) as phone:
        there = phone.ask(f"find {phone.folder} -type f")
    assert sha256_file(mine) in there
    assert not [each for each in theirs if each in there]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--candidate", "new"], "--save-baseline DIR"),
        (["--baseline", "old"], "--candidate REF"),
        (["--baseline", "gone", "--candidate", "new"], "--save-baseline DIR"),
        (["--baseline", "results.csv", "--candidate", "new"], "never with stored numbers"),
        (["--baseline", "frill-bench.db", "--candidate", "new"], "never with stored numbers"),
        (["--baseline", "old", "--candidate", "new", "--own-tools"], "has no tool"),
        (["--baseline", "old", "--candidate", "other"], "no model is on both sides"),
        (["--baseline", "old", "--candidate", "new", "--save-baseline", "b"], "compares nothing"),
        (["--baseline", "old", "--candidate", "new", "--host", "-s", "x"], "takes one device"),
        (["--baseline", "old", "--candidate", "new", "--host", "--margin", "0"], "margin"),
        (["--replay", "old/slower.float32.json"], "line 1"),
        (["--replay", "gone.jsonl"], "gone.jsonl"),
    ],
)
def test_what_cannot_be_compared_is_status_two_with_the_next_step(
    revisions: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    revision(revisions / "other", "third", number=2)
    monkeypatch.chdir(revisions)
    capsys.readouterr()
    assert main(["gate", *words, "--zoo", "nowhere"]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert "hint:" in shown.err
    assert shown.out == ""
    assert not (revisions / "gates").exists()


@pytest.mark.parametrize(
    ("codes", "code"), [({0}, 0), ({1, 3, 4}, 1), ({5, 4}, 4), ({5, 3}, 3), ({1, 2}, 2), (set(), 0)]
)
def test_the_worst_exit_code_wins(codes: set[int], code: int) -> None:
    assert worst(codes) == code


def test_a_saved_baseline_is_a_bundle_and_equal_files_are_not_measured(
    revisions: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(revisions)
    assert main(["gate", "--candidate", "old", "--save-baseline", "kept", "--host"]) == 0
    tool = load(revisions / "kept").tool
    assert tool is not None
    assert tool.kind == "litert-python"
    capsys.readouterr()
    assert main(["gate", "--baseline", "kept", "--candidate", "old", "--host", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema_version": 1,
        "gate": None,
        "differences": [],
        "models": [],
        "ranks": [],
        "initialisations": [],
        "peak_memories": [],
        "sizes": [],
        "accuracies": [],
        "unmeasured": {"slower float32": "unchanged", "steady float32": "unchanged"},
        "ended": {
            "exit_code": 0,
            "message": "unchanged: equal files, not measured; --measure-unchanged measures them",
        },
    }
    assert not (revisions / "frill-bench.db").exists()


def test_sizes_and_accuracies_are_judged_beside_latencies(
    tmp_path: Path,
    split_tones: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path / "cache"))
    model = (ROOT / "tests" / "data" / "audio_models" / "patch.tflite").read_bytes()
    for side, padding in (("old", 0), ("new", len(model) // 50)):
        Path(f"{side}.tflite").write_bytes(model + bytes(padding))
        Zoo(Path(side)).add(Path(f"{side}.tflite"), name="words")
    words = ("gate", "--host", "--max-minutes", "0", "--task-set", str(split_tones))
    assert main([*words, "--baseline", "old", "--candidate", "new", "--json"]) == 1
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    (size,), (accuracy,) = document["sizes"], document["accuracies"]
    assert (size["axis"], size["verdict"]) == ("size", "regressed")
    assert size["candidate_bytes"] == len(model) + len(model) // 50
    assert (accuracy["axis"], accuracy["verdict"]) == ("accuracy", "same")
    assert [each["task"] for each in accuracy["differences"]] == ["tones", "mean"]
    assert {each["value"] for each in accuracy["differences"]} == {0.0}
    assert "words float32: regressed; size 1.0" in shown.err

    assert main([*words, "--baseline", "old", "--candidate", "new", "--size-margin", "3%"]) == 0
    capsys.readouterr()
    assert main([*words, "--baseline", "old.tflite", "--candidate", "new.tflite"]) == 2
    assert "frill-bench zoo add FILE" in capsys.readouterr().err


def test_what_is_undecided_is_green_or_five_and_models_of_one_side_are_listed(
    revisions: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    revision(revisions / "new", "fresh", number=3)
    monkeypatch.chdir(revisions)
    words = ["gate", "--baseline", "old", "--candidate", "new", "--host", "--max-minutes", "0"]
    words += ["--log", "gate.jsonl", "--json"]
    capsys.readouterr()
    assert main(words) == 0
    stdout = capsys.readouterr().out
    document = json.loads(stdout)
    assert document["unmeasured"] == {"fresh float32": "new"}
    assert {each["reason"] for each in document["models"]} == {"out-of-time"}
    assert main([*words, "--undecided", "fail"]) == 5  # the same gate, continued
    log = from_bytes(Path("gate.jsonl").read_bytes(), source="log")
    assert isinstance(log.opened, Opened)
    assert [type(each) for each in log.entries] == [Closed, Resumed, Closed]
    capsys.readouterr()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    outputs = ("--junit", "gate.xml", "--summary", "summary.md")
    for _ in range(2):  # a step's summary may hold another gate's already
        assert main(["gate", "--replay", "gate.jsonl", "--json", *outputs]) == 0
        out, err = capsys.readouterr()
        assert out == stdout
        assert err.count("::warning title=") == 2
    latency, size = ElementTree.parse("gate.xml").getroot()  # noqa: S314  # written by ourselves
    assert [latency.get("tests"), size.get("tests")] == ["3", "2"]
    assert Path("summary.md").read_text().count("## gate on ") == 2
    assert main(["gate", "--replay", "gate.jsonl", "--summary", "none/summary.md"]) == 2
