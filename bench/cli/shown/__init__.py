"""What verbs print: tables of results, verdicts, files for CI."""
