"""The trend of nightly runs against a pinned baseline: rows, words, page."""
