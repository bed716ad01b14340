"""CycleGAN without one of its terms: no cycles, one of the two, cycles alone, all."""

from gan_zoo.reproduce import compared

PAPER = "Zhu et al. 2017, figure 7 and tables 4 and 5"
COST = {"small": "13 minutes of two cores (--jobs=2)", "paper": "1.0e18 FLOP (counted)"}
DIFFERS = (
    "small: the emoji of two vendors, 32x32, for labels and street scenes, so L1 to the other vendor's true drawing "
    "for FCN scores; a quarter of the config's rounds, half its minibatch and three quarters of its width"
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


# The authors' for Cityscapes: 128x128, six blocks, 200 epochs of 2,975 images.
ROUNDS = 200 * 2975
CITYSCAPES = {
    "dataset": "tfds:cycle_gan/cityscapes",
    "image_shape": (128, 128, 3),
    "load_size": (143, 143),
    "generator.blocks": 6,
    "rounds": ROUNDS,
}
for player in ("generator", "discriminator"):
    CITYSCAPES |= {f"{player}_optimizer.constant_rounds": ROUNDS // 2, f"{player}_optimizer.decay_rounds": ROUNDS}


def get_runs(scale):
    smaller = {"batch_size": 4, "generator.width": 24, "discriminator.width": 24}
    given = {"config": "configs/cyclegan.py:emoji", "rounds": 600, **smaller}
    if scale == "paper":
        given = {"config": "configs/cyclegan.py:paper", **CITYSCAPES}
    return {name: {**given, **own} for name, own in TERMS.items()}


def draw(runs, scale):
    return compared(runs, SCORES)
