"""Rows of a report: columns, short names, what rows share, the frontier, why int8 is slower."""
