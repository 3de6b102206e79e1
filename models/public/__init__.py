"""The public tasks that papers report, one YAML file each, read from one's own copy of the data."""
