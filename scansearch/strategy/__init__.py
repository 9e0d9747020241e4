"""What a strategy is, and what families of them share."""
