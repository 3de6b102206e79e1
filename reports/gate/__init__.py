"""A gate's findings for people and CI: table, page, rows, Markdown, JUnit, annotations, JSON."""
