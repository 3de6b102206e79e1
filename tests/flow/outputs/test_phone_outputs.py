"""The outputs of the official tool on a handset, held against the host's."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.phone_sweeps import DATA, QUICK, SPLIT, Swept, stand_in, sweep, wanted

from bench.core.artifact import Artifact
from bench.core.caveats import CaveatKind
from bench.core.score import Score, TaskScore
from bench.flow.device.device import Contact
from bench.flow.device.host import HostDevice, host_sweep
from bench.flow.device.requests import RunRequest, ToolRequest
from bench.flow.measure.session import SessionOnDevice, open_session
from bench.flow.outputs.check import check_outputs
from bench.flow.outputs.record import Check, Verdict, checks_on, read_checks
from bench.flow.report.join import join
from bench.flow.report.results import CaseResult
from bench.handset.running import Running
from bench.handset.tree import Tree
from bench.plan.case import Delegate, Mode
from bench.plan.suite import Suite, zoo_targets
from bench.store.store import Store
from models.zoo import Zoo
from reports.rows.frontier import mark
from reports.rows.schema import Row

MODELS = DATA / "audio_models"
REAL = "/data/local/tmp/real_tool"
SUITE = Suite(
    name="test", models=("*",), delegates=(Delegate.NONE,), protocol=replace(QUICK, processes=1)
)


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    """Returns a zoo of two embeddings, one of log-mel and one of audio."""
    found = Zoo(tmp_path / "zoo")
    found.root.mkdir()
    found.add(MODELS / "patch_one.tflite")
    found.add(MODELS / "waveform.tflite")
    return found


@pytest.fixture
def real_tool(handset: Running, official_binary: Path) -> Iterator[None]:
    """Puts the official tool where the stand-ins find it."""
    there = handset.path(REAL)
    shutil.copy(official_binary, there)
    yield
    there.unlink()
    for kept in there.parent.glob("kept*"):
        kept.unlink()


def spoiled(folder: Path, spoil: str) -> Path:
    """Returns the official tool, but for what becomes of its file ``$output``."""
    path = folder / "benchmark_model"
    path.write_text(
        "#!/system/bin/sh\n"
        'for word in "$@"; do case $word in\n'
        "--output_filepath=*) output=${word#--output_filepath=};;\n"
        "esac; done\n"
        f'{REAL} "$@" || exit\n'
        f'[ -z "$output" ] && exit\n{spoil}\n'
    )
    path.chmod(0o755)
    return path


def swept(serial: str, tool: Path, zoo: Zoo, database: Path, **asked: object) -> Swept:
    what = wanted(tool, suite=SUITE, **{"targets": zoo_targets(zoo.root), **asked})
    found = sweep([serial], what, database)
    assert found.lanes[0].error is None
    return found


def cases(found: Swept) -> dict[str, CaseResult]:
    (measured,) = found.cases.values()
    return {each.name: each for each in measured}


def checked(result: CaseResult) -> Check:
    assert result.check is not None
    return result.check


def test_the_official_tool_gives_what_the_host_gives_for_real_speech_and_its_rows_compete(
    handset: Running, official_binary: Path, zoo: Zoo, tmp_path: Path, audio_root: Path
) -> None:
    found = swept(handset.serial, official_binary, zoo, tmp_path / "db")
    for result in cases(found).values():
        check = checked(result)
        assert (check.verdict, check.reason) == (Verdict.PASSED, "")
        assert check.inputs == "8 held-out patches of speech"
        assert check.fidelity is not None
        assert check.fidelity.cosine_min > 0.99999
        assert check.fidelity.snr_db is None or check.fidelity.snr_db > 80
        assert result.failed == 0
    outputs = [each for each in found.only if each.case.protocol.mode is Mode.OUTPUT_CHECK]
    assert len(outputs) == 2 * 8
    for each in outputs:
        assert "--num_runs=1" in each.command
        assert any(word.startswith("--input_layer_value_files=") for word in each.command)
    assert not list(handset.path("/data/local/tmp/frill-bench").glob("outputs*"))
    row = joined(tmp_path / "db", zoo)["waveform"]
    assert row.on_frontier
    assert CaveatKind.SCORED_ON_HOST not in kinds(row)


def test_without_the_check_a_score_of_the_host_does_not_count_on_a_phone(
    handset: Running, official_binary: Path, zoo: Zoo, tmp_path: Path
) -> None:
    swept(handset.serial, official_binary, zoo, tmp_path / "db", check=False)
    row = joined(tmp_path / "db", zoo)["waveform"]
    assert not row.on_frontier
    assert CaveatKind.SCORED_ON_HOST in kinds(row)


def test_a_model_that_gives_zeros_or_no_numbers_is_refused_though_the_host_gives_the_same(
    handset: Running, official_binary: Path, tmp_path: Path
) -> None:
    zoo = Zoo(tmp_path / "zoo")
    zoo.root.mkdir()
    zoo.add(MODELS / "zero.tflite")
    zoo.add(MODELS / "nan.tflite")
    found = cases(swept(handset.serial, official_binary, zoo, tmp_path / "db"))
    reasons = {name: checked(result).reason for name, result in found.items()}
    assert reasons == {
        "zero.float32": "zero-output: on 8 of 8 inputs",
        "nan.float32": "nan-output: 512 of 512 values",
    }


@pytest.mark.usefixtures("real_tool")
@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ('head -c "$(stat -c %s $output)" /dev/zero >$output.x; mv $output.x $output',
         "zero-output"),
        ("printf '\\000\\000\\300\\177' >$output.x; tail -c +5 $output >>$output.x; "
         "mv $output.x $output", "nan-output"),
        ("size=$(stat -c %s $output); [ -e /data/local/tmp/kept$size ] || "
         "cp $output /data/local/tmp/kept$size; cp /data/local/tmp/kept$size $output",
         "constant-output"),
        ("tail -c +9 $output >$output.x; head -c 8 $output >>$output.x; mv $output.x $output",
         "wrong-output"),
    ],
    ids=["zeroed", "nan", "stale", "rotated"],
)  # fmt: skip
def test_spoiled_outputs_are_refused(
    handset: Running, zoo: Zoo, tmp_path: Path, spoil: str, code: str
) -> None:
    tool = spoiled(tmp_path, spoil)
    found = swept(handset.serial, tool, zoo, tmp_path / "db")
    for name, result in cases(found).items():
        check = checked(result)
        assert check.verdict is Verdict.FAILED
        assert check.reason.startswith(f"{code}:")
        (doubt,) = (each for each in result.caveats if each.kind is CaveatKind.WRONG_OUTPUT)
        assert code in doubt.evidence
        assert any(line.startswith(f"{name}: wrong output") for line in found.watch.lines)
    assert not any(row.on_frontier for row in joined(tmp_path / "db", zoo).values())


@pytest.mark.parametrize("flag", ["input_layer_value_files", "output_filepath"])
def test_a_tool_without_files_leaves_the_outputs_unchecked_and_says_why(
    handset: Running, zoo: Zoo, tmp_path: Path, flag: str
) -> None:
    tool = stand_in(tmp_path)
    tool.write_text(
        "\n".join(line for line in tool.read_text().splitlines() if f"--{flag}=" not in line)
    )
    found = swept(handset.serial, tool, zoo, tmp_path / "db")
    for result in cases(found).values():
        check = checked(result)
        assert check.verdict is Verdict.UNCHECKED
        assert f"no flag --{flag}" in check.reason
        assert result.summary is not None
    for row in joined(tmp_path / "db", zoo).values():
        assert CaveatKind.SCORED_ON_HOST in kinds(row)
        assert not row.on_frontier


def test_a_file_without_manifest_is_checked_on_request_and_by_random_numbers_if_it_takes_no_audio(
    handset: Running, official_binary: Path, tmp_path: Path
) -> None:
    what = wanted(official_binary, SPLIT, suite=SUITE, check=True)
    found = sweep([handset.serial], what, tmp_path / "db")
    check = checked(cases(found)["tiny_split"])
    assert check.verdict is Verdict.PASSED, check.reason
    assert "random" in check.inputs


def test_the_official_tool_on_this_machine_is_checked_too(
    phone_tree: Tree, official_binary: Path, zoo: Zoo, tmp_path: Path
) -> None:
    zoo.add(MODELS / "zero.tflite")
    libraries = phone_tree.path / "usr/lib/x86_64-linux-gnu"
    tool = tmp_path / "benchmark_model"
    tool.write_text(
        "#!/bin/sh\n"
        f"exec {libraries}/ld-linux-x86-64.so.2 --library-path {libraries} "
        f'{official_binary} "$@"\n'
    )
    tool.chmod(0o755)
    targets = zoo_targets(zoo.root)
    plan = host_sweep(RunRequest(suite=SUITE, targets=targets), ToolRequest(binary=tool))
    device = HostDevice(plan)
    lines: list[str] = []
    with Store.open(tmp_path / "db") as store:
        session = open_session(plan, store)
        here = SessionOnDevice(device=device, sweep=plan, session=session, store=store)
        for _ in range(2):  # once a session
            with device.opened(Contact()):
                check_outputs(here, targets, on_message=lines.append)
        found = checks_on(session.device, read_checks(store, session=session.id))
        assert len(store.invocations(session.id)) == 3 * 8
    reasons = {each.artifact_sha256: each.reason for each in found.values()}
    assert {target.name: reasons[target.sha256] for target in targets} == {
        "patch_one.float32": "",
        "waveform.float32": "",
        "zero.float32": "zero-output: on 8 of 8 inputs",
    }
    assert [line.partition(":")[0] for line in lines] == ["zero.float32"]


def joined(database: Path, zoo: Zoo) -> dict[str, Row]:
    """Returns the marked rows by student, all scored on the host alike."""
    with Store.open(database) as store:
        for artifact in zoo.artifacts():
            store.add_score(score_of(artifact))
        marked = mark(join(store)[0])
    return {each.row.file.student: each.row for each in marked}


def kinds(row: Row) -> set[CaveatKind]:
    return {caveat.kind for caveat in row.caveats}


def score_of(artifact: Artifact) -> Score:
    task = TaskScore(
        task="yes", metric="balanced_accuracy", value=0.9, low=0.8, high=0.95, chance=0.5,
        floor=0.6, test_clips=40,
    )  # fmt: skip
    return Score(
        artifact_sha256=artifact.sha256, task_set="own", task_set_sha256="0" * 64, tasks=(task,),
        mean=0.9, mean_low=0.8, mean_high=0.95, runtime="here", delegate="xnnpack", threads=1,
        hop_samples=artifact.hop_samples,
    )  # fmt: skip
