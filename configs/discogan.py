"""DiscoGAN (Kim et al. 2017): relations between two domains, learned without pairs.

    ./launch.sh configs/discogan.py:shoes2bags

config.variant=gan and recongan are the paper's other two: without reconstruction, and with that of one domain alone.

On an AMD EPYC, Python 3.11, jax 0.10.2, 11 minutes of training on one core: a classifier (.999 on real images) takes
99.7 % of the bags made of shoes for bags and all shoes made of bags for shoes; coverage .912 and .909, cycle L1 .145.
From shoes to bags coverage is .904 ± .011 over three seeds, the plain GAN's .855 ± .010 and recongan's .876 ± .033:
here neither collapses (./launch.sh reproduce discogan_collapse --seeds=3).
"""

from gan_zoo.config import settings

# The sizes of the authors' code: edges2shoes, 20 epochs of 49,825 pairs of 64x64, in minibatches of 64.
PAPER = {
    "dataset": "unpaired:edges2shoes",
    "image_shape": (64, 64, 3),
    "batch_size": 64,
    "rounds": 20 * 49_825 // 64 // 3,
    "log_every": 100,
    "sample_every": 1000,
    "checkpoint_every": 1000,
}
SETTINGS = {
    "shoes2bags": {
        "dataset": "shoes2bags",
        "image_shape": (32, 32, 1),
        "batch_size": 32,
        "rounds": 1500,
        "curriculum_rounds": 500,
        "ema_decay": 0.99,
        "generator": {"width": 32},
        "discriminator": {"width": 32},
        "log_every": 20,
        "sample_every": 250,
        "checkpoint_every": 250,
    },
    "digits": {
        "dataset": "domains:digits:1,4,7:0,6,8",
        "image_shape": (16, 16, 1),
        "batch_size": 32,
        "rounds": 1000,
        "curriculum_rounds": 300,
        "generator": {"width": 32},
        "discriminator": {"width": 32},
        "log_every": 20,
        "sample_every": 250,
        "checkpoint_every": 250,
    },
    # The paper's toy (section 3.1), without the features that only the authors' code matches.
    "5to10gaussians": {
        "dataset": "5to10gaussians",
        "architecture": "mlp_translator",
        "batch_size": 200,
        "rounds": 6000,
        "rounds_per_dispatch": 20,
        "reconstruction": (0.9, 0.9),  # a quarter of the points' own squared errors
        "feature_matching": 0.0,
        "log_every": 200,
        "sample_every": 1000,
        "checkpoint_every": 2000,
    },
    "paper": PAPER,
}


def get_config(data="shoes2bags"):
    return {"model": "discogan", **settings("discogan", SETTINGS, data)}
