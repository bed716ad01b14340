"""Different inputs must give different outputs: a plain GAN, one with reconstruction of one domain, and DiscoGAN."""

import gan_zoo
from gan_zoo import workdir
from gan_zoo.compare import side_by_side
from gan_zoo.reproduce import Result

PAPER = "Kim et al. 2017, after the comparisons of section 3 (GAN, reconstruction of one domain, DiscoGAN)"
COST = {
    "small": "23 minutes on one core",
    "paper": "8.4e15 FLOP (counted)",
}
DIFFERS = (
    "small: shoes and bags of Fashion-MNIST for cars and faces; coverage (Naeem et al. 2020) for counting modes; the "
    "way from shoes to bags is shown, which all three have. Here none of them collapses: see discogan_figure_4"
)
NUMBERS = "in words: the plain GAN and reconstruction of one domain map many inputs to one output, DiscoGAN does not"

SCORES = ("translated_accuracy", "coverage")


def get_runs(scale):
    config = f"configs/discogan.py:{'shoes2bags' if scale == 'small' else 'paper'}"
    variants = {name: {"config": config, "variant": name} for name in ("gan", "recongan")}
    return {**variants, "discogan": {"config": config}}


def draw(runs, scale):
    numbers, rows = {}, []
    for name, folder in runs.items():
        scores = workdir.read(folder / "evaluation.json")["scores"]
        numbers[name] = {score: scores[score]["each_way"][0] for score in SCORES}
        rows.append([name, *numbers[name].values()])
    picture = side_by_side(list(runs), [gan_zoo.load(folder) for folder in runs.values()])
    return Result(picture, [["shoes to bags", *SCORES], *rows], numbers)
