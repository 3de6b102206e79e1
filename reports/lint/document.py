"""Findings as one JSON document; its keys stay as they are while ``schema_version`` is 1."""

from __future__ import annotations

from typing import Any

from bench.core import config
from reports.lint.findings import Lint
from reports.lint.table import headline


def document(lint: Lint) -> dict[str, Any]:
    """Returns files, their findings and all observations as JSON values, for programs."""
    return {
        "headline": headline(lint),
        "fail_on": sorted(lint.fail_on),
        "classes": list(lint.classes),
        "failing": lint.failing,
        "files": [
            {
                **config.unstructure(file),
                "findings": [
                    {**config.unstructure(each), "fails": lint.fails(each)}
                    for each in file.findings
                ],
            }
            for file in lint.files
        ],
    }
