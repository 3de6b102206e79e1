"""What several tests share: the program, phones, zoos, rows."""
