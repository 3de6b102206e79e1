"""What is measured: devices, cases, suites, their order, and what their runs add up to."""
