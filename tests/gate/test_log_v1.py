"""Logs of version 1, with the verdicts that the program which wrote them printed of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.gate_logs import to_text

from bench.cli.main import main
from bench.core.caveats import CaveatKind
from bench.core.errors import ConfigurationError
from bench.flow.gate.log_file import Journal, read
from bench.gate.findings import findings_of
from bench.gate.log import Log, from_bytes
from bench.gate.records import CloseReason
from bench.gate.schedule import check_coins

FOLDER = Path(__file__).parents[1] / "data" / "gate" / "v1"
LOGS = sorted(FOLDER.glob("*.jsonl"))
# What is called otherwise today.
_KEYS = {"doubt": "reason", "processes_per_arm": "processes_per_side"}


def renamed(value: Any) -> Any:
    match value:
        case {"blocks": 1, "block_sd": 0.0, **rest}:  # one block shows no noise
            nothing = {"block_sd": None, "smallest_slowdown": None}
            return renamed({"blocks": 1, **rest}) | nothing
        case dict():
            return {_KEYS.get(key, key): renamed(each) for key, each in value.items()}
        case list():
            return list(map(renamed, value))
        case "guards-never-satisfied":
            return "environment-unstable"
        case _:
            return value


def upgraded(log: Log) -> Log:
    """Returns the log as version 2 writes and reads it."""
    return from_bytes(to_text(log).encode(), source="log")


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_a_replay_gives_the_verdicts_of_the_program_that_wrote_the_log(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes, outputs = [], []
    for _ in range(2):
        codes.append(main(["gate", "--replay", str(path), "--json", "--undecided", "fail"]))
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    wanted = renamed(json.loads(path.with_suffix(".json").read_text()))
    found = json.loads(outputs[0])
    # Keys of later versions.
    assert found["gate"]["rule"].pop("time_limit_share") == 0
    assert not found["gate"]["rule"].pop("two_sided")
    assert not found["gate"].pop("sides")
    for each in found["models"]:
        assert not any(
            each.pop(key) for key in ("seems_slower", "blocks_missing", "start_ratio", "side")
        )
    assert not any(found.pop(key) for key in ("ranks", "initialisations", "peak_memories"))
    assert found == wanted | {"differences": []}
    assert codes == [{"everything": 1, "guards": 4}.get(path.stem, 5)] * 2


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_both_versions_of_a_log_have_the_same_findings(path: Path) -> None:
    old = read(path)
    new = upgraded(old)
    assert (old.version, new.version) == (1, 2)
    assert findings_of(new) == findings_of(old)
    check_coins(new, source="log")
    assert upgraded(new) == new


def test_the_texts_of_version_1_are_types() -> None:
    log = read(FOLDER / "everything.jsonl")
    pair = log.opened.models[3]
    assert (pair.model.name, pair.model.format) == ("four w", "float32")
    assert [each.kind for each in pair.caveats] == [
        CaveatKind.FIXED_PERFORMANCE, CaveatKind.VIRTUAL,
    ]  # fmt: skip
    assert pair.observed.threads == 2
    assert pair.observed.affinity is None
    assert log.opened.device.virtual
    assert log.opened.device.cores == 8
    assert [str(each.model) for each in log.opened.unmeasured] == [
        "born int8", "gone int8", "kept float16",
    ]  # fmt: skip
    assert read(FOLDER / "guards.jsonl").closed is CloseReason.ENVIRONMENT
    assert read(FOLDER / "interrupted.jsonl").torn


def test_a_log_of_version_1_is_not_continued_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "gate.jsonl"
    content = (FOLDER / "interrupted.jsonl").read_bytes()
    path.write_bytes(content)
    with pytest.raises(
        ConfigurationError, match="of version 1, which cannot be continued"
    ) as error:
        Journal(path, read(path).opened)
    assert "--log" in error.value.hint
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"format":"float32"', '"format":"float33"', "float33"),
        ('"threads":"2"', '"threads":"two"', "is not a record of version 1"),
        ('"caveats":"fixed_performance virtual"', '"caveats":7', "is not a record of version 1"),
        ('"born int8":"new"', '"born int8":"same"', "same is not a reason"),
        ('"virtual":"yes"', '"virtual":"yes","colour":"red"', "colour"),
    ],
)
def test_a_damaged_line_of_version_1_is_named(old: str, new: str, problem: str) -> None:
    text = (FOLDER / "everything.jsonl").read_text()
    assert old in text
    with pytest.raises(ConfigurationError, match=f"line 1: .*{problem}"):
        from_bytes(text.replace(old, new, 1).encode(), source="log")


@given(st.data())
def test_a_log_with_any_byte_changed_is_read_or_refused_and_never_crashes(
    data: st.DataObject,
) -> None:
    content = bytearray((FOLDER / "interrupted.jsonl").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = from_bytes(bytes(content), source="log")
    except ConfigurationError:
        return
    assert findings_of(upgraded(found)) == findings_of(found)
