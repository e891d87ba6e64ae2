import subprocess
import sys

import keras
import pytest
from tensorboard import context
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, get_experiment, list_session_groups
from tensorboard.plugins.hparams.backend_context import Context

from umbed_keras.tuning.hparams import write_hparams

MEASURED = {"error": 0.01, "bits_per_pixel": 24.0, "rate_distortion": 0.012, "seconds": 3.5}
UNMEASURED = dict.fromkeys(MEASURED)
TABLE = [
    {"trial": "0", "status": "COMPLETED", "bottleneck": "dictionary", "sparsity": 2, **MEASURED},
    {"trial": "1", "status": "FAILED", "bottleneck": "vector", "sparsity": None, **UNMEASURED},
    {"trial": "2", "status": "RUNNING", "bottleneck": "vector", "sparsity": 1, **UNMEASURED},
]
TABLE = [{**row, "reason": None} for row in TABLE]


def displayed(folder):
    """Returns the content of TensorBoard's HParams page: trial to hyperparameters and measures."""
    runs = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(str(folder))
    runs.Reload()
    provider = data_provider.MultiplexerDataProvider(runs, str(folder))
    arguments = context.RequestContext(), Context(TBContext(data_provider=provider)), "experiment"
    request = api_pb2.GetExperimentRequest()
    metrics = get_experiment.Handler(*arguments, request).run().metric_infos
    request = api_pb2.ListSessionGroupsRequest(
        slice_size=100,
        allowed_statuses=api_pb2.Status.values(),
        col_params=[{"metric": info.name} for info in metrics],
    )
    groups = list_session_groups.Handler(*arguments, request).run().session_groups
    return {
        group.name: {
            **{
                name: getattr(value, value.WhichOneof("kind"))
                for name, value in group.hparams.items()
            },
            **{value.name.tag: value.value for value in group.metric_values},
        }
        for group in groups
    }


def test_trials_that_have_ended_are_displayed(tmp_path):
    write_hparams(tmp_path, TABLE)
    trials = displayed(tmp_path)
    assert trials["0"] == pytest.approx({"bottleneck": "dictionary", "sparsity": 2, **MEASURED})
    assert trials["1"] == {"bottleneck": "vector"}
    assert set(trials) == {"0", "1"}


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="Keras needs TensorFlow there")
def test_tensorflow_is_not_needed(tmp_path):
    script = f"""
import sys
sys.modules["tensorflow"] = None  # importing it fails
from umbed_keras.tuning.hparams import write_hparams
write_hparams({str(tmp_path)!r}, {TABLE!r})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(displayed(tmp_path)) == {"0", "1"}


def test_a_trial_is_written_once(tmp_path):
    write_hparams(tmp_path, TABLE)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*tfevents*")}
    write_hparams(tmp_path, [*TABLE[:2], {**TABLE[2], "status": "COMPLETED", **MEASURED}])
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*tfevents*")}
    assert len(after) == 3
    assert before.items() <= after.items()
    assert displayed(tmp_path)["2"]["sparsity"] == 1
