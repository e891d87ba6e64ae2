"""Trials of a sweep for TensorBoard's HParams page."""

import importlib.util
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from umbed_keras.files import written_whole
from umbed_keras.tuning.results import MEASURES, searched_columns
from umbed_keras.typing import PathLike


def write_hparams(folder: PathLike, table: Sequence[Mapping[str, Any]]) -> None:
    """Writes the trials that have ended, a run for each, unless the folder has them already.

    Does nothing if tensorboard is not installed. Does not import TensorFlow.

    Args:
        folder: path, to be passed to `tensorboard --logdir`.
        table: `SweepResult.table`.

    Examples:
        >>> measures = dict(error=0.1, bits_per_pixel=8.0, rate_distortion=0.2, seconds=3.0)
        >>> write_hparams(
        ...     "board", [{"trial": "0", "status": "COMPLETED", "sparsity": 2, **measures}]
        ... )
        >>> import os
        >>> os.listdir("board")
        ['0']
    """
    if importlib.util.find_spec("tensorboard") is None:
        return
    for row in table:
        path = Path(folder) / str(row["trial"]) / "events.out.tfevents.hparams"
        if row["status"] in ("COMPLETED", "FAILED") and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, row, searched_columns(table))


def _write(path: Path, row: Mapping[str, Any], names: Sequence[str]) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb  # `api` imports TensorFlow
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb
    from tensorboard.summary.writer.record_writer import RecordWriter

    values = {name: row[name] for name in names if row[name] is not None}
    measures = {name: row[name] for name in MEASURES if row[name] is not None}
    summaries = [
        hparams_pb(values, trial_id=str(row["trial"])),
        *(scalar_pb(name, value) for name, value in measures.items()),
    ]
    events = [Event(file_version="brain.Event:2"), *(Event(summary=each) for each in summaries)]
    with written_whole(path) as new, new.open("wb") as file:
        writer = RecordWriter(file)
        for event in events:
            event.wall_time = time.time()
            writer.write(event.SerializeToString())
