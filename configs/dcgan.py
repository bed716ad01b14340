"""DCGAN (Radford, Metz and Chintala 2015): convolutions, BatchNorm and Adam.
"""
from gan_zoo.config import settings

SETTINGS={"digits": dict(dataset="digits", conditioning="concatenation", rounds=2000, batch_size=64, generator=dict(width=64), discriminator=dict(width=64))}
def get_config(data="digits"):
    return settings("dcgan", SETTINGS, data)
