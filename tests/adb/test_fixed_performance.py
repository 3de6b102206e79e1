"""What fixed performance did to a phone's clocks, in words."""

from collections.abc import Sequence

import pytest
from support.answers import Answering

from bench.adb.state.power_modes import clock_limits, describe_effect, effect_of
from bench.core.caveats import CaveatKind
from bench.flow.phone.readiness import SETTINGS, session_caveats
from bench.store.records import Event

CPU = "/sys/devices/system/cpu"
LITTLE, BIG = (0, 1, 2, 3), (4, 5, 6, 7)


def limits(*clocks: tuple[Sequence[int], int, int]) -> str:
    lines = []
    for cores, low, high in clocks:
        for core in cores:
            folder = f"{CPU}/cpu{core}/cpufreq"
            lines.append(f"{folder}/related_cpus:{' '.join(map(str, cores))}")
            lines += [f"{folder}/scaling_min_freq:{low}", f"{folder}/scaling_max_freq:{high}"]
    return "\n".join(lines)


FREE = limits((LITTLE, 300_000, 1_803_000), (BIG, 500_000, 2_802_000))
HIGHEST = limits((LITTLE, 1_803_000, 1_803_000), (BIG, 2_802_000, 2_802_000))
LOWER = limits((LITTLE, 300_000, 1_803_000), (BIG, 500_000, 1_826_000))
HIDDEN = f"grep: {CPU}/cpu0/cpufreq/scaling_min_freq: Permission denied"
NOTHING = "the phone accepted it, but the limits of no clock changed: it may have no effect"
UNKNOWN = "the phone hides the limits of its clocks, so what it did is unknown"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            FREE,
            HIGHEST,
            "cores 0-3 at 1803 MHz (before: 300 MHz to 1803 MHz); "
            "cores 4-7 at 2802 MHz (before: 500 MHz to 2802 MHz)",
        ),
        (
            FREE,
            LOWER,
            "cores 4-7 at 500 MHz to 1826 MHz (before: 500 MHz to 2802 MHz); cores 0-3 unchanged",
        ),
        (FREE, FREE, NOTHING),
        (HIDDEN, HIDDEN, UNKNOWN),
        (FREE, HIDDEN, UNKNOWN),
    ],
)
def test_its_effect_is_read_from_the_limits_of_the_clocks(
    before: str, after: str, words: str
) -> None:
    phone = Answering({"limits": before})
    assert effect_of(phone, lambda: setattr(phone, "answers", {"limits": after})) == words


def test_a_core_that_does_not_name_its_group_is_a_group() -> None:
    folder = f"{CPU}/cpu7/cpufreq"
    text = f"{folder}/scaling_min_freq:1\n{folder}/scaling_max_freq:2"
    alone = clock_limits(Answering({"limits": text}))
    assert alone == {"7": (1, 2)}
    assert describe_effect({}, alone) == UNKNOWN


@pytest.mark.parametrize(
    ("effects", "evidence"), [({"fixed-performance": NOTHING}, NOTHING), (None, "")]
)
def test_every_row_has_what_it_did(effects: object, evidence: str) -> None:
    facts: dict[str, object] = {"changed": {"fixed-performance": "true"}, "refused": {}}
    if effects is not None:  # earlier versions stored none
        facts["effects"] = effects
    event = Event(at="2026-01-01T00:00:00+00:00", kind=SETTINGS, facts=facts)
    (caveat,) = session_caveats([event])
    assert (caveat.kind, caveat.evidence) == (CaveatKind.FIXED_PERFORMANCE, evidence)
    assert "sustain" not in caveat.text
