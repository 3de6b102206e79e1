"""Prints what Model Explorer finds in node data, and the nodes that it gives to a model file."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from model_explorer.builtin_tflite_flatbuffer_adapter import BuiltinTfliteFlatbufferAdapter
from model_explorer.config import ModelExplorerConfig
from model_explorer.node_data_builder import GradientItem, GraphNodeData, NodeDataResult

model, path = sys.argv[1:]
found = json.loads(Path(path).read_text())
data = GraphNodeData(
    results={node: NodeDataResult(**each) for node, each in found.pop("results").items()},
    gradient=[GradientItem(**each) for each in found.pop("gradient")],
    **found,
)
config = ModelExplorerConfig().add_model_from_path(model).add_node_data_from_path(path)
(graphs,) = BuiltinTfliteFlatbufferAdapter().convert(model, {})["graphCollections"]
graph = graphs.graphs[0]
sys.stdout.write(
    json.dumps(
        {
            "values": {node: each.value for node, each in data.results.items()},
            "again": json.loads(data.to_json_string()),
            "nodes": {node["id"]: node["label"] for node in graph["nodes"]},
            "url": config.to_url_param_value(),
            "version": version("ai-edge-model-explorer"),
        }
    )
)
