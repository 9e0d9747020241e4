"""Runs on image files: what is told, and what is refused."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from scansearch.errors import ScansearchError
from scansearch.searching.assemble import resume, start
from scansearch.searching.configure import make_config
from scansearch.space import find_space
from scansearch.training.events import Silent


class Killed(BaseException):
    pass


class Dies(Silent):
    """Ends the process, as far as the run can tell, after its third step."""

    def stepped(self, progress):
        if progress.step == 3:
            raise Killed


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Forty small images in two classes, and a run on them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for number in range(40):
        path = tmp_path / "photos" / "ab"[number % 2] / f"{number}.bmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    settings = {"epochs": 2, "batch_size": 8, "patch_size": 4, "depth": 1, "scan_backend": "torch"}
    config = make_config(
        space=find_space("default8"),
        strategy="darts",
        model="local_vim_nano",
        data="imagefolder",
        data_root=str(tmp_path / "photos"),
        settings=settings,
    )
    return tmp_path / "photos", config


def test_images_replaced_under_the_same_names_are_refused(photos, tmp_path):
    folder, config = photos
    with pytest.raises(Killed):
        start(config, tmp_path / "run", Dies())
    before = (folder / "a" / "0.bmp").stat()
    pixels = np.full((8, 8, 3), 7, dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "a" / "0.bmp")
    os.utime(folder / "a" / "0.bmp", ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ScansearchError, match="images of imagefolder changed"):
        resume(tmp_path / "run")


def test_a_damaged_image_stops_a_run_before_anything_is_written(photos, tmp_path):
    folder, config = photos
    (folder / "b" / "7.bmp").write_bytes(b"no image")
    with pytest.raises(ScansearchError, match=r"1 of 40 images cannot be decoded: .*7\.bmp"):
        start(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_tells_what_is_known_about_its_images(photos, tmp_path):
    folder, config = photos
    (folder / "b" / "7.bmp").write_bytes(b"no image")
    (folder / "b" / "9.bmp").unlink()
    told = Told()
    start(
        config.model_copy(update={"data": config.data.model_copy(update={"skip_damaged": True})}),
        tmp_path / "run",
        told,
    )
    assert told.checks[-1] == (39, 39)
    assert any("left out: 1 of 39 images" in line for line in told.warnings)
    assert "left out: 1 of 39 images" in (tmp_path / "run" / "log.txt").read_text()


class Told(Silent):
    """Keeps what a listener is told about the images."""

    def __init__(self):
        self.checks, self.warnings = [], []

    def checked(self, done, most):
        self.checks.append((done, most))

    def warned(self, message):
        self.warnings.append(message)
