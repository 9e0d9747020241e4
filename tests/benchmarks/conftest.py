import sys
from pathlib import Path

# The benchmarks are no part of the installed package: they are found from the repository's root, as `make bench` does.
sys.path.insert(0, str(Path(__file__).parents[2]))
