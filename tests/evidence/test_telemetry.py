"""What looking at a phone does to the latency: pairs with and without; about four minutes."""

import math
import random
from contextlib import closing
from pathlib import Path
from statistics import median, stdev

import pytest
from support.phone_sweeps import wanted
from support.reach import direct
from support.tables import write_table

from bench.handset.running import Running
from bench.measure.summary import median_interval
from bench.plan.case import Delegate, Protocol
from bench.plan.suite import Suite
from bench.tool.parse import parse_log
from models.audio import packages

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(900)]

PAIRS = 100
BOUND = 0.02


def test_looking_at_the_phone_adds_less_than_two_percent_to_the_latency(
    handset: Running, official_binary: Path, real_model: packages.ModelFiles
) -> None:
    suite = Suite(
        name="a/a", models=("*",), delegates=(Delegate.NONE,), protocol=Protocol(processes=1)
    )
    what = wanted(official_binary, real_model.embedding, suite=suite)
    coin = random.Random(1)  # noqa: S311 - an order, not a secret
    ratios: list[float] = []
    looking_s: list[float] = []
    latencies_us: list[float] = []
    with closing(direct(handset.serial)) as phone:
        sweep, processes = what.staged(phone)
        for _ in range(PAIRS):
            found_us = {}
            for looks in coin.sample([True, False], 2):
                done = processes.run(sweep.cases[0], telemetry=looks)
                log = parse_log(done.stdout, done.stderr, exit_status=done.exit_status)
                assert log.inference_us, log.failure
                found_us[looks] = median(log.inference_us)
                looking_s += [done.telemetry.overhead_s or 0.0] if looks else []
            ratios.append(math.log(found_us[True] / found_us[False]))
            latencies_us.append(found_us[False])
    interval = median_interval(ratios)
    assert interval is not None
    low, high = (math.expm1(end) for end in interval)
    write_table(
        "telemetry",
        f"The latency of a real model on a virtual handset with a look at the phone before and "
        f"after each process, over the latency without: {PAIRS} pairs of processes of the official "
        "tool, each in an order drawn by a coin (`make evidence`).",
        ["latency without", "spread of the pairs (SD)", "a look takes", "with looks", "95 %"],
        [
            [
                f"{median(latencies_us) / 1e3:.2f} ms",
                f"{stdev(ratios):.1%}",
                f"{median(looking_s) / 2 * 1e3:.0f} ms",
                f"{math.expm1(median(ratios)):+.2%}",
                f"{low:+.2%} to {high:+.2%}",
            ]
        ],
    )
    assert high < BOUND
