"""What others cost, measured in their own environment (``make bench-peers``); imports nothing of ours.

Prints one JSON object: for each peer its version and its figures, in seconds, bytes and counts.
"""

import gzip
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

K = 3
RATE = 1000  # steps per second
SERIES = [f"{kind}_{name}" for kind in ("loss", "weight") for name in ("ce", "iou", "dice")]
SPIKES = 100
NEW = 25  # steps that came since the last refresh
WAIT_SECONDS = 300.0


def trackio(quick: bool) -> dict[str, Any]:
    """Seconds of the training thread per logged step at 1,000 steps/s, and with what is left for the end."""
    os.environ.update(TRACKIO_DIR=tempfile.mkdtemp(), HF_HUB_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False")
    import trackio as peer

    steps = 300 if quick else 5000
    peer.init(project="bench", embed=False, auto_log_gpu=False, auto_log_cpu=False)
    spent = paced(lambda step: peer.log(values(step), step=step), steps)
    began = time.perf_counter()
    peer.finish()
    finished = time.perf_counter() - began
    return {"version": version("trackio"), "step": spent, "step_with_finish": spent + finished / steps}


def mlflow(quick: bool) -> dict[str, Any]:
    """Seconds of the training thread per logged step."""
    import mlflow as peer

    steps = 20 if quick else 500
    peer.set_experiment("bench")
    with peer.start_run():
        taken = []
        for step in range(steps):
            began = time.perf_counter()
            peer.log_metrics(values(step), step=step)
            taken.append(time.perf_counter() - began)
    return {"version": version("mlflow"), "step": sum(taken) / steps}


def tensorboard(quick: bool) -> dict[str, Any]:
    """A long run from its event file to the answers that its page asks for.

    The file holds one event per value, as ``SummaryWriter.add_scalar`` writes them. It is loaded by the data server
    that TensorBoard starts, and asked for by its scalars plugin, 1,000 points per series.
    """
    steps = 2_000 if quick else 1_000_000
    spikes = set(random.Random(0).sample(range(steps), SPIKES))
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "events.out.tfevents.0.bench").open("ab") as file:
        file.write(framed(version_event()))
        write_steps(file, 0, steps, spikes)
        file.flush()
        began = time.perf_counter()
        with scalars(folder) as ask:
            wait_for(ask, steps - 1)
            answers = [ask(name) for name in SERIES]
            reopened = time.perf_counter() - began
            taken = []
            for turn in range(1 if quick else 5):
                first = steps + turn * NEW
                write_steps(file, first, NEW, set())
                file.flush()
                wait_for(ask, first + NEW - 1)
                began = time.perf_counter()
                answers = [ask(name) for name in SERIES]
                taken.append(time.perf_counter() - began)
    steps_shown = {int(point[1]) for point in json.loads(answers[0])}
    return {
        "version": version("tensorboard"),
        "steps": steps,
        "reopen": reopened,
        "refresh": median(taken),
        "payload": sum(map(len, answers)),
        "payload_gzip": sum(len(gzip.compress(answer)) for answer in answers),
        "spikes_kept": len(spikes & steps_shown),
        "spikes": SPIKES,
    }


def values(step: int) -> dict[str, float]:
    """K losses of one step."""
    return dict.fromkeys(SERIES[:K], 0.2 + 1 / (1 + step))


def paced(log: Callable[[int], object], steps: int) -> float:
    """Seconds per step spent in ``log`` at ``RATE`` steps per second."""
    spent, start = 0.0, time.perf_counter()
    for step in range(steps):
        began = time.perf_counter()
        log(step)
        spent += time.perf_counter() - began
        time.sleep(max(0.0, start + (step + 1) / RATE - time.perf_counter()))
    return spent / steps


def version_event() -> bytes:
    """The first event of every file."""
    from tensorboard.compat.proto.event_pb2 import Event

    return bytes(Event(wall_time=0.0, file_version="brain.Event:2").SerializeToString())


def write_steps(file: Any, first: int, count: int, spikes: set[int]) -> None:
    """One event per series and step."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    generator = random.Random(first)
    for step in range(first, first + count):
        for position, name in enumerate(SERIES):
            value = 0.2 + generator.gauss(0, 0.02) + (position == 0 and step in spikes)
            summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
            file.write(framed(Event(wall_time=step / 100, step=step, summary=summary).SerializeToString()))


def framed(record: bytes) -> bytes:
    """A record of an event file: its length and itself, each with a masked checksum."""
    length = struct.pack("<Q", len(record))
    return length + masked_checksum(length) + record + masked_checksum(record)


def masked_checksum(content: bytes) -> bytes:
    """As TFRecord files have them."""
    from crc32c import crc32c

    checksum = crc32c(content)
    return struct.pack("<I", (((checksum >> 15) | (checksum << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


@contextmanager
def scalars(folder: str) -> Iterator[Callable[[str], bytes]]:
    """TensorBoard's own loading and its scalars plugin: maps a series to the JSON that its page gets."""
    from tensorboard.data import server_ingester
    from tensorboard.errors import NotFoundError
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.scalar.scalars_plugin import ScalarsPlugin
    from tensorboard.util.grpc_util import ChannelCredsType
    from werkzeug.test import EnvironBuilder

    ingester = server_ingester.SubprocessServerDataIngester(
        server_binary=server_ingester.get_server_binary(),
        logdir=folder,
        reload_interval=1,
        channel_creds_type=ChannelCredsType.LOCAL,
        samples_per_plugin={},
    )
    ingester.start()
    plugin = ScalarsPlugin(base_plugin.TBContext(data_provider=ingester.data_provider, logdir=folder))

    def ask(name: str) -> bytes:
        environ = EnvironBuilder(query_string={"run": ".", "tag": name}).get_environ()
        try:
            return b"".join(plugin.scalars_route(environ, lambda *_: None))
        except NotFoundError:  # not loaded yet
            return b"[]"

    yield ask


def wait_for(ask: Callable[[str], bytes], step: int) -> None:
    """Until the last point of the last series is ``step``."""
    give_up = time.monotonic() + WAIT_SECONDS
    while not ((points := json.loads(ask(SERIES[-1]))) and points[-1][1] >= step):
        if time.monotonic() > give_up:
            sys.exit(f"TensorBoard did not show step {step} within {WAIT_SECONDS:.0f} s.")
        time.sleep(0.02)


PEERS: dict[str, Callable[[bool], dict[str, Any]]] = {
    "trackio": trackio,
    "mlflow": mlflow,
    "tensorboard": tensorboard,
}


def main() -> None:
    """One peer per process, named as the argument, or all of them, one after another."""
    quick, names = "--quick" in sys.argv, [name for name in sys.argv[1:] if name in PEERS]
    if names:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            told, sys.stdout = sys.stdout, sys.stderr  # what peers say themselves is not the answer
            measured = PEERS[names[0]](quick)
            sys.stdout = told
            os.chdir("/")
        print(json.dumps(measured))
        return
    measured = {}
    for name in PEERS:
        command = [sys.executable, __file__, name, *sys.argv[1:]]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        measured[name] = json.loads(answer.splitlines()[-1])
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
