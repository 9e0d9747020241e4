"""Every number that the README states about speed and memory, and the command that measures it: python -m benchmarks."""
