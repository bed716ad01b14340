"""The networks of images from images, their sizes, and the pool of past fakes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_zoo.architectures import patchgan, translator, unet
from gan_zoo.errors import UserError
from gan_zoo.pool import exchange, new_pool

KEY = jax.random.key(0)
compiled = partial(jax.jit, static_argnames="train")


@pytest.mark.parametrize(
    "field, size, out",
    [(1, 256, 256), (16, 256, 126), (34, 256, 62), (70, 256, 30), (142, 256, 14), (286, 512, 14), (286, 256, 6)],
)
def test_patchgan_sizes(field, size, out):
    network = patchgan.Discriminator(width=4, receptive_field=field)
    logits = jax.eval_shape(lambda x: network.init_with_output(KEY, x, train=True)[0], jnp.zeros((1, size, size, 3)))
    assert logits.shape == (1, out, out, 1)


@pytest.mark.parametrize("field", [1, 16, 34, 70, 142, 286])
def test_receptive_field_measured_by_the_input_gradient(field):
    """The patch that one logit in the middle depends on; without normalization, which sees everything."""
    size = max(32, 2 * field)
    network = patchgan.Discriminator(width=2, receptive_field=field, norm="none")
    x = jax.random.normal(KEY, (1, size, size, 1))
    variables = compiled(network.init)(KEY, x, train=True)

    def middle(x):
        logits = network.apply(variables, x, train=True)
        return logits[0, logits.shape[1] // 2, logits.shape[2] // 2, 0]

    seen = np.argwhere(np.asarray(jax.jit(jax.grad(middle))(x))[0, ..., 0])
    np.testing.assert_array_equal(np.ptp(seen, axis=0) + 1, [field, field])


def test_unet_has_skips_and_its_noise_is_dropout():
    x = jax.random.normal(KEY, (2, 32, 32, 3))
    sizes = {}
    for skips in (True, False):
        network = unet.Generator((32, 32, 3), width=4, norm="instance", skips=skips)
        variables = compiled(network.init)({"params": KEY, "dropout": KEY}, x, train=True)
        apply = compiled(network.apply)
        sizes[skips] = sum(leaf.size for leaf in jax.tree.leaves(variables))
        made = [apply(variables, x, train=True, rngs={"dropout": jax.random.key(i)}) for i in (1, 1, 2)]
        assert made[0].shape == (2, 32, 32, 3) and np.abs(made[0]).max() <= 1
        np.testing.assert_array_equal(made[0], made[1])
        assert np.abs(made[0] - made[2]).max() > 0
        np.testing.assert_array_equal(*(apply(variables, x, train=False) for _ in range(2)))
    assert sizes[True] > sizes[False]


def test_unet_passes_detail_through_its_outermost_skip():
    """With every deeper layer at zero the input still reaches the output."""
    network = unet.Generator((16, 16, 1), width=4, norm="none", dropout=0.0)
    x = jax.random.normal(KEY, (1, 16, 16, 1))
    variables = compiled(network.init)({"params": KEY, "dropout": KEY}, x, train=True)
    outer = {"Conv_0", f"ConvTranspose_{unet.levels((16, 16, 1)) - 1}"}
    only = {k: v if k in outer else jax.tree.map(jnp.zeros_like, v) for k, v in variables["params"].items()}
    sensitive = jax.jit(jax.grad(lambda x: jnp.sum(network.apply({"params": only}, x, train=False) ** 2)))(x)
    assert np.abs(sensitive).max() > 0


@pytest.mark.parametrize("family, shape", [(unet, (28, 28, 1)), (unet, (48, 64, 3)), (translator, (30, 32, 3))])
def test_sizes_that_cannot_be_halved_are_refused(family, shape):
    with pytest.raises(UserError, match="multiples of"):
        family.check(shape)


def test_a_field_larger_than_the_image_is_refused():
    with pytest.raises(UserError, match="receptive_field to less"):
        patchgan.check((16, 16, 1), 70)
    with pytest.raises(UserError, match="is one of 1, 16"):
        patchgan.check((64, 64, 1), 71)


def test_translator_keeps_any_size():
    network = translator.Generator((32, 32, 3), width=4, blocks=1)
    for size in ((32, 32), (40, 64)):
        x = jnp.zeros((2, *size, 3))
        made = jax.eval_shape(lambda x: network.init_with_output(KEY, x, train=False)[0], x)
        assert made.shape == x.shape


def test_pool_gives_back_the_first_fifty_and_then_half_older_ones():
    """Numbered images: each is its own number."""
    pool, older = new_pool(50, jnp.zeros((10, 1, 1, 1))), []
    step = jax.jit(exchange)
    for number in range(40):
        images = jnp.arange(10.0).reshape(10, 1, 1, 1) + 10 * number
        shown, pool = step(pool, images, jax.random.key(number))
        same = np.asarray(shown == images).ravel()
        if number < 5:
            assert same.all() and int(pool["pool"]["count"]) == 10 * (number + 1)
        else:
            older += list(~same)
            assert np.asarray(shown).max() <= images.max()
    assert 0.4 < np.mean(older) < 0.6
    held = np.asarray(pool["pool"]["images"]).ravel()
    assert len(set(held)) == 50, "the pool holds an image twice"


def test_pool_gives_each_kept_image_once():
    """What is swapped out of the pool is gone from it: no image is shown twice after it was replaced."""
    pool, shown, step = new_pool(4, jnp.zeros((1, 1, 1, 1))), [], jax.jit(exchange)
    for number in range(200):
        given, pool = step(pool, jnp.full((1, 1, 1, 1), float(number)), jax.random.key(number))
        shown.append(int(given[0, 0, 0, 0]))
    later = shown[4:]  # the first ones were shown when they came, and are shown again when they leave
    assert len(later) == len(set(later))
