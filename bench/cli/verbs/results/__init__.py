"""Verbs that read results: pages, tables, histories, logs."""
