"""What the PyTorch definitions of the pretrained networks give for weights made from a seed.

python tests/goldens/pretrained.py writes pretrained.json; it needs torch, torchvision and efficientnet_lite_pytorch.
The tests need neither.
"""

import json
import zlib
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_suffix(".json")
SIDES = {"inception": 41, "torchvision": 41, "vgg16": 224, "vgg19": 224, "efficientnet": 224}


def tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Weights by their name in PyTorch's state dict: random, the same on both sides, keeping signals at their size."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("running_var"):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    values = rng.standard_normal(shape, np.float32)
    if len(shape) == 1:
        return 0.1 * values + (1 if name.endswith("weight") else 0)
    return values * np.float32((2 / np.prod(shape[1:])) ** 0.5)


def images(side: int) -> np.ndarray:
    """Two images uint8 [2, side, side - 4, 3]; square where the network needs it."""
    return np.random.default_rng(side).integers(0, 256, (2, side, side if side == 224 else side - 4, 3), np.uint8)


def figures(features: np.ndarray, logits: np.ndarray) -> dict[str, list[float]]:
    """A few numbers that tell two outputs apart."""
    tell = lambda x: [*x[:, :6].ravel().tolist(), float(x.mean()), float(x.std())]
    return {"features": tell(features), "logits": tell(logits)}


def main() -> None:
    import torch
    import torch.nn.functional as F
    import torchvision
    from efficientnet_lite_pytorch import EfficientNet

    def filled(network):
        state = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
        state = {k: torch.from_numpy(tensor(k, tuple(v.shape))) for k, v in state.items()}
        network.load_state_dict(state, strict=False)
        return network.eval()

    def pixels(side):
        return torch.from_numpy(images(side).transpose(0, 3, 1, 2).copy()).float()

    average = F.avg_pool2d
    own_pixels = lambda x, **window: average(x, **window, count_include_pad=False)
    maximum = lambda x, **window: F.max_pool2d(x, **window)

    def inception(fid):
        network = torchvision.models.inception_v3(
            weights=None, num_classes=1008 if fid else 1000, transform_input=False, init_weights=False
        )
        network = filled(network)
        last = type(network.Mixed_7c).forward
        if fid:  # pytorch-fid: averages over the pixels that are there; a maximum in the last block

            def forward(x):
                F.avg_pool2d = maximum
                result = last(network.Mixed_7c, x)
                F.avg_pool2d = own_pixels
                return result

            network.Mixed_7c.forward = forward
            F.avg_pool2d = own_pixels
        kept = []
        network.fc.register_forward_hook(lambda module, inputs, output: kept.append(inputs[0]))
        x = F.interpolate(pixels(SIDES["inception"]) / 255, (299, 299), mode="bilinear", align_corners=False)
        logits = network(2 * x - 1)
        F.avg_pool2d = average
        return kept[0], logits - network.fc.bias if fid else logits

    def vgg(build):
        network, kept = filled(build(weights=None)), []
        network.classifier[5].register_forward_hook(lambda module, inputs, output: kept.append(inputs[0]))
        logits = network(pixels(224) / 127.5 - 1)
        return kept[0], logits

    def efficientnet():
        network, kept = filled(EfficientNet.from_name("efficientnet-lite0")), []
        network._fc.register_forward_hook(lambda module, inputs, output: kept.append(inputs[0]))
        logits = network((pixels(224) - 127) / 128)
        return kept[0], logits

    with torch.no_grad():
        found = {
            "inception": inception(True),
            "torchvision": inception(False),
            "vgg16": vgg(torchvision.models.vgg16),
            "vgg19": vgg(torchvision.models.vgg19),
            "efficientnet": efficientnet(),
        }
    found = {name: figures(*(x.numpy().astype(np.float64) for x in pair)) for name, pair in found.items()}
    FILE.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
