"""Networks of others: parity with their PyTorch definitions on equal weights, and what is told of wrong files."""

import io
import json
import pickle
import sys
import zipfile
from collections import OrderedDict
from types import ModuleType

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


def test_every_format_is_read(tiny, tmp_path):
    from safetensors.numpy import save_file

    like, state = tiny
    np.savez(tmp_path / "a.npz", **state)
    save_file(state, tmp_path / "a.safetensors")
    for suffix in ("npz", "safetensors"):
        path = tmp_path / f"a.{suffix}"
        filled = weights.fill(like, weights.read(path), path)
        np.testing.assert_array_equal(filled["params"]["fc"]["kernel"], state["fc.weight"].T)


def write_pytorch(path, state, older: bool, more=()):
    """A state dict as PyTorch writes it, by its description: no PyTorch is here."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    kinds = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage"}
    for name in kinds.values():
        setattr(torch, name, type(name, (), {"__module__": "torch", "__qualname__": name}))
    utils._rebuild_tensor_v2 = rebuild = lambda *given: None
    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    storages = {}

    class Saved:
        def __init__(self, array):
            self.array = array

        def __reduce__(self):
            flat = np.concatenate([np.zeros(3, self.array.dtype), self.array.T.ravel()])  # transposed, from the third
            strides = tuple(step // self.array.itemsize for step in self.array.T.copy().T.strides)
            return rebuild, (flat, 3, self.array.shape, strides, False, OrderedDict())

    class Pickler(pickle.Pickler):
        def persistent_id(self, x):
            if not isinstance(x, np.ndarray):
                return None
            storages[str(len(storages))] = x
            place = (None,) if older else ()
            return ("storage", getattr(torch, kinds[str(x.dtype)]), str(len(storages) - 1), "cpu", x.size, *place)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torch", torch)
        patch.setitem(sys.modules, "torch._utils", utils)
        stream = io.BytesIO()
        Pickler(stream, 2).dump(OrderedDict([*((name, Saved(x)) for name, x in state.items()), *more]))
    if older:
        head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
        parts = [*(pickle.dumps(x, 2) for x in head), stream.getvalue(), pickle.dumps(list(storages), 2)]
        parts += [np.int64(x.size).tobytes() + x.tobytes() for x in storages.values()]
        path.write_bytes(b"".join(parts))
        return
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/data.pkl", stream.getvalue())
        for key, x in storages.items():
            file.writestr(f"a/data/{key}", x.tobytes())


@pytest.mark.parametrize("older", [True, False])
def test_pytorchs_files_are_read_without_it(tiny, tmp_path, older):
    like, state = tiny
    numbers = {
        "count": np.array(7),
        "half": np.arange(6, dtype=np.float16).reshape(3, 2),
        "none": np.zeros((0, 2), "f4"),
    }
    path = tmp_path / "a.pth"
    write_pytorch(path, {**state, **numbers}, older, [("epoch", 3)])
    found = weights.read(path)
    assert set(found) == {*state, *numbers}
    for name, x in {**state, **numbers}.items():
        np.testing.assert_array_equal(found[name], x)
        assert found[name].dtype == x.dtype
    weights.fill(like, found, path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(UserError, match="a.pth holds no weights"):
        weights.read(path)
    write_pytorch(path, state, older, [("evil", print)])
    with pytest.raises(UserError, match="print, which is no part of a state dict"):
        weights.read(path)


def test_pytorchs_own_files_are_read(tiny, tmp_path):
    torch = pytest.importorskip("torch")
    for older in (False, True):
        tensors = {name: torch.from_numpy(value) for name, value in tiny[1].items()}
        torch.save(tensors, tmp_path / "a.pth", _use_new_zipfile_serialization=not older)
        for name, value in weights.read(tmp_path / "a.pth").items():
            np.testing.assert_array_equal(value, tiny[1][name])


def test_wrong_files_are_told(tiny, tmp_path, monkeypatch):
    like, state = tiny
    path = tmp_path / "a.npz"
    with pytest.raises(UserError, match=r"a.npz has no fc.bias: these are another network's"):
        weights.fill(like, {"fc.weight": state["fc.weight"]}, path)
    with pytest.raises(UserError, match=r"fc.weight has the shape \(3, 3\), and the network's is \(3, 2\)"):
        weights.fill(like, {**state, "fc.weight": np.zeros((3, 3), np.float32)}, path)
    for name in ("b.npz", "b.safetensors", "b.pth"):
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
