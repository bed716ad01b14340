"""Networks of others: parity with their PyTorch definitions on equal weights, and what is told of wrong files."""

import importlib.util
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import PROJECT

from gan_zoo.errors import UserError
from gan_zoo.metrics import extractors
from gan_zoo.pretrained import weights
from gan_zoo.pretrained.efficientnet import Depthwise, EfficientNetLite0
from gan_zoo.pretrained.inception import Inception
from gan_zoo.pretrained.vgg import VGG

sys.path.insert(0, str(PROJECT / "tests" / "goldens"))
import pretrained as goldens  # noqa: E402

NETWORKS = {
    "inception": Inception(fid=True),
    "torchvision": Inception(fid=False),
    "vgg16": VGG(16),
    "vgg19": VGG(19),
    "efficientnet": EfficientNetLite0(),
}
INPUTS = {"inception": 299, "torchvision": 299}


def tensors(name: str) -> dict[str, np.ndarray]:
    """The state dict that PyTorch would have."""
    side = INPUTS.get(name, 224)
    like = jax.eval_shape(NETWORKS[name].init, jax.random.key(0), jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32))
    found = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(like)[0]:
        _, *names, last = (place.key for place in path)
        shape = leaf.shape
        if last == "kernel":
            shape = (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape[::-1]
        key = ".".join([*names, weights.LEAVES[last]])
        found[key] = goldens.tensor(key, shape)
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_those_of_pytorch(name, tmp_path):
    if name in INPUTS:  # from bytes, with the resizing that belongs to the network
        path = tmp_path / "weights.npz"
        np.savez(path, **tensors(name))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GAN_ZOO_INCEPTION", str(path))
            extractors.pretrained.cache_clear()
            extractor = extractors.pretrained("inception")
        assert ("not FID" in extractor.protocol["extractor"]) == (name == "torchvision")
        features, logits = jax.jit(extractor.apply)(extractor.variables, goldens.images(goldens.SIDES[name]))
    else:
        x = goldens.images(224).astype(np.float32)
        x = (x - 127) / 128 if name == "efficientnet" else x / 127.5 - 1
        like = jax.eval_shape(NETWORKS[name].init, jax.random.key(0), x)
        features, logits = jax.jit(NETWORKS[name].apply)(weights.fill(like, tensors(name), tmp_path), x)
    wanted = json.loads(goldens.FILE.read_text())[name]
    found = goldens.figures(np.asarray(features, np.float64), np.asarray(logits, np.float64))
    for key in wanted:
        scale = np.abs(wanted[key]).max()
        np.testing.assert_allclose(found[key], wanted[key], atol=1e-4 * scale, err_msg=f"{name} {key}")


@pytest.mark.parametrize("kernel, stride, size", [(3, 1, 7), (3, 2, 8), (5, 2, 7), (5, 1, 6), (3, 2, 7)])
def test_depthwise_is_xlas_convolution(kernel, stride, size):
    x = jnp.sin(jnp.arange(2 * size * (size + 1) * 3.0)).reshape(2, size, size + 1, 3)
    module = Depthwise(kernel, stride)
    variables = module.init(jax.random.key(0), x)
    wanted = jax.lax.conv_general_dilated(
        x,
        variables["params"]["kernel"],
        (stride, stride),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=3,
    )
    np.testing.assert_allclose(module.apply(variables, x), wanted, atol=1e-5)


def test_vgg_until_a_layer():
    """VGG22 and VGG54 of SRGAN: maps of any size, before or after the ReLU."""
    x = jnp.sin(jnp.arange(32 * 48 * 3.0)).reshape(1, 32, 48, 3)
    network = VGG(19, until=(5, 4), linear=True)
    variables = network.init(jax.random.key(0), x)
    assert len(variables["params"]) == 16
    raw = network.apply(variables, x)
    assert raw.shape == (1, 2, 3, 512) and (raw < 0).any()
    np.testing.assert_array_equal(VGG(19, until=(5, 4)).apply(variables, x), np.maximum(raw, 0))
    assert VGG(19, until=(2, 2)).apply(variables, x).shape == (1, 16, 24, 128)


# Files


@pytest.fixture
def tiny():
    """The variables of a small network, and its state dict as PyTorch has it."""
    like = {"params": {"fc": {"kernel": jax.ShapeDtypeStruct((3, 2), jnp.float32), "bias": jnp.zeros(2)}}}
    state = {"fc.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "fc.bias": np.ones(2, np.float32)}
    return like, state


def test_every_format_is_read(tiny, tmp_path, monkeypatch):
    from safetensors.numpy import save_file

    like, state = tiny
    np.savez(tmp_path / "a.npz", **state)
    save_file(state, tmp_path / "a.safetensors")
    for suffix in ("npz", "safetensors"):
        path = tmp_path / f"a.{suffix}"
        filled = weights.fill(like, weights.read(path), path)
        np.testing.assert_array_equal(filled["params"]["fc"]["kernel"], state["fc.weight"].T)
    if importlib.util.find_spec("torch") is None:
        return
    import torch

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    torch.save({name: torch.from_numpy(value) for name, value in state.items()}, tmp_path / "a.pth")
    first = weights.read(tmp_path / "a.pth")
    monkeypatch.setitem(sys.modules, "torch", None)  # read once, by torch; then from the cache
    assert {k: v.tolist() for k, v in weights.read(tmp_path / "a.pth").items()} == {
        k: v.tolist() for k, v in first.items()
    }


def test_wrong_files_are_told(tiny, tmp_path, monkeypatch):
    like, state = tiny
    path = tmp_path / "a.npz"
    with pytest.raises(UserError, match=r"a.npz has no fc.bias: these are another network's"):
        weights.fill(like, {"fc.weight": state["fc.weight"]}, path)
    with pytest.raises(UserError, match=r"fc.weight has the shape \(3, 3\), and the network's is \(3, 2\)"):
        weights.fill(like, {**state, "fc.weight": np.zeros((3, 3), np.float32)}, path)
    for name in ("b.npz", "b.safetensors"):
        (tmp_path / name).write_bytes(b"rubbish")
        with pytest.raises(UserError, match=f"{name} holds no weights"):
            weights.read(tmp_path / name)
    monkeypatch.setenv("GAN_ZOO_VGG16", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="GAN_ZOO_VGG16=.*no such file"):
        weights.find("vgg16")
    monkeypatch.delenv("GAN_ZOO_VGG16")
    with pytest.raises(UserError, match="set GAN_ZOO_VGG16 to a file .torchvision's vgg16"):
        extractors.pretrained("vgg16")
    with pytest.raises(UserError, match="extractor"):
        extractors.pretrained("resnet")
