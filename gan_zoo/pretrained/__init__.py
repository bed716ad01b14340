"""Networks that others trained on natural images, and the weights that they are filled with."""
