"""Parts of a page: tables, sections, and the rows of streaming and sustained runs."""
