"""The members of the zoo, one file each: a frozen dataclass ``Model`` whose fields are its hyperparameters.

A model's fields are config fields of the same name, and ``Model(...).phases(spec)`` builds what is played on a data
set. The Flax modules whose settings a config may change, in dicts named "generator" and "discriminator", are those of
the file architectures/ARCHITECTURE.py, or what ``Model.modules(config)`` says.
"""
