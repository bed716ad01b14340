"""What is compared: a config of the zoo, and the same game in PyTorch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """``rounds`` are played in one measurement, ``repeats`` times by either side in turn."""

    config: str
    overrides: tuple[str, ...]
    rounds: int
    repeats: int = 7


def _digits(size: int, channels: int, *more: str) -> tuple[str, ...]:
    """Real images of any size: the bundled digits, enlarged."""
    return ("dataset=digits", f"image_shape=({size},{size},{channels})", *more)


WORKLOADS = {
    "default": Workload("configs/dcgan.py:digits", (), 100),
    "mlp_28": Workload("configs/gan.py:digits", _digits(28, 1, "batch_size=100"), 100),
    "dcgan_28": Workload("configs/dcgan.py:paper", _digits(28, 1, "batch_size=64"), 10),
    "dcgan_64": Workload("configs/dcgan.py:paper", _digits(64, 3, "batch_size=64"), 2, 5),
    "wgan_gp_resnet_32": Workload("configs/wgan_gp.py:paper", _digits(32, 3, "discriminator_turns=1"), 1, 3),
}
