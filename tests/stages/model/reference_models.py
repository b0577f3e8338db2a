"""torchvision's and timm's models that the backbones follow."""

import math
import zlib

import timm
import torch
import torchvision
from torchvision.ops import StochasticDepth

# Where a block ends with the output of features[index].
FEATURES = {
    "mobilenet_v2": {"stem": 0, "block1": 1, "block2": 3, "block3": 6,
                     "block4": 10, "block5": 13, "block6": 16, "block7": 17,
                     "head": 18},
    "mobilenet_v3_large": {"stem": 0, "block1": 1, "block2": 3, "block3": 6,
                           "block4": 10, "block5": 12, "block6": 15,
                           "head": 16},
    "efficientnet_b0": {"stem": 0, **{f"block{i}": i for i in range(1, 8)},
                        "head": 8},
    "convnext_tiny": {"stem": 0, "block1": 1, "block2": 3, "block3": 5,
                      "block4": 7},
}
CLASSIFIERS = ("classifier.", "fc.", "heads.")


def create(name):
    if name.startswith("efficientnet_lite"):
        return timm.create_model("tf_" + name)
    model = torchvision.models.get_model(name)
    for module in model.modules():
        if isinstance(module, StochasticDepth):
            module.p = 0.0
    return model


def training_input(name):
    """Size, mean and deviation that the published weights want."""
    if name.startswith("efficientnet_lite"):
        config = timm.create_model("tf_" + name).default_cfg
        return config["input_size"][1], config["mean"], config["std"]
    weights = torchvision.models.get_model_weights(name).IMAGENET1K_V1
    transforms = weights.transforms()
    return transforms.crop_size[0], transforms.mean, transforms.std


def base_parameters(name, model):
    """The tensors of the state dict without the classifier."""
    # torchvision counts ConvNeXt's last norm to the classifier.
    norm = ("classifier.0.",) if name == "convnext_tiny" else ()
    return {key: tensor for key, tensor in model.state_dict().items()
            if (key.startswith(norm) or not key.startswith(CLASSIFIERS))
            and not key.endswith("num_batches_tracked")}


def patches(tokens):
    """(N, 1 + side * side, C) without the class token, as (N, C, side, side)."""
    side = math.isqrt(tokens.shape[1] - 1)
    return tokens[:, 1:].transpose(1, 2).unflatten(2, (side, side))


def block_outputs(name, model):
    """[(block, module, function of its output that is the block's map)]"""
    same = torch.clone
    if name.startswith("vgg"):
        pools = [module for module in model.features
                 if isinstance(module, torch.nn.MaxPool2d)]
        return [(f"block{i}", pool, same) for i, pool in enumerate(pools, 1)]
    if name.startswith("resnet"):
        return [("stem", model.maxpool, same)] + [
            (f"layer{i}", getattr(model, f"layer{i}"), same)
            for i in range(1, 5)]
    if name.startswith("efficientnet_lite"):
        return [("stem", model.bn1, same)] + [
            (f"block{i}", block, same)
            for i, block in enumerate(model.blocks, 1)
        ] + [("head", model.bn2, same)]
    if name.startswith("densenet"):
        features = model.features
        return [("stem", features.pool0, same)] + [
            (f"denseblock{i}", getattr(features, f"transition{i}"), same)
            for i in range(1, 4)] + [("denseblock4", features.norm5,
                                      torch.relu)]
    if name.startswith("vit"):
        encoder = model.encoder
        return [("stem", encoder.dropout, patches)] + [
            (f"block{i}", block, patches)
            for i, block in enumerate(encoder.layers, 1)] + [
            ("head", encoder.ln, lambda tokens: tokens[:, 0, :, None, None])]
    blocks = [(block, model.features[index], same)
              for block, index in FEATURES[name].items()]
    if name == "convnext_tiny":
        blocks.append(("head", model.classifier[0], same))
    return blocks


def block_maps(name, model, images):
    """The map of each block for images (N, 3, H, W)."""
    maps, hooks = {}, []

    def record(block, view):
        def hook(module, inputs, output):
            maps[block] = view(output)
        return hook

    for block, module, view in block_outputs(name, model):
        hooks.append(module.register_forward_hook(record(block, view)))
    model(images)
    for hook in hooks:
        hook.remove()
    return maps


def randomise(name, model, size):
    """Draws all weights, so that every layer does something and no signal
    dies; batch norms get the statistics of a batch, somewhat off."""
    draw = torch.Generator().manual_seed(zlib.crc32(name.encode()))

    def uniform(like, low, high):
        return torch.empty_like(like).uniform_(low, high, generator=draw)

    def normal(like, deviation):
        return torch.empty_like(like).normal_(0, deviation, generator=draw)

    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if key.endswith(("class_token", "pos_embedding")):
                parameter.copy_(normal(parameter, 0.5))
            elif parameter.ndim in (2, 4):
                parameter.copy_(normal(
                    parameter, math.sqrt(2 / parameter[0].numel())))
            elif key.endswith("bias"):
                parameter.copy_(uniform(parameter, 0, 1))
            else:
                parameter.copy_(uniform(parameter, 0.5, 1.5))
        norms = [module for module in model.modules()
                 if isinstance(module, torch.nn.BatchNorm2d)]
        if not norms:
            return
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.momentum = 1.0
        model.train()(torch.randn(4, 3, size, size, generator=draw))
        model.eval()
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
            norm.running_mean += normal(norm.running_mean, 0.1)
            norm.running_var *= uniform(norm.running_var, 0.7, 1.4)
