"""Reports, one file each."""
