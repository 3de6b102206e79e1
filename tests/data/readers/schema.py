"""Prints how many lines a JSONL file has, and which are wrong by a JSON Schema."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from jsonschema import Draft202012Validator

schema, path = map(Path, sys.argv[1:])
validator = Draft202012Validator(json.loads(schema.read_text()))
lines = [json.loads(line) for line in path.read_text().splitlines()]
wrong = [error.message[:200] for line in lines for error in validator.iter_errors(line)]
sys.stdout.write(
    json.dumps({"lines": len(lines), "wrong": wrong, "version": version("jsonschema")})
)
