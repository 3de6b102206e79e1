"""The trend of nightly runs against a pinned baseline: its rows, its sentences and its page."""
