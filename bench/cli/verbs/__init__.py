"""One module per verb: its flags, and what it runs."""
