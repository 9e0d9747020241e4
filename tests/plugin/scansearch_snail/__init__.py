"""A plug-in package for scansearch: a scan order, a search space that uses it, a strategy, a figure and an exporter."""
