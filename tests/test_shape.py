import pytest

from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype
from scansearch.shape import ImageShape


def test_a_shape_tells_its_size():
    shape = ImageShape(8, 12, channels=3, classes=10)
    assert shape.size == (8, 12)
    assert shape == ImageShape(height=8, width=12, channels=3, classes=10)


@pytest.mark.parametrize(
    ("place", "name"), list(enumerate(["the height of an image", "the width of an image", "channels", "classes"]))
)
@pytest.mark.parametrize("value", [0, -1, True, 2.0, "3", None, 10**9], ids=repr)
def test_each_number_has_a_range(place, name, value):
    numbers = [1, 1, 1, 1]
    numbers[place] = value
    with pytest.raises(ScansearchError, match=rf"{name} must be an integer from 1 to \d+, but got"):
        ImageShape(*numbers)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"height": 0}, "^genotype: shape.height: input should be greater than or equal to 1, got 0$"),
        ({"classes": 10**7}, "^genotype: shape.classes: input should be less than or equal to 1000000, got 10000000$"),
        ({"width": 8.0}, "^genotype: shape.width: input should be a valid integer, got 8.0$"),
        ({"depth": 3}, "^genotype: shape.depth: unexpected keyword argument, got 3$"),
    ],
)
def test_in_a_genotype_a_problem_is_placed(fields, message):
    shape = {"height": 8, "width": 8, "channels": 1, "classes": 10}
    layers = [{"directions": ["h"]}]
    assert Genotype.from_dict({"layers": layers, "shape": shape}).shape == ImageShape(8, 8, 1, 10)
    with pytest.raises(ScansearchError, match=message):
        Genotype.from_dict({"layers": layers, "shape": shape | fields})
