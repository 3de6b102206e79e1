"""What is reported, as rows: the file, the setup, the numbers; their names, and the frontier."""
