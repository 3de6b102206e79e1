"""Between databases and files of others: logs come in, rows go out, parcels do both."""
