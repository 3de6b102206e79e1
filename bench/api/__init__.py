"""The Python API: what the verbs do, as functions for scripts and notebooks.

    from bench import api as frill

    frill.run("zoo", host=True, db="results.db")
    frill.score("zoo", task_set="quick", db="results.db")
    frill.join("results.db")                                      # a pandas frame
    frill.pick("results.db", latency="5ms/s", size="2MB").chosen

Every function does what the verb of its name does, on the same database, and prints nothing: what
the verb prints on the way goes to ``on_message``. Errors are kinds of
``bench.core.errors.BenchError``, with a hint. The import is cheap: a function imports what it needs
when it is called. docs/api.md has an example.
"""

from bench.api.accuracy import score
from bench.api.files import DB
from bench.api.gated import Gated, gate
from bench.api.latency import Run, run
from bench.api.results import Results, join, open, pick

__all__ = ["DB", "Gated", "Results", "Run", "gate", "join", "open", "pick", "run", "score"]
