import pytest

from bench.core.device_state.cores import list_cores, mask, parse_cores


@pytest.mark.parametrize(
    ("text", "cores", "hexadecimal"),
    [
        ("0-3,7", (0, 1, 2, 3, 7), "8f"),
        ("8", (8,), "100"),
        ("0-63", tuple(range(64)), "f" * 16),
        ("0,2", (0, 2), "5"),
    ],
)
def test_a_list_of_cores_is_read_written_and_made_a_mask(
    text: str, cores: tuple[int, ...], hexadecimal: str
) -> None:
    assert parse_cores(text) == cores
    assert mask(cores) == hexadecimal
    assert list_cores(cores) == text


@pytest.mark.parametrize("text", ["", "\n", "nonsense", "-", "1-x"])
def test_what_is_not_a_list_of_cores_has_none(text: str) -> None:
    assert parse_cores(text) == ()
