"""The command line: one module a verb, each with ``add_arguments`` and ``run``."""
