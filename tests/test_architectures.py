"""Architectures: shapes at every size, conditioning, what is refused, and the papers' parameter counts."""

import math
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_zoo import config as configs
from gan_zoo.architectures import dcgan, infogan, mlp, resnet
from gan_zoo.errors import UserError
from gan_zoo.metrics.networks import Classifier
from gan_zoo.registry import find, names

PROJECT = Path(__file__).resolve().parent.parent
KEY = jax.random.key(0)
# Without XLA's optimizer such small programs compile in half the time.
quick_jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
SHAPES = [(8, 8, 1), (28, 28, 1), (32, 32, 3), (64, 64, 3), (32, 64, 3), (48, 32, 1)]
CONDITIONING = ["none", "concatenation", "projection"]
CLASSES, BATCH, NOISE = 5, 3, 7
# In test_translation.py, test_superresolution.py, test_autoencoder.py, test_deepfake.py, test_next_frame.py,
# test_stylegan.py and test_stackgan.py.
OTHERS = {
    *("stylegan", "progan", "stackgan"),
    *("unet", "patchgan", "translator", "discogan", "srresnet"),
    *("autoencoder", "mlp_autoencoder", "mlp_translator", "deepfake", "multiscale"),
}
SMALL = {
    "mlp": ({"hidden": (16, 8)}, {"hidden": (16, 8)}),
    "dcgan": ({"width": 4}, {"width": 4}),
    "resnet": ({"width": 8}, {"width": 8}),
}


def pair(family, shape, conditioning, spectral_norm=False):
    """A small generator and discriminator."""
    module, (generator, discriminator) = find("architectures", family), SMALL[family]
    given = {"classes": CLASSES, "conditioning": conditioning}
    return (
        module.Generator(shape=shape, **given, **generator),
        module.Discriminator(spectral_norm=spectral_norm, **given, **discriminator),
    )


def shapes_of(module, *inputs):
    """Output and variables of a first training pass, as shapes, without computing anything."""
    inputs = [x if x is None else jax.ShapeDtypeStruct(*x) for x in inputs]
    return jax.eval_shape(lambda *args: module.init_with_output(KEY, *args, train=True), *inputs)


def count(variables):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables["params"]))


def labels(conditioning):
    return None if conditioning == "none" else ((BATCH,), np.int32)


@pytest.mark.parametrize(
    "shape, conditioning",
    [(shape, "none") for shape in SHAPES]
    + [(shape, conditioning) for shape in SHAPES[1::3] for conditioning in CONDITIONING[1:]],
    ids=str,
)
@pytest.mark.parametrize("family", SMALL)
def test_shapes(family, shape, conditioning):
    find("architectures", family).check(shape)
    generator, discriminator = pair(family, shape, conditioning)
    image, _ = shapes_of(generator, ((BATCH, NOISE), np.float32), labels(conditioning))
    assert image.shape == (BATCH, *shape) and image.dtype == jnp.float32
    logits, _ = shapes_of(discriminator, ((BATCH, *shape), np.float32), labels(conditioning))
    assert logits.shape == (BATCH,) and logits.dtype == jnp.float32


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes_of_infogan(shape):
    infogan.check(shape)
    image, _ = shapes_of(infogan.Generator(shape, width=4, dense=8), ((BATCH, NOISE), np.float32))
    assert image.shape == (BATCH, *shape)
    outputs, _ = shapes_of(infogan.Discriminator(10, 2, width=4, dense=8), ((BATCH, *shape), np.float32))
    assert [output.shape for output in outputs] == [(BATCH,), (BATCH, 10), (BATCH, 2)]


def test_shapes_of_points():
    generator, discriminator = pair("mlp", (2,), "none")
    assert shapes_of(generator, ((BATCH, NOISE), np.float32))[0].shape == (BATCH, 2)
    assert shapes_of(discriminator, ((BATCH, 2), np.float32))[0].shape == (BATCH,)


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (32, 32, 3), (64, 48, 3)], ids=str)
def test_shapes_of_the_classifier(shape):
    (logits, features), _ = jax.eval_shape(
        lambda x: Classifier(10, width=4).init_with_output(KEY, x, train=False), jnp.zeros((BATCH, *shape))
    )
    assert logits.shape == (BATCH, 10) and features.shape == (BATCH, 128)


# Values, at 8x8


def random_variables(module, *inputs):
    """Parameters from N(0, 0.3), and running statistics as at the start: mean 0 and variance 1."""
    rng = np.random.default_rng(0)

    def draw(path, leaf):
        if path[0].key == "params":
            return 0.3 * rng.standard_normal(leaf.shape, np.float32)
        return np.full(leaf.shape, path[-1].key == "var", leaf.dtype)

    shapes = jax.eval_shape(lambda: module.init(KEY, *inputs, train=True))
    return jax.tree_util.tree_map_with_path(draw, shapes)


@pytest.mark.parametrize("conditioning", CONDITIONING)
@pytest.mark.parametrize("family", SMALL)
def test_values(family, conditioning):
    """Images lie in [-1, 1], logits are finite, and a label changes both.

    Not from the initial parameters: conditional BatchNorm begins as the plain one.
    """
    shape = (8, 8, 3)
    generator, discriminator = pair(family, shape, conditioning)
    rng = np.random.default_rng(1)
    z = rng.standard_normal((4, NOISE), np.float32)
    image = np.tanh(rng.standard_normal((4, *shape), np.float32))
    label = None if conditioning == "none" else np.array([0, 1, 2, 3])
    for module, x in ((generator, z), (discriminator, image)):
        variables = random_variables(module, x, label)
        apply = quick_jit(lambda v, x, y, module=module: module.apply(v, x, y, train=False))
        output = np.asarray(apply(variables, x, label))
        assert np.all(np.isfinite(output)) and np.std(output) > 0
        if module is generator:
            assert np.abs(output).max() <= 1
        if label is not None:
            other = np.asarray(apply(variables, x, np.array([0, 1, 2, 4])))
            np.testing.assert_array_equal(output[:3], other[:3])
            assert np.any(output[3] != other[3])


