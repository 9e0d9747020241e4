"""The engine: one training loop, its checkpoints and its run folder."""
