"""What every package may import: errors, hashes, files, configuration, records, caveats."""
