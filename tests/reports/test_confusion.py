"""The figure of a trained network's confusions."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from scansearch.errors import ScansearchError
from scansearch.figures.render import draw, refusals
from scansearch.figures.sources import RunSource
from scansearch.figures.style import DPI, style
from scansearch.genotype import Genotype
from scansearch.runs.evaluation_json import Bin, ClassScore, Evaluation, Evaluations, Speed


def evaluation(classes=3, confusions=((0, 0, 4), (1, 2, 6), (2, 2, 1))):
    names = [ClassScore(name=f"class | {i}", images=1, accuracy=0.5) for i in range(classes)]
    return Evaluation(
        time="2026-01-01 00:00:00", data="digits", fingerprint="f", images=11, image_size=(8, 8), loss=1.0, top1=0.45, top5=None,
        ece=0.1, bins=(Bin(images=11, confidence=0.5, accuracy=0.45),), classes=tuple(names), confusions=confusions,
        speed=Speed(images_per_second=3.0, batch_size=64, device="cpu", threads=1),
    )  # fmt: skip


@pytest.fixture
def source(tmp_path):
    def make(found):
        Genotype.from_directions([["h", "v"]]).save(tmp_path / "genotype.json")
        Evaluations(evaluations=(found,)).save(tmp_path / "evaluation.json")
        return RunSource.open(tmp_path)

    return make


def test_a_row_says_what_share_of_a_class_is_taken_for_which(source):
    figure = draw(source(evaluation()), "confusion")
    (image,) = figure.axes[0].images
    assert np.array_equal(image.get_array(), [[1, 0, 0], [0, 0, 1], [0, 0, 1]])
    assert sorted(text.get_text() for text in figure.axes[0].texts) == ["1", "4", "6"]
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["class | 0", "class | 1", "class | 2"]


def test_many_classes_have_numbers_and_too_many_are_refused(source):
    many = draw(source(evaluation(500, ((499, 0, 3),))), "confusion")
    assert not many.axes[0].texts
    assert "at most 2,000 classes can be seen" in refusals(source(evaluation(2001)), ["confusion"])["confusion"]
    wrong = refusals(source(evaluation(confusions=((0, 7, 1),))), ["confusion"])
    assert wrong == {"confusion": "its evaluation.json names classes that it does not have"}


def test_a_run_that_was_not_evaluated_says_so(tmp_path):
    Genotype.from_directions([["h", "v"]]).save(tmp_path / "genotype.json")
    with pytest.raises(ScansearchError, match="cannot draw confusion: no trained network was evaluated here"):
        draw(RunSource.open(tmp_path), "confusion")


def test_of_pixels_the_heading_tells_the_mean_iou(source):
    figure = draw(source(evaluation().model_copy(update={"mean_iou": 0.4, "pixels": 11})), "confusion")
    told = " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))
    assert "mean IoU 40" in told
    assert "pixels right 45" in told


@pytest.mark.parametrize("classes", [2, 3, 10, 45])
def test_nothing_is_cut_off(classes, source):
    figure = draw(source(evaluation(classes, ((0, 1, 4),))), "confusion")
    with style():
        figure.set_dpi(DPI)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # once, as it is saved
        box = figure.axes[0].get_tightbbox(canvas.get_renderer())
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= figure.bbox.width
