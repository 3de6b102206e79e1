"""A database to decide from: three students with scores, on two phones, one with op profiles."""

from dataclasses import replace

from bench.core.artifact import Artifact, Format
from bench.core.score import Score, TaskScore
from bench.plan.case import Case
from bench.plan.device import DeviceRecord
from bench.store.store import Store
from support.stored_sessions import ARTIFACT, CASE, DEVICE, add_session

OTHER_PHONE = replace(DEVICE, name="Pixel 8", model="Pixel 8", serial="two")
CLIPS = 200


def scored(artifact: Artifact, right: int, *, answers: bool = True) -> Score:
    """Returns a score of ``right`` of 200 clips, the easy ones first."""
    digits = "1" * right + "0" * (CLIPS - right)
    mean = right / CLIPS
    task = TaskScore(
        task="speaker", metric="top1", value=mean, low=mean - 0.03, high=mean + 0.03, chance=0.1,
        floor=0.2, test_clips=CLIPS, correct=({"all": digits},) if answers else (),
    )  # fmt: skip
    return Score(
        artifact_sha256=artifact.sha256, task_set="default", task_set_sha256="s", tasks=(task,),
        mean=mean, mean_low=mean - 0.03, mean_high=mean + 0.03, runtime="ai-edge-litert 2.3.0",
        delegate="xnnpack", threads=1, hop_samples=15_360,
    )  # fmt: skip


SMALL = ARTIFACT
MIDDLE = replace(
    ARTIFACT, name="small_w1.0_keras3_gap_e512_fused", sha256="b" * 64, size_bytes=2_500_000
)
INT8 = replace(MIDDLE, format=Format.INT8, sha256="c" * 64, size_bytes=900_000)


def case_of(artifact: Artifact, device: DeviceRecord = DEVICE) -> Case:
    return replace(CASE, artifact_sha256=artifact.sha256, device=device.key)


def fill(store: Store, *, other_phone: bool = True) -> None:
    """Stores three files, scored, on one phone or two."""
    for artifact, right in ((SMALL, 140), (MIDDLE, 170), (INT8, 168)):
        store.add_artifact(artifact)
        store.add_score(scored(artifact, right))
    here = {case_of(SMALL): 300.0, case_of(MIDDLE): 900.0, case_of(INT8): 600.0}
    add_session(store, "1a2b3c4d-one", here)
    if other_phone:
        there = {
            case_of(SMALL, OTHER_PHONE): 200.0,
            case_of(MIDDLE, OTHER_PHONE): 500.0,
            replace(case_of(INT8, OTHER_PHONE), affinity="f0"): 1900.0,
        }
        add_session(store, "5e6f7a8b-two", there, device=OTHER_PHONE, day=2)
