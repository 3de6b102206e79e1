"""Times of operators as Model Explorer's custom node data, which colours the nodes of a graph."""

from __future__ import annotations

import json
from collections.abc import Mapping

_GRADIENT = (("#ffffff", 0), ("#ffd27f", 0.5), ("#d9534f", 1))  # white, yellow, red


def node_data_json(times_us: Mapping[str, Mapping[str, float]]) -> str:
    """Returns the times of operators, in us, as JSON.

    Times of the main graph alone stand without its name, which differs between converters: Model
    Explorer takes them for the graph that it shows.

    Args:
        times_us: graph (empty for the main one), to the number of an operator within it or the
            name of one of its outputs, to its time.
    """
    graphs = {graph or "main": _graph(of) for graph, of in times_us.items()}
    only = graphs["main"] if list(times_us) == [""] else graphs
    return json.dumps(only, allow_nan=False, indent=1) + "\n"


def _graph(times_us: Mapping[str, float]) -> dict[str, object]:
    return {
        "results": {node: {"value": round(us, 3)} for node, us in times_us.items()},
        "gradient": [{"stop": stop, "bgColor": colour} for colour, stop in _GRADIENT],
    }
