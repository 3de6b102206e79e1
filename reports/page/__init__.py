"""The page of all results: one self-contained HTML file beside plots and tables."""
