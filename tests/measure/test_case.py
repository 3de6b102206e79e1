import dataclasses
from dataclasses import replace

import pytest

from bench.plan.case import Case, Delegate, Mode, Protocol, Runner
from bench.plan.inputs import ChosenSignature, GivenInput

CASE = Case(
    artifact_sha256="a" * 64,
    device="d" * 64,
    runner=Runner.BENCHMARK_MODEL,
    tool_sha256="c" * 64,
    delegate=Delegate.XNNPACK,
    threads=1,
)
OTHER: dict[str, object] = {
    "artifact_sha256": "b" * 64,
    "device": "e" * 64,
    "runner": Runner.LITERT_PYTHON,
    "tool_sha256": "d" * 64,
    "delegate": Delegate.NONE,
    "threads": 4,
    "affinity": "f0",
    "protocol": Protocol(num_runs=50),
    "full_delegation": True,
    "library_sha256": "e" * 64,
    "library_options": "a:1",
    "fixed_performance": True,
    "warm_cache": True,
    "given_inputs": (GivenInput(name="x", shape=(1, 16_000), dtype="float32", is_set=True),),
    "signature": ChosenSignature(key="embed", graph=1, others=("train",)),
}
# Which fields a part of the identity leaves out.
LEFT_OUT = {
    "key": set[str](),
    "without_protocol": {"protocol"},
    "without_threads": {"threads", "affinity"},
    "setup": {"artifact_sha256", "protocol", "given_inputs", "signature"},
    "computation": {
        "device", "runner", "threads", "affinity", "protocol", "full_delegation",
        "fixed_performance", "warm_cache",
    },
}  # fmt: skip


def test_stored_cases_keep_their_keys() -> None:
    assert CASE.key == "887b25fb82cbbce3149aecd95715cb2e2ee2a16190ef692d08a909cd85a52dfe"
    streaming = Protocol(mode=Mode.STREAMING, processes=6, num_runs=50, run_delay_s=0.96)
    other = replace(
        CASE,
        affinity="f0",
        protocol=streaming,
        full_delegation=True,
        library_sha256="e" * 64,
        library_options="a:1",
        fixed_performance=True,
    )
    assert other.key == "2300d01813bdcb7a1374fa7684b7bae8dabaebbe2d23774a00f5f25cc4c75746"


@pytest.mark.parametrize("part", LEFT_OUT)
@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Case)])
def test_each_field_is_in_each_part_of_the_identity_or_left_out_by_name(
    part: str, name: str
) -> None:
    other = replace(CASE, **{name: OTHER[name]})  # type: ignore[arg-type]  # a field of Case
    assert (getattr(other, part) == getattr(CASE, part)) == (name in LEFT_OUT[part])


def test_how_much_evidence_there_is_to_be_is_not_identity() -> None:
    more = replace(CASE, protocol=Protocol(processes=99, ci_width=0.01, max_processes=200))
    assert more.key == CASE.key
    assert more.protocol.text == CASE.protocol.text


def test_a_protocol_in_words_tells_apart_what_the_key_tells_apart() -> None:
    assert Protocol(run_delay_s=0.96).text == (
        "mode=back-to-back, num_runs=3, min_secs=0, warmup_runs=3, warmup_min_secs=0.5, "
        "max_secs=150, run_delay_s=0.96"
    )
