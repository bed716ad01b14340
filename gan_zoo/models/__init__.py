"""The members of the zoo, one file each: a frozen dataclass ``Model`` whose fields are its hyperparameters.

A model's fields are config fields of the same name. ``Model.modules(config)`` names the Flax modules whose
settings a config may change, and ``Model(...).phases(spec)`` builds what is played on a data set.
"""
