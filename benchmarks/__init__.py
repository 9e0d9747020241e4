"""Every number in docs/benchmarks.md and docs/evidence.md, and the command that measures it: python -m benchmarks."""

import os

# As the command line does, for ours and for the peers alike; read when torch loads OpenMP.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
