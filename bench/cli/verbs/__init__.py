"""The verbs: one module each, with its flags and what it runs, in a folder for each group."""
