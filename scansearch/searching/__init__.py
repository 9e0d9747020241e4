"""One search: its parts, its loop, what judges, what it found."""
