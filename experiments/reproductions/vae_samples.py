"""A variational autoencoder beside a plain one with the same networks: reconstructions, samples and a traversal.

Samples are what the decoder makes of standard normal codes: a plain autoencoder's codes lie elsewhere. The traversal
moves one held-out image's code along the number that varies most between images.
"""

import numpy as np

import gan_zoo
from gan_zoo import figures, workdir
from gan_zoo.reconstructions import codes, decoded
from gan_zoo.reproduce import Result

PAPER = "Kingma and Welling 2013, figure 5"
COST = {"small": "4 minutes of one core", "paper": "4.0e12 FLOP (counted)"}
DIFFERS = (
    "PyTorch's example (400 hidden units, Adam). small: scikit-learn's digits of 8x8 and Fashion-MNIST for MNIST. A "
    "plain autoencoder has a cross entropy, but no bound on a likelihood and no samples. FID is in the features of the "
    "data set's own classifier"
)
CONFIGS = {"small": {"digits": "vae", "fashion_mnist": "vae_fashion_mnist"}, "paper": {"mnist": "paper"}}
KINDS = {"variational": {}, "plain": {"variational": False}}
SCORES = ("psnr", "cross_entropy", "kl", "elbo", "fid")
COLUMNS, REACH = 10, 2.5  # columns of the picture; how far the traversal goes


def get_runs(scale):
    return {
        f"{kind}, {data}": {"config": f"configs/autoencoder.py:{name}", **settings}
        for data, name in CONFIGS[scale].items()
        for kind, settings in KINDS.items()
    }


def rows_of(run):
    """Originals, reconstructions, samples and a traversal, [4, COLUMNS, H, W, C]."""
    shown = run.examples(COLUMNS)["image"]
    noise = np.random.default_rng(0).normal(size=(COLUMNS, run.config.latent_size))
    test = codes(run, run.test.take(np.arange(min(500, run.test.size)))["image"])
    along = np.repeat(test[:1], COLUMNS, axis=0)
    most = test.std(axis=0).argmax()
    middle, step = (0, 1) if run.config.variational else (test[:, most].mean(), test[:, most].std())
    along[:, most] = middle + step * np.linspace(-REACH, REACH, COLUMNS)
    return np.stack([shown, run.probe("restore", shown)["image"], decoded(run, noise), decoded(run, along)])


def draw(runs, scale):
    blocks, table, numbers = [], [["", "PSNR in dB", "cross entropy", "divergence", "ELBO (nats)", "FID"]], {}
    for name, folder in runs.items():
        run = gan_zoo.load(folder)
        blocks.append(
            figures.headed(figures.grid(rows_of(run)), [f"{name}: originals, reconstructions, samples, traversal"])
        )
        scores = workdir.read(folder / "evaluation.json")["scores"]
        numbers[name] = {key: scores[key]["value"] for key in SCORES if key in scores}
        table.append([name, *(numbers[name].get(key, "") for key in SCORES)])
    width = max(block.shape[1] for block in blocks)
    pad = lambda block: np.pad(block, [(0, 8), (0, width - block.shape[1]), (0, 0)], constant_values=255)
    return Result(np.concatenate([pad(block) for block in blocks]), table, numbers)
