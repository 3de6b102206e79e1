"""Scores the zoo's artifacts on a task set and stores the scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from bench.core.artifact import SAMPLE_RATE_HZ, Artifact, Role
from bench.core.errors import BenchError, ConfigurationError
from bench.core.paths import cache_dir
from bench.core.progress import OnStepProgress
from bench.core.score import Score, ScoringProtocol
from bench.store.store import Store
from models.accuracy.floor import FLOOR, score_floor
from models.accuracy.robustness import score_under
from models.accuracy.score import score_at_hops
from models.accuracy.scored_teacher import ScoredTeacher
from models.audio.acoustics import AcousticCondition
from models.audio.taskset import TaskSet
from models.embeddings.pieces import Work, working
from models.embeddings.windows import has_choice_of_hop
from models.zoo import Zoo

_EMBEDDINGS = (Role.EMBEDDING_PATCH, Role.EMBEDDING_WAVEFORM, Role.EMBEDDING_STREAM)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedHops:
    """Hops that an artifact cannot be scored at, because it fixes its own.

    Args:
        name: of the artifact, in whatever format.
        hops_s: those that were asked for, the shortest first; its own is not among them.
    """

    name: str
    hops_s: tuple[float, ...]
    own_hop_s: float

    @property
    def text(self) -> str:
        """What was left out, and why."""
        hops = ", ".join(f"{hop_s:.3g} s" for hop_s in self.hops_s)
        own = f"{self.own_hop_s:.3g} s"
        return f"{self.name}: not scored at {hops}, because the file fixes its hop: {own}"


def scorable(artifacts: Sequence[Artifact]) -> list[Artifact]:
    """Returns the artifacts that are audio embeddings."""
    return [each for each in artifacts if each.role in _EMBEDDINGS]


def own_hop(artifact: Artifact) -> tuple[int, ...]:
    """Returns the hop of the manifest, in samples."""
    return (artifact.audio()[1],)


def hops_of(artifact: Artifact, hops: Sequence[int]) -> tuple[int, ...]:
    """Returns those of ``hops`` that an artifact can be scored at, the shortest first.

    Args:
        hops: in samples.
    """
    fixed = not has_choice_of_hop(artifact)
    return tuple(hop for hop in sorted(set(hops)) if not fixed or hop == artifact.hop_samples)


def skipped_hops(artifacts: Sequence[Artifact], hops: Sequence[int]) -> list[SkippedHops]:
    """Returns what of ``hops``, in samples, cannot be scored, once for each name."""
    skipped: dict[str, SkippedHops] = {}
    for each in artifacts:
        others = sorted(set(hops) - {*hops_of(each, hops)})
        if others:
            skipped[each.name] = SkippedHops(
                name=each.name,
                hops_s=tuple(hop / SAMPLE_RATE_HZ for hop in others),
                own_hop_s=each.audio()[1] / SAMPLE_RATE_HZ,
            )
    return list(skipped.values())


def score_artifacts(
    artifacts: Sequence[Artifact],
    *,
    zoo: Zoo,
    task_set: TaskSet,
    store: Store,
    on_progress: OnStepProgress,
    hops: Callable[[Artifact], Sequence[int]] = own_hop,
    teachers: Mapping[str, ScoredTeacher] = MappingProxyType({}),
    protocol: ScoringProtocol = ScoringProtocol.DEFAULT,
    conditions: Sequence[AcousticCondition] = (),
    work: Work | None = None,
) -> tuple[list[Score], dict[str, BenchError]]:
    """Returns the scores of each artifact and the error of each that failed; stores each score.

    The log-mel floor is scored first: every score is compared with it.

    Args:
        on_progress: called with the name of what is scored, clips done and the total.
        hops: returns those of an artifact, in samples.
        teachers: SHA-256 of an artifact to the teacher that it is also compared with.
        protocol: how the heads are chosen.
        conditions: of the test clips, besides clean ones; by the default protocol.
        work: where it is done; by default in processes of this machine, if that is worth it.

    Raises:
        ConfigurationError: the protocol chooses heads, and no task has one to choose.
    """
    has_classes = any(task.metric.has_classes for task in task_set.tasks)
    if protocol is ScoringProtocol.NOSS_PUBLISHED and not has_classes:
        raise ConfigurationError(
            f"{task_set.name}: no task has classes, so that there is no head to choose",
            hint="score it by the default protocol",
        )
    cache = cache_dir()
    scores: list[Score] = []
    failed: dict[str, BenchError] = {}
    with working(work) as own:
        score_floor(
            task_set,
            cache=cache,
            protocol=protocol,
            on_progress=partial(on_progress, FLOOR),
            work=own,
        )
        for artifact in artifacts:
            name = f"{artifact.name}.{artifact.format.value}"
            try:
                found = [
                    *score_at_hops(
                        artifact,
                        zoo.checked_path(artifact),
                        task_set,
                        hops=hops(artifact),
                        cache=cache,
                        frontend_path=zoo.frontend_path(artifact),
                        teacher=teachers.get(artifact.sha256),
                        protocol=protocol,
                        on_progress=partial(on_progress, name),
                        work=own,
                    ),
                    *(
                        score_under(
                            artifact,
                            zoo.checked_path(artifact),
                            task_set,
                            condition=condition,
                            hop=hop,
                            cache=cache,
                            frontend_path=zoo.frontend_path(artifact),
                            on_progress=partial(on_progress, f"{name}, {condition}"),
                            work=own,
                        )
                        for condition in conditions
                        if condition is not AcousticCondition.CLEAN
                        for hop in hops(artifact)
                    ),
                ]
            except BenchError as error:
                failed[name] = error
                continue
            store.add_artifact(artifact)
            for score in found:
                store.add_score(score)
            scores += found
    return scores, failed
