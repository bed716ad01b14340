"""StackGAN's texts: what they draw, from where they come, and how images are scored against them."""

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from stackgan_runs import KEY, OVERRIDES, both_phases, first_run
from tools import shrunk

from gan_zoo import captions, data, evaluate, figures
from gan_zoo import config as configs
from gan_zoo.__main__ import main
from gan_zoo.checkpoint import Checkpoints
from gan_zoo.data import captioned
from gan_zoo.errors import UserError
from gan_zoo.metrics.extractors import Extractor
from gan_zoo.step import new_state
from gan_zoo.trained import Trained, load


def test_text_chooses_what_is_drawn():
    learned = first_run()
    one, same, other = (learned.sample(0, 3, text=text) for text in ("aaa", "aaa", "uuuuuuuuuu"))
    np.testing.assert_array_equal(one, same)
    assert one.shape == (3, 16, 16, 1) and np.abs(one - other).max() > 1e-6
    labels = np.arange(20, dtype=np.int32) % 7
    made = learned.generate(20, labels)  # captions of training images with these labels: digits' are their names
    np.testing.assert_array_equal(made["label"], labels)
    given = learned.batch(np.arange(20), labels)["text"][:, 0]
    assert all((given[i] == given[i + 7]).all() for i in range(13))
    shown = learned.shown("sample", 2, 3)
    assert len(shown["text"]) == 6 and (shown["text"][0] == shown["text"][2]).all()


def test_a_text_is_drawn_where_the_set_is_not(tmp_path, monkeypatch):
    """A run that was taken elsewhere: its checkpoint and a text are enough."""
    config, spec, played, first, _ = both_phases()
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    noted = {"config": configs.to_json(config), "spec": asdict(spec), "text": captioned.weights(config.dataset)}
    checkpoints.save(2, first, {**noted, "played": [["stage1", 2]]}, None)
    checkpoints.wait()
    checkpoints.close()
    (tmp_path / "config.json").write_text(json.dumps(noted["config"]))
    wanted = Trained(config, spec, played[0].game, first, 2).sample(0, 3, text="aaa")
    for name in ("spec", "load"):
        monkeypatch.setattr(f"gan_zoo.data.{name}", pytest.fail)
    assert main(["sample", f"--workdir={tmp_path}", "--text=aaa", "--num=3", f"--output={tmp_path}/aaa.png"]) == 0
    with Image.open(tmp_path / "aaa.png") as image:
        drawn = np.asarray(image.convert("L"))
    np.testing.assert_allclose(load(tmp_path).sample(0, 3, text="aaa"), wanted, atol=1e-6)
    np.testing.assert_array_equal(drawn, figures.grid(wanted[None])[..., 0])


def test_a_class_of_held_out_images_alone_has_no_caption(monkeypatch):
    learned = first_run()
    source = learned.train
    kept = np.flatnonzero(source.arrays["label"] != 3)
    arrays = {name: x[kept] for name, x in source.arrays.items()}
    monkeypatch.setattr(Trained, "train", replace(source, arrays=arrays))
    assert learned.sample(0, 2, label=4).shape == (2, 16, 16, 1)
    with pytest.raises(UserError, match="label 3: no training image has it"):
        learned.sample(0, 2, label=3)


def test_a_text_is_for_models_that_read_it():
    """Those that do not would draw whatever they draw."""
    config, _ = shrunk("configs/dcgan.py:digits", *OVERRIDES)
    spec, (phase,) = configs.build(config)
    state = new_state(phase.game, KEY, data.example(spec, 8))
    with pytest.raises(UserError, match="dcgan reads no captions|gan reads no captions"):
        Trained(config, spec, phase.game, state, 0).sample(0, 3, text="aaa")


