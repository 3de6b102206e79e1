"""frill-bench: on-device benchmarking of speech embeddings.

The line from a suite to a page, with the room of each step and the type that it hands on:

1. Plan     ``bench.plan.suite``          a YAML file or flags           -> ``Suite``, ``Target``
2. Build    ``bench.flow.build``          ``StudentSpec``                -> ``Artifact`` (.tflite)
3. Score    ``bench.flow.build.score``    ``Artifact``, ``TaskSet``      -> ``Score``
4. Reach    ``bench.flow.device|phone``   this machine or a phone        -> ``Device``
5. Stage    ``bench.flow.device.sweep``   ``Suite`` on a ``Device``      -> ``Sweep`` of ``Case``
6. Check    ``bench.flow.outputs``        outputs against the host's     -> ``Check``
7. Invoke   ``bench.flow.measure``        ``Case``, one process          -> ``Invocation``, raw text
8. Parse    ``bench.tool.parse``          raw text                       -> ``ToolLog``
9. Judge    ``bench.flow.measure.judge``  log and telemetry           -> ``Measured | Failed``
10. Store   ``bench.store``               all of it, insert only         -> SQLite or PostgreSQL
11. Join    ``bench.flow.report.join``    latency, accuracy on sha256    -> ``Row``
12. Report  ``reports``                   ``Row``                        -> page, plots, CSV

A gate takes the same ``Device`` and ``Sweep`` (4, 5, 7 to 10) and runs blocks of two sides:
``bench.flow.gate`` measures them, ``bench.gate`` decides, ``reports.gate`` reports it.

``bench.cli`` has a verb for each step and one for the whole line (``demo``); ``bench.api`` has the
same as functions, for scripts and notebooks. ``bench.flow.fleet`` runs several devices beside each
other. Everything may import ``bench.core``; what else a room may import is in CONTRIBUTING.md.
"""
