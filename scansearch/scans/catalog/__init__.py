"""The catalogue of scan orders, one file a family."""
