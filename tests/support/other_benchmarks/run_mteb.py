"""MTEB's own tasks of made sounds on a file: ``run_mteb.py FILE CACHE [COSTS.csv]``."""

import json
import sys
from pathlib import Path

import mteb
import pandas
from mteb.cache import ResultCache
from mteb.mocks.mock_tasks.classification import MockAudioClassification
from mteb.models.models_protocols import EncoderProtocol

from models.bridges.mteb_encoder import ArtifactAudioEncoder

encoder = ArtifactAudioEncoder(sys.argv[1])
answer: dict[str, object] = {"is_encoder": isinstance(encoder, EncoderProtocol)}
cache = ResultCache(cache_path=Path(sys.argv[2]))
table = mteb.evaluate(encoder, [MockAudioClassification()], cache=cache).to_dataframe()
run = mteb.mock_run(encoder)
answer["ran"] = sorted(name for name, result in run.items() if hasattr(result, "scores"))
answer["all_passed"] = run.all_passed
costs = pandas.read_csv(sys.argv[3])
(name,) = [column for column in table.columns if column != "task_name"]
long = table.melt(id_vars="task_name", var_name="model_name", value_name="score")
joined = long.merge(costs, on="model_name")
answer["joined"] = joined[["model_name", "score", "ms_per_audio_s"]].to_dict("records")
answer["revision"] = encoder.mteb_model_meta.revision
sys.stdout.write(json.dumps(answer) + "\n")
