"""A run folder: its settings, its lock, its tables, its checkpoints."""
