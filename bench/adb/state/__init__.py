"""What a phone is, what it is doing, what a process used there, and the settings that we change."""
