"""What the operating system gives: locks, processes beside this one, Debian's packages."""
