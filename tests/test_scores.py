"""Scores of arrays against plain numpy and scipy references, and against answers that are known."""

import numpy as np
import pytest
import scipy.linalg
from scipy.spatial.distance import cdist

from gan_zoo.errors import UserError
from gan_zoo.metrics.frechet import Moments, frechet_distance, frechet_distance_of
from gan_zoo.metrics.images import MOST, psnr, ssim, to_luma
from gan_zoo.metrics.inception_score import inception_score
from gan_zoo.metrics.kernel import kernel_distance, kernel_distances
from gan_zoo.metrics.neighbours import precision_recall_density_coverage
from gan_zoo.metrics.parzen import choose_sigma, log_likelihoods, parzen_log_likelihood
from gan_zoo.metrics.path_length import lerp, perceptual_path_length, slerp
from gan_zoo.metrics.repeats import repeated_share


def features(number, dimensions, seed, scale=1.0, shift=0.0):
    """Correlated, as features are."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(dimensions, dimensions)) / dimensions**0.5
    return (rng.normal(size=(number, dimensions)) @ mixing * scale + shift).astype(np.float32)


# Fréchet


def scipy_frechet(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    root = scipy.linalg.sqrtm(np.cov(a, rowvar=False) @ np.cov(b, rowvar=False)).real
    traces = np.trace(np.cov(a, rowvar=False)) + np.trace(np.cov(b, rowvar=False)) - 2 * np.trace(root)
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + traces


@pytest.mark.parametrize(
    "number, dimensions",
    [
        (500, 64),
        (40, 64),
        pytest.param(2500, 2048, marks=pytest.mark.slow),
        pytest.param(500, 2048, marks=pytest.mark.slow),
    ],
)
def test_frechet_distance_is_scipys(number, dimensions):
    """Also with fewer samples than features, where a covariance is singular."""
    real, fake = features(number, dimensions, 0), features(number + 7, dimensions, 1, scale=1.3, shift=0.1)
    np.testing.assert_allclose(frechet_distance(real, fake), scipy_frechet(real, fake), rtol=1e-3)


def test_frechet_distance_of_gaussians():
    real = features(300, 16, 0)
    shift = np.linspace(-1, 2, 16, dtype=np.float32)
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(frechet_distance(real, real + shift), (shift**2).sum(), rtol=1e-5)
    # Scaled by c: (c - 1)^2 Tr C beside the mean's part.
    centred = real - real.mean(axis=0)
    wanted = np.trace(np.cov(centred.astype(np.float64), rowvar=False))
    np.testing.assert_allclose(frechet_distance(centred, 2 * centred), wanted, rtol=1e-5)


def test_moments_add_up():
    whole = features(1000, 8, 3, shift=100.0)
    parts = np.split(whole, [1, 400, 990])
    total = Moments.of(parts[0]) + Moments.of(parts[1]) + (Moments.of(parts[2]) + Moments.of(parts[3]))
    assert total.number == 1000
    np.testing.assert_allclose(total.covariance, np.cov(whole.astype(np.float64), rowvar=False), rtol=1e-9)
    other = Moments.of(features(50, 8, 4))
    assert frechet_distance_of(total, other) == pytest.approx(frechet_distance_of(Moments.of(whole), other), rel=1e-9)


# Kernel


def numpy_kernel_distance(x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)
    kernel = lambda a, b: (a @ b.T / x.shape[1] + 1) ** 3
    m, within = len(x), 0
    for k in (kernel(x, x), kernel(y, y)):
        within += (k.sum() - np.trace(k)) / (m * (m - 1))
    return within - 2 * kernel(x, y).mean()


@pytest.mark.parametrize("dimensions", [4, 256])
def test_kernel_distance_of_one_subset_of_everything(dimensions):
    real, fake = features(300, dimensions, 0), features(300, dimensions, 1, shift=0.2)
    wanted = numpy_kernel_distance(real, fake)
    np.testing.assert_allclose(kernel_distance(real, fake, subsets=1, subset_size=300), wanted, rtol=1e-5)


def test_kernel_distance_is_unbiased_and_repeatable():
    real, fake = features(3000, 16, 0), features(3000, 16, 0)[::-1]
    found = kernel_distances(real[:1500], real[1500:], subsets=50, subset_size=200, seed=1)
    assert len(found) == 50 and found.min() < 0 < found.max()
    assert abs(found.mean()) < 3 * found.std(ddof=1) / 50**0.5
    np.testing.assert_array_equal(found, kernel_distances(real[:1500], real[1500:], 50, 200, seed=1))
    assert kernel_distance(real, fake, 3, 200, seed=2) != kernel_distance(real, fake, 3, 200, seed=3)


# Inception score


def numpy_inception_score(p, splits):
    scores = []
    for part in np.array_split(p, splits):
        scores.append(np.exp((part * np.log(part / part.mean(0))).sum(1).mean()))
    return np.mean(scores), np.std(scores)


@pytest.mark.parametrize("number, splits", [(1000, 10), (1000, 1), (37, 37)])
def test_inception_score_is_numpys(number, splits):
    p = np.random.default_rng(0).dirichlet(np.full(10, 0.3), number)
    np.testing.assert_allclose(inception_score(p, splits), numpy_inception_score(p, splits), rtol=1e-5, atol=1e-12)


def test_inception_score_at_its_ends():
    """K classes, each sure and equally often: K. One answer for all: 1. Zeros are allowed."""
    assert inception_score(np.tile(np.eye(5), (20, 1)), 10)[0] == pytest.approx(5)
    assert inception_score(np.tile([[0.2, 0.8, 0.0]], (20, 1)), 2) == pytest.approx((1, 0))


# Neighbours


def numpy_prdc(real, fake, k):
    radius = lambda x: np.sort(cdist(x, x), axis=1)[:, k]
    r, f, between = radius(real), radius(fake), cdist(real, fake)
    return {
        "precision": (between < r[:, None]).any(0).mean(),
        "recall": (between < f).any(1).mean(),
        "density": (between < r[:, None]).sum(0).mean() / k,
        "coverage": (between < r[:, None]).any(1).mean(),
    }


@pytest.mark.parametrize("number, other, dimensions, k", [(400, 300, 16, 5), (50, 200, 2, 1), (301, 301, 64, 3)])
def test_prdc_is_numpys(number, other, dimensions, k, monkeypatch):
    monkeypatch.setattr("gan_zoo.metrics.neighbours.BLOCK", 5000)  # several blocks
    real, fake = features(number, dimensions, 0), features(other, dimensions, 0, scale=1.1, shift=0.05)[::-1]
    found = precision_recall_density_coverage(real, fake, k)
    for name, wanted in numpy_prdc(real.astype(np.float64), fake.astype(np.float64), k).items():
        assert found[name] == pytest.approx(wanted, abs=1e-5), name


def test_prdc_of_extremes():
    real = features(200, 8, 0)
    far = precision_recall_density_coverage(real, real + 1000)
    assert set(far.values()) == {0.0}
    same = precision_recall_density_coverage(real, real + 1e-6)
    assert same["precision"] == same["recall"] == same["coverage"] == 1
    one = precision_recall_density_coverage(real, np.repeat(real[:1], 200, axis=0) + 1e-4 * features(200, 8, 5))
    assert one["precision"] == 1 and one["coverage"] < 0.2 and one["recall"] < 0.05


# Parzen


def test_parzen_of_one_sample():
    x = features(1, 7, 0)
    assert parzen_log_likelihood(x, x, 0.3) == pytest.approx(-7 * np.log(0.3 * (2 * np.pi) ** 0.5))


def test_parzen_is_the_mean_of_gaussians():
    samples, test = features(30, 5, 0), features(20, 5, 1)
    densities = [scipy.stats.multivariate_normal(s, 0.25 * np.eye(5)).pdf(test) for s in samples]
    wanted = np.log(np.mean(densities, axis=0))
    np.testing.assert_allclose(log_likelihoods(samples, test, 0.5), wanted, rtol=1e-5)


def test_sigma_is_chosen_on_validation_data():
    """Samples and data of the same distribution, of deviation 0.3: neither the narrowest nor the widest window."""
    rng = np.random.default_rng(0)
    samples, validation = 0.3 * rng.normal(size=(2, 500, 2))
    sigmas = [0.001, 0.1, 10.0]
    assert choose_sigma(samples, validation, sigmas) == 0.1


# Path length


def test_path_length_of_a_linear_generator():
    """G(z) = A z and the squared distance: |A (z2 - z1)|^2 on the straight line, wherever it is taken."""
    rng = np.random.default_rng(0)
    first, second, matrix = rng.normal(size=(100, 6)), rng.normal(size=(100, 6)), rng.normal(size=(6, 4))
    distance = lambda a, b: ((a - b) ** 2).sum(axis=1)
    found = perceptual_path_length(lambda w: w @ matrix, distance, first, second, rng.uniform(size=100), "w", 1e-2)
    lengths = np.sort((((second - first) @ matrix) ** 2).sum(axis=1))
    low, high = np.percentile(lengths, 1, method="lower"), np.percentile(lengths, 99, method="higher")
    np.testing.assert_allclose(found, lengths[(lengths >= low) & (lengths <= high)].mean(), rtol=1e-3)


def test_interpolations():
    a, b = np.eye(3)[None, 0] * 2, np.eye(3)[None, 1] * 5
    half = np.array([[0.5]])
    np.testing.assert_allclose(slerp(a, b, half), 3.5 * np.array([[0.5**0.5, 0.5**0.5, 0]]), atol=1e-6)
    np.testing.assert_allclose(slerp(a, b, 0 * half), a, atol=1e-6)
    np.testing.assert_allclose(lerp(a, b, half), [[1, 2.5, 0]])


# Images


def test_psnr_by_hand():
    truth = np.full((2, 8, 8, 3), 100.0)
    images = truth + np.array([5.0, 10.0])[:, None, None, None]
    np.testing.assert_allclose(psnr(images, truth), 20 * np.log10(255 / np.array([5, 10])))
    assert psnr(truth, truth).tolist() == [MOST, MOST]
    edged = truth.copy()
    edged[:, 0] = 0
    assert (psnr(edged, truth, border=1) == MOST).all() and (psnr(edged, truth) < 60).all()
    np.testing.assert_allclose(psnr(images, truth, luma=True), 20 * np.log10(255 / (np.array([5, 10]) * 219 / 255)))


def test_luma_is_studio_range():
    colours = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0]])
    np.testing.assert_allclose(to_luma(colours)[:, 0], [16, 235, 81.481], atol=1e-9)


def test_ssim_is_wangs():
    """Whole windows of 11x11 with Gaussian weights of deviation 1.5, written out."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (1, 16, 14, 1)).astype(float)
    images = np.clip(truth + rng.normal(0, 20, truth.shape), 0, 255)
    window = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    window = np.outer(window, window) / window.sum() ** 2
    patches = lambda x: np.lib.stride_tricks.sliding_window_view(x[0, :, :, 0], (11, 11))
    mean = lambda x: (x * window).sum(axis=(2, 3))
    a, b = patches(images), patches(truth)
    ma, mb = mean(a), mean(b)
    va, vb, both = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    wanted = (2 * ma * mb + c1) * (2 * both + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    np.testing.assert_allclose(ssim(images, truth), [wanted.mean()], rtol=1e-6)
    assert ssim(truth, truth)[0] == 1


# Repeats


def test_repeated_share():
    real = features(500, 8, 0)
    assert repeated_share(real, features(500, 8, 0)[::-1]) < 0.05
    few = features(500, 8, 1)[np.random.default_rng(0).integers(0, 5, 500)]
    assert repeated_share(real, few) == 1
    half = np.concatenate([features(500, 8, 1)[:250], few[:250]])
    assert repeated_share(real, half) == pytest.approx(0.5, abs=0.02)


# Bad input

SCORES = {
    "frechet": frechet_distance,
    "kernel": lambda real, fake: kernel_distance(real, fake, 1, 10),
    "neighbours": precision_recall_density_coverage,
    "parzen": lambda real, fake: parzen_log_likelihood(fake, real, 0.1),
    "repeats": repeated_share,
}


@pytest.mark.parametrize("name", SCORES)
def test_bad_features_are_refused(name):
    score, good = SCORES[name], features(20, 4, 0)
    bad = good.copy()
    bad[3, 1] = np.nan
    with pytest.raises(UserError, match="not finite in 1 of 20 samples, first in sample 3"):
        score(good, bad)
    with pytest.raises(UserError, match="two extractors"):
        score(good, features(20, 5, 0))
    with pytest.raises(UserError, match="row for each sample"):
        score(good[0], good)
    with pytest.raises(UserError, match="0 samples"):
        score(good, good[:0])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: frechet_distance(x, x[:1]), "has 1 samples: this score needs at least 2"),
        (lambda x: kernel_distance(x, x), "has 20 samples: this score needs at least 1000"),
        (lambda x: kernel_distance(x, x, 0, 10), "there must be one subset"),
        (lambda x: precision_recall_density_coverage(x, x, 20), "needs at least 21"),
        (lambda x: precision_recall_density_coverage(x, x, 0), "at least 1"),
        (lambda x: inception_score(np.full((5, 3), 1 / 3), 10), "has 5 samples"),
        (lambda x: inception_score(x), "add up to 1"),
        (lambda x: parzen_log_likelihood(x, x, 0.0), "above 0"),
        (lambda x: psnr(np.zeros((1, 8, 8, 3)), np.zeros((1, 8, 9, 3))), "must both be"),
        (lambda x: psnr(np.zeros((1, 8, 8, 3)), np.zeros((1, 8, 8, 3)), border=4), "leaves nothing"),
        (lambda x: ssim(np.zeros((1, 8, 8, 3)), np.zeros((1, 8, 8, 3))), "window is 11x11"),
        (lambda x: perceptual_path_length(None, None, x, x, np.zeros(3)), "do not fit together"),
        (lambda x: perceptual_path_length(None, None, x, x, np.zeros(20), "v"), "space"),
    ],
)
def test_what_a_score_needs_is_told(call, message):
    with pytest.raises(UserError, match=message):
        call(features(20, 4, 0))


@pytest.mark.slow
def test_prdc_of_fifty_thousand_in_bounded_memory():
    """50,000 x 50,000 features of 64 dimensions in at most 4 GiB (and ten minutes on two cores)."""
    import resource
    import time

    real, fake = np.split(features(100_000, 64, 0), 2)
    began = time.perf_counter()
    found = precision_recall_density_coverage(real, fake)
    assert time.perf_counter() - began < 600
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 * 2**20
    # Of two sets from one distribution a ball stays empty with probability 2^-k (Naeem et al. 2020, section 4.3).
    assert found["coverage"] == pytest.approx(1 - 2**-5, abs=0.01)
    assert found["density"] == pytest.approx(1, abs=0.02)
