"""The benchmark tools: the official ones and our runner, their flags, processes and logs."""
