"""A plug-in package for scansearch: one plug-in of each kind, a file each."""
