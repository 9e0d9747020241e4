"""The lines of docs/processes.md for several nodes, as they are printed, on two "nodes" of this machine."""

import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from lightning_fabric.plugins.environments.lightning import find_free_network_port

PAGE = Path(__file__).parents[2] / "docs" / "processes.md"
SMALL = (
    "--model local_vim_nano --epochs 2 --batch-size 16 --set limit=64 --set patch_size=2 --set depth=1 "
    "--set scan_backend=torch --set accelerator=cpu"
)
SRUN = '#!/bin/bash\n"$@" & one=$!\n"$@" & other=$!\nwait $one && wait $other\n'


@pytest.fixture
def nodes(tmp_path):
    """A folder, the environment of a node, and what becomes of a printed line here: this machine, one process a node, a small search."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, text in {"srun": SRUN, "scontrol": "#!/bin/bash\necho localhost\n"}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    path = os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]])
    slurm = {"SLURM_NNODES": "2", "SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "node[0-1]"}
    port = str(find_free_network_port())

    def here(text):
        text = (
            text.replace("node0", "localhost")
            .replace("29500", port)
            .replace("--nproc-per-node 4", "--nproc-per-node 1")
        )
        return text.replace("--set accelerator=cuda", "").replace("--out runs/wide", f"--out runs/wide {SMALL}")

    return tmp_path, {**os.environ, **slurm, "PATH": path, "OMP_NUM_THREADS": "1"}, here


def blocks():
    text = PAGE.read_text()
    return re.findall(r"^```sh\n(.*?)^```", text[text.index("## On several nodes") :], re.M | re.S)


def check(folder):
    with (folder / "runs/wide/metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    assert '"processes": 2' in (folder / "runs/wide/environment.json").read_text()


@pytest.mark.slow
def test_a_command_on_every_node(nodes):
    folder, environment, here = nodes
    started = [
        subprocess.Popen(shlex.split(here(line)), cwd=folder, env=environment) for line in blocks()[0].splitlines()
    ]
    assert [process.wait(300) for process in started] == [0, 0]
    check(folder)


@pytest.mark.slow
def test_a_job_of_slurm(nodes):
    folder, environment, here = nodes
    (folder / "job.sh").write_text(here(blocks()[1]))
    done = subprocess.run(["bash", "job.sh"], cwd=folder, env=environment, timeout=300, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    check(folder)
