"""Histories of changes whose truth is known, and of none; three minutes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from lab import nightly_series as nightly
from lab.detectors import DETECTORS, Alarms, run_by_run
from lab.noise import PROFILES, Floats
from lab.simulated import gates
from support.tables import write_table

from bench.gate.rule import Rule

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(1800)]

SEED = 20261122
SERIES = 1000
MODELS = 1000
FIRST_STEP = round(nightly.CREEP_AT[0])
NEAR_STEP = slice(nightly.STEP_AT - 2, nightly.STEP_AT + 16)
RULE = Rule()

MAKERS: dict[str, Callable[[np.random.Generator, str, int], Floats]] = {
    "anchored": nightly.anchored,
    "absolute": nightly.absolute,
}
RUN_BY_RUN = ("frill-bench, shown after every run", "frill-bench, settled, after every run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The results of one detector on series of one kind, in shares and runs.

    Args:
        wrong: of unchanged series, those with an alarm.
        step: of those with +5 %, the ones with an alarm near it.
        creep: of those with 6 x +1 %, the ones with an alarm after the first.
        late: median runs from that first step to the first alarm.
    """

    wrong: float
    step: float
    creep: float
    late: float

    def cells(self) -> list[str]:
        late = "" if np.isnan(self.late) else f", +{self.late:.0f}"
        return [
            f"{100 * self.wrong:.3g}",
            f"{100 * self.step:.3g}",
            f"{100 * self.creep:.3g}{late}",
        ]


def seen(alarms: dict[str, Alarms]) -> Seen:
    creep = alarms["creep"][:, FIRST_STEP:]
    alarmed = creep.any(axis=1)
    return Seen(
        wrong=float(alarms["unchanged"].any(axis=1).mean()),
        step=float(alarms["step"][:, NEAR_STEP].any(axis=1).mean()),
        creep=float(alarmed.mean()),
        late=float(np.median(creep[alarmed].argmax(axis=1))) if alarmed.any() else float("nan"),
    )


def test_anchored_histories_show_slowdowns_and_no_noise() -> None:
    found: dict[str, list[Seen]] = {}
    for number, make in enumerate(MAKERS.values()):
        of_kind = {
            kind: make(np.random.default_rng([SEED, number, *kind.encode()]), kind, SERIES)
            for kind in ("unchanged", "step", "creep")
        }
        for name, detector in DETECTORS.items():
            alarms = {kind: detector(series) for kind, series in of_kind.items()}
            found.setdefault(name, []).append(seen(alarms))
        if make is nightly.anchored:
            both = {kind: run_by_run(series) for kind, series in of_kind.items()}
            for index, name in enumerate(RUN_BY_RUN):
                found[name] = [seen({kind: each[index] for kind, each in both.items()})]
    write_table(
        "gate-history",
        f"{SERIES} simulated histories of {nightly.NIGHTS} nightly runs of each kind, seeded "
        "(`make evidence`): unchanged ones with a\nfalse alarm, a step of +5 % in the middle found "
        "within 15 runs, a creep of 6 times +1 % found\nand how many runs after its first step "
        "the first alarm comes (median). In %. Anchored:\nratios to a file that was measured in "
        "the same session. Absolute: the same changes in milliseconds.\nAn alarm with all runs "
        "known is dated back to the change; after every run, it is dated\nwhen it came.",
        ["detector", *(f"{name}: {what}" for name in MAKERS
                       for what in ("false", "+5 %", "6 × +1 %"))],
        [
            [name, *(cell for each in row for cell in each.cells()), *[""] * (6 - 3 * len(row))]
            for name, row in sorted(found.items(), key=lambda each: "frill-bench" not in each[0])
        ],
    )  # fmt: skip
    known, in_milliseconds = found.pop("frill-bench, all runs known")
    assert known.wrong <= 0.01
    assert min(known.step, known.creep) >= 0.99
    assert known.late <= 15
    assert in_milliseconds.wrong > 0.01
    shown, settled = (found.pop(name)[0] for name in RUN_BY_RUN)
    assert settled.wrong <= min(0.03, shown.wrong / 2)
    assert min(settled.step, settled.creep) >= 0.99
    assert settled.late <= 30
    for name, (anchored, _) in found.items():
        assert anchored.wrong > 0.01 or min(anchored.step, anchored.creep) < 0.99, name


def verdicts(slowdowns: Sequence[float], profile: str, seed: int) -> list[tuple[float, float]]:
    """Returns the shares of models that pass and that regressed, for each slowdown."""
    rng = np.random.default_rng([SEED, seed])
    found = [
        gates(rng, PROFILES[profile], MODELS, slowdown=slowdown, rule=RULE, models=1)
        for slowdown in slowdowns
    ]
    return [(each.passed, each.regressed) for each in found]


def test_ten_steps_of_one_per_cent_pass_one_by_one_and_not_together() -> None:
    steps = range(1, 11)
    sums = [1.01**step - 1 for step in steps]
    (own,) = verdicts([0.01], "phone", 0)
    drifts = verdicts(sums, "phone", 1)
    caught = 1 - np.cumprod([1 - regressed for _, regressed in drifts])
    write_table(
        "gate-drift",
        f"A model that gets 1 % slower ten times, on a simulated phone, {MODELS} models for each "
        "step, seeded\n(`make evidence`). Against the night before each step passes in "
        f"{100 * own[0]:.3g} % and is flagged in {100 * own[1]:.3g} %. The\ndrift gate compares "
        "with the pinned baseline, by the same rule at the same margin. What neither\npasses nor "
        "is flagged is undecided.",
        ["steps", "slower than the baseline", "passes, %", "regressed, %", "regressed by now, %"],
        [
            [str(step), f"+{100 * total:.1f} %", f"{100 * passed:.3g}", f"{100 * red:.3g}",
             f"{100 * by_now:.3g}"]
            for step, total, (passed, red), by_now in zip(steps, sums, drifts, caught, strict=True)
        ],
    )  # fmt: skip
    assert own[0] >= 0.99
    assert caught[0] <= 0.01
    assert caught[-1] >= 0.999
    assert caught[5] >= 0.99
