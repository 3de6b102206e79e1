"""Logs of files against themselves on simulated devices."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.flow.gate.calibrate import protocols_for
from bench.gate.calibration.device_noise import MOST_BLOCKS, same_rule
from bench.gate.calibration.protocols import ProcessProtocol
from bench.gate.log import Log
from bench.gate.records import Entry, Pair
from bench.gate.verdict import ModelKey
from bench.plan.case import Runner
from lab.noise import PROFILES, Floats, Profile, device, processes
from lab.simulated import NOW, Protocol, block, opened, protocol

BLOCKS = 60
PROTOCOLS = protocols_for(Runner.BENCHMARK_MODEL)
WARM_UPS_S = 2 * NOW.process_s  # one warm-up process per side, which simulated gates leave out


def levels(profile: str, *, models: int, blocks: int = BLOCKS, seed: int = 1) -> Floats:
    """Returns the log of each process's median, that of a 20 ms model 0: [models, processes]."""
    rng = np.random.default_rng(seed)
    kind = PROFILES[profile]
    level = device(rng, kind, models, 2 * blocks)
    return NOW.statistic(processes(rng, kind, level, inferences=NOW.inferences))


def in_the_lab(measured: ProcessProtocol) -> Protocol:
    """Returns how the laboratory measures a model of 20 ms with a protocol."""
    return protocol(measured.warmup_s, measured.num_runs)


def with_each_protocol(kind: Profile, *, blocks: int = BLOCKS, seed: int = 1) -> Log:
    """Returns the log of one file against itself, with each protocol of a phone in turn."""
    rng = np.random.default_rng(seed)
    level = device(rng, kind, 1, 2 * blocks * len(PROTOCOLS)).reshape(blocks, len(PROTOCOLS), 2)
    rows = []
    for index, each in enumerate(PROTOCOLS):
        how = in_the_lab(each)
        inferences = processes(
            rng, kind, level[:, index], inferences=how.inferences, warmup_s=how.warmup_s
        )
        rows.append(how.statistic(inferences).reshape(-1))
    (pair,) = opened(same_rule(blocks), models=1).models
    pairs = [
        replace(
            pair,
            model=each.labelled(pair.model),
            observed=replace(
                pair.observed, warmup_s=each.warmup_s, num_runs=each.num_runs, min_s=each.min_s
            ),
        )
        for each in PROTOCOLS
    ]
    return same(np.array(rows), pairs=pairs)


def same(
    values: Floats,
    *,
    coins: int = 5,
    latency_us: float = 20_000.0,
    pairs: Sequence[Pair] | None = None,
) -> Log:
    """Returns the log of files against themselves: each row's processes in turn.

    Args:
        pairs: what each row is of; by default another model each.
    """
    first = opened(same_rule(MOST_BLOCKS), models=len(values))
    pairs = tuple(
        replace(each, candidate_sha256=each.baseline_sha256) for each in pairs or first.models
    )
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
    """Returns the time of a process by model, with the protocol that the log has."""
    known = {pair.model: ProcessProtocol.of(pair.observed) for pair in log.opened.models}
    return {
        model: (NOW if each is None else in_the_lab(each)).process_s
        for model, each in known.items()
    }
