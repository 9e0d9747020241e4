"""Training any network: batches, optimiser, events, stopping."""
