"""Logs of files against themselves on simulated devices."""

from dataclasses import replace

import numpy as np

from bench.gate.calibration.device_noise import MOST_BLOCKS, same_rule
from bench.gate.log import Log
from bench.gate.records import Entry
from bench.gate.verdict import ModelKey
from lab.noise import PROFILES, Floats, device, processes
from lab.simulated import NOW, block, opened

BLOCKS = 60
WARM_UPS_S = 2 * NOW.process_s  # one warm-up process per side, which simulated gates leave out


def levels(profile: str, *, models: int, blocks: int = BLOCKS, seed: int = 1) -> Floats:
    """Returns the log of each process's median, that of a 20 ms model 0: [models, processes]."""
    rng = np.random.default_rng(seed)
    kind = PROFILES[profile]
    level = device(rng, kind, models, 2 * blocks)
    return NOW.statistic(processes(rng, kind, level, inferences=NOW.inferences))


def same(values: Floats, *, coins: int = 5, latency_us: float = 20_000.0) -> Log:
    """Returns the log of files against themselves: each row's processes in turn."""
    first = opened(same_rule(MOST_BLOCKS), models=len(values))
    pairs = tuple(replace(each, candidate_sha256=each.baseline_sha256) for each in first.models)
    rng = np.random.default_rng(coins)
    times_us = latency_us * np.exp(values)
    entries: list[Entry] = []
    for index in range(values.shape[1] // 2):
        for row, pair in enumerate(pairs):
            flipped = bool(rng.random() < 0.5)
            both = times_us[row, 2 * index : 2 * index + 2].tolist()
            candidate_us, baseline_us = both if flipped else both[::-1]
            entries.append(
                block(
                    pair.model,
                    index,
                    candidate_first=flipped,
                    baseline_us=baseline_us,
                    candidate_us=candidate_us,
                )
            )
    return Log(opened=replace(first, models=pairs), entries=tuple(entries))


def process_s(log: Log) -> dict[ModelKey, float]:
    return {pair.model: NOW.process_s for pair in log.opened.models}
