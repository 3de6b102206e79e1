"""Rows as files that other programs read: our own tables, and the formats of other projects."""
