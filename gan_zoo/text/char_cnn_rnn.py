"""The character CNN-RNN of Reed et al. (2016, "Learning deep representations of fine-grained visual descriptions").

Three convolutions over the characters, each with a pool, then a recurrent layer whose states are averaged.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gan_zoo.errors import UserError

# The authors' 70 characters; capitals are read as small ones, all others are left out.
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789-,;.!?:'\"/\\|_@#$%^&*~`+-=<>()[]{} "
# "-" stands in it twice; its first place is the one that is used.
PLACES = {character: place + 1 for place, character in reversed(list(enumerate(ALPHABET)))}


def characters(texts: Sequence[str], length: int) -> np.ndarray:
    """Each text's characters as their places in the alphabet, counted from 1 and 0 behind its end: int32 [N, length].

    Raises:
        UserError: a text of none of these characters.
    """
    found = np.zeros((len(texts), length), np.int32)
    for row, text in enumerate(texts):
        places = [PLACES[character] for character in text.lower() if character in PLACES]
        if not any(place != PLACES[" "] for place in places):
            raise UserError(
                f"the text {str(text)!r} has no character that can be read: they are {ALPHABET.strip()} (captions in "
                "other scripts: captioned:PACKAGE.FUNCTION:DATA, with an encoder that reads them)"
            )
        found[row, : len(places)] = places[:length]
    return found


class CharCNNRNN(nn.Module):
    """characters int [B, length] -> embedding [B, features]; the paper's sizes."""

    features: int = 1024
    widths: tuple[int, int, int] = (384, 512, 512)
    length: int = 201
    pool: int = 3

    @staticmethod
    def unread(text: str) -> str:
        """The characters of a text that are left out, each once."""
        return "".join(dict.fromkeys(character for character in text.lower() if character not in PLACES))

    @nn.compact
    def __call__(self, characters: jax.Array, *, train: bool) -> jax.Array:
        x = jax.nn.one_hot(characters - 1, len(ALPHABET))  # 0, behind the end, becomes zeros
        for width, (window, stride) in zip(self.widths, [(self.pool, self.pool)] * 2 + [(3, 2)], strict=True):
            x = nn.relu(nn.Conv(width, (4,), padding="VALID")(x))
            x = nn.max_pool(x, (window,), (stride,))
        step, again = nn.Dense(self.widths[-1]), nn.Dense(self.widths[-1], use_bias=False)
        state, states = jnp.zeros((len(x), self.widths[-1]), x.dtype), []
        for place in range(x.shape[1]):
            state = nn.relu(step(x[:, place]) + again(state))
            states.append(state)
        return nn.Dense(self.features)(jnp.stack(states).mean(axis=0))
