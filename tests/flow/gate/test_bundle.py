import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.phone_sweeps import SPLIT, TINY

from bench.core.artifact import Role
from bench.core.errors import ConfigurationError, InfrastructureError
from bench.core.hashing import sha256_file
from bench.flow.gate.bundle import CONTENTS, load, official, save
from bench.flow.gate.references import Side, pair_up, side
from bench.gate.verdict import Verdict
from bench.plan.case import Runner
from bench.plan.suite import bare_target, zoo_targets
from models.zoo import Zoo

STAND_IN = TINY.parent / "stand_in" / "benchmark_model"


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    found = Zoo(tmp_path / "zoo")
    found.add(TINY, name="one")
    found.add(SPLIT, name="two")
    return tmp_path / "zoo"


@pytest.fixture
def bundle(tmp_path: Path, zoo: Path) -> Path:
    """Returns a bundle of two artifacts, a bare file and a tool."""
    targets = (*zoo_targets(zoo), bare_target(TINY))
    save(tmp_path / "kept", targets, tool=official(STAND_IN), binary=STAND_IN)
    return tmp_path / "kept"


def test_a_bundle_holds_copies_and_what_ran_them(bundle: Path, zoo: Path) -> None:
    found = load(bundle)
    assert [(each.name, each.format, each.sha256) for each in found.files] == [
        ("one", "float32", sha256_file(TINY)),
        ("two", "float32", sha256_file(SPLIT)),
        ("tiny", "float32", sha256_file(TINY)),
    ]
    assert found.files[0].manifest == "one.float32.json"
    assert found.files[2].manifest is None
    assert found.tool is not None
    assert (found.tool.kind, found.tool.sha256) == (Runner.BENCHMARK_MODEL, sha256_file(STAND_IN))
    (bundle / "tool" / "benchmark_model").chmod(0o644)  # as an archive may leave it
    again = side(str(bundle), zoo=zoo)
    assert [each.name for each in again.targets] == ["one.float32", "two.float32", "tiny"]
    assert again.tool == bundle / "tool" / "benchmark_model"
    assert side(str(bundle / CONTENTS), zoo=zoo) == again
    assert zoo_targets(bundle) == again.targets[:2]  # it is a folder of artifacts as well


def test_the_program_of_a_binary_for_another_machine_is_known_by_its_flags(tmp_path: Path) -> None:
    foreign = tmp_path / "benchmark_model"
    foreign.write_bytes(b"\x7fELF use_cpu use_npu")
    assert official(foreign).kind is Runner.COMPILED_MODEL
    with pytest.raises(ConfigurationError, match="nowhere"):
        official(tmp_path / "nowhere")


def test_a_bundle_takes_the_place_of_a_bundle_and_of_nothing_else(
    bundle: Path, tmp_path: Path
) -> None:
    save(bundle, [bare_target(SPLIT)])
    assert [each.name for each in load(bundle).files] == ["tiny_split"]
    assert not (bundle / "tool").exists()
    (tmp_path / "mine").mkdir()
    save(tmp_path / "mine", [bare_target(SPLIT)])  # an empty folder is nobody's
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.txt").write_text("draft")
    for taken in (tmp_path / "theirs", tmp_path / "theirs" / "thesis.txt"):
        with pytest.raises(ConfigurationError, match="is not a bundle"):
            save(taken, [bare_target(SPLIT)])
    assert (tmp_path / "theirs" / "thesis.txt").read_text() == "draft"
    assert not list(tmp_path.glob(".*"))


def test_a_bundle_that_cannot_be_finished_leaves_the_old_one(bundle: Path, tmp_path: Path) -> None:
    before = load(bundle)
    with pytest.raises(InfrastructureError):
        save(bundle, [bare_target(SPLIT)], tool=official(STAND_IN), binary=tmp_path / "gone")
    twice = tmp_path / "twice"
    twice.mkdir()
    (twice / "tiny.tflite").write_bytes(TINY.read_bytes() + b"\0")
    with pytest.raises(ConfigurationError, match="twice"):
        save(bundle, [bare_target(TINY), bare_target(twice / "tiny.tflite")])
    assert load(bundle) == before
    assert not list(tmp_path.glob(".kept*"))


