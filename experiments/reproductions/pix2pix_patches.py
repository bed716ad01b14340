"""How large the patches are that pix2pix's discriminator judges: single pixels, patches, the whole image."""

from gan_zoo.reproduce import compared

PAPER = "Isola et al. 2017, figure 6 and table 3"
COST = {
    "small": "13 minutes of one core",
    "paper": "1.9e17 FLOP (counted)",
}
DIFFERS = (
    "small: edges to garments of 32x32, so that 34x34 sees all; L1, SSIM and sharpness for FCN scores; 1,500 rounds"
)
NUMBERS = "per-pixel accuracy of FCN-8s on Cityscapes: 1x1 .39, 16x16 .65, 70x70 .66, 286x286 .42 (from memory)"

FIELDS = {"small": (1, 16, 34), "paper": (1, 16, 70, 286)}
GIVEN = {
    "small": {"config": "configs/pix2pix.py:edges2fashion", "rounds": 1500},
    # 200 epochs of Cityscapes' 2,975 pairs, in a folder as the authors give them
    "paper": {"config": "configs/pix2pix.py:paper", "dataset": "pairs:b2a:cityscapes", "rounds": 595_000},
}
SCORES = ("l1", "ssim", "sharpness", "sharpness_of_truth")


def get_runs(scale):
    return {f"{size}x{size}": {**GIVEN[scale], "discriminator.receptive_field": size} for size in FIELDS[scale]}


def draw(runs, scale):
    return compared(runs, SCORES)
