"""What an autoencoder can make again of an image, by the size of its code, and the plane of codes of two numbers.

Each plane shows the codes of held-out images, coloured by label, and below it what the decoder makes of a lattice over
it.
"""

import numpy as np
from matplotlib.figure import Figure

import gan_zoo
from gan_zoo import figures, plots, workdir
from gan_zoo.reconstructions import codes, decoded
from gan_zoo.reproduce import Result

PAPER = "after Hinton and Salakhutdinov 2006, figures 2 and 3 (stacked RBMs there)"
COST = {
    "small": "8 minutes of one core",
    "paper": "1.5e14 FLOP (counted)",
}
DIFFERS = (
    "convolutional and trained at once; scikit-learn's digits of 8x8 and Fashion-MNIST for MNIST. The scale paper has "
    "30,000 rounds for 3,000"
)

DATA, SIZES = ("digits", "fashion_mnist"), (2, 5, 10, 20)
SHOWN, LATTICE = 10, 10
LOW, HIGH = 5, 95  # percentiles of the codes, which the lattice spans


def get_runs(scale):
    more = {"rounds": 30_000} if scale == "paper" else {}
    return {
        f"{data} {size}": {"config": f"configs/autoencoder.py:{data}", "latent_size": size, **more}
        for data in DATA
        for size in SIZES
    }


def reconstructions(runs):
    """Rows of held-out images: as they are, and as made of codes of each size."""
    runs = [gan_zoo.load(folder) for folder in runs]
    shown = runs[0].examples(SHOWN)["image"]
    return np.stack([shown, *(run.probe("restore", shown)["image"] for run in runs)])


def draw(runs, scale):
    figure = Figure(figsize=(11, 12), dpi=72, layout="constrained")
    axes, rows, numbers = figure.subplots(3, 2, height_ratios=(1, 1.6, 1.6)), [], {}
    for column, name in zip(axes.T, DATA, strict=True):
        own = {size: runs[f"{name} {size}"] for size in SIZES}
        column[0].imshow(figures.grid(reconstructions(own.values())), interpolation="antialiased")
        column[0].set_title(f"{name}: original; {', '.join(map(str, SIZES))} numbers")
        run = gan_zoo.load(own[2])
        test = run.test.take(np.arange(min(2000, run.test.size)))
        plane = codes(run, test["image"])
        names = run.test.class_names or range(run.spec.classes)
        for label, title in enumerate(names):
            look = {"color": plots.COLORS[label % len(plots.COLORS)], "marker": "ox"[label // len(plots.COLORS)]}
            column[1].scatter(*plane[test["label"] == label].T, s=5, label=title, linewidth=0.8, **look)
        column[1].legend(loc="upper left", bbox_to_anchor=(1, 1), markerscale=2)
        ends = np.percentile(plane, (LOW, HIGH), axis=0)
        x, y = (np.linspace(*end, LATTICE) for end in ends.T)
        column[1].set(title="codes of two numbers, by label")
        lattice = np.stack(np.meshgrid(x, y[::-1]), axis=-1)
        column[2].imshow(figures.grid(decoded(run, lattice)), interpolation="antialiased")
        column[2].set_title("what the decoder makes of that plane")
        for axis in (column[0], column[2]):
            axis.axis("off")
        scores = {size: workdir.read(folder / "evaluation.json")["scores"] for size, folder in own.items()}
        numbers[name] = {
            size: {key: found[key]["value"] for key in ("psnr", "precision_at_10")} for size, found in scores.items()
        }
        rows += [[name, str(size), *found.values()] for size, found in numbers[name].items()]
    return Result(figure, [["", "code", "PSNR in dB", "precision at 10"], *rows], numbers)
