"""Scripts run in several processes on one machine: by torchrun, or by forks of a process that has imported torch, which
are there at once and get of the environment what torchrun would set."""

import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path

import zoo

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["zoo.plugin", "zoo.training.release", "zoo.metrics.few_labels", "zoo.cli.application"])
RUN = "import os, runpy, sys; os.environ.update({0}); sys.argv = {1}; runpy.run_path(sys.argv[0], run_name='__main__')"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def forked(script, *words, world=2):
    """Run a script in so many processes, which find each other as under torchrun."""
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(world)}
    meeting |= {
        "LOCAL_WORLD_SIZE": str(world),
        "TORCHELASTIC_RUN_ID": "none",
        "ZOO_HOME": os.environ["ZOO_HOME"],
        "ZOO_PLUGINS": "",
    }
    started = []
    for rank in range(world):
        environment = {**meeting, "RANK": str(rank), "LOCAL_RANK": str(rank)}
        code = RUN.format(environment, [str(script), *map(str, words)])
        started.append(FORKS.Process(target=exec, args=(code, {}), daemon=True))
        started[-1].start()
    for process in started:
        process.join(300)
    codes = [process.exitcode for process in started]
    for process in started:
        process.kill()
    assert codes == [0] * world


def launched(*words, world=2, nodes=1, restarts=0, limit=300):
    """Run a script by torchrun in so many processes, on so many nodes. Nodes are told apart by nothing but their rank,
    so that two of them may be one machine. Raises TimeoutExpired after `limit` seconds, when all of them are ended."""
    root = str(Path(zoo.__file__).parent.parent)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": root, "ZOO_PLUGINS": ""}
    common = [f"--nproc-per-node={world // nodes}", f"--nnodes={nodes}", f"--max-restarts={restarts}"]
    common += ["--master-addr=127.0.0.1", f"--master-port={free_port()}"]
    agents = [
        subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", *common, f"--node-rank={rank}", *map(str, words)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(nodes)
    ]
    for agent in agents:
        try:
            said, _ = agent.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            for each in agents:
                each.terminate()  # and torchrun its processes
                each.communicate()
            raise
        assert agent.returncode == 0, said
