"""The table of a sweep as TensorBoard's HParams page shows it."""

import importlib.util
import time
from pathlib import Path

from umbed_keras.files import written_whole
from umbed_keras.tuning.results import MEASURES, searched


def write_hparams(folder, table):
    """Writes the trials that have ended and are not in the folder yet, a run each.

    Does nothing where tensorboard isn't installed. TensorFlow is not needed, and not imported.

    Args:
        folder: path, for `tensorboard --logdir`.
        table: of a `SweepResult`.
    """
    if importlib.util.find_spec("tensorboard") is None:
        return
    for row in table:
        path = Path(folder) / str(row["trial"]) / "events.out.tfevents.hparams"
        if row["status"] in ("COMPLETED", "FAILED") and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, row, searched(table))


def _write(path, row, names):
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
