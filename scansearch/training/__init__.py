"""Training any network: feed, weights, evaluate, fit, one process or many, events, stopping."""
