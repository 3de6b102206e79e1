"""The database of everything that was measured; rows are only inserted."""
