"""Photographs four times larger: bicubic, SRResNet, SRGAN, original, with PSNR and SSIM of the whole pictures."""

import numpy as np
from PIL import Image

from gan_zoo.reproduce import Result, scores_of

PAPER = "Ledig et al. 2017, figure 2 and table 2"
COST = {"small": "25 minutes of one core", "paper": "not counted (it needs VGG-19)"}
DIFFERS = (
    "small: a SRResNet of 5 blocks and 32 maps, 10,500 rounds, feature maps of EfficientNet-Lite0 where there are no "
    "weights of VGG-19; held out are the photographs that come with scikit-image and scikit-learn. "
    "The picture has 96 colours, so that it can be kept; the run's samples/upscaled_*.png has all"
)
NUMBERS = "BSD100: bicubic 25.94 dB, SRResNet 27.58 dB, SRGAN 25.16 dB"

SCORES = ("psnr", "ssim", "sharpness")
ENDINGS = {"bicubic": "_bicubic", "SRResNet": "_srresnet", "SRGAN": ""}


def get_runs(scale):
    return {"run": {"config": f"configs/srgan.py:{'photos' if scale == 'small' else 'paper'}"}}


def draw(runs, scale):
    _, numbers = scores_of(runs, [score + ending for score in SCORES for ending in ENDINGS.values()])
    found = numbers["run"]
    rows = [[name, *(found[score + ending] for score in SCORES)] for name, ending in ENDINGS.items()]
    picture = Image.open(max((runs["run"] / "samples").glob("upscaled_*.png"))).quantize(96).convert("RGB")
    return Result(np.asarray(picture), [["", *SCORES], *rows], found)
