"""From the store to the page: results, rows, the join of latency and accuracy."""
