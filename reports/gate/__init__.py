"""A gate's findings for people and CI systems: table, Markdown, JUnit XML, annotations, JSON."""
