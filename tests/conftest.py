"""For all tests: a home away from the user's data, an empty store, and the smallest experiment that learns."""

import importlib.util
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # processes share the cores, so each computes with one thread
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks for groups
def pytest_collection_modifyitems(items):
    """At most one browser, with what it watches, at a time; it takes longest, so it comes first, then slow files."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.xdist_group("browser"))

    slow = {item.path for item in items for name in ("processes", "benchmark") if item.get_closest_marker(name)}
    tests = Counter(item.path for item in items)
    items.sort(
        key=lambda item: (
            item.get_closest_marker("browser") is None,
            item.path not in slow,
            -tests[item.path],
            item.path,
        )
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests of one file run in one process, so that what they share is made once."""
    from xdist.scheduler import LoadGroupScheduling

    class ByFile(LoadGroupScheduling):
        def _split_scope(self, nodeid):
            return super()._split_scope(nodeid).partition("::")[0]

    return ByFile(config, log)


def pytest_terminal_summary(terminalreporter):
    """Where the time went, and what was skipped and why."""
    seconds, tests, skipped = defaultdict(float), Counter(), Counter()
    for category, reports in terminalreporter.stats.items():
        for report in reports:
            if not hasattr(report, "duration"):
                continue
            folders = report.nodeid.partition("::")[0].split("/")[1:-1]
            part = "/".join(folders[:2] if folders[:1] == ["dmf"] else folders[:1]) or "tests"
            seconds[part] += report.duration
            tests[part] += report.when == "call" or category in ("skipped", "error")
            if category == "skipped":
                reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
                skipped[reason.removeprefix("Skipped: ")] += 1
    if not seconds:
        return
    terminalreporter.section("seconds of tests, over all workers")
    for part in sorted(seconds, key=seconds.get, reverse=True):
        terminalreporter.line(f"{seconds[part]:8.1f} s  {tests[part]:6,} tests  {part}")
    if skipped:
        terminalreporter.section("skipped, and why")
        for reason, count in skipped.most_common():
            terminalreporter.line(f"{count:8,}  {reason}")


@pytest.fixture(autouse=True)
def no_examples(monkeypatch):
    """An empty store stays empty: the dashboard adds no example runs."""
    monkeypatch.setenv("DMF_EXAMPLES", "no")


