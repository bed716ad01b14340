"""What each term of pix2pix's loss does: L1, the adversarial term, and whether it sees the input."""

from gan_zoo.reproduce import compared

PAPER = "Isola et al. 2017, figure 4 and table 1"
COST = {
    "small": "21 minutes of one core",
    "paper": "2.5e17 FLOP (counted)",
}
DIFFERS = (
    "small: edges to garments of 32x32 for labels to street scenes, so L1, SSIM and sharpness for FCN scores; 1,500 "
    "rounds. L1 + cGAN has the config's adversarial weight of 0.2, the others without L1 the paper's 1"
)
NUMBERS = "per-pixel accuracy of FCN-8s on Cityscapes: L1+cGAN .66; from memory L1 .42, GAN .22, cGAN .57, L1+GAN .64"

TERMS = {
    "L1": {"adversarial_weight": 0.0},
    "GAN": {"adversarial_weight": 1.0, "l1_weight": 0.0, "conditional": False},
    "cGAN": {"adversarial_weight": 1.0, "l1_weight": 0.0},
    "L1+GAN": {"conditional": False},
    "L1+cGAN": {},
}
SCORES = ("l1", "ssim", "sharpness", "sharpness_of_truth")


GIVEN = {
    "small": {"config": "configs/pix2pix.py:edges2fashion", "rounds": 1500},
    # 200 epochs of Cityscapes' 2,975 pairs, in a folder as the authors give them
    "paper": {"config": "configs/pix2pix.py:paper", "dataset": "pairs:b2a:cityscapes", "rounds": 595_000},
}


def get_runs(scale):
    return {name: {**GIVEN[scale], **fields} for name, fields in TERMS.items()}


def draw(runs, scale):
    return compared(runs, SCORES)
