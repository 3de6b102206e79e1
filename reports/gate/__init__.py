"""What a gate tells people and CI systems: rows in; tables, Markdown, JUnit XML, commands out."""
