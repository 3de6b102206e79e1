"""The benchmark programs: our runner, and the reader of what any of them prints."""
