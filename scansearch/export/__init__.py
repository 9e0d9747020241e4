"""Exporters: a genotype in the forms that other code loads."""
