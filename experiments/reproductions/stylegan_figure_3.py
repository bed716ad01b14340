"""Styles of one image given to another: coarse ones change shapes, fine ones colours.

In each block the rows' images with the columns' styles in that block's layers; first latents of seed 0, not chosen.
"""

from gan_zoo import trained, workdir
from gan_zoo.reproduce import Result
from gan_zoo.style_pictures import mixing_picture
from gan_zoo.styles import mixing_distances

PAPER = "Karras et al. 2019, figure 3 and section 4"
COST = {
    "small": "30 minutes of one core, one of them after the training that stylegan_growing shares",
    "paper": "2.0e19 FLOP (counted)",
}
DIFFERS = (
    "small: emoji at 32x32, so that 4 and 8 pixels are coarse, 16 middle and 32 fine. edges: mean difference of Sobel "
    "edges of gray images; colours: half the difference of colour histograms; over 500 pairs. Path lengths are squared "
    "distances of the classifier's features. Separability is of its kinds, by the surest half of each kind and of its "
    "others (one of many is rare); of_nothing: latents that tell nothing"
)
NUMBERS = "FFHQ: path length (full, LPIPS) in z 664.9, in w 233.3; separability in z 165.0, in w 3.74"

SCORES = ("ppl_z", "ppl_w", "separability_z", "separability_w", "separability_of_nothing")


def get_runs(scale):
    if scale == "paper":
        return {"run": {"config": "configs/stylegan.py:paper", "dataset": "folder:ffhq"}}
    return {"run": {"config": "configs/stylegan.py:emoji"}}


def draw(runs, scale):
    run = trained.load(runs["run"])
    scores = workdir.read(runs["run"] / "evaluation.json")["scores"]
    found = {name: scores[name]["value"] for name in SCORES if name in scores}
    distances = mixing_distances(run)
    rows = [[name, *own.values()] for name, own in distances.items()]
    numbers = {"mixing": distances, **found}
    tables = [["styles swapped", "edges", "colours"], *rows], [list(found), list(found.values())]
    return Result(mixing_picture(run), tables[0], numbers, [tables[1]])
