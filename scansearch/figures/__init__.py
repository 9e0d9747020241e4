"""Figures: their style, the kinds there are, and how they are written."""
