"""StackGAN (Zhang et al. 2017): an image from a text, in two stages.

    ./launch.sh data emoji
    ./launch.sh configs/stackgan.py:emoji
    ./launch.sh sample --workdir=runs/stackgan-emoji --text="smiling face with sunglasses"

emoji, 1,500 rounds of stage I and 3,000 of stage II, on one core of an AMD EPYC, Python 3.11, jax 0.10.2, 30 minutes
with compiling and scores; mean and deviation of three seeds (./launch.sh reproduce stackgan_table_2 --seeds=3): FID in
the classifier's features 44.2 ± 3.0 (held-out drawings 7.6), of stage I enlarged 117.8 ± 2.4; sharpness 13.5 ± 0.2 (the
truth's 12.4), 8.6 ± 0.2; an image of a name that no training drawing has finds it among ten in 52.6 ± 1.8 % by the
embedding that conditions (chance 10 %, real drawings 44.9 %), in 35.5 ± 1.6 % by another one (42.3 %). Shapes and
colours follow the text, details do not. FIDs are of images of training drawings' names.
"""

from gan_zoo.config import settings

HALVED = {"schedule": "exponential", "decay_rate": 0.5}
LINEAR = {"schedule": "linear", "constant_rounds": 1500, "decay_rounds": 3000}
# A quarter of the paper's widths. Every emoji is a class of its own. Half of the drawings are mirrored, as the paper's
# birds are, though 55 of 1,633 have names that tell left from right.
SMALL = {
    "dataset": "captioned:char_cnn_rnn_small:emoji:google",
    "image_shape": (32, 32, 3),
    "flip": True,
    "first_size": 16,
    "mismatched": "example",
    "noise_size": 64,
    "ema_decay": 0.99,
    "stage1": {"width": 32, "code": 64},
    "stage2": {"width": 32, "code": 64, "blocks": 2, "halvings": 1},
    "discriminator": {"width": 16, "code": 64},
    "diffaugment": "color,translation",
    "batch_size": 64,
    "rounds": 3000,
    "log_every": 20,
    "sample_every": 500,
    "checkpoint_every": 500,
}
# Hundreds of epochs become tens: rates are higher than the paper's, and fall to 0. Of 1,633 drawings a discriminator
# soon knows each by heart, and what pleases it is noise: without augmentation, at rates of 8e-4 and 2e-4 that fall
# from round 1,000 to 2,000, the FID of stage II every 500 rounds is 193, 61, 95, 82, with discriminators twice as
# wide 133 at the end in one run and 49 in another. With it (in stage II): 131, 68, 65, 59, at 8e-4 and 4e-4 108, 56,
# 63, 46; with cutout for color 228, 95, 74, 79. Cut out of 36x36 at random, as the paper cuts (load_size), drawings
# have an FID of 69 themselves, and stage II then 128.
EMOJI = {
    **SMALL,
    "phases": {"stage1": 1500},
    "rounds": 3000,
    "generator_optimizer": {"learning_rate": 8e-4, **LINEAR},
    "discriminator_optimizer": {"learning_rate": 4e-4, **LINEAR},
}
# The paper's sizes: 600 epochs of CUB's 8,855 images for each stage, rates halved every 100. What it has otherwise: its
# texts were embedded beside features of a pretrained network at 224x224, here it is a small one's, trained on the pairs
# at 32x32 (take others: captioned:PACKAGE.FUNCTION:DATA). Parts are cut out of 304x304; distances are to whole images.
# CUB's photographs were first cropped to their birds (object-image ratios above 0.75, from memory): give such a folder.
PAPER = {
    "image_shape": (256, 256, 3),
    "load_size": (304, 304),
    "flip": True,
    "batch_size": 64,
    "rounds": 82_800,
    "generator_optimizer": {**HALVED, "decay_period": 13_800},
    "discriminator_optimizer": {**HALVED, "decay_period": 13_800},
    "log_every": 100,
    "sample_every": 2000,
    "checkpoint_every": 2000,
}
SETTINGS = {
    "digits": {
        **SMALL,
        "dataset": "captioned:char_cnn_rnn_small:digits",
        "image_shape": (16, 16, 1),
        "flip": False,
        "first_size": 8,
        "mismatched": "class",
        "stage1": {"width": 16, "code": 32},
        "stage2": {"width": 16, "code": 32, "blocks": 1, "halvings": 1},
        "discriminator": {"width": 16, "code": 32},
        "rounds": 1000,
    },
    "emoji": EMOJI,
    "emoji64": {**EMOJI, "image_shape": (64, 64, 3)},
    # The authors' settings for COCO: 120 epochs of 82,783 images for each stage.
    "paper": {
        **PAPER,
        "dataset": "captioned:tfds:coco_captions",
        "mismatched": "example",
        "stage1": {"width": 192},
        "stage2": {"width": 192},
        "discriminator": {"width": 96},
        "batch_size": 128,
        "rounds": 77_600,
        "generator_optimizer": {**HALVED, "decay_period": 12_900},
        "discriminator_optimizer": {**HALVED, "decay_period": 12_900},
    },
    # For CUB's birds and Oxford's flowers: birds/train/CLASS and birds/test/CLASS, the classes of the test being others
    # (150 and 50; 82 and 20), and beside each image a .txt with its ten captions. Flowers: 600 epochs of 7,034 images.
    "birds": {**PAPER, "dataset": "captioned:folder:birds"},
    "flowers": {
        **PAPER,
        "dataset": "captioned:folder:flowers",
        "rounds": 66_000,
        "generator_optimizer": {**HALVED, "decay_period": 11_000},
        "discriminator_optimizer": {**HALVED, "decay_period": 11_000},
    },
}


def get_config(data="emoji"):
    return {"model": "stackgan", **settings("stackgan", SETTINGS, data)}
