import shutil
from pathlib import Path

import pytest

from bench.core import config
from bench.core.artifact import Artifact, Format, Role, WeightsOrigin
from bench.core.errors import ConfigurationError, ModelFileError
from bench.core.hashing import sha256_file
from bench.plan.case import Delegate, Protocol, Runner
from bench.plan.device import this_machine
from bench.plan.suite import Suite, bare_target, cases, host_suite, select, zoo_targets

DATA = Path(__file__).parents[1] / "data"


def add_artifact(zoo: Path, name: str, form: Format, source: str = "tiny") -> Path:
    path = zoo / f"{name}.{form}.tflite"
    shutil.copy(DATA / f"{source}.tflite", path)
    with path.open("ab") as stream:
        stream.write(f"{name}.{form}".encode())  # bytes after a flatbuffer are not read
    artifact = Artifact(
        name=name,
        format=form,
        role=Role.OTHER,
        file=path.name,
        sha256=sha256_file(path),
        size_bytes=path.stat().st_size,
        inputs=(),
        outputs=(),
        parameters=1,
        macs=None,
        frontend="none",
        window_samples=1,
        hop_samples=1,
        partitions=None,
        float_ops={},
        tools={},
        weights=WeightsOrigin.UNTRAINED,
    )
    config.save(zoo / f"{name}.{form}.json", artifact)
    return path


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    folder = tmp_path / "zoo"
    folder.mkdir()
    for name in ("small_w1.0", "small_w2.0", "tiny"):
        add_artifact(folder, name, Format.FLOAT32)
        add_artifact(folder, name, Format.INT8)
    return folder


def names(suite: Suite, zoo: Path) -> list[str]:
    return [target.name for target in select(suite, zoo_targets(zoo), beside=zoo)]


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        (("tiny",), ["tiny.float32", "tiny.int8"]),
        (("tiny.int8",), ["tiny.int8"]),
        (("small_*.float32",), ["small_w1.0.float32", "small_w2.0.float32"]),
        (("tiny.*", "tiny"), ["tiny.float32", "tiny.int8"]),
        (("tiny.int8.tflite",), ["tiny.int8"]),
        (("small*.int8.tflite",), ["small_w1.0.int8", "small_w2.0.int8"]),
    ],
)
def test_models_are_names_patterns_or_paths(
    zoo: Path, models: tuple[str, ...], expected: list[str]
) -> None:
    assert names(Suite(name="s", models=models), zoo) == expected


def test_formats_filter_the_zoo(zoo: Path) -> None:
    suite = Suite(name="s", models=("*",), formats=(Format.INT8,))
    assert names(suite, zoo) == ["small_w1.0.int8", "small_w2.0.int8", "tiny.int8"]


def test_a_name_that_fits_nothing_suggests_the_near_one(zoo: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"tiny\.int9.*tiny\.int8"):
        names(Suite(name="s", models=("tiny.int9",)), zoo)


def test_a_file_that_is_not_what_its_manifest_says_is_refused(zoo: Path) -> None:
    with (zoo / "tiny.int8.tflite").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(ConfigurationError, match="its manifest has"):
        zoo_targets(zoo)


def test_a_file_without_manifest_is_its_hash() -> None:
    target = bare_target(DATA / "tiny.tflite")
    assert target.sha256 == sha256_file(DATA / "tiny.tflite")
    assert target.artifact is None
    assert target.name == "tiny"


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tflite"
    path.write_text("no model at all")
    with pytest.raises(ModelFileError, match="not a TFLite model"):
        bare_target(path)


def test_every_target_meets_every_delegate_and_number_of_threads(zoo: Path) -> None:
    suite = Suite(
        name="s",
        models=("tiny",),
        delegates=(Delegate.XNNPACK, Delegate.NONE),
        threads=(1, 2, 4),
        protocol=Protocol(processes=2),
    )
    device = this_machine()
    targets = select(suite, zoo_targets(zoo), beside=zoo)
    found = cases(
        suite,
        targets,
        device=device,
        runner=Runner.LITERT_PYTHON,
        tool_sha256="t" * 64,
        affinity=lambda threads: "f0" if threads > 1 else "80",
    )
    assert len({case.key for case in found}) == 2 * 2 * 3
    assert {case.device for case in found} == {device.key}
    assert {(case.threads, case.affinity) for case in found} == {(1, "80"), (2, "f0"), (4, "f0")}


def test_the_packaged_suite_takes_the_whole_zoo(zoo: Path) -> None:
    suite = host_suite()
    assert len(names(suite, zoo)) == 6
    assert suite.protocol.processes >= 6  # enough for an interval


def test_an_unknown_key_in_a_suite_is_named_with_the_near_one(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("name: s\nmodels: [a]\nprotocol: {num_rums: 3}\n")
    with pytest.raises(ConfigurationError, match=r"num_rums.*num_runs"):
        config.load(path, Suite)


@pytest.mark.parametrize(
    "line", ["threads: [0]", "threads: []", "affinity: 0xf0", "protocol: {processes: 0}"]
)
def test_a_suite_that_could_not_be_run_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"name: s\nmodels: [a]\n{line}\n")
    with pytest.raises(ConfigurationError):
        config.load(path, Suite)


def test_this_machine_tells_who_it_is() -> None:
    device = this_machine()
    assert device == this_machine()
    assert device.cores is not None
    assert device.cores >= 1
    assert device.abi
    assert device.os_build


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("threads: [0]", "threads: 0 is below 1"),
        ("threads: []", "threads: is empty"),
        ("threads: 1", "threads: must be a list, not 1"),
        ("affinity: '0'", "affinity: '0' is not a hex mask"),
        ("affinity: ''", "affinity: '' is not a hex mask"),
        ("protocol: {max_secs: -3}", "protocol: max_secs: -3.0 is not a duration"),
        ("protocol: {min_secs: .nan}", "protocol.min_secs: nan is not a number"),
        ("protocol: {max_secs: 0}", "max_secs=0.0"),
    ],
)
def test_a_wrong_value_is_named_by_its_key(tmp_path: Path, change: str, said: str) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(f"name: n\nmodels: [tiny]\n{change}\n")
    with pytest.raises(ConfigurationError) as caught:
        config.load(path, Suite)
    assert caught.value.message.startswith(f"{path}: ")
    assert said in caught.value.message
    assert "hint" not in caught.value.message
