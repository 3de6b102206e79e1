"""The suites that come with the program."""
