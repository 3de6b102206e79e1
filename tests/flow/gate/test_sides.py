"""A/B comparisons of one file, and bisections, as users run them on a handset."""

import json
from pathlib import Path

import pytest
from support.gate_phone import drawn_tool, revision
from support.phone_sweeps import TINY

from bench.cli.main import main
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from bench.flow.gate.bisection import tools_in_order
from bench.flow.gate.log_file import read
from bench.flow.gate.sides import Factor, short_names, sides_of_words
from bench.gate.verdict import Axis
from bench.handset.running import Running


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the folder that the verbs run in, with a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")
    Path("model.tflite").write_bytes(TINY.read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["threads=1"], "two sides or more"),
        ([], "two sides or more"),
        (["threads=1", "delegate=none"], "differ in threads and delegate"),
        (["threads=1", "threads=1"], "two sides are the same"),
        (["threads=1", "threads=none"], "not a number of threads"),
        (["thread=1", "thread=2"], "did you mean 'threads'"),
        (["threads", "threads=2"], "is not FACTOR=VALUE"),
        (["delegate=gpu", "delegate=cpu"], "delegate=cpu: unknown"),
        (["affinity=f0", "affinity=xyz"], "'xyz' is not a hex mask"),
        (["cache=on", "cache=warm"], "neither on nor off"),
        (["tool=gone", "tool=away"], "tool=gone: no such file"),
        (["hop=1", "hop=2"], "another hop is another file"),
    ],
)
def test_sides_that_cannot_be_compared_are_refused_with_the_next_step(
    words: list[str], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem) as error:
        sides_of_words(words)
    assert error.value.hint


def test_sides_have_one_factor_and_short_names(tmp_path: Path) -> None:
    builds = [tmp_path / version / "benchmark_model" for version in ("v2.9", "v2.10")]
    for number, build in enumerate(builds):
        build.parent.mkdir()
        build.write_text(str(number))
    sides = sides_of_words([f"tool={build}" for build in builds])
    assert sides.factor is Factor.TOOL
    assert sides.labels == ("tool=v2.9/benchmark_model", "tool=v2.10/benchmark_model")
    assert sides.difference.startswith("one factor differs, tool: tool=v2.10/benchmark_model (")
    assert tools_in_order([tmp_path]) == builds
    assert short_names([Path("a/x"), Path("b/y")]) == ("x", "y")
    with pytest.raises(ConfigurationError, match="no build of the tool"):
        tools_in_order([tmp_path / "gone"])


def test_a_flag_for_all_sides_that_they_differ_in_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for flag, value, sides in (
        ("--threads", "4", ("threads=1", "threads=2")),
        ("--delegate", "gpu", ("delegate=none", "delegate=xnnpack")),
    ):
        words = [f"--side={each}" for each in sides]
        assert main(["ab", "model.tflite", "--host", *words, flag, value]) == 2
        assert f"{flag} is for all sides" in capsys.readouterr().err


