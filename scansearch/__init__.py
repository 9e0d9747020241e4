"""scansearch: neural architecture search for the scan orders of vision state-space models."""
