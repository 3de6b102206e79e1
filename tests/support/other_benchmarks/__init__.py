"""Programs for an environment that has the other benchmarks; they import nothing of the tests."""
