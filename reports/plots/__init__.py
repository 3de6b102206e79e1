"""Pictures: charts of rows, and the figures that are drawn of them."""
