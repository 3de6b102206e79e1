"""What is known of other voices: worked by hand."""

import math
from dataclasses import replace

import pytest

from bench.core.score import Score, TaskScore, VoiceCount, t_quantile, t_share


def task(*counts: tuple[str, str, int, int], name: str = "t") -> TaskScore:
    """Returns a task's score by (voice, label, clips, right)."""
    voices = tuple(
        VoiceCount(voice=voice, part=0, label=label, clips=clips, right=right)
        for voice, label, clips, right in counts
    )
    return TaskScore(
        task=name, metric="balanced_accuracy", value=0.5, low=0.48, high=0.52, chance=0.1,
        floor=None, test_clips=30, voices=voices,
    )  # fmt: skip


def mean_of(*tasks: TaskScore) -> Score:
    return Score(
        artifact_sha256="a", task_set="s", task_set_sha256="s", tasks=tasks, mean=0.5,
        mean_low=0.49, mean_high=0.51, runtime="r", delegate="none", threads=1, hop_samples=2720,
    )  # fmt: skip


THREE = task(("ann", "a", 10, 8), ("bob", "b", 10, 5), ("cas", "c", 10, 2))


def test_where_each_voice_is_a_label_the_others_share_its_weight() -> None:
    assert THREE.by_voice == {"ann": 0.8, "bob": 0.5, "cas": 0.2}
    # .5 in all; without ann (.5 + .2) / 2, without bob .5, without cas (.8 + .5) / 2.
    assert THREE.without_voice == pytest.approx({"ann": -0.15, "bob": 0.0, "cas": 0.15})


def test_the_interval_over_voices_is_a_widened_t_on_the_scale_of_log_odds() -> None:
    # sqrt(2 / 3 * (.15^2 + .15^2)) is the standard error .3 / sqrt(3) of .8, .5 and .2.
    half = (1 + 1 / 3) * 4.30265 * 0.3 / math.sqrt(3)
    high = 1 / (1 + math.exp(-half / 0.25))
    assert THREE.over_voices == pytest.approx((1 - high, high), abs=1e-5)


def test_what_a_voice_leaves_of_a_label_counts_as_before() -> None:
    shared = task(
        ("ann", "a", 4, 4), ("ann", "b", 1, 0), ("bob", "a", 4, 0), ("bob", "b", 1, 1),
        ("cas", "a", 2, 1),
    )  # fmt: skip
    # Label a has 5 of 10 right, b 1 of 2. Without ann: 1 of 6, and 1 of 1.
    assert shared.without_voice["ann"] == pytest.approx((1 / 6 + 1) / 2 - 0.5)
    assert shared.without_voice["cas"] == pytest.approx((4 / 8 + 1 / 2) / 2 - 0.5)
    assert shared.by_voice["ann"] == 0.5


@pytest.mark.parametrize("count", [0, 1, 2])
def test_two_voices_have_no_interval(count: int) -> None:
    few = replace(THREE, voices=THREE.voices[:count])
    assert few.over_voices is None
    assert mean_of(few).over_voices is None


def test_the_interval_over_voices_is_never_narrower_than_that_over_clips() -> None:
    alike = replace(THREE, voices=tuple(replace(each, right=5) for each in THREE.voices))
    assert alike.over_voices == (0.48, 0.52)


def test_one_person_in_two_tasks_is_left_out_of_both() -> None:
    twice, other = mean_of(THREE, THREE), replace(THREE, voices=())
    assert twice.over_voices == pytest.approx(THREE.over_voices)
    ends, half = mean_of(THREE, other).over_voices, THREE.over_voices
    assert ends is not None
    assert half is not None
    assert 0.5 < ends[1] < half[1]


def test_the_share_of_a_t_distribution_is_that_of_the_tables() -> None:
    for degrees in range(1, 40):
        assert t_share(t_quantile(degrees), degrees) == pytest.approx(0.95)
    assert t_share(1.0, 1) == pytest.approx(0.5)
    assert t_share(63.657, 1) == pytest.approx(0.99, abs=1e-5)
    assert t_share(3.707, 6) == pytest.approx(0.99, abs=1e-4)
