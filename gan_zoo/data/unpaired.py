"""unpaired:PATH_A,PATH_B: two folders of images; A's become inputs, B's images, each drawn in an order of its own.

unpaired:PATH is CycleGAN's layout: a folder with trainA, trainB, testA and testB. With two folders, a tenth of each is
held out unless it has the subfolders train and test.
"""

from dataclasses import replace
from pathlib import Path

from gan_zoo.data import Source, Spec
from gan_zoo.data.image_folder import every_of, listed, open_image, reader, shape_of
from gan_zoo.errors import UserError

ARGUMENT = "PATH_A,PATH_B"
Files = dict[str, list[tuple[Path, str]]]


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    if image_shape:
        return Spec(f"unpaired:{argument}", image_shape, 0, image_shape)
    inputs, images = (shape_of(open_image(files["train"][0][0])) for files in _domains(argument))
    return Spec(f"unpaired:{argument}", images, 0, inputs)


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    found = spec(argument, image_shape, classes)
    inputs, images = (files[split] for files in _domains(argument))
    first = reader(replace(found, shape=found.input_shape, input_shape=()), split, inputs, (), bool(image_shape))
    return replace(
        reader(replace(found, input_shape=()), split, images, (), bool(image_shape)), spec=found, inputs=first
    )


def _domains(argument: str) -> tuple[Files, Files]:
    """The files of A and of B, by split."""
    first, comma, second = argument.partition(",")
    if comma:
        return listed(first), listed(second)
    root = Path(argument).expanduser()
    if not (root / "trainA").is_dir():
        raise UserError(f"{root} has no folders trainA, trainB, testA, testB: write unpaired:PATH_A,PATH_B")
    return tuple({split: every_of(root / f"{split}{domain}") for split in ("train", "test")} for domain in "AB")
