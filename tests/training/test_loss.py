"""Loss and right answers, of images and of pixels."""

import pytest
import torch
from torch.nn import functional as F

from scansearch.data.dense import IGNORED
from scansearch.errors import ScansearchError
from scansearch.training.loss import correct, cross_entropy


def test_right_answers_of_classes_shares_and_pixels():
    logits = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    assert float(correct(logits, torch.tensor([1, 1, 1]))) == 2
    assert float(correct(logits, torch.tensor([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]]))) == 2
    dense = torch.stack([logits, logits], 2)[..., None]  # (3, 2, 2, 1)
    assert float(correct(dense, torch.tensor([[[1], [1]], [[1], [0]], [[0], [0]]]))) == 1.5


def dense(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, 3, (4, 5, 6), generator=random)
    targets[0, :2], targets[1, 3], targets[3] = IGNORED, IGNORED, IGNORED
    return torch.randn(4, 3, 5, 6, generator=random, requires_grad=True), targets


def literal(logits: torch.Tensor, targets: torch.Tensor, smoothing: float) -> tuple[float, float]:
    """Loss and right answers, pixel by pixel."""
    losses, rights = [], []
    for image, mask in zip(logits.double().detach(), targets, strict=True):
        loss, right, count = 0.0, 0, 0
        for i, j in (mask != IGNORED).nonzero().tolist():
            logs, wanted = image[:, i, j].log_softmax(0), int(mask[i, j])
            loss -= float((1 - smoothing) * logs[wanted] + smoothing * logs.mean())
            right += int(image[:, i, j].argmax()) == wanted
            count += 1
        losses.append(loss / max(count, 1))
        rights.append(right / max(count, 1))
    return sum(losses) / len(losses), sum(rights)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_every_image_counts_alike_by_its_pixels_that_are_not_ignored(smoothing):
    logits, targets = dense()
    loss, right = literal(logits, targets, smoothing)
    assert cross_entropy(logits, targets, smoothing).item() == pytest.approx(loss, rel=1e-6)
    assert float(correct(logits, targets)) == pytest.approx(right)


def test_ignored_pixels_have_no_gradient():
    logits, targets = dense()
    cross_entropy(logits, targets, 0.1).backward()
    ignored = (targets == IGNORED)[:, None].expand_as(logits)
    assert (logits.grad[ignored] == 0).all()
    assert (logits.grad[~ignored] != 0).all()


def test_classes_of_images_are_never_ignored():
    logits, targets = torch.randn(2, 300), torch.tensor([IGNORED, 3])
    assert torch.equal(cross_entropy(logits, targets), F.cross_entropy(logits, targets))
    assert float(correct(F.one_hot(targets, 300).float(), targets)) == 2


@pytest.mark.parametrize(
    ("logits", "targets", "kind"),
    [
        (torch.zeros(2, 3), torch.zeros(2, 4, 4, dtype=torch.int64), "a class for each pixel"),
        (torch.zeros(2, 3, 4, 4), torch.zeros(2, dtype=torch.int64), "one class each"),
        (torch.zeros(2, 3, 4, 4), torch.zeros(2, 3), "one class each"),
    ],
)
def test_a_network_of_the_other_kind_is_refused(logits, targets, kind):
    with pytest.raises(ScansearchError, match=f"images with {kind} need a network"):
        cross_entropy(logits, targets)
