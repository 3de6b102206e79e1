"""Rows as a real run gives them: five students in four formats, and one added model."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

from bench.core.artifact import Format
from bench.core.caveats import Caveat, CaveatKind
from reports.rows.schema import File, Frontend, Row, Setup, Task

# student, family, parameters, macs; per format: us, bytes, accuracy, partitions, operators left.
_TIMES: dict[str, tuple[str, int, int, dict[str, tuple[float, int, float, int, str]]]] = {
    "tiny_w0.5_keras3_gap_e2048_fused": (
        "tiny",
        782_000,
        3_900_000,
        {
            "float32": (76.0, 3_130_000, 0.702, 1, ""),
            "float16": (75.2, 1_600_000, 0.702, 1, ""),
            "dynamic": (75.4, 910_000, 0.700, 7, "DEPTHWISE_CONV_2D:6"),
            "int8": (241.0, 970_000, 0.671, 15, "HARD_SWISH:14"),
        },
    ),
    "small_w1.0_keras3_gap_e2048_fused": (
        "small",
        2_110_000,
        18_200_000,
        {
            "float32": (175.0, 8_450_000, 0.771, 1, ""),
            "float16": (175.3, 4_270_000, 0.771, 1, ""),
            "dynamic": (155.0, 2_320_000, 0.769, 9, "DEPTHWISE_CONV_2D:8"),
            "int8": (416.0, 2_450_000, 0.752, 19, "HARD_SWISH:18"),
        },
    ),
    "small_w1.0_keras3_gap_e2048_unfused": (
        "small",
        2_110_000,
        18_200_000,
        {
            "float32": (190.0, 8_450_000, 0.771, 1, ""),
            "float16": (191.0, 4_270_000, 0.771, 1, ""),
            "dynamic": (166.0, 2_320_000, 0.770, 9, "DEPTHWISE_CONV_2D:8"),
            "int8": (128.0, 2_450_000, 0.766, 1, ""),
        },
    ),
    "small_w2.0_legacy_gap_e2048_fused": (
        "small",
        10_119_632,
        61_000_000,
        {
            "float32": (1300.0, 40_380_000, 0.812, 1, ""),
            "float16": (1310.0, 20_250_000, 0.812, 1, ""),
            "dynamic": (710.0, 10_460_000, 0.810, 11, "DEPTHWISE_CONV_2D:10"),
            "int8": (940.0, 10_730_000, 0.742, 20, "HARD_SWISH:19"),
        },
    ),
    "large_w1.0_keras3_gap_e2048_fused": (
        "large",
        4_960_000,
        77_000_000,
        {
            "float32": (730.0, 19_800_000, 0.798, 1, ""),
            "float16": (750.0, 9_900_000, 0.798, 1, ""),
            "dynamic": (660.0, 5_300_000, 0.797, 13, "DEPTHWISE_CONV_2D:12"),
            "int8": (900.0, 5_500_000, 0.760, 21, "HARD_SWISH:20"),
        },
    ),
}
_COSINES = {
    "float16": (0.99999, 0.99998, 71.2),
    "dynamic": (0.9997, 0.988, 33.1),
    "int8": (0.982, 0.46, 14.6),
}
_FRONTEND_US = 225.0
_TASKS = {"speaker": 0.10, "language": 0.25, "commands": -0.05, "emotion": -0.30}


def sha256(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def rows() -> list[Row]:
    """Returns 21 rows: 5 students in 4 formats, and EfficientWord-Net, which starts at audio."""
    found = []
    for student, (family, parameters, macs, formats) in _TIMES.items():
        for format, (us, size, score, partitions, left) in formats.items():
            cosine = _COSINES.get(format, (None, None, None))
            nodes = 90
            outside = int(left.split(":")[1]) if left else 0
            found_caveats = caveats("frontend_added")
            if partitions > 1:
                evidence = f"{nodes - outside} of {nodes} nodes in {partitions} partitions"
                found_caveats += (Caveat(kind=CaveatKind.PARTLY_DELEGATED, evidence=evidence),)
            if cosine[0] is not None and cosine[0] < 0.99 and partitions > 1:
                evidence = f"cosine {cosine[0]} mean, the bound is 0.99"
                found_caveats += (Caveat(kind=CaveatKind.BELOW_BOUND, evidence=evidence),)
            found.append(
                timed(
                    student,
                    format,
                    us,
                    frontend_us=_FRONTEND_US,
                    score=score,
                    family=family,
                    size_bytes=size,
                    parameters=parameters,
                    macs=macs,
                    partitions=partitions,
                    nodes_delegated=nodes - outside,
                    nodes_total=nodes,
                    operators_left=left or None,
                    cosine_mean=cosine[0],
                    cosine_min=cosine[1],
                    snr_db=cosine[2],
                    caveats=found_caveats,
                )
            )
    found.append(
        timed(
            "EfficientWord-Net",
            "float32",
            9400.0,
            score=0.747,
            family="EfficientWord-Net",
            size_bytes=88_700_000,
            parameters=22_100_000,
            macs=None,
            audio_s=1.5,
            frontend=Frontend.IN_GRAPH,
            partitions=3,
            nodes_delegated=410,
            nodes_total=430,
            operators_left="RFFT2D:1;CAST:19",
            caveats="partly_delegated",
        )
    )
    return found


def timed(
    student: str,
    format: str,
    us: float,
    *,
    score: float | None,
    frontend_us: float = 0.0,
    audio_s: float = 0.96,
    spread: float = 0.02,
    half: float = 0.014,
    **fields: Any,
) -> Row:
    """Returns a row whose intervals and sums follow from its latency and score."""
    per_audio = (us + frontend_us) / audio_s
    file = File(
        artifact_sha256=sha256(student + format),
        student=student,
        format=Format(format),
        family=student,
    )
    setup = Setup(
        device="this machine (x86-64, 2 cores)",
        runner="litert-python",
        tool_sha256=sha256("tool"),
        runtime="ai-edge-litert 2.3.0",
        delegate="xnnpack",
        threads=1,
        protocol="mode=back-to-back, num_runs=3",
    )
    base = Row(
        file=file,
        setup=setup,
        case_key=sha256(f"{student}{format}case"),
        latency_us_median=us,
        latency_us_low=us * (1 - spread),
        latency_us_high=us * (1 + 1.4 * spread),
        includes_frontend=True,
        audio_s_per_inference=audio_s,
        latency_us_per_audio_s=per_audio,
        latency_us_per_audio_s_low=per_audio * (1 - spread),
        latency_us_per_audio_s_high=per_audio * (1 + 1.4 * spread),
        size_bytes=1_000_000,
        score_mean=score,
        score_low=None if score is None else score - half,
        score_high=None if score is None else score + half,
        score_task_set=None if score is None else "default",
        score_floor_mean=None if score is None else 0.655,
        chance_mean=None if score is None else 0.183,
        session="2026-05-12-a",
        processes=10,
        init_us_median=us * 12 + 1500,
        frontend=Frontend.ADDED if frontend_us else Frontend.IN_GRAPH,
        frontend_us_per_hop=frontend_us or None,
        frontend_us_per_hop_low=frontend_us * (1 - spread) or None,
        frontend_us_per_hop_high=frontend_us * (1 + spread) or None,
    )
    return changed(base, **fields)


def changed(row: Row, **fields: Any) -> Row:
    """Returns a row with other values, of its file and setup too; kinds of caveats as text."""
    parts: dict[str, Any] = {"file": row.file, "setup": row.setup}
    for name, part in parts.items():
        names = {field.name for field in dataclasses.fields(part)}
        own = {key: fields.pop(key) for key in names & set(fields)}
        parts[name] = dataclasses.replace(part, **own)
    if isinstance(fields.get("caveats"), str):
        fields["caveats"] = caveats(*fields["caveats"].split(";"))
    return dataclasses.replace(row, **parts, **fields)


def unmeasured(row: Row) -> Row:
    """Returns a row that was neither timed nor scored."""
    missing = {
        field.name: None
        for field in dataclasses.fields(Row)
        if field.name.startswith(("latency_", "score_", "init_")) or field.name == "partitions"
    }
    return changed(row, **missing)


def caveats(*kinds: str) -> tuple[Caveat, ...]:
    return tuple(Caveat(kind=CaveatKind(kind)) for kind in kinds if kind)


def tasks(of: list[Row]) -> list[Task]:
    """Returns four task scores for each scored row."""
    return [
        Task(
            artifact_sha256=row.file.artifact_sha256,
            student=row.file.student,
            format=row.file.format,
            task=task,
            metric="top1" if task == "speaker" else "balanced_accuracy",
            value=min(0.99, row.score_mean + shift),
            low=min(0.99, row.score_mean + shift) - 0.02,
            high=min(0.99, row.score_mean + shift) + 0.009,
            chance=0.1 if task == "speaker" else 0.211,
            floor=0.655 + shift,
            test_clips=1200,
        )
        for row in of
        if row.score_mean is not None
        for task, shift in _TASKS.items()
    ]
