"""What is to be measured: devices, cases, suites, and the order of the processes."""
