"""The order of the data and the feed: pure functions of the seed and the position."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_zoo.data import Spec, feed, in_memory
from gan_zoo.data.feed import Feed
from gan_zoo.data.order import indices, permutation
from gan_zoo.devices import local_mesh, make_mesh

SIZE = 23


@pytest.mark.parametrize("seed", [0, 5])
def test_every_epoch_is_a_permutation(seed):
    run = indices(seed, 0, 4 * SIZE, SIZE).reshape(4, SIZE)
    for epoch in run:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(SIZE))
    assert len({tuple(epoch) for epoch in run}) == 4


def test_seeds_differ():
    """Also that a seed's second epoch is not the next seed's first."""
    orders = {tuple(permutation(seed, epoch, SIZE)) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


def test_the_order_is_a_pure_function():
    """Whatever was asked before, and whatever numpy's own generators did."""
    wanted = indices(3, 100, 40, SIZE)
    np.random.default_rng(0).random(5)
    for seed in range(5):
        indices(seed, 7, 90, SIZE)
    permutation.cache_clear()
    np.testing.assert_array_equal(indices(3, 100, 40, SIZE), wanted)
    assert wanted.dtype == np.int32


@pytest.mark.parametrize("pieces", [[1] * 60, [7] * 8 + [4], [60], [23, 23, 14], [59, 1]])
def test_the_order_does_not_depend_on_how_it_is_cut(pieces):
    """Minibatches may reach over an epoch's end, even over several."""
    start, cut = 11, []
    for count in pieces:
        cut.append(indices(1, start, count, SIZE))
        start += count
    np.testing.assert_array_equal(np.concatenate(cut), indices(1, 0, 71, SIZE)[11:])


def test_a_minibatch_across_an_epochs_end():
    found = indices(2, SIZE - 3, 8, SIZE)
    wanted = np.concatenate([permutation(2, 0, SIZE)[-3:], permutation(2, 1, SIZE)[:5]])
    np.testing.assert_array_equal(found, wanted)


def test_far_into_training():
    """Positions beyond 32 bits: 150,000 rounds of many turns on a large set."""
    start = 2**33 + 5
    found = indices(0, start, 4, SIZE)
    np.testing.assert_array_equal(found, permutation(0, start // SIZE, SIZE)[start % SIZE + np.arange(4)])


# The feed

TURNS, BATCH = 2, 8


@pytest.fixture
def source():
    """Grey images that hold every byte, and labels that tell which image it is."""
    image = np.arange(SIZE * 12).astype(np.uint8).reshape(SIZE, 4, 3, 1)
    return in_memory(Spec("bytes", (4, 3, 1), SIZE), "train", image, np.arange(SIZE))


@pytest.fixture
def make_feed(source):
    """Feeds whose reading threads end with the test."""
    feeds = []

    def make(streams, start=0, seed=0, dtype=jnp.float32, mesh=None):
        given = dataclasses.replace(source, arrays=None) if streams else source
        feeds.append(Feed(given, seed, start, BATCH, TURNS, mesh or make_mesh(), dtype))
        assert feeds[-1].resident is not streams
        return feeds[-1]

    yield make
    for one in feeds:
        if not one.resident:
            one.pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("streams", [False, True], ids=["resident", "streaming"])
def test_minibatches_follow_the_order(source, make_feed, streams):
    """Round r of a phase that begins at position 37 starts at 37 + r turns B."""
    minibatches = make_feed(streams, start=37, seed=4)
    for step in (0, 1, 5):
        batch = minibatches(step)
        wanted = indices(4, 37 + step * TURNS * BATCH, TURNS * BATCH, SIZE).reshape(TURNS, BATCH)
        np.testing.assert_array_equal(batch["label"], wanted)
        pixels = source.arrays["image"][wanted].astype(np.float64) / 127.5 - 1
        assert batch["image"].shape == (TURNS, BATCH, 4, 3, 1)
        np.testing.assert_allclose(batch["image"], pixels, atol=1e-6)


def test_resident_and_streaming_are_the_same(make_feed):
    """Bit by bit, on all devices and on one, and in any order of asking."""
    feeds = [make_feed(streams, 3, mesh=mesh) for mesh in (make_mesh(), local_mesh()) for streams in (False, True)]
    for step in (2, 0, 1):
        batches = [jax.tree.map(np.asarray, minibatches(step)) for minibatches in feeds]
        for other in batches[1:]:
            jax.tree.map(np.testing.assert_array_equal, batches[0], other)


@pytest.mark.parametrize("streams", [False, True], ids=["resident", "streaming"])
def test_minibatches_are_spread_over_the_devices(make_feed, streams):
    """Each device holds its share of every turn's minibatch: B / devices samples."""
    shares = make_feed(streams)(0)["label"].addressable_shards if streams else []
    for share in shares:
        assert share.data.shape == (TURNS, BATCH // jax.device_count())
    with jax.set_mesh(make_mesh()):
        for share in make_feed(streams)(0)["image"].addressable_shards:
            assert share.data.shape == (TURNS, BATCH // jax.device_count(), 4, 3, 1)


@pytest.mark.parametrize(
    "dtype",
    [
        jnp.float32,
        jnp.float64,
    ],
)
def test_bytes_become_minus_one_to_one_exactly(dtype):
    """0 is -1 and 255 is 1, with no rounding, as a run compiles it: with XLA's optimizer, whatever tests do."""
    every = np.arange(256, dtype=np.uint8)
    with jax.enable_x64(dtype == jnp.float64):
        normalize = partial(feed.floats, dtype=dtype)
        compiled = jax.jit(normalize, compiler_options={"xla_backend_optimization_level": 3})
        values = np.asarray(compiled({"image": every})["image"])
    assert values.dtype == dtype
    np.testing.assert_allclose(values, every / 127.5 - 1, atol=1e-6)
    assert values[0] == -1 and values[255] == 1


def test_points_and_labels_stay_as_they_are(make_feed):
    image = np.random.default_rng(0).standard_normal((SIZE, 2)).astype(np.float32)
    minibatches = Feed(in_memory(Spec("points", (2,), 0), "train", image), 0, 0, BATCH, TURNS, make_mesh(), jnp.float32)
    order = indices(0, 0, TURNS * BATCH, SIZE).reshape(TURNS, BATCH)
    np.testing.assert_array_equal(minibatches(0)["image"], image[order])
    labels = make_feed(False)(0)["label"]
    assert labels.dtype == jnp.int32
