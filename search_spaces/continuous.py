"""Orders whose every step goes to a neighbour (Hilbert curves, where the grid allows it)."""

from scansearch.space import SearchSpace

CONTINUOUS = SearchSpace(
    name="continuous",
    candidates=(
        *("snake", "snake_flip", "snake_t", "snake_t_flip"),
        *("hilbert", "hilbert_flip", "hilbert_t", "hilbert_t_flip"),
        *("spiral", "spiral_flip", "spiral_t", "spiral_t_flip"),
    ),
    keep=4,
    description="snakes, Hilbert curves and spirals, by rows and by columns, and their flips; keep 4",
)
