"""Rows of streaming and sustained runs, as a phone that gets hot gives them."""

from reports.rows.schema import Endurance, Row, Slice, Stream

HOP_S = 0.96
_SLICE_S = 10.0


def stream(row: Row, *, idle_ratio: float = 1.6) -> Stream:
    """Returns a file that heard a stream: slower than back to back, for its clocks sank."""
    own_us = idle_ratio * (row.latency_us_median or 0.0)
    front_us = idle_ratio * (row.frontend_us_per_hop or 0.0)
    ratio = (own_us + front_us) / 1e6 / HOP_S
    return Stream(
        file=row.file,
        setup=row.setup,
        case_key=row.case_key,
        session=row.session,
        processes=10,
        hop_s=HOP_S,
        latency_us_median=own_us,
        latency_us_low=0.97 * own_us,
        latency_us_high=1.05 * own_us,
        back_to_back_us=row.latency_us_median,
        frontend=row.frontend,
        frontend_us_per_hop=front_us or None,
        real_time_ratio=ratio,
        real_time_ratio_low=0.97 * ratio,
        real_time_ratio_high=1.05 * ratio,
        core_share=0.98 * ratio,
        core_share_low=0.96 * ratio,
        core_share_high=ratio,
        caveats=row.caveats,
    )


def endured(
    row: Row,
    *,
    slices: int = 60,
    slower: float = 0.4,
    from_s: float | None = 200.0,
    hidden: bool = False,
) -> Endurance:
    """Returns ten minutes of a file that from ``from_s`` on is slowed down, step by step.

    Args:
        hidden: the device shows neither heat nor clocks, as this machine may.
    """
    start_us = row.latency_us_median or 0.0
    points = []
    for n in range(slices):
        at_s = n * (_SLICE_S + 0.5)
        hot = 0.0 if from_s is None else min(1.0, max(0.0, (at_s - from_s) / 120))
        ratio = 1 + slower * hot + (0.004 if n % 2 and n > 2 else 0.0)
        points.append(
            Slice(
                at_s=at_s,
                until_s=at_s + _SLICE_S,
                latency_us=ratio * start_us,
                latency_ratio=ratio,
                thermal_status=float(round(2 * hot)),
                temp_c=31 + 14 * n / slices,
                clock_khz=2_850_000 - 1e6 * hot,
            )
        )
    throttled = next((each.at_s for each in points if each.latency_ratio > 1.1), None)
    end_us = points[-1].latency_us
    return Endurance(
        file=row.file,
        setup=row.setup,
        case_key=row.case_key,
        points=tuple(points),
        session=row.session,
        slices=slices,
        duration_s=points[-1].until_s,
        start_us=start_us,
        start_us_low=start_us,
        start_us_high=start_us,
        end_us=end_us,
        end_us_low=0.99 * end_us,
        end_us_high=end_us,
        is_steady=True,
        throttled_after_s=throttled,
        thermal_status_highest=None if hidden else (2.0 if throttled is not None else 0.0),
        temp_c_highest=None if hidden else 45.0,
        clock_khz_lowest=None if hidden else 1_850_000.0,
        caveats=row.caveats,
    )
