import os

# Two workers with two OpenMP threads each on two cores wait for each other far longer than they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")
