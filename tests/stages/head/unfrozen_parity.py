"""Repeats besom's fits of a head with a part of EfficientNet-Lite0 in timm.

See fit_reference.py; timm's modules are the base. All weights are random ones.
Of so many, some have a gradient that is 0 but for rounding, which decides the
first steps of Adam and RMSprop: head_parity.py has these, with a small base.
"""

import sys

import timm
import torch

from fit_reference import BASE, BEST, TOLERANCE, TRAIN, gaps

SIZE = 64  # Of the images, pixels.
SIDE = SIZE // 32  # Of the maps that are trained on.
CASES = [
    {"unfreeze": "head"},
    {"unfreeze": "block7", "clip_norm": 0.5, "ema": 0.9, "weight_decay": 0.01},
    # A large rate would not converge, and what rounding does would grow.
    {"unfreeze": "block7", "batch_norm": "frozen", "freeze_epochs": 1,
     "base_learning_rate": 2e-3},
    {"unfreeze": "block7", "batch_norm": "batch", "ema": 0.9,
     "freeze_epochs": 1, "keep": BEST},
    {"unfreeze": "block7", "clip_norm": 0.5, "shards": 2, "mixup": 0.4,
     "schedule": "one_cycle", "dropout": 0.3},
]


class LastBlocks(torch.nn.Module):
    """Of a map to the left of `unfreeze`, the features."""

    def __init__(self, unfreeze, batch_norm):
        super().__init__()
        model = timm.create_model("tf_efficientnet_lite0")
        self.moves = batch_norm == "batch"
        self.channels = 320 if unfreeze == "head" else 192
        self.blocks = torch.nn.ModuleDict(
            {"6": model.blocks[6]} if unfreeze == "block7" else {})
        self.conv_head, self.bn2 = model.conv_head, model.bn2

    def train(self, mode=True):
        return super().train(mode and self.moves)

    def forward(self, values):
        values = values.reshape(-1, self.channels, SIDE, SIDE)
        for block in self.blocks.values():
            values = block(values)
        return self.bn2(self.conv_head(values)).mean((2, 3))


def main():
    BASE.update(backbone="efficientnet_lite0", size=SIZE, images=40)
    TRAIN.update(optimizer="sgd", learning_rate=0.01, base_learning_rate=0.02,
                 epochs=4, batch_norm="affine")
    worst = max(gap for _, _, gap in gaps(
        sys.argv[1], CASES, lambda config, train: LastBlocks(
            config["unfreeze"], train["batch_norm"])))
    if not worst < TOLERANCE:
        sys.exit(f"a difference is above {TOLERANCE}")


main()
