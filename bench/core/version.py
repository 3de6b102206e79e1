"""The version of this program, as written into every record it makes."""

VERSION = "0.1.0"
