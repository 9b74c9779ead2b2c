"""The tables of the run store. A change here needs a new function in ``migrations.py``."""

import json
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
)


class Json(TypeDecorator[Any]):
    """JSON kept as text, with Python's ``NaN`` and ``Infinity``, which the JSON types of databases refuse."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


metadata = MetaData()


def _run(**options: Any) -> Column[str]:
    return Column("run", String, ForeignKey("runs.id"), **options)


meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)

experiments = Table(
    "experiments",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("task", String, nullable=False),
    Column("config", Json, nullable=False),
    Column("environment", Json, nullable=False),
    Column("tags", Json, nullable=False),
    Column("notes", Text, nullable=False),
    Column("created", Float(53), nullable=False, index=True),
    Column("place", Float(53), nullable=False, server_default="0"),  # order in the queue, lower first
)

runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("experiment", String, ForeignKey("experiments.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("label", String, nullable=False),
    Column("task", String, nullable=False),
    Column("config", Json, nullable=False),
    Column("tags", Json, nullable=False),
    Column("notes", Text, nullable=False),
    Column("summary", Json, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("owner", String),
    Column("lease", Float(53), nullable=False),
    Column("heartbeat", Float(53)),
    Column("created", Float(53), nullable=False, index=True),
    Column("started", Float(53)),
    Column("ended", Float(53)),
    Column("study_cell", String, unique=True),
    Column("archived", Boolean, nullable=False, server_default=false()),  # left out of lists
    Column("silent", Float(53)),  # the heartbeat that somebody watched stand still
    Index("runs_by_lease", "state", "lease"),
)

telemetry = Table(
    "telemetry",
    metadata,
    _run(primary_key=True),
    Column("first_step", Integer, primary_key=True, autoincrement=False),
    Column("last_step", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("columns", Json, nullable=False),
    Column("started", Float(53), nullable=False),
    Column("ended", Float(53), nullable=False),
    # (count, columns) float32, little endian, row after row. Last, so that the rest is read without it.
    Column("payload", LargeBinary, nullable=False),
    Index("telemetry_by_last_step", "run", "last_step"),
)

epoch_metrics = Table(
    "epoch_metrics",
    metadata,
    _run(primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("split", String, primary_key=True),
    Column("metric", String, primary_key=True),
    Column("step", Integer, nullable=False),
    Column("images", Integer, nullable=False),
    Column("value", Float(53)),  # null: not a number
)

case_scores = Table(
    "case_scores",
    metadata,
    _run(primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("split", String, primary_key=True),
    Column("cases", Json, nullable=False),
    Column("classes", Integer, nullable=False),  # 0 where there are no counts
    Column("sizes", LargeBinary, nullable=False),  # (cases, 2) int64, little endian
    Column("counts", LargeBinary, nullable=False),  # (cases, classes, 3) int64, little endian
    Column("scores", Json),  # name to one number per case; null: none but what follows from the counts
)

samples = Table(
    "samples",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("experiment", String, ForeignKey("experiments.id"), nullable=False),
    _run(),
    Column("case", String, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("score", Float(53)),
    Column("png", LargeBinary, nullable=False),
    Column("part", String, nullable=False, server_default=""),  # which of several of its kind
    Index("samples_by_key", "experiment", "run", "epoch", "case", "kind"),
    sqlite_autoincrement=True,  # a reader keeps pictures by their ids
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    _run(nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("data", Json, nullable=False),
    Column("time", Float(53), nullable=False),
    Index("events_by_run", "run", "id"),
    sqlite_autoincrement=True,  # ids are never used again, or a reader asking for what came after one would miss some
)

controls = Table(
    "controls",
    metadata,
    Column("id", Integer, primary_key=True),
    _run(nullable=False),
    Column("command", String, nullable=False),
    Column("field", String),
    Column("value", Json),
    Column("created", Float(53), nullable=False),
    Column("taken", Float(53)),
    Index("controls_by_run", "run", "taken"),
    sqlite_autoincrement=True,
)

artifacts = Table(
    "artifacts",
    metadata,
    _run(primary_key=True),
    Column("kind", String, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("path", String, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String),  # of the file; null: not known
)

studies = Table(
    "studies",
    metadata,
    Column("name", String, primary_key=True),
    Column("plan", Json, nullable=False),
    Column("paused", Boolean, nullable=False, server_default=false()),  # no further cell is begun
    Column("created", Float(53), nullable=False),
)

study_cells = Table(
    "study_cells",
    metadata,
    Column("study", String, ForeignKey("studies.name"), primary_key=True),
    Column("key", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("config", Json, nullable=False),
    Column("experiment", String, ForeignKey("experiments.id")),  # null: not begun
    Index("study_cells_by_experiment", "experiment", unique=True),
)

case_tags = Table(
    "case_tags",
    metadata,
    Column("images", String, primary_key=True),  # which images, see dmf.image_sets
    Column("case", String, primary_key=True),
    Column("tags", Json, nullable=False),
    Column("changed", Float(53), nullable=False),
)
