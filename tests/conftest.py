import os

from hypothesis import settings

# Two workers with two OpenMP threads each on two cores wait for each other far longer than they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")
