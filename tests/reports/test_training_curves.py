"""The curves of a search and of a training: judged by the accuracy, or on masks by the mean IoU."""

import pytest
from matplotlib.text import Text

from scansearch.figures.render import draw
from scansearch.figures.sources import RunSource
from scansearch.runs.tables import EPOCHS, METRICS


@pytest.mark.parametrize(("table", "more"), [(EPOCHS, ""), (METRICS, ",0.01,1,0.001,3")])
@pytest.mark.parametrize(
    ("measure", "lines", "said"), [("accuracy", 2, "accuracy 81.0 %"), ("mean_iou", 3, "mean IoU 64.0 %")]
)
def test_they_show_what_the_network_is_judged_by(measure, lines, said, table, more, run):
    rows = f"1,10,2.3,0.12,2.2,0.26,0.2,{measure},0.001{more}\n2,20,1.9,0.41,1.7,0.81,0.64,{measure},0.001{more}\n"
    (run / table.name).write_text(table.header + rows)
    figure = draw(RunSource.open(run), "curves")
    loss, accuracy = figure.axes
    assert [list(line.get_ydata()) for line in loss.lines] == [[2.3, 1.9], [2.2, 1.7]]
    assert [list(line.get_ydata()) for line in accuracy.lines] == [[12, 41], [26, 81], [20, 64]][:lines]
    assert (accuracy.get_legend() is None) == (lines == 2)
    assert any(f"validation {said} after 2 epochs" in text.get_text() for text in figure.findobj(Text))
