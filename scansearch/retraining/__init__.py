"""The final network of a genotype: how it is trained, with what weights it begins, and what it is worth on test images."""
