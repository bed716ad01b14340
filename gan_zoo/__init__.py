"""gan_zoo: every classic GAN, in JAX and Flax, on one compiled train step."""

__version__ = "0.1.0"


def load(workdir):
    """Restores a trained run: ``gan_zoo.load("runs/dcgan-digits").sample(seed=0, num=16)``; see trained.Trained."""
    from gan_zoo import trained

    return trained.load(workdir)
