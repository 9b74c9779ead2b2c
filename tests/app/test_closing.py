"""A dashboard whose terminal is closed ends as cleanly as one that is told to: what trains has a checkpoint."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dmf.records import RunState
from dmf.runs import RunStore

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP"),
]

# The page that a visit runs: it starts what it finds in the environment, once.
PAGE = """
import streamlit as st
from app import access
from dmf.config import ExperimentConfig

@st.cache_resource
def start():
    from pathlib import Path
    import os
    return access.start(ExperimentConfig.model_validate_json(Path(os.environ["WHAT"]).read_text()))

start()
"""
STEPS = 5


@pytest.fixture
def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def served(home: Path, tmp_path: Path, tiny, free_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The program of `dmf app` with a page that trains, in a process of its own."""
    (tmp_path / "page.py").write_text(PAGE)
    config = tiny("mad", epochs="300", dataset_options="images=120")
    (tmp_path / "what.json").write_text(config.model_dump_json())
    environment = os.environ | {"WHAT": str(tmp_path / "what.json"), "PYTHONPATH": str(Path(__file__).parents[2])}
    words = [f"--server.port={free_port}", "--server.address=127.0.0.1", "--server.headless=true"]
    command = [sys.executable, "-m", "app", "run", str(tmp_path / "page.py"), *words, "--server.fileWatcherType=none"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=tmp_path)
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()


@contextmanager
def visited(port: int, served: subprocess.Popen[bytes]) -> Iterator[None]:
    """Does what a browser does first, once the server answers: a page is only run for somebody who looks at it."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from websockets.sync.client import connect
    from websockets.typing import Subprotocol

    message = BackMsg()
    message.rerun_script.query_string = ""
    while True:
        try:
            connection = connect(f"ws://127.0.0.1:{port}/_stcore/stream", subprotocols=[Subprotocol("streamlit")])
            break
        except OSError:
            assert served.poll() is None
            time.sleep(0.1)
    with connection:
        connection.send(message.SerializeToString())
        yield


def test_a_closed_terminal_stops_what_a_dashboard_trains_with_a_checkpoint(
    store: RunStore, served: subprocess.Popen[bytes], free_port: int, tmp_path: Path
) -> None:
    deadline = time.monotonic() + 300
    with visited(free_port, served):
        while not store.runs() or store.runs()[0].summary["step"] < STEPS:
            assert served.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
    served.send_signal(signal.SIGHUP)
    assert served.wait(120) == 0, (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()
    (run,) = store.runs()
    assert run.state is RunState.STOPPED
    assert run.owner is None
    (last,) = [artifact for artifact in store.artifacts(run.id) if artifact.kind == "checkpoint_last"]
    assert last.step == store.latest_step(run.id) + 1
    assert (store.artifact_folder(run.id) / last.path).is_file()
