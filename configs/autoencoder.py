"""Autoencoders: representation, denoising, inpainting, and the variational one (Kingma and Welling 2013).

./launch.sh configs/autoencoder.py:digits
./launch.sh configs/autoencoder.py:denoise
./launch.sh configs/autoencoder.py:inpaint
./launch.sh configs/autoencoder.py:vae

Training on one core of an AMD EPYC, Python 3.11, jax 0.10.2:
    digits: 23 s, PSNR 20.6 dB with codes of 10 numbers; of the ten nearest by them 91.6 % have the same label
    denoise, Fashion-MNIST: 165 s, PSNR 21.0 dB (given 12.8, median filter 16.3)
    inpaint, Fashion-MNIST: 162 s, error in the hole .022 (mean image .103), sharpness there 16.0 (truth 26.0)
    vae, digits: 6 s, ELBO -24.6 nats, of which the divergence is 3.6; FID of samples 84 (3 seeds)
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
    "context_encoder": {
        **GARMENTS,
        "corruption": "centre",
        "level": 0.5,
        "latent_size": 256,
        "adversarial_weight": 0.01,
        "discriminator": {"width": 32, "receptive_field": 34},
    },
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
