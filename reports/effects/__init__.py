"""What each choice of a student's structure and format does, over all students of a report."""