class PostgreSQL:
    """A database server of our own in a temporary folder, on this machine alone."""

    def __init__(self, programs, folder):
        self._programs, self._folder, self._stores = programs, folder, itertools.count()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        # A server refuses to run as root; then it is run as the user that its package made.
        self._user = {"user": "postgres"} if os.getuid() == 0 else {}
        if self._user:
            shutil.chown(folder, "postgres")
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync")

    def _run(self, program, *words):
        subprocess.run(
            [self._programs / program, "-D", self._folder / "data", *words],
            check=True,
            stdout=subprocess.DEVNULL,  # not a pipe: the server would hold it open
            cwd=self._folder,
            timeout=120,
            **self._user,
        )

    def start(self):
        settings = f"-c port={self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "-w", "-l", self._folder / "log", "-o", settings, "start")

    def stop(self, how="fast"):
        self._run("pg_ctl", "-w", "-m", how, "stop")

    def is_running(self):
        return (self._folder / "data" / "postmaster.pid").exists()

    def ask(self, sql):
        import psycopg

        with psycopg.connect(self.address, autocommit=True) as connection:
            found = connection.execute(sql)
            return found.fetchall() if found.description else None

    @property
    def address(self):
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def new_store(self):
        """The address of a schema without a table: made at once, where a database is 8 MB to be written and removed."""
        name = f"store{next(self._stores)}"
        self.ask(f"CREATE SCHEMA {name}")
        return f"{self.address}?options=-csearch_path%3D{name}"


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory):
    """A running server of PostgreSQL, where its programs and the driver are at hand."""
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("needs psycopg: pip install 'dmf[scale]'")
    on_path = shutil.which("initdb")  # Debian puts them beside the path, below their version
    folders = [Path(on_path).parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        pytest.skip("needs a server of PostgreSQL: apt-get install postgresql")
    # Not below pytest's folders, which belong to root alone.
    with tempfile.TemporaryDirectory() as folder:
        server = PostgreSQL(folders[-1], Path(folder))
        server.start()
        yield server
        server.stop("immediate")


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    """One folder for prepared images, so that only the first test makes them."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def home(data_folder, tmp_path, monkeypatch):
    """Nothing of the user's is read or written: ``DMF_HOME`` and ``DMF_STORE`` point to temporary folders."""
    monkeypatch.setenv("DMF_HOME", str(data_folder))
    monkeypatch.setenv("DMF_STORE", str(tmp_path / "runs.sqlite"))
    return data_folder


@pytest.fixture
def store(home, tmp_path):
    from dmf.runs import RunStore

    store = RunStore(tmp_path / "runs.sqlite")
    yield store
    store.close()


@pytest.fixture
def hasty():
    """A clock by which 11 s pass between two looks: an owner that is gone counts as silent at the second."""
    return partial(next, itertools.count(0, 11))


@pytest.fixture(scope="session")
def tiny_texts():
    """Settings, as typed, of a training of 4 steps per epoch that takes a few hundredths of a second."""
    return {
        "dataset_options": "images=24",  # 17 training images: 4 batches of 4, one image dropped
        "image_size": "32",
        "filters": "4",
        "batch_size": "4",
        "epochs": "2",
        "threads": "1",
        "device": "cpu",
        "history_min": "3",  # so that weights move within the first epoch
        "history_max": "6",
    }


TASK_TEXTS = {
    "segmentation": {},
    "synthesis": {
        "task": "synthesis",
        "dataset": "contrast",
        "dataset_options": "subjects=8,slices=3",  # 18 training images of 6 subjects: 4 batches of 4
        "terms": "l1,ssim,gradient",
        "auxiliary": "l2",
    },
}
"""Settings, as typed, of a tiny training of each task, where they are not those of segmentation."""


@pytest.fixture(scope="session")
def task_texts():
    """Settings, as typed, of a tiny training of each task, where they are not those of segmentation."""
    return TASK_TEXTS


@pytest.fixture
def task(request):
    """The task of a test that is run for each with ``@pytest.mark.parametrize("task", TASKS, indirect=True)``."""
    return getattr(request, "param", "segmentation")


@pytest.fixture
def tiny(home, tiny_texts, task):
    """Makes a tiny experiment from runs as typed after ``--run``, e.g. ``tiny("mad", "fixed,weights=1:0:0")``."""
    from dmf.config_text import experiment

    def make(*runs, **texts):
        return experiment(tiny_texts | TASK_TEXTS[task] | texts, runs=runs or ("mad",))

    return make


MINE = '''
from dmf.weighting import WindowWeighting, functional


class HeightWeighting(WindowWeighting):
    """Weights each loss by where its newest value lies in its recent range."""

    default_floor = 0.01

    def statistic(self, scaled, filled):
        return scaled[..., -1].clamp(min=self.floor)

    def propose(self, statistic):
        return functional.proportional(statistic)


WEIGHTINGS = {"height": HeightWeighting}
'''


INVERT = """
import numpy as np
import torch

from dmf.data import Case, Dataset, RawPair
from dmf.metric_info import MetricInfo
from dmf.registry import Registry
from dmf.tasks import Evaluation, Task
from dmf.tasks.pictures import encode_image
from dmf.terms import Loss, LossBank


class Absolute(Loss):
    def forward(self, prediction):
        return (prediction.output - prediction.target).abs().mean()


class Square(Loss):
    def forward(self, prediction):
        return (prediction.output - prediction.target).square().mean()


LOSSES_OF_IT = Registry("loss", {"absolute": Absolute, "square": Square})


class Invert(Task):
    name = "invert"
    title = "Inversion"
    about = "The negative of an image."
    headline = "distance"
    metrics = {
        "distance": MetricInfo("Distance", "per image", "all pixels", "Mean absolute difference.", better="lower"),
    }
    columns = ("distance",)
    case_score = "distance"
    case_title = "Distance"
    case_mean = "distance"
    target = "image"
    dataset = "gradients"
    terms = ("absolute", "square")

    def __init__(self, channels):
        self.channels = channels

    @classmethod
    def losses(cls):
        return LOSSES_OF_IT

    @classmethod
    def of(cls, dataset, config):
        return cls(dataset.target_channels)

    @property
    def output_channels(self):
        return self.channels

    def bank(self, config):
        return LossBank({name: LOSSES_OF_IT.build(name) for name in config.terms})

    def evaluate(self, predict, batches):
        pairs = [(self.distances(predict, batch), batch.index) for batch in batches]
        distances = torch.cat([one for one, _ in pairs]).double().numpy()
        index = torch.cat([positions for _, positions in pairs]).numpy()
        return Evaluation({"distance": float(distances.mean())}, index, scores={"distance": distances})

    def distances(self, predict, batch):
        return (predict(batch.input) - batch.target).abs().mean((1, 2, 3))

    def target_png(self, sample):
        return encode_image(sample.batch.target[0])

    def predict_png(self, predict, sample):
        image = predict(sample.batch.input)[0].clamp(0, 1)
        return encode_image(image), float(self.distances(predict, sample.batch)[0])


class Gradients(Dataset):
    name = "gradients"
    title = "Grey ramps"
    target = "image"
    pixel_type = np.uint16
    white = 1000.0
    target_white = 1000.0
    class_names = ()
    needs_download = False
    how_to_get = "Nothing to get."
    licence = "none"
    citation = "none"

    def cases(self):
        return [Case(f"ramp-{number:02}", "ramp") for number in range(12)]

    def load(self, case):
        slope = int(case.id[-2:]) + 1
        image = np.broadcast_to(np.arange(20, dtype=np.uint16) * slope, (20, 20)).copy()
        return RawPair(image, 1000 - image)


TASKS = {"invert": Invert}
DATASETS = {"gradients": Gradients}
"""


WHOLE = (
    INVERT.replace(
        "        return LossBank({name: LOSSES_OF_IT.build(name) for name in config.terms})\n",
        "        terms = {}\n"
        "        for name, term in zip(config.term_names, config.terms, strict=True):\n"
        "            loss = LOSSES_OF_IT[term.name]\n"
        "            terms[name] = loss.from_options(loss.declares.of_words(term.options))\n"
        "        return LossBank(terms)\n",
    )
    + '''
from typing import ClassVar

from pydantic import Field

from dmf.options import Options, slider
from dmf.weighting import FixedWeighting


class PullOptions(FixedWeighting.declares):
    strength: float = Field(1.0, gt=0, description="How hard it pulls.", json_schema_extra=slider(0.1, 10))
    rounds: int = Field(3, ge=1, description="How often it pulls in a step.")


class Pull(FixedWeighting):
    """Fixed weights, the first loss times a strength."""

    title: ClassVar[str] = "Pull"
    declares: ClassVar = PullOptions

    def __init__(self, count, *, strength=1.0, rounds=3, **options):
        first = [strength * rounds, *[1.0] * (count - 1)]
        super().__init__(count, **{**options, "weights": options.get("weights") or first})


class PowerOptions(Options):
    exponent: float = Field(2.0, gt=0, description="To which power differences are raised.")


class Power(Loss):
    """The mean power of differences; it belongs to the task of this file."""

    title: ClassVar[str] = "Power"
    measures: ClassVar[str] = "A power of the difference."
    task: ClassVar[str] = "invert"
    declares: ClassVar = PowerOptions

    def __init__(self, exponent=2.0):
        super().__init__()
        self.exponent = exponent

    def forward(self, prediction):
        return (prediction.output - prediction.target).abs().pow(self.exponent).mean()


WEIGHTINGS = {"pull": Pull}
LOSSES = {"power": Power}
'''
)
"""A weighting with two options, a loss with one, a dataset and a task, in one file."""


@pytest.fixture
def whole_plugin(plugin):
    """The path of a plug-in with a weighting of two options, a loss with one, a dataset and a task of its own."""
    return plugin(WHOLE, "whole.py")


@pytest.fixture
def invert():
    """The text of a plug-in with a task of its own: the negative of an image, by two losses, judged by a distance."""
    return INVERT


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Writes a plug-in, by default one with the weighting "height"; what plug-ins add is gone after the test."""
    from dmf import plugins

    for word in plugins.WORDS:
        registry = plugins.registry_of(word)
        monkeypatch.setattr(registry, "_members", dict(registry._members))
    monkeypatch.setattr(plugins, "_loaded", {})
    monkeypatch.delenv("DMF_PLUGINS", raising=False)

    def write(text=MINE, name="mine.py"):
        file = tmp_path / name
        file.write_text(text)
        return file

    return write


@pytest.fixture
def forget_plugins():
    """Makes this process what another one would be: nothing that a plug-in added is known."""
    from dmf import plugins

    def forget():
        for loaded in plugins.loaded():
            for word, names in loaded.names.items():
                for name in names:
                    del plugins.registry_of(word)._members[name]
        plugins._loaded.clear()

    return forget


@pytest.fixture(scope="session")
def another_value():
    """Gives a value other than the default of a field or option, for tests of all of them."""
    from typing import Literal, get_args, get_origin

    from dmf.config_text import field_info
    from dmf.options import default_of, kinds_of

    def value(model, name):
        info = field_info(model, name)
        default, kinds = default_of(info), kinds_of(info.annotation)
        words = next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())
        if words:
            return next(word for word in words if word != default)
        if isinstance(default, bool):
            return not default
        if isinstance(default, int):
            return default + 1
        if isinstance(default, float):
            return default + 0.125 if default < 0.5 else default - 0.125
        raise AssertionError(f"name a value of {name} other than {default!r} in the table of the test")

    return value


@pytest.fixture
def picture_folder(tmp_path):
    """A folder of 24 images and their masks."""
    import cv2

    from dmf.config import DataConfig
    from dmf.data import build_dataset

    root, dataset = tmp_path / "pictures", build_dataset(DataConfig(dataset_options={"images": 24}))
    for case in dataset.cases():
        pair = dataset.load(case)
        for part, pixels in (("images", pair.image), ("masks", pair.mask * 255)):
            (root / part).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / part / f"{case.id}.png"), pixels)
    return root
