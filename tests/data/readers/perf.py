"""Prints the entries that AI Hub Models finds in a perf.yaml.

Its class for these files imports all of the package; what only models need is replaced by empty
modules, so that PyTorch and others need not be installed.
"""

import importlib.abc
import importlib.machinery
import json
import sys
from unittest.mock import MagicMock

ABSENT = (
    "torch", "torchvision", "boto3", "botocore", "cv2", "PIL", "onnx", "onnxruntime", "datasets",
    "scipy", "pandas", "huggingface_hub", "gdown", "git", "schema", "tabulate", "IPython", "bs4",
    "ai_edge_litert", "aiohttp", "aiofiles", "httpx", "mypy_boto3_s3", "inputimeout",
    "platformdirs", "filelock",
)  # fmt: skip


class Empty(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds an empty module for each of ``ABSENT``."""

    def find_spec(self, name, path=None, target=None):
        """Returns the spec of an empty module, ``None`` for others."""
        if name.partition(".")[0] not in ABSENT:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        """Returns a module in which each name is there."""
        module = MagicMock(name=spec.name)
        module.__path__ = []
        return module

    def exec_module(self, module):
        """Does nothing."""


sys.meta_path.append(Empty())

from importlib.metadata import version  # noqa: E402 - after the finder

from qai_hub_models.scorecard.perf_yaml import QAIHMModelPerf  # noqa: E402 - after the finder

perf = QAIHMModelPerf.from_yaml(sys.argv[1])
entries = []
perf.for_each_entry(
    lambda precision, component, device, path, entry: entries.append(
        [str(precision), component, str(device), path.value, entry.inference_time_milliseconds]
    )
)
sys.stdout.write(json.dumps({"entries": entries, "version": version("qai-hub-models")}))
