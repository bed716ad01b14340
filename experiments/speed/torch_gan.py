"""The zoo's noise-to-image games in plain eager PyTorch, written as the authors' reference scripts are."""

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


def flat(x: torch.Tensor) -> torch.Tensor:
    """[B, ...] -> [B, N]."""
    return x.flatten(1)


def with_label(x: torch.Tensor, maps: torch.Tensor | None) -> torch.Tensor:
    """x [B, C, ...] with the one-hot label [B, K] appended at each position."""
    if maps is None:
        return x
    maps = maps.reshape(*maps.shape, *(1,) * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])
    return torch.cat([x, maps], dim=1)


class MLPGenerator(nn.Module):
    """z [B, Z] -> [B, C, H, W]."""

    def __init__(self, noise: int, shape: tuple[int, ...], hidden: tuple[int, ...]):
        super().__init__()
        sizes, self.shape = [noise, *hidden], (shape[2], *shape[:2])
        layers = []
        for i, o in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Linear(i, o), nn.BatchNorm1d(o), nn.ReLU()]
        self.net = nn.Sequential(*layers, nn.Linear(sizes[-1], math.prod(shape)), nn.Tanh())

    def forward(self, z, maps=None):
        return self.net(z).reshape(-1, *self.shape)


class MLPDiscriminator(nn.Module):
    """[B, C, H, W] -> logits [B]."""

    def __init__(self, shape: tuple[int, ...], hidden: tuple[int, ...], dropout: float):
        super().__init__()
        sizes = [math.prod(shape), *hidden]
        layers = []
        for i, o in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Linear(i, o), nn.LeakyReLU(0.2), nn.Dropout(dropout)]
        self.net = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))

    def forward(self, x, maps=None):
        return self.net(flat(x))[:, 0]


class DCGANGenerator(nn.Module):
    """z [B, Z] -> [B, C, H, W]; ``stages`` transposed convolutions, the label at each layer."""

    def __init__(self, noise: int, shape: tuple[int, ...], width: int, stages: int, classes: int):
        super().__init__()
        self.base = (width << (stages - 1), shape[0] >> stages, shape[1] >> stages)
        self.dense = nn.Linear(noise + classes, math.prod(self.base), bias=False)
        widths = [width << i for i in reversed(range(stages))]
        self.norms = nn.ModuleList([nn.BatchNorm2d(w) for w in widths])
        outputs = [*widths[1:], shape[2]]
        self.convs = nn.ModuleList(
            [nn.ConvTranspose2d(i + classes, o, 4, 2, 1, bias=False) for i, o in zip(widths, outputs, strict=True)]
        )

    def forward(self, z, maps=None):
        x = self.dense(with_label(z, maps)).reshape(-1, *self.base)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = conv(with_label(F.relu(norm(x)), maps))
        return torch.tanh(x)


class DCGANDiscriminator(nn.Module):
    """[B, C, H, W] -> logits [B]."""

    def __init__(self, shape: tuple[int, ...], width: int, stages: int, classes: int):
        super().__init__()
        widths = [width << i for i in range(stages)]
        inputs = [shape[2], *widths[:-1]]
        self.convs = nn.ModuleList(
            [nn.Conv2d(i + classes, o, 4, 2, 1, bias=False) for i, o in zip(inputs, widths, strict=True)]
        )
        self.norms = nn.ModuleList([nn.BatchNorm2d(w) for w in widths[1:]])
        pixels = (shape[0] >> stages) * (shape[1] >> stages)
        self.head = nn.Linear((widths[-1] + classes) * pixels, 1, bias=False)

    def forward(self, x, maps=None):
        for stage, conv in enumerate(self.convs):
            x = conv(with_label(x, maps))
            x = F.leaky_relu(self.norms[stage - 1](x) if stage else x, 0.2)
        return self.head(flat(with_label(x, maps)))[:, 0]


class ResidualUp(nn.Module):
    """Doubles the image."""

    def __init__(self, width: int):
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(width)])
        self.convs = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1) for _ in range(2)])
        self.shortcut = nn.Conv2d(width, width, 1)

    def forward(self, x):
        y = self.convs[0](F.interpolate(F.relu(self.norms[0](x)), scale_factor=2))
        y = self.convs[1](F.relu(self.norms[1](y)))
        return y + self.shortcut(F.interpolate(x, scale_factor=2))


class ResidualDown(nn.Module):
    """Halves the image, or keeps its size; the first block sees the image itself."""

    def __init__(self, inputs: int, width: int, down: bool, first: bool = False):
        super().__init__()
        self.first, self.down = first, down
        self.convs = nn.ModuleList([nn.Conv2d(inputs, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)])
        self.shortcut = nn.Conv2d(inputs, width, 1) if down else nn.Identity()

    def forward(self, x):
        y = self.convs[1](F.relu(self.convs[0](x if self.first else F.relu(x))))
        if not self.down:
            return y + x
        shortcut = self.shortcut(F.avg_pool2d(x, 2)) if self.first else F.avg_pool2d(self.shortcut(x), 2)
        return F.avg_pool2d(y, 2) + shortcut


