"""Where windows start: at every hop, and once more where a clip's end would be left out."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.embeddings.windows import starts

WINDOW = 15_600
FRAME = 160


@pytest.mark.parametrize(
    ("samples", "hop", "wanted"),
    [
        (5_000, 2_720, (0,)),  # shorter than a window: padded
        (WINDOW, 2_720, (0,)),
        (WINDOW + FRAME - 1, 2_720, (0,)),  # what is left makes no frame
        (WINDOW + FRAME, 2_720, (0, FRAME)),
        (WINDOW + 2_720, 2_720, (0, 2_720)),  # ends with the clip: nothing is left out
        (WINDOW + 3_000, 2_720, (0, 2_720, 2_880)),
        (32_000, 7_680, (0, 7_680, 15_360, 16_320)),
        (32_000, 15_360, (0, 15_360, 16_320)),
    ],
)
def test_windows_are_those_of_every_hop_and_one_at_the_clips_end(
    samples: int, hop: int, wanted: tuple[int, ...]
) -> None:
    assert starts(samples, window=WINDOW, hop=hop) == wanted


@given(st.integers(1, 400_000), st.sampled_from([17, 48, 96]))
def test_no_audio_of_a_frame_or_more_is_left_out_and_none_is_read_past_the_end(
    samples: int, frames: int
) -> None:
    found = starts(samples, window=WINDOW, hop=frames * FRAME)
    assert list(found) == sorted(set(found))
    assert found[0] == 0
    assert samples - (found[-1] + WINDOW) < FRAME
    assert all(start + WINDOW <= samples for start in found[1:])
    assert all(after - before <= WINDOW for before, after in itertools.pairwise(found))
