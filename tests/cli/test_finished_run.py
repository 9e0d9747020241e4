"""A finished run that is edited: refused or taken as one that goes on is, without its images."""

import shutil

import pytest


@pytest.fixture
def edited(finished, here):
    """``edited("done", backend)``: a copy of the finished run with another scan backend; as ``begun``, one without its result."""

    def make(name, backend):
        shutil.copytree(finished.path, here / name)
        config = here / name / "config.toml"
        config.write_text(config.read_text().replace('scan_backend = "torch"', f'scan_backend = "{backend}"'))
        if name == "begun":
            (here / name / "genotype.json").unlink()
        return here / name

    return make


@pytest.mark.parametrize(
    ("backend", "says"),
    [("nope", "unknown backend 'nope'; there is: auto"), ("mamba_ssm", "backend 'mamba_ssm' cannot run here")],
)
@pytest.mark.parametrize("name", ["done", "begun"])
def test_a_backend_that_cannot_be_is_refused(refused, edited, name, backend, says):
    folder = edited(name, backend)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name not in (".lock", "log.txt")}
    assert says in refused("resume", folder)
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name not in (".lock", "log.txt")}
    assert after == before


def test_another_backend_changes_nothing_of_a_result(call, finished, edited):
    folder = edited("done", "reference")
    assert call("resume", folder).status == 0
    assert (folder / "genotype.json").read_bytes() == (finished.path / "genotype.json").read_bytes()