class ResNetGenerator(nn.Module):
    """z [B, Z] -> [B, C, H, W]."""

    def __init__(self, noise: int, shape: tuple[int, ...], width: int, stages: int):
        super().__init__()
        self.base = (width, shape[0] >> stages, shape[1] >> stages)
        self.dense = nn.Linear(noise, math.prod(self.base))
        self.blocks = nn.Sequential(*[ResidualUp(width) for _ in range(stages)])
        self.out = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, shape[2], 3, padding=1), nn.Tanh())

    def forward(self, z, maps=None):
        return self.out(self.blocks(self.dense(z).reshape(-1, *self.base)))


class ResNetDiscriminator(nn.Module):
    """[B, C, H, W] -> logits [B]."""

    def __init__(self, shape: tuple[int, ...], width: int, downs: int):
        super().__init__()
        blocks = [ResidualDown(shape[2], width, True, first=True)]
        blocks += [ResidualDown(width, width, down) for down in [True] * downs + [False] * 2]
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(width, 1)

    def forward(self, x, maps=None):
        return self.head(F.relu(self.blocks(x)).mean(dim=(2, 3)))[:, 0]


def networks(config: Any, shape: tuple[int, ...], stages: int, downs: int, classes: int) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator of a config of the zoo."""
    g, d, noise = config.generator, config.discriminator, config.noise_size
    if config.architecture == "mlp":
        return MLPGenerator(noise, shape, g.hidden), MLPDiscriminator(shape, d.hidden, d.dropout_hidden)
    if config.architecture == "dcgan":
        generator = DCGANGenerator(noise, shape, g.width, stages, classes)
        return generator, DCGANDiscriminator(shape, d.width, stages, classes)
    return ResNetGenerator(noise, shape, g.width, stages), ResNetDiscriminator(shape, d.width, downs)


def gradient_penalty(critic: nn.Module, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """WGAN-GP, algorithm 1."""
    alpha = torch.rand(len(real), 1, 1, 1)
    between = (alpha * real + (1 - alpha) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((flat(gradient).norm(dim=1) - 1) ** 2).mean()


class Game:
    """One round: the discriminator's turns, then the generator's, each with noise of its own (Algorithm 1)."""

    def __init__(self, config: Any, images: torch.Tensor, labels: torch.Tensor | None, nets: tuple, form: Any):
        self.config, self.images, self.labels, self.format = config, images, labels, form
        self.generator, self.discriminator = (net.to(memory_format=self.format) for net in nets)
        self.optimizers = [
            torch.optim.Adam(net.parameters(), settings.learning_rate, (settings.b1, settings.b2))
            for net, settings in zip(
                (self.generator, self.discriminator),
                (config.generator_optimizer, config.discriminator_optimizer),
                strict=True,
            )
        ]
        self.order, self.place = torch.randperm(len(images)), 0

    def minibatch(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Images [B, C, H, W] in [-1, 1] and one-hot labels [B, K]."""
        size = self.config.batch_size
        if self.place + size > len(self.order):
            self.order, self.place = torch.randperm(len(self.images)), 0
        here = self.order[self.place : self.place + size]
        self.place += size
        real = (self.images[here].float() / 127.5 - 1).contiguous(memory_format=self.format)
        return real, None if self.labels is None else self.labels[here]

    def noise(self) -> torch.Tensor:
        return torch.randn(self.config.batch_size, self.config.noise_size)

    def round(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(discriminator's loss, generator's loss)."""
        generator, critic = self.generator, self.discriminator
        wasserstein = self.config.loss == "wasserstein"
        for _ in range(self.config.discriminator_turns):
            real, maps = self.minibatch()
            with torch.no_grad():
                fake = generator(self.noise(), maps)
            on_real, on_fake = critic(real, maps), critic(fake, maps)
            if wasserstein:
                loss = on_fake.mean() - on_real.mean()
                loss = loss + self.config.penalty_weight * gradient_penalty(critic, real, fake)
            else:
                loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
            self.optimizers[1].zero_grad()
            loss.backward()
            self.optimizers[1].step()
        critic.requires_grad_(False)
        on_fake = critic(generator(self.noise(), maps), maps)
        own = -on_fake.mean() if wasserstein else F.softplus(-on_fake).mean()
        self.optimizers[0].zero_grad()
        own.backward()
        self.optimizers[0].step()
        critic.requires_grad_(True)
        return loss.detach(), own.detach()
