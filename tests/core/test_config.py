from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from bench.core import config
from bench.core.errors import ConfigurationError


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    width: float
    colours: tuple[Colour, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    name: str
    inner: Inner
    count: int = 3
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    value: float | str | None = None


def test_yaml_and_json_give_the_same_record(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: x\ninner: {width: 1, colours: [red]}\n")
    (tmp_path / "a.json").write_text('{"name": "x", "inner": {"width": 1.0, "colours": ["red"]}}')
    wanted = Outer(name="x", inner=Inner(width=1.0, colours=(Colour.RED,)))
    assert config.load(tmp_path / "a.yaml", Outer) == wanted
    assert config.load(tmp_path / "a.json", Outer) == wanted


@pytest.mark.parametrize("value", [1.5, "charging", "1.5", None])
def test_a_number_or_text_stays_what_it_is(tmp_path: Path, value: float | str | None) -> None:
    config.save(tmp_path / "a.json", Told(value=value))
    assert config.load(tmp_path / "a.json", Told) == Told(value=value)


def test_a_whole_number_is_a_number_and_a_truth_is_neither_number_nor_text() -> None:
    whole = config.structure({"value": 83}, Told, source="x").value  # as a database may spell it
    assert isinstance(whole, float)
    with pytest.raises(ConfigurationError, match="a number, text or nothing"):
        config.structure({"value": True}, Told, source="x")


def test_what_is_saved_is_loaded_back(tmp_path: Path) -> None:
    record = Outer(name="ü", inner=Inner(width=0.1), note="n")
    config.save(tmp_path / "sub" / "a.json", record)
    assert config.load(tmp_path / "sub" / "a.json", Outer) == record


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\ninner: {widht: 1}\n", "unknown key inner.widht; did you mean 'width'?"),
        ("name: x\ninner: {colours: []}\n", "missing key inner.width"),
        ("name: x\ninner: {width: wide}\n", "inner.width: must be a number, not 'wide'"),
        ("name: 3\ninner: {width: 1}\n", "name: must be text, not 3"),
        ("name: x\ninner: {width: 1}\ncount: true\n", "count: must be a whole number, not True"),
        ("name: x\ninner: {width: 1, colours: [blue]}\n", "inner.colours[0]: 'blue'"),
        ("- a\n", "holds list, not a mapping"),
        ("", "is empty, not a mapping"),
        ("name: x\ninner: {width: 1, colours: red}\n", "inner.colours: must be a list, not 'red'"),
        ("a: [", "cannot be read"),
    ],
)
def test_an_error_names_the_file_and_the_key(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        config.load(path, Outer)
    assert str(path) in caught.value.message
    assert said in caught.value.message
    assert caught.value.hint


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        config.load(tmp_path / "absent.yaml", Outer)
