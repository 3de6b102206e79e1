"""All packaged tasks for the starter zoo and two packaged models, in one command; 20 minutes."""

import json
from itertools import chain
from pathlib import Path

import pytest
from support.program import frill_bench
from support.tables import write_table

from bench.core.paths import cache_dir
from models.audio import packages
from models.detection import packaged
from models.distill import recipe

pytestmark = [
    pytest.mark.evidence,
    pytest.mark.zoo,
    pytest.mark.audio,
    pytest.mark.timeout(7_200),
]

WORDS, SPEECH = "efficientword-net", "speech-embedding"
SETS = ("default", "extended")


def test_one_command_scores_the_starter_zoo_on_all_packaged_tasks(
    real_model: packages.ModelFiles, tmp_path: Path
) -> None:
    zoo, students = tmp_path / "zoo", recipe.load(recipe.STARTER).students
    frill_bench("convert", *students, "--formats", "float32", "--zoo", zoo, status=0)
    front = ("--name", f"{WORDS}-frontend", "--role", "frontend", "--window-s", "1")
    frill_bench("zoo", "add", real_model.frontend, *front, "--zoo", zoo, status=0)
    words = ("--name", WORDS, "--frontend", f"{WORDS}-frontend", "--hop-s", "1")
    frill_bench("zoo", "add", real_model.embedding, *words, "--zoo", zoo, status=0)
    # Google's speech embedding stands before openWakeWord's words, with the scales of its log-mel.
    (mel, scales), (embedding, _), _ = packaged.load("openwakeword/alexa", cache_dir()).stages
    front = ("--name", f"{SPEECH}-frontend", "--role", "frontend", "--window-s", "0.782")
    numbers = ("input_scale", "output_scale", "output_offset")
    flags = [(f"--{each.replace('_', '-')}", getattr(scales, each)) for each in numbers]
    frill_bench("zoo", "add", mel, *front, *chain.from_iterable(flags), "--zoo", zoo, status=0)
    speech = ("--name", SPEECH, "--frontend", f"{SPEECH}-frontend", "--hop-s", "0.4")
    frill_bench("zoo", "add", embedding, *speech, "--zoo", zoo, status=0)
    frill_bench("data", "fetch", "--extended", status=0)
    sets = [word for name in SETS for word in ("--task-set", name)]
    command = ("score", *sets, "--zoo", zoo, "--db", tmp_path / "results.db", "--json")
    document = json.loads(frill_bench(*command, status=0).stdout)
    assert not document["failed"]
    names = {
        each["sha256"]: each["name"]
        for each in map(json.loads, (path.read_text() for path in zoo.glob("*.json")))
    }
    values: dict[str, dict[str, str]] = {}
    floors: dict[str, str] = {}
    for score in document["scores"]:
        row = values.setdefault(names[score["artifact_sha256"]], {})
        for task in score["tasks"]:
            row[task["task"]] = f"{task['value']:.3f}"
            floors[task["task"]] = f"{task['floor']:.3f}"
        mean = f"{score['mean']:.3f} ({score['mean_low']:.3f}-{score['mean_high']:.3f})"
        row[f"mean of {score['task_set']}"] = mean
    assert set(values) == {*students, WORDS, SPEECH}
    columns = list(next(iter(values.values())))
    best_first = sorted(values.items(), key=lambda item: item[1]["mean of default"], reverse=True)
    embedded = document["embedded"]
    write_table(
        "all-tasks",
        "The ten starter students, FRILL among them, and two models out of packages "
        "(EfficientWord-Net; Google's speech embedding, as pyopen-wakeword has it, every 0.4 s) on "
        f"all packaged tasks, float32: `score {' '.join(sets)} --zoo zoo` (`make evidence`). It "
        f"embedded {embedded['clips']:,} clips, {embedded['audio_s'] / 3600:.1f} audio-hours, in "
        f"{embedded['elapsed_s'] / 60:.0f} minutes. The tasks are described in docs/tasks.md; "
        "vocal3, speech-vs-vocal and a part of what students were trained on share voices.",
        ["model", *columns],
        [
            *([f"`{name}`", *(row[each] for each in columns)] for name, row in best_first),
            ["log-mel floor", *(floors.get(each, "") for each in columns)],
        ],
    )
