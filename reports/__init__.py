"""From rows to the frontier, plots, pages, tables, and files for CI systems."""