def test_of_three_tools_the_slower_and_the_faster_one_are_named_in_one_session(
    handset: Running, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = here / "model.tflite"
    for seed, (name, slowdown) in enumerate({"old": 0.0, "new": 0.3, "next": -0.2}.items()):
        drawn_tool(here / name, slowdowns={model: slowdown}, profile="locked", seed=seed)
    sides = [
        word
        for name in ("old", "new", "next")
        for word in ("--arm", f"tool={name}/benchmark_model")
    ]
    words = ["ab", "model.tflite", *sides, "-s", handset.serial, "--log", "ab.jsonl"]
    assert main([*words, "--junit", "ab.xml", "--page", "ab.html", "--json"]) == 1
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert document["gate"]["sides"] == [
        f"tool={name}/benchmark_model" for name in ("old", "new", "next")
    ]
    slower, faster = document["models"]
    assert (slower["side"], slower["verdict"]) == ("tool=new/benchmark_model", "regressed")
    assert (faster["side"], faster["verdict"]) == ("tool=next/benchmark_model", "improved")
    assert slower["observed"]["baseline_tool"] == faster["observed"]["baseline_tool"]
    assert slower["observed"]["tool"] != faster["observed"]["tool"]
    assert "model float32 tool=new/benchmark_model: slower; latency 1." in shown.err
    assert "model float32 tool=next/benchmark_model: faster; latency 0." in shown.err
    assert "one factor differs, tool: " in Path("ab.html").read_text()
    assert "slower: model float32 tool=new" in Path("ab.xml").read_text()
    log = read(Path("ab.jsonl"))
    turns = [entry.model.side for entry in log.entries[:4] if hasattr(entry, "model")]
    assert turns == ["tool=new/benchmark_model", "tool=next/benchmark_model"] * 2

    capsys.readouterr()
    assert main(["gate", "--replay", "ab.jsonl", "--json"]) == 1
    assert capsys.readouterr().out == shown.out


def test_a_cache_is_compared_by_the_start_of_processes(
    handset: Running, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = drawn_tool(here / "tool", slowdowns={}, profile="locked", cached=True)
    words = ["ab", "model.tflite", "--side", "cache=off", "--side", "cache=on"]
    words += ["-s", handset.serial, "--benchmark-binary", str(tool), "--log", "ab.jsonl"]
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (start,) = document["initialisations"]
    assert start["verdict"] == "improved"
    assert start["ratio"]["estimate"] == pytest.approx(2 / 3, rel=0.05)
    assert [each["verdict"] for each in document["models"]] == ["same"]
    log = read(Path("ab.jsonl"))
    assert log.opened.margins == {Axis.INITIALISATION: 0.10}
    assert log.opened.models[0].observed.warm_cache
    assert log.opened.models[0].observed.baseline_warm_cache is False


def test_a_bisection_over_builds_names_the_one_that_stepped_and_continues_where_it_was(
    handset: Running, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = here / "model.tflite"
    for number in range(1, 4):
        slowdown = 0.3 if number == 3 else 0.0
        drawn_tool(here / f"v{number}", slowdowns={model: slowdown}, profile="locked", seed=number)
    builds = [f"v{number}/benchmark_model" for number in range(1, 4)]
    words = ["bisect", "model.tflite", "--tools", *builds, "-s", handset.serial]
    assert main([*words, "--max-minutes", "0"]) == 5
    assert "not finished: v3/benchmark_model against v1" in capsys.readouterr().err
    assert main([*words, "--json"]) == 1
    shown = capsys.readouterr()
    found = json.loads(shown.out)["bisection"]
    assert found["step"] == ["v2/benchmark_model", "v3/benchmark_model"]
    assert len(found["comparisons"]) == 3
    assert "v3/benchmark_model became slower: 1." in shown.err
    logs = {path: path.read_bytes() for path in Path("bisect").rglob("*.jsonl")}
    assert len(logs) == 3
    assert all(read(path).opened.models[0].observed.baseline_tool_sha256 for path in logs)

    assert main(words) == 1  # measures nothing again
    assert "not slower" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in Path("bisect").rglob("*.jsonl")} == logs

    back = [*words[:3], *reversed(builds[1:]), *words[-2:]]
    assert main([*back, "--faster", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["bisection"]
    assert found["step"] == ["v3/benchmark_model", "v2/benchmark_model"]
    assert found["comparisons"][0]["ratio"]["value"] < 0.8


def test_what_cannot_be_bisected_is_refused_with_the_next_step(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = revision(here / "old", "one", "two", number=1).root
    for words, problem in (
        (["model.tflite"], "two revisions or more"),
        (
            ["model.tflite", "model.tflite", "--tools", "model.tflite"],
            "either the tool or the file",
        ),
        ([str(old), "model.tflite"], "2 files"),
    ):
        assert main(["bisect", *words, "--host", "--zoo", "nowhere"]) == 2
        shown = capsys.readouterr()
        assert problem in shown.err
        assert "hint:" in shown.err


def test_a_gate_can_measure_its_baseline_with_a_tool_of_its_own(
    handset: Running, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = (
        drawn_tool(here / name, slowdowns={}, seed=seed) for seed, name in enumerate(("old", "new"))
    )
    words = ["gate", "--baseline", "model.tflite", "--candidate", "model.tflite"]
    words += ["-s", handset.serial, "--benchmark-binary", str(new), "--baseline-tool", str(old)]
    assert main([*words, "--log", "gate.jsonl", "--max-minutes", "0"]) == 0
    opened = read(Path("gate.jsonl")).opened
    observed = opened.models[0].observed
    assert observed.tool_sha256 == sha256_file(new)
    assert observed.baseline_tool_sha256 == sha256_file(old)
    (difference,) = opened.differences
    assert difference.startswith("another tool on each side: benchmark_model ")
    assert difference.endswith("the ratios are of tools alone: the file is the same")
    assert difference in capsys.readouterr().err
    assert main([*words[:5], "--host", "--baseline-tool", str(old)]) == 2
    assert "--benchmark-binary PATH" in capsys.readouterr().err