def edited(change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def edit(bundle: Path) -> None:
        document = json.loads((bundle / CONTENTS).read_text())
        change(document)
        (bundle / CONTENTS).write_text(json.dumps(document))

    return edit


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda b: (b / "tiny.tflite").write_bytes(b"x"), r"files\[2\]\.sha256: that of tiny"),
        (lambda b: (b / "tiny.tflite").unlink(), r"files\[2\]\.path: tiny\.tflite is missing"),
        (lambda b: (b / "one.float32.json").unlink(), r"files\[0\]\.manifest: one.* is missing"),
        (lambda b: (b / "tool" / "benchmark_model").write_bytes(b"x"), r"tool\.sha256: that of"),
        (lambda b: (b / CONTENTS).write_text("{"), "cannot be read"),
        (edited(lambda d: d.update(schema_version=9)), "schema_version: is 9"),
        (edited(lambda d: d.update(tols=None)), "unknown key tols; did you mean 'tool'"),
        (edited(lambda d: d["files"][0].update(path="../a")), r"files\[0\]\.path: \.\./a is not"),  # type: ignore[index]  # a list
        (edited(lambda d: d["files"][0].update(path="/etc/passwd")), "is not in the bundle"),  # type: ignore[index]  # a list
        (edited(lambda d: d["files"][0].update(size_bytes=1)), r"files\[0\]\.size_bytes"),  # type: ignore[index]  # a list
        (edited(lambda d: d["files"][0].update(name="three")), r"files\[0\]\.name: .* of one"),  # type: ignore[index]  # a list
    ],
)  # fmt: skip
def test_what_is_not_as_it_was_saved_is_named_by_file_and_key(
    bundle: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(bundle)
    with pytest.raises(ConfigurationError, match=said) as refused:
        load(bundle)
    assert CONTENTS in refused.value.message
    assert refused.value.hint


def test_a_ref_is_a_file_a_folder_or_a_name_of_the_zoo(zoo: Path) -> None:
    assert side(str(TINY), zoo=zoo).is_alone
    assert [each.name for each in side(str(zoo), zoo=zoo).targets] == ["one.float32", "two.float32"]
    assert not side("one", zoo=zoo).is_alone
    assert side("one.float32", zoo=zoo).is_alone
    with pytest.raises(ConfigurationError, match=r"did you mean 'one\.float32'"):
        side("one.float16", zoo=zoo)
    for missing in ("a/b", str(zoo.parent), "x.tflite"):
        with pytest.raises(ConfigurationError):
            side(missing, zoo=zoo)


@pytest.mark.parametrize("ref", ["results.csv", "frill-bench.db", "out/results.json"])
def test_stored_numbers_are_refused_with_the_right_way(zoo: Path, ref: str) -> None:
    with pytest.raises(ConfigurationError, match="never with stored numbers") as refused:
        side(ref, zoo=zoo)
    assert "--save-baseline" in refused.value.hint


def test_files_pair_by_name_and_format_and_the_rest_is_listed(zoo: Path, tmp_path: Path) -> None:
    other = Zoo(tmp_path / "other")
    other.add(TINY, name="one")
    other.add(TINY, name="three")
    changed = tmp_path / "changed.tflite"
    changed.write_bytes(SPLIT.read_bytes() + b"\0")
    other.add(changed, name="two")
    before, after = side(str(zoo), zoo=zoo), side(str(tmp_path / "other"), zoo=zoo)
    found = pair_up(before, after)
    (pair,) = found.pairs
    assert (pair.model.name, pair.baseline.sha256) == ("two", sha256_file(SPLIT))
    assert pair.candidate.sha256 == sha256_file(changed)
    assert [(str(each.model), each.verdict) for each in found.unmeasured] == [
        ("one float32", Verdict.UNCHANGED),
        ("three float32", Verdict.NEW),
    ]
    (_, removed) = pair_up(after, before).unmeasured
    assert removed.verdict is Verdict.REMOVED
    assert len(pair_up(before, after, unchanged_too=True).pairs) == 2


def test_two_files_that_are_named_pair_whatever_they_are_called(zoo: Path) -> None:
    tiny, split = side(str(TINY), zoo=zoo), side("two.float32", zoo=zoo)
    (pair,) = pair_up(tiny, split).pairs
    assert (pair.model.name, pair.baseline, pair.candidate) == (
        "two",
        *tiny.targets,
        *split.targets,
    )
    (same,) = pair_up(tiny, tiny).pairs  # equal, but measured
    assert same.baseline == same.candidate
    with pytest.raises(ConfigurationError, match="no model is on both sides"):
        pair_up(tiny, side("two", zoo=zoo))


def test_streams_of_two_hops_are_refused_as_their_calls_take_different_audio(zoo: Path) -> None:
    (one,) = side("one.float32", zoo=zoo).targets
    assert one.artifact is not None

    def stream(hop: int, role: Role = Role.EMBEDDING_STREAM) -> Side:
        artifact = replace(one.artifact, role=role, hop_samples=hop)
        return Side(targets=(replace(one, artifact=artifact),), is_alone=True)

    with pytest.raises(ConfigurationError, match=r"takes 0.17 s of audio, .* takes 0.96 s") as told:
        pair_up(stream(2_720), stream(15_360))
    assert "report" in told.value.hint
    with pytest.raises(ConfigurationError, match=r"0.17 s of audio"):
        pair_up(stream(2_720), stream(15_360, Role.EMBEDDING_PATCH))
    assert pair_up(stream(2_720), stream(2_720)).pairs
    assert pair_up(*(stream(hop, Role.EMBEDDING_PATCH) for hop in (2_720, 15_360))).pairs


def test_a_side_with_one_name_and_format_twice_is_refused(zoo: Path) -> None:
    targets = side(str(zoo), zoo=zoo).targets
    with pytest.raises(ConfigurationError, match="both are one float32"):
        pair_up(Side(targets=(*targets, targets[0])), Side(targets=targets))
