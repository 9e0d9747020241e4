"""Facts about where a run goes: numerics, memory, environment."""
