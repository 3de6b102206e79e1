"""A stream on a handset: timed, its outputs checked and scored, by the official tool."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from support.patience import PATIENCE_S
from support.phone_sweeps import QUICK, sweep, wanted
from support.streams import STREAM

from bench.adb.transport.serials import Found, Way
from bench.core.artifact import Format
from bench.flow.device.requests import PhoneRequest, ToolRequest
from bench.flow.outputs.device_score import ScoreRequest, score_on_device
from bench.flow.outputs.record import Verdict
from bench.flow.phone.phone import PhoneDevice
from bench.flow.phone.tool import PhoneTools
from bench.flow.report.join import join
from bench.handset.running import Running
from bench.plan.case import Delegate, Mode
from bench.plan.suite import Suite, zoo_targets
from bench.store.store import Store
from models.audio.sample import sampled
from models.audio.tasks import task_set
from models.zoo import Zoo

pytestmark = [pytest.mark.zoo, pytest.mark.audio, pytest.mark.handset]
SUITE = Suite(
    name="test", models=("*",), delegates=(Delegate.NONE,), protocol=replace(QUICK, processes=1)
)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory, streams: Zoo) -> Zoo:
    root = tmp_path_factory.mktemp("two formats")
    for format in (Format.FLOAT32, Format.INT8):
        for path in streams.root.glob(f"{STREAM}.{format.value}.*"):
            shutil.copy(path, root)
    return Zoo(root)


def test_the_official_tool_times_a_stream_and_gives_its_outputs_for_a_filled_state(
    handset: Running, official_binary: Path, zoo: Zoo, tmp_path: Path
) -> None:
    asked = wanted(official_binary, suite=SUITE, targets=zoo_targets(zoo.root))
    found = sweep([handset.serial], asked, tmp_path / "db")
    assert found.lanes[0].error is None
    (results,) = found.cases.values()
    assert {each.name for each in results} == {f"{STREAM}.float32", f"{STREAM}.int8"}
    for result in results:
        assert result.summary is not None
        assert result.summary.latency_us_median > 0
        assert result.check is not None
        assert (result.check.verdict, result.check.reason) == (Verdict.PASSED, "")
        assert result.check.inputs == "8 held-out patches of speech"
    command = next(
        each.command for each in found.only if each.case.protocol.mode is Mode.OUTPUT_CHECK
    )
    (named,) = [word for word in command if word.startswith("--input_layer=")]
    assert all(part in named for part in ("audio", "past_samples", "past_frames"))
    with Store.open(tmp_path / "db", create=False) as store:
        rows, _ = join(store)
    for row in rows:
        assert row.includes_frontend
        assert row.audio_s_per_inference == pytest.approx(0.17)
        assert row.latency_us_per_audio_s == pytest.approx((row.latency_us_median or 0) / 0.17)


def test_a_handset_scores_a_stream_as_the_host_does(
    handset: Running,
    official_binary: Path,
    zoo: Zoo,
    split_tones: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path / "cache"))
    (artifact,) = [each for each in zoo.artifacts() if each.format is Format.FLOAT32]
    request = ScoreRequest(
        artifacts=(artifact,), zoo=zoo, task_set=sampled(task_set(str(split_tones)), 15)
    )
    device = PhoneDevice(
        Found(serial=handset.serial, way=Way.TCP),
        request.run_request(),
        PhoneTools(ToolRequest(binary=official_binary)),
        PhoneRequest(wait_s=PATIENCE_S),
    )
    (score,), failed = score_on_device(device, request, str(tmp_path / "db"))
    assert not failed
    assert all(one.value == 0.0 for one in score.less_host)
