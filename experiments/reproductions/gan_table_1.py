"""Log-likelihood of held-out images under Parzen windows of samples."""

import numpy as np

import gan_zoo
from gan_zoo import data
from gan_zoo.metrics.parzen import choose_sigma, log_likelihoods
from gan_zoo.reproduce import Result

PAPER = "Goodfellow et al. 2014, table 1"
COST = {
    "small": "4 minutes of one core",
    "paper": "5.4e14 FLOP (counted)",
}
DIFFERS = (
    "small: scikit-learn's 8x8 digits and Fashion-MNIST for MNIST and TFD, so the paper's numbers are no measure. "
    "Images are in [0, 1], 10,000 samples, sigma by 1,000 training images. The last column has the other training "
    "images in the samples' place (10,000; of the digits all 437): what a generator gets that knows them by heart"
)
NUMBERS = "MNIST: GAN 225 ± 2, DBN 138 ± 2, stacked CAE 121 ± 1.6, deep GSN 214 ± 1.1"

SAMPLES, VALIDATION = 10_000, 1000
SIGMAS = np.logspace(-1.5, 0, 16)


def get_runs(scale):
    names = ("digits", "fashion_mnist") if scale == "small" else ("paper",)
    return {name: {"config": f"configs/gan.py:{name}"} for name in names}


def draw(runs, scale):
    numbers, rows = {}, []
    for name, folder in runs.items():
        run = gan_zoo.load(folder)
        train = data.load(run.config.dataset, "train", run.spec.shape)
        unit = lambda source, number: source.take(np.arange(min(number, source.size)))["image"] / 255
        test, known = unit(run.test, 10_000), unit(train, SAMPLES + VALIDATION)
        validation, known = known[:VALIDATION], known[VALIDATION:]
        cells = [name]
        for kind, samples in {"GAN": (run.sample(num=SAMPLES) + 1) / 2, "training images": known}.items():
            sigma = choose_sigma(samples, validation, SIGMAS)
            each = log_likelihoods(samples, test, sigma)
            error = each.std(ddof=1) / len(each) ** 0.5
            numbers[f"{name}, {kind}"] = {
                "mean": each.mean(),
                "error": error,
                "sigma": sigma,
                "samples": len(samples),
                "test_images": len(test),
            }
            cells += [each.mean(), error]
        rows.append(cells)
    head = ["nats", "GAN", "standard error", "training images", "standard error"]
    return Result(None, [head, *rows], numbers)
