import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from lab.nightly_logs import Gated, anchor_of, key_of, opened, write_night
from support.gate_logs import to_text
from support.gate_machine import HASTY, planned
from support.phone_sweeps import TINY

from bench.cli.main import main
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from bench.flow.device.host import HostDevice
from bench.flow.gate.gate import Gate, log_of
from bench.flow.gate.history import history
from bench.flow.gate.log_file import read, read_all
from bench.flow.gate.references import pair_up, side
from bench.gate.log import to_line
from bench.plan.device import Kind, this_machine
from bench.store.store import Store

NIGHTS, STEP_AT, UPDATE_AT = 25, 10, 20
UPDATED = {"os_build": "google/oriole:17/CP1A.260805.002"}
PHONE = "Pixel 6 (21081FDF6001AB)"
Shown = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder of gates with a step of +6 % in one of two models, and an update."""
    folder = tmp_path_factory.mktemp("history")
    for number in range(NIGHTS):
        without = number in (3, 4)
        write_night(
            folder / "gates",
            Gated(
                number=number,
                ratios={
                    "tiny": 1.06 if number >= STEP_AT else 1.0,
                    **({} if without else {"small": 0.97}),
                },
                unchanged=["small"] if without else [],
                device=UPDATED if number >= UPDATE_AT else {},
            ),
        )
    return folder


@pytest.fixture
def here(logs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(logs)
    return logs


def test_a_step_is_red_with_the_revisions_around_it_and_the_other_model_is_not(
    here: Path, capsys: Shown
) -> None:
    assert main(["history"]) == 1  # gates/ beside the database that is not there
    shown = capsys.readouterr()
    red = [line for line in shown.err.splitlines() if "regressed" in line]
    step, drift = red
    assert step.startswith(f"latency regressed: tiny float32 on {PHONE}: a step of 1.06")
    assert step.endswith("between r09, 2026-05-10, and r10, 2026-05-11")
    assert drift.startswith(f"latency regressed: tiny float32 on {PHONE}: drifted to 1.0")
    assert drift.endswith("of its pinned baseline at r24, 2026-05-25")
    rows = {line.split()[0]: line for line in shown.out.splitlines() if "float32" in line}
    assert rows["tiny"].split()[2] == "regressed"
    assert "r09 and r10" in rows["tiny"]
    assert rows["small"].split()[2] == "same"


def test_an_update_begins_a_series_and_runs_of_equal_files_are_missed_and_both_are_noted(
    here: Path, capsys: Shown
) -> None:
    assert main(["history"]) == 1
    err = capsys.readouterr().err
    assert (
        f"small float32 on {PHONE}: a new series on 2026-05-21, system build: "
        "google/oriole:16/BP2A.250605.031 → google/oriole:17/CP1A.260805.002"
    ) in err
    assert f"small float32 on {PHONE}: no run on 2026-05-04, 2026-05-05: equal files" in err
    assert "--measure-unchanged" in err


def test_before_the_step_has_settled_it_is_not_reported(here: Path, capsys: Shown) -> None:
    before = [f"gates/session {n} on 21081FDF6001AB.jsonl" for n in range(STEP_AT)]
    assert main(["history", *before]) == 0
    assert "regressed" not in capsys.readouterr().err


def test_as_json_there_is_a_row_a_run_and_a_trend_a_model(here: Path, capsys: Shown) -> None:
    assert main(["history", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    tiny, small = document["models"]
    assert (tiny["model"], tiny["axis"], tiny["drift"]) == ("tiny float32", "latency", "regressed")
    assert len(tiny["alarms"]) == 2
    (step,) = tiny["steps"]
    assert (step["before"], step["after"], step["is_regression"]) == ("r09", "r10", True)
    assert (small["runs"], small["series"], small["alarms"]) == (NIGHTS - 2, 2, [])
    assert [each["at"][:10] for each in small["missed"]] == ["2026-05-04", "2026-05-05"]
    nights = [row for row in document["runs"] if row["model"] == "tiny float32"]
    assert len(nights) == NIGHTS
    assert [row["series"] for row in nights] == [1] * UPDATE_AT + [2] * (NIGHTS - UPDATE_AT)
    assert [row["revision"] for row in nights if row["step_ratio"]] == ["r10"]
    assert nights[UPDATE_AT]["changed"] == "fingerprint"
    assert nights[STEP_AT]["candidate_us"] > nights[STEP_AT]["anchor_us"]


def test_the_page_has_a_picture_a_model_in_both_themes_and_a_table_beside_it(
    here: Path, tmp_path: Path, capsys: Shown
) -> None:
    gates = shutil.copytree(here / "gates", tmp_path / "gates")
    (gated,) = gates.glob("session 7 *.jsonl")
    gated.with_suffix(".html").write_text("the page of a gate")
    assert main(["history", str(gates), "--out", str(tmp_path / "page")]) == 1
    assert "wrote" in capsys.readouterr().err
    page = tmp_path / "page"
    html = (page / "index.html").read_text()
    assert html.count('class="plot wide"') == 2
    assert "prefers-color-scheme: dark" in html
    links = [unquote(each) for each in re.findall(r'<a href="([^"]*)">2026-05-08</a>', html)]
    assert [(page / each).read_text() for each in links] == ["the page of a gate"] * 2
    assert "<strong>Slower:</strong> tiny float32" in html
    assert not re.search(r'(src|href)="https?:', html)  # it needs nothing from elsewhere
    beside = {path.name for path in page.iterdir()}
    assert {"trend.svg", "trend.dark.svg", "trend.png", "trend-2.csv"} <= beside
    with (page / "history.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 2 * NIGHTS - 2


def test_gates_against_other_files_are_left_out_and_counted(
    here: Path, tmp_path: Path, capsys: Shown
) -> None:
    logs, _ = read_all([here / "gates"])
    first = next(iter(logs.values()))
    other = replace(first.opened.models[0], baseline_sha256="e" * 64)
    foreign = replace(
        first, opened=replace(first.opened, gate_id="other", models=(other,)), entries=()
    )
    found = history({**logs, tmp_path: foreign}, {anchor_of("tiny")})
    assert [each.model for each in found.trends] == ["tiny float32"]
    assert found.left_out == ("1 log of other baselines: left out",)
    (tmp_path / "other.jsonl").write_text(to_text(foreign))
    capsys.readouterr()
    assert main(["history", "gates", str(tmp_path / "other.jsonl")]) == 2
    err = capsys.readouterr().err
    assert "tiny float32 has several baselines: " in err
    assert f"{anchor_of('tiny')[:12]} in 25 logs" in err
    assert "--anchor REF" in err


def test_a_log_is_read_once_wherever_its_copies_lie(here: Path, tmp_path: Path) -> None:
    path = next((here / "gates").iterdir())
    lines = path.read_bytes().splitlines(keepends=True)
    for name, count in (("first/gates", 3), ("second/gates", len(lines)), ("third", 2)):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "a.jsonl").write_bytes(b"".join(lines[:count]))
    assert read_all([tmp_path])[0] == {tmp_path / "second/gates/a.jsonl": read(path)}


def test_a_damaged_log_in_a_folder_is_left_out_by_name_and_refused_if_it_is_named(
    here: Path, tmp_path: Path, capsys: Shown
) -> None:
    night = Gated(number=1, ratios={"tiny": 1.0})
    (tmp_path / "broken.jsonl").write_text('{"version":1}\n')
    (tmp_path / "old.jsonl").write_text(to_line(replace(opened(night), started_at="")))
    assert main(["history", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "broken.jsonl: line 1" in err
    assert "old.jsonl: has no start time: left out" in err
    assert main(["history", str(tmp_path / "broken.jsonl"), "gates"]) == 2
    (tmp_path / "old.jsonl").unlink()
    assert main(["history", str(tmp_path), "gates"]) == 1
    assert "broken.jsonl: line 1" in capsys.readouterr().err


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9], ids=["empty", "a third", "nearly whole"])
def test_a_log_that_is_cut_off_in_its_first_line_is_named(
    here: Path, tmp_path: Path, capsys: Shown, share: float
) -> None:
    first = to_line(opened(Gated(number=1, ratios={"tiny": 1.0})))
    (tmp_path / "cut.jsonl").write_text(first[: int(share * len(first))])
    for words in ([], ["--json"]):
        assert main(["history", str(tmp_path), "gates", *words]) == 1
        shown = capsys.readouterr()
        assert "cut.jsonl: line 1 does not open a gate: left out" in shown.err
    assert "cut.jsonl" in json.loads(shown.out)["left_out"][0]


def test_machines_of_one_run_each_are_named_with_the_way_to_one_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(6):
        device = {"kind": Kind.HOST, "name": f"runner-{number}", "serial": None}
        write_night(tmp_path / "gates", Gated(number=number, ratios={"tiny": 1.0}, device=device))
    assert main(["history", "--json"]) == 0
    shown = capsys.readouterr()
    (note,) = json.loads(shown.out)["notes"]
    assert note.startswith("6 machines (GS101, 8 cores) were used for one nightly run each")
    assert "FRILL_BENCH_HOST=" in note
    assert note in shown.err
    monkeypatch.setenv("FRILL_BENCH_HOST", "ci-runner")
    assert this_machine().name == "ci-runner"
    monkeypatch.setenv("FRILL_BENCH_HOST", "a\x1b[31m")
    with pytest.raises(ConfigurationError, match="FRILL_BENCH_HOST"):
        this_machine()


@pytest.mark.parametrize("words", [[], ["empty"], ["--db", "empty/a.db"]])
def test_without_a_run_the_hint_is_the_command_that_measures_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert main(["history", *words]) == 2
    shown = capsys.readouterr()
    assert "frill-bench gate --baseline ANCHOR" in shown.err
    assert shown.out == ""


def test_a_pinned_baseline_that_no_log_has_is_named(here: Path, capsys: Shown) -> None:
    assert main(["history", "--anchor", str(TINY)]) == 2
    err = capsys.readouterr().err
    assert f"no nightly run against {TINY}" in err
    assert "25 logs of other baselines" in err


def test_two_real_gates_on_this_machine_are_a_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    monkeypatch.chdir(tmp_path)
    gate, sweep = planned(tmp_path, "tiny", rule=HASTY)
    (pair,) = gate.comparison.pairs
    anchor = pair.baseline.path
    for revision, candidate in (("first", anchor), ("second", pair.candidate.path)):
        sides = pair_up(side(str(anchor), zoo=tmp_path), side(str(candidate), zoo=tmp_path))
        named = replace(sides.pairs[0], model=key_of("tiny"))
        night: Gate = replace(
            gate,
            comparison=replace(sides, pairs=(named,)),
            revision=revision,
            folder=tmp_path / "gates",
        )
        with Store.open("nights.db") as store:
            session = night.open_session(sweep, store)
            night.measure(sweep, session, store, HostDevice(sweep))
            runtime = read(log_of(store, session)).opened.models[0].observed.runtime
    assert runtime is not None
    assert runtime.startswith("ai-edge-litert ")
    capsys.readouterr()
    assert main(["history", "--anchor", str(anchor), "--db", "nights.db", "--json"]) in (0, 1)
    document = json.loads(capsys.readouterr().out)
    (model,) = document["models"]
    assert model["anchor_sha256"] == sha256_file(anchor)
    assert (model["runs"], model["series"]) == (2, 1)
    assert [row["revision"] for row in document["runs"]] == ["first", "second"]
    assert all(row["caveats"] == "few_processes" for row in document["runs"])


def test_a_gate_logs_the_revision_of_its_candidate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_SHA", "5" * 40)
    words = ["gate", "--baseline", str(TINY), "--candidate", str(TINY), "--host"]
    for name, said in (("given", ["--revision", "r7"]), ("by-ci", [])):
        assert main([*words, "--max-minutes", "0", "--log", f"{name}.jsonl", *said]) == 0
    assert read(Path("given.jsonl")).opened.revision == "r7"
    assert read(Path("by-ci.jsonl")).opened.revision == "5" * 40
    assert main(["history", "--anchor", str(TINY), "given.jsonl"]) == 2  # no block, so no run
    assert "no nightly run against" in capsys.readouterr().err
