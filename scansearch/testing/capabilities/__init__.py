"""What a strategy must be capable of, one class each: tests for pytest, or to call."""
