"""CycleGAN without one of its terms: no cycles, one of the two, cycles alone, all."""

from gan_zoo.reproduce import compared

PAPER = "Zhu et al. 2017, figure 7 and tables 4 and 5"
COST = {"small": "33 minutes of one core, after ./launch.sh data emoji", "paper": "2.6e18 FLOP (counted)"}
DIFFERS = (
    "small: the emoji of two vendors, 32x32, for labels and street scenes, so L1 to the other vendor's true drawing "
    "for FCN scores; a quarter of the config's rounds"
)
NUMBERS = (
    "per-pixel accuracy of labels -> photos: cycles .22, GAN .51, + forward .55, + backward .39, all .52 (from memory)"
)

TERMS = {
    "cycles": {"adversarial_weight": 0.0},
    "GAN": {"cycle_weight": 0.0},
    "+forward": {"backward_cycle": False},
    "+backward": {"forward_cycle": False},
    "all": {},
}
SCORES = ("l1", "l1_of_input", "translated_accuracy", "cycle_l1", "coverage")


def get_runs(scale):
    config = f"configs/cyclegan.py:{'emoji' if scale == 'small' else 'paper'}"
    fields = {"rounds": 600} if scale == "small" else {}
    return {name: {"config": config, **fields, **own} for name, own in TERMS.items()}


def draw(runs, scale):
    return compared(runs, SCORES)
