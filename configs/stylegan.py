"""StyleGAN (Karras, Laine and Aila 2019), growing from small images to large ones, and ProGAN's settings.

    ./launch.sh data emoji
    ./launch.sh configs/stylegan.py:emoji

emoji on one core of an AMD EPYC, Python 3.11, jax 0.10.2, 30 to 35 minutes with compiling and scores; means and
deviations of three seeds, ./launch.sh reproduce stylegan_growing --scale=small --seeds=3: FID in the classifier's
features, of 5,000 samples, 122 +- 17 at 4 pixels, 79.3 +- 1.5 at 8, 39.2 +- 0.9 at 16 and 16.8 +- 1.2 at 32 (real
images made as coarse: 120.9, 48.0, 17.7, 0; held out 3.8); at the end of the three fades 101, 75 and 58; of 10,000 at
the end 16.7 +- 1.3. Path length 11,690 +- 520 in z and 3,930 +- 180 in w, separability 7.3 +- 0.2 and 2.2 +- 0.1
(latents that tell nothing: 10.5). configs/dcgan.py:emoji, with its paper's rate, has 29.8 +- 3.2 after as many images;
it is quicker (543 s of training for 1,803), and had 8.8 in one run of 560,000 images (--config.rounds=8750), about as
much time. StyleGAN's rates were chosen, DCGAN's were not: at 5e-4 for 2e-4 a DCGAN has 10.5 after as many images in
one run, so that here it is the better one.
Rates of 5e-3 throughout: 23.5 and 27.0 in two runs. With those, measured before CPUs got their present choice of
convolutions, at 8 pixels, after 55,000 images: 87.1; 81.3 with mapping_rate=0.1, 78.9 with rates of 1e-2, 97.7 with
2e-3, 93.5 with a penalty of 1 and 87.0 with 50, 88.6 without mixing, 90.0 with minibatches of 8. At 16 pixels with a
penalty of 2 and the paper's mixing: 58.3. Most images at 32 pixels (8, 20, 27 and 110 thousand; fades of 8, 12 and
15): 40.8 at the end.
"""

from gan_zoo.config import settings

EVERY = {"log_every": 20, "sample_every": 500, "checkpoint_every": 500}
WHOLE = {"rounds": 10_000_000, "eval_samples": 50_000, "log_every": 100, "sample_every": 5000, "checkpoint_every": 5000}
EMOJI = {
    "dataset": "emoji:both",
    "image_shape": (32, 32, 3),
    "rounds": 100_000,
    "start": 4,
    "thousands": (10.0, 30.0, 40.0, 50.0),
    "fading_thousands": (0.0, 15.0, 25.0, 30.0),
    "batch_sizes": (32,),
    "learning_rates": (1e-2, 1e-2, 1e-2, 7e-3),  # few rounds: at the paper's 1e-3 to 3e-3 they are not enough
    "mixing": 0.3,  # few rounds: the paper's 0.9 leaves less variety
    "half_life": 5.0,
    "generator": {"noise_size": 128, "features": 128, "base": 256, "largest": 128},
    "discriminator": {"base": 256, "largest": 128},
    "eval_every": 1_000_000,  # at the end of each phase
    "watch_samples": 5000,
    **EVERY,
}
PAPER = {
    "dataset": "tfds:celeb_a_hq/1024",
    "image_shape": (1024, 1024, 3),
    "flip": True,
    "thousands": (600.0,) * 8 + (16_600.0,),
    "batch_sizes": (512, 256, 128, 64, 32),
    "learning_rates": (1e-3,) * 5 + (1.5e-3, 2e-3, 3e-3),
    **WHOLE,
}
SETTINGS = {
    "emoji": EMOJI,
    "emoji64": {**EMOJI, "image_shape": (64, 64, 3)},
    "digits": {
        "dataset": "digits",
        "rounds": 100_000,
        "start": 4,
        "conditional": True,
        "thousands": (20.0, 40.0),
        "fading_thousands": (0.0, 20.0),
        "batch_sizes": (32,),
        "half_life": 5.0,
        "generator": {"noise_size": 64, "features": 64, "layers": 4, "base": 128, "largest": 64},
        "discriminator": {"base": 128, "largest": 64},
        **EVERY,
    },
    # FFHQ's: 25 million images on eight devices, batch sizes and rates by resolution (the authors' train.py). FFHQ
    # itself, once downloaded: --config.dataset=folder:PATH
    "paper": PAPER,
    # As the paper trains these (section 2.1), and the authors' code their rates.
    "celeba_hq": {
        **PAPER,
        "loss": "wasserstein",
        "regularizer": "gradient_penalty",
        "drift": 1e-3,
        "learning_rates": (1e-3,) * 5 + (1.5e-3, 2e-3),
    },
    # CelebA-HQ, 12 million images on one device (the authors' config.py, preset v2). Their average's decay is 0.999 a
    # round whatever the batch; here it has StyleGAN's half-life.
    "progan": {
        "architecture": "progan",
        "dataset": "tfds:celeb_a_hq/1024",
        "image_shape": (1024, 1024, 3),
        "flip": True,
        "loss": "wasserstein",
        "regularizer": "gradient_penalty",
        "drift": 1e-3,
        "mixing": 0.0,
        "start": 4,
        "thousands": (600.0,) * 8 + (2400.0,),
        "batch_sizes": (128, 128, 128, 64, 32, 16, 8, 4, 4),
        "learning_rates": (1e-3,) * 8 + (1.5e-3,),
        **WHOLE,
    },
}


def get_config(data="emoji"):
    return {"model": "stylegan", **settings("stylegan", SETTINGS, data)}
