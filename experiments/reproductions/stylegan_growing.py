"""StyleGAN grown from 4 to 32 pixels, beside a DCGAN of about as many parameters that saw as many images.

Samples with seed 0, not chosen. FID of every phase is that of images enlarged to 32 pixels.
"""

import jax
import numpy as np

import gan_zoo
from gan_zoo import figures, workdir
from gan_zoo.reproduce import Result

PAPER = "Karras et al. 2019, figure 2 and table 1 (growing: Karras et al. 2018, section 2)"
COST = {"small": "40 minutes of one core", "paper": "2.0e19 FLOP (counted)"}
DIFFERS = (
    "small: emoji of two vendors at 32x32, 200,000 images; FID in the features of the classifier of their kinds, of "
    "10,000 samples at the end and 5,000 after each phase. StyleGAN's rates were chosen for these few rounds, DCGAN's "
    "are its paper's: at 5e-4 for 2e-4 a DCGAN had FID 10.5 in one run"
)
NUMBERS = "FFHQ, 50,000 samples: ProGAN 8.04, StyleGAN 4.40"

SIDE = 6


def get_runs(scale):
    if scale == "paper":
        ffhq = {"config": "configs/stylegan.py:paper", "dataset": "folder:ffhq"}
        return {"StyleGAN": {**ffhq, "eval_every": 10**9, "watch_samples": 50_000}}
    return {"StyleGAN": {"config": "configs/stylegan.py:emoji"}, "DCGAN": {"config": "configs/dcgan.py:emoji"}}


def draw(runs, scale):
    parts, rows, numbers = [], [], {}
    for name, folder in runs.items():
        run = gan_zoo.load(folder)
        made = run.sample(seed=0, num=SIDE**2).reshape(SIDE, SIDE, *run.spec.shape)
        parts.append(figures.headed(figures.grid(made), [name]))
        scores = workdir.read(folder / "evaluation.json")["scores"]
        numbers[name] = {score: scores[score]["value"] for score in ("fid", "coverage")}
        numbers[name]["seconds"] = workdir.read(folder / "result.json")["seconds"]
        numbers[name]["parameters"] = sum(x.size for net in run.nets.values() for x in jax.tree.leaves(net["params"]))
        rows.append([name, *list(numbers[name].values())[:3], f"{numbers[name]['parameters']:,}"])
    floor = scores["fid"]["floor"]["value"]
    watched = workdir.lines(runs["StyleGAN"] / "evaluations.jsonl")
    grown = {line["phase"]: line["scores"]["fid"] for line in watched}
    numbers |= {"after each phase": grown, "held-out images": floor}
    rows.append(["held-out images", floor, "", "", ""])
    table = [["", "FID", "coverage", "seconds of training", "parameters"], *rows]
    of_phases = [["phase", *grown], ["FID, 5,000 samples", *grown.values()]]
    return Result(np.concatenate(parts, axis=1), table, numbers, [of_phases])
