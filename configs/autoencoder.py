"""Autoencoders: representation, denoising, inpainting, and the variational one (Kingma and Welling 2013).

./launch.sh configs/autoencoder.py:digits
./launch.sh configs/autoencoder.py:denoise
./launch.sh configs/autoencoder.py:inpaint
./launch.sh configs/autoencoder.py:vae
"""

from gan_zoo.config import settings

IMAGES = {"rounds": 3000, "batch_size": 64, "rounds_per_dispatch": 10, "sample_every": 1000, "checkpoint_every": 1000}
GARMENTS = {**IMAGES, "dataset": "fashion_mnist"}
FULLY_CONNECTED = {"architecture": "mlp_autoencoder", "loss": "bce", "variational": True, "latent_size": 20}
SETTINGS = {
    "digits": {**IMAGES, "dataset": "digits", "latent_size": 10},
    "fashion_mnist": GARMENTS,
    "denoise": {**GARMENTS, "corruption": "gaussian", "level": 0.3, "latent_size": 256},
    "inpaint": {**GARMENTS, "corruption": "centre", "level": 0.5, "latent_size": 256},
    "vae": {**IMAGES, "dataset": "digits", **FULLY_CONNECTED, "latent_size": 10},
    "vae_fashion_mnist": {**GARMENTS, **FULLY_CONNECTED},
    # PyTorch's example: MNIST, 10 epochs in minibatches of 128.
    "paper": {
        **FULLY_CONNECTED,
        "dataset": "tfds:mnist",
        "image_shape": (28, 28, 1),
        "classes": 10,
        "batch_size": 128,
        "rounds": 4690,
        "sample_every": 469,
        "checkpoint_every": 469,
    },
}


def get_config(data="digits"):
    return {"model": "autoencoder", **settings("autoencoder", SETTINGS, data)}
