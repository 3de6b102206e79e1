"""The record of everything that was measured, in one database: insert only."""
