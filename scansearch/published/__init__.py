"""Genotypes published with LocalMamba (arXiv 2403.09338), as data."""
