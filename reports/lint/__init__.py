"""What ``zoo lint`` finds in files, and its outputs: table, SARIF, JUnit XML, JSON."""
