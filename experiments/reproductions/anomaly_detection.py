"""How well an autoencoder that never saw one digit tells it from the others, by its reconstruction error."""

import numpy as np

from gan_zoo import workdir
from gan_zoo.reproduce import Result

PAPER = "no one paper's: one class held out, as in Zenati et al. 2018 (section 4.1) for MNIST"
COST = {"small": "4 minutes of one core", "paper": "3.5e13 FLOP (counted)"}
DIFFERS = (
    "scikit-learn's digits of 8x8; the area under the ROC curve over all held-out images, the strange class among them"
)
SIZE = 5  # of the code: a larger one makes what it never saw again too


def get_runs(scale):
    data, classes = ("digits", "") if scale == "small" else ("tfds:mnist", "/10")
    more = {} if scale == "small" else {"image_shape": (28, 28, 1)}
    run = {"config": "configs/autoencoder.py:digits", "latent_size": SIZE, **more}
    return {str(digit): {**run, "dataset": f"without:{data}:{digit}{classes}"} for digit in range(10)}


def draw(runs, scale):
    areas = {
        name: workdir.read(folder / "evaluation.json")["scores"]["anomaly_auc"]["value"]
        for name, folder in runs.items()
    }
    areas["mean"] = float(np.mean(list(areas.values())))
    table = [["never seen", *areas], ["area under the ROC curve", *areas.values()]]
    return Result(None, table, areas)
