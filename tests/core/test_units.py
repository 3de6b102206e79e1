import pytest

from bench.core.units import counted, elapsed


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 0 s"),
        (160, "2 min 40 s"), (3_599.7, "1 h 0 min"), (3_900, "1 h 5 min"),
    ],
)  # fmt: skip
def test_a_time_is_written_as_people_say_it(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text


def test_a_plural_follows_its_number() -> None:
    assert [counted(number, "file") for number in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
