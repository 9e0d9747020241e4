"""Whether what searches found is more than chance: overlap of their choices, and searches on separate halves of the images."""
