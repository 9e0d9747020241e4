from __future__ import annotations

import pytest
import torch

from scansearch.data import Split, TensorSplit
from scansearch.errors import ScansearchError


def test_batch_subset_and_protocol(make_split) -> None:
    split = make_split([3, 4], (3, 5, 6))
    assert isinstance(split, Split)
    assert (len(split), split.image_shape) == (7, (3, 5, 6))
    images, labels = split.batch(torch.tensor([4, 1]))
    assert images.dtype == torch.uint8
    assert torch.equal(images, split.images[[4, 1]])
    assert torch.equal(labels, split.labels[[4, 1]])
    assert torch.equal(split.subset(torch.tensor([4, 1])).images, images)


def test_the_digest_knows_pixels_labels_and_order(make_split) -> None:
    split = make_split([3, 4])
    other_pixel, other_label = split.images.clone(), split.labels.clone()
    other_pixel[0, 0, 0, 0] ^= 1
    other_label[0] = 1 - other_label[0]
    digests = {
        split.digest(),
        TensorSplit(other_pixel, split.labels).digest(),
        TensorSplit(split.images, other_label).digest(),
        split.subset(torch.arange(7).flip(0)).digest(),
    }
    assert len(digests) == 4
    assert split.digest() == make_split([3, 4]).digest()


def test_contents_are_equal_for_equal_images(make_split) -> None:
    split = make_split([3, 4])
    other = TensorSplit(split.images.clone(), 1 - split.labels)
    other.images[2] = other.images[1]
    assert len(set(split.contents)) == 7
    assert [a == b for a, b in zip(split.contents, other.contents, strict=True)] == [i != 2 for i in range(7)]
    assert other.contents[1] == other.contents[2]


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (torch.zeros(2, 1, 4, 4).double(), torch.zeros(2, dtype=torch.int64)),
        (torch.zeros(2, 4, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64)),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64)),
    ],
)
def test_other_shapes_and_types_are_refused(images: torch.Tensor, labels: torch.Tensor) -> None:
    with pytest.raises(ScansearchError, match="uint8 images"):
        TensorSplit(images, labels)
