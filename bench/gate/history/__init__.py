"""The trend of nightly runs against a pinned baseline: series that may be compared, and steps."""
