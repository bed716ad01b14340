"""pairs:PATH: images of two halves side by side, as pix2pix's sets have them: input on the left, image on the right.

pairs:b2a:PATH is the other way round. Subfolders train and test (or val) are the splits; without them a tenth of the
files is held out.
"""

from typing import Any

from PIL import Image

from gan_zoo.data import Source, Spec, images
from gan_zoo.data.image_folder import listed, open_image, shape_of
from gan_zoo.errors import UserError

ARGUMENT = "[b2a:]PATH"


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    path, _ = _parse(argument)
    shape = image_shape or shape_of(_halves(listed(path)["train"][0][0])[0])
    return Spec(f"pairs:{argument}", shape, 0, shape)


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    (path, back), found = _parse(argument), spec(argument, image_shape, classes)
    files = listed(path)[split]

    def read(index: int) -> dict[str, Any]:
        left, right = _halves(files[index][0])
        if not image_shape and shape_of(left) != found.shape:
            raise UserError(
                f"{files[index][0]} holds images of {shape_of(left)}, but the first ones are {found.shape}: "
                "set config.image_shape to (height, width, channels)"
            )
        left, right = images.fit(left, found.shape), images.fit(right, found.shape)
        return {"image": left, "input": right} if back else {"image": right, "input": left}

    return images.from_reader(found, split, len(files), read)


def _parse(argument: str) -> tuple[str, bool]:
    """The folder, and whether the input is the right half."""
    back = argument.startswith("b2a:")
    return argument.removeprefix("b2a:"), back


def _halves(path) -> tuple[Image.Image, Image.Image]:
    both = open_image(path)
    if both.width % 2:
        raise UserError(f"{path} is {both.width} pixels wide: a pair is two images of one size, side by side")
    middle = both.width // 2
    return both.crop((0, 0, middle, both.height)), both.crop((middle, 0, both.width, both.height))
