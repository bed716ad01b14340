"""Pure Flax modules, one file for each family: ``Generator`` and ``Discriminator``.

Fields without a default are given by the model (shape, classes, conditioning, spectral_norm); the others are
settings that a config may change as ``generator.NAME`` and ``discriminator.NAME``. ``check(shape)`` refuses an
image shape that the family cannot make, before anything is compiled.
"""