def test_values_of_infogan():
    shape = (8, 8, 1)
    generator, discriminator = infogan.Generator(shape, width=4, dense=8), infogan.Discriminator(10, 2, 4, 8, 8)
    rng = np.random.default_rng(1)
    for module, x in (
        (generator, rng.standard_normal((BATCH, NOISE), np.float32)),
        (discriminator, np.tanh(rng.standard_normal((BATCH, *shape), np.float32))),
    ):
        outputs = quick_jit(partial(module.apply, train=False))(random_variables(module, x), x)
        for output in jax.tree.leaves(outputs):
            assert np.all(np.isfinite(output)) and np.std(output) > 0
        if module is generator:
            assert np.abs(outputs).max() <= 1


def test_dcgan_begins_as_the_paper_says():
    """Weights N(0, 0.02), BatchNorm's scales N(1, 0.02), biases 0 and only BatchNorm's."""
    generator, _ = pair("dcgan", (8, 8, 3), "none")
    generator = generator.clone(width=32)
    params = quick_jit(lambda key: generator.init(key, jnp.zeros((2, 100)), train=True))(KEY)["params"]
    for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]:
        names = [part.key for part in path]
        if names[-1] == "bias":
            assert names[0].startswith("BatchNorm") and not np.any(leaf)
        elif names[-1] == "scale":
            assert abs(np.mean(leaf) - 1) < 0.02 and 0.01 < np.std(leaf) < 0.03
        else:
            np.testing.assert_allclose(np.std(leaf), 0.02, rtol=0.1)


@pytest.mark.parametrize("conditioning", ["none", "projection"])
@pytest.mark.parametrize("family", SMALL)
def test_spectral_norm_is_on_every_layer(family, conditioning):
    """Each weight of rank 2 or more has its vector u, the last layer and the labels' embedding included."""
    _, discriminator = pair(family, (8, 8, 3), conditioning, spectral_norm=True)
    _, variables = shapes_of(discriminator, ((BATCH, 8, 8, 3), np.float32), labels(conditioning))
    weights = [leaf for leaf in jax.tree.leaves(variables["params"]) if leaf.ndim > 1]
    paths = [path[-1].key for path, _ in jax.tree_util.tree_flatten_with_path(variables["spectral"])[0]]
    assert sum(path.endswith("/u") for path in paths) == len(weights)
    assert ("embedding" in " ".join(paths)) == (conditioning == "projection")


# What is refused


@pytest.mark.parametrize("family", ["dcgan", "resnet", "infogan"])
@pytest.mark.parametrize("shape", [(30, 30, 1), (27, 28, 1), (32, 33, 3), (2, 2, 1), (2,)], ids=str)
def test_refused_sizes(family, shape):
    """Told in one message, with what would do instead."""
    with pytest.raises(UserError, match="multiples of 4") as error:
        find("architectures", family).check(shape)
    assert str(shape) in str(error.value) and family in str(error.value)
    if family != "infogan":  # which has no other architecture to choose
        assert "config.image_shape" in str(error.value) and "config.architecture=mlp" in str(error.value)


@pytest.mark.parametrize("shape", [(2,), (27, 31, 3), (1, 1, 1)], ids=str)
def test_mlp_makes_every_shape(shape):
    mlp.check(shape)
    assert shapes_of(pair("mlp", shape, "none")[0], ((BATCH, NOISE), np.float32))[0].shape == (BATCH, *shape)


# Parameter counts


def counts(module, shape, noise, batch_norm=True):
    """Of the default unconditional networks."""
    given = {"classes": 0, "conditioning": "none"}
    _, generator = shapes_of(module.Generator(shape=shape, **given), ((2, noise), np.float32))
    discriminator = module.Discriminator(spectral_norm=False, **given)
    return count(generator), count(shapes_of(discriminator, ((2, *shape), np.float32))[1])


def test_dcgan_counts():
    """The Torch code at 64x64 with width 64, and without biases."""
    assert counts(dcgan, (64, 64, 3), 100) == (3_576_704, 2_765_568)


def test_resnet_counts():
    """WGAN-GP's for CIFAR-10."""
    assert counts(resnet, (32, 32, 3), 128) == (1_204_483, 1_053_825)


def test_counts_of_the_2014_gan():
    """MNIST's generator and maxout discriminator, as configs/gan.py sets them."""
    spec, phases = configs.build(configs.load(f"{PROJECT}/configs/gan.py:paper", []))
    batch = {"image": jax.ShapeDtypeStruct((2, *spec.shape), np.float32), "label": jax.ShapeDtypeStruct((2,), np.int32)}
    nets = jax.eval_shape(phases[0].game.init, KEY, batch)
    assert {name: count(variables) for name, variables in nets.items()} == {
        "generator": 2_503_984,
        "discriminator": 1_231_441,
    }


def test_every_architecture_is_tested_here():
    assert set(names("architectures")) == {*SMALL, "infogan", *OTHERS}