def test_latents_are_drawn_with_captions(monkeypatch):
    """Beside the same noise, other labels' captions make other images."""
    learned = first_run()
    latents = learned.latents(4)
    ones, threes = (learned.draw(latents, np.full(4, label, np.int32)) for label in (1, 3))
    assert np.abs(ones - threes).max() > 1e-6
    np.testing.assert_array_equal(learned.draw(latents), learned.draw(latents, np.zeros(4, np.int32)))
    with pytest.raises(UserError, match="a text or a label"):
        learned.sample(0, 1, label=3, text="three")
    assert len(learned.sample(0, 1, label=3)) == 1
    # As of a set that is read when it is needed.
    monkeypatch.setattr(Trained, "train", replace(learned.train, arrays=None))
    with pytest.raises(UserError, match="give a text"):
        learned.sample(0, 1, label=3)


def test_captions_that_no_judge_can_read_are_told(monkeypatch, caplog):
    learned = first_run()
    source = replace(learned.test, captions=lambda: [("日本",)] * learned.test.size)
    monkeypatch.setattr(Trained, "test", source)
    monkeypatch.setattr(Trained, "train", source)
    assert captions._judges(learned) == []
    assert "no text_retrieval" in caplog.text and "'日本' has no character" in caplog.text
    scores = captions.caption_scores(learned, SimpleNamespace(extractor=None), 40, np.zeros(40, np.int32), {})
    assert set(scores) == {"sharpness", "sharpness_of_truth"}


def test_both_stages_are_scored_on_the_same_texts(monkeypatch):
    config, spec, played, first, second = both_phases()
    learned = Trained(config, spec, played[1].game, second, 2)
    asked = {}

    def images(own, num, labels, seed=0, view="sample", given=None):
        if given is None:  # those that distances are of
            asked[view] = own.batch(np.arange(num), labels)["text"]
        yield {"image": np.zeros((num, *spec.shape), np.float32)}

    embedding = SimpleNamespace(
        texts=lambda texts: np.ones((len(texts), 3)),
        images=lambda images: np.ones((len(images), 3)),
        protocol={"text_encoder": "none", "text_weights": "none"},
    )
    looker = Extractor(lambda variables, x: (x.reshape(len(x), -1), None), {}, {"extractor": "pixels"})
    monkeypatch.setattr(Trained, "chunks", images)
    monkeypatch.setattr(captions, "joint_embedding", lambda *_: embedding)
    monkeypatch.setattr(evaluate.Judge, "extractor", looker)
    monkeypatch.setattr(evaluate, "_label_scores", lambda *_: {})
    with pytest.raises(UserError, match="no styles"):
        evaluate.evaluate(learned, samples=40, metrics=("path_length",))
    scores = evaluate.evaluate(learned, samples=40, metrics=("fid",))["scores"]
    assert len(np.unique(asked["sample"], axis=0)) > 5
    np.testing.assert_array_equal(asked["sample"], asked["stage1"])
    assert scores["fid_stage1"]["labels"] == scores["fid"]["labels"] == "as in the training split"
    assert scores["fid_stage1"]["value"] == pytest.approx(scores["fid"]["value"])  # of the same black images
    assert scores["text_retrieval_other"]["value"] == scores["text_retrieval"]["value"]  # of the same embedding here
    found, real = scores["text_retrieval"], scores["text_retrieval_real"]
    assert found["fake_samples"] == 4 * real["real_samples"] == 40 and "averaged" in found and "labels" not in found
    assert not {"fake_samples", "averaged", "labels"} & set(real)


@pytest.mark.parametrize(("new", "left"), [(12, 12), (9, 30)])
def test_captions_that_training_images_have_are_left_out(new, left):
    """Where ten others are there: of the names of labels, which all images have, none is."""
    firsts = [f"new {i}" if i < new else "old" for i in range(30)]
    source = lambda split, texts: SimpleNamespace(split=split, captions=lambda: [(text, "more") for text in texts])
    run = SimpleNamespace(
        train=source("train", ["old", "older"]), test=source("test", firsts), spec=SimpleNamespace(name="set")
    )
    chosen, words = captions._unseen(run, 100)
    assert len(chosen) == left and ("no training image" in words) == (new == 12)
    assert len(captions._unseen(run, 11)[0]) == 11
