"""Repeats besom's fits of a head in PyTorch, see fit_reference.py.

The distribution of the shares of mixing is compared with scipy's.
"""

import sys

import scipy.stats

from fit_reference import BASE, BEST, TOLERANCE, TRAIN, Scaling, dump_of, gaps

WEIGHTS = {"0": 0.4, "2": 2.5}
CASES = [
    {},
    {"batch_size": 32, "hidden": [64], "dropout": 0.5},
    {"hidden": []},
    {"hidden": [33, 17], "dropout": 0.3},
    {"class_weights": WEIGHTS},
    {"class_weights": "balanced", "classes": 5},
    {"balance": "undersample"},
    {"balance": "oversample", "class_weights": "balanced"},
    {"label_smoothing": 0.1},
    {"class_weights": WEIGHTS, "label_smoothing": 0.2, "weight_decay": 0.01,
     "dropout": 0.5},
    {"weight_decay": 0.1},
    {"optimizer": "adamw", "weight_decay": 0.1},
    {"optimizer": "sgd", "learning_rate": 0.01, "weight_decay": 0.01},
    {"optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.0},
    {"optimizer": "rmsprop"},
    {"optimizer": "rmsprop", "weight_decay": 0.05, "hidden": [33, 17]},
    {"inputs": 1280, "hidden": [64], "batch_size": 16, "images": 200,
     "data": 4},
    {"head_init": "glorot", "batch_size": 1},
    {"batch_size": 7, "classes": 18},
    # Shards.
    {"batch_size": 7, "shards": 2},
    {"batch_size": 2, "shards": 3, "hidden": [33, 17]},
    {"batch_size": 9, "shards": 4, "hidden": [33, 17], "dropout": 0.3,
     "class_weights": WEIGHTS, "label_smoothing": 0.2, "optimizer": "adamw",
     "weight_decay": 0.1},
    {"inputs": 1280, "hidden": [300], "batch_size": 16, "shards": 2,
     "epochs": 5, "optimizer": "sgd"},
    # Schedules.
    {"schedule": "step", "epochs": 25},
    {"schedule": {"type": "step", "step_size": 2, "gamma": 0.3},
     "optimizer": "adamw", "weight_decay": 0.1},
    {"schedule": "cosine"},
    {"schedule": {"type": "cosine", "t_max": 3, "eta_min": 2e-4},
     "optimizer": "sgd"},
    {"schedule": "one_cycle", "optimizer": "sgd", "learning_rate": 0.05},
    {"schedule": {"type": "one_cycle", "max_lr": 0.02, "pct_start": 0.5,
                  "anneal_strategy": "linear", "div_factor": 5.0,
                  "final_div_factor": 50.0}, "optimizer": "rmsprop"},
    {"schedule": {"type": "one_cycle", "pct_start": 0.0}},
    {"schedule": {"type": "one_cycle", "pct_start": 1.0}},
    {"schedule": "inverse_time"},
    {"schedule": {"type": "inverse_time", "decay": 0.05}},
    {"schedule": {"type": "plateau", "patience": 1, "factor": 0.3,
                  "cooldown": 2, "min_lr": 1e-3}, "epochs": 30,
     "learning_rate": 0.02, "reductions": 2},
    {"schedule": {"type": "plateau", "patience": 0, "threshold": 0.02,
                  "threshold_mode": "abs"}, "epochs": 20, "shards": 2,
     "reductions": 2},
    # Warm-up, with any of them.
    {"warmup": {"epochs": 2}},
    {"warmup": {"steps": 11, "start_factor": 0.2}, "schedule": "cosine"},
    {"warmup": {"epochs": 3}, "schedule": "cosine", "optimizer": "sgd"},
    {"warmup": {"steps": 8, "start_factor": 0.0},
     "schedule": {"type": "step", "step_size": 3}},
    {"warmup": {"epochs": 1}, "schedule": "one_cycle", "data": 4},
    {"warmup": {"epochs": 1},
     "schedule": {"type": "inverse_time", "decay": 0.05}},
    {"warmup": {"epochs": 3}, "epochs": 15, "learning_rate": 0.02,
     "schedule": {"type": "plateau", "patience": 0}, "reductions": 1},
    # Losses, mixing.
    {"loss": "focal"},
    {"loss": {"type": "focal", "gamma": 0.5}, "class_weights": WEIGHTS},
    {"loss": {"type": "focal", "gamma": 0.0}, "label_smoothing": 0.1},
    {"mixup": 0.4},
    {"mixup": 0.4, "batch_size": 7, "shards": 3, "dropout": 0.3},
    {"mixup": 1.0, "loss": {"type": "focal", "gamma": 3.0},
     "class_weights": WEIGHTS, "label_smoothing": 0.1},
    {"balance": "oversample", "mixup": 0.2, "class_weights": WEIGHTS,
     "data": 4},
    # Clipping, moving averages.
    {"clip_norm": 0.5, "learning_rate": 0.02},
    {"clip_norm": 0.5, "optimizer": "sgd", "learning_rate": 0.05,
     "hidden": [33, 17], "weight_decay": 0.01},
    {"clip_norm": 0.5, "optimizer": "sgd", "learning_rate": 0.05,
     "hidden": [33, 17], "batch_size": 7, "shards": 3},
    {"clip_norm": 100.0},
    {"ema": 0.9},
    {"ema": 0.98, "learning_rate": 0.01, "keep": BEST, "epochs": 15},
    {"ema": 0.5, "batch_size": 7, "shards": 2, "optimizer": "rmsprop"},
    {"learning_rate": 0.01, "keep": BEST, "epochs": 15},
    # With a base: factors of the inputs, with a learning rate of their own.
    {"unfreeze": True, "schedule": "cosine"},
    {"unfreeze": True, "base_learning_rate": 0.01, "ema": 0.99},
    {"unfreeze": True, "optimizer": "adamw", "weight_decay": 0.1,
     "freeze_epochs": 2, "base_learning_rate": 2e-3, "head_init": "glorot"},
    {"unfreeze": True, "weight_decay": 0.05, "schedule": "one_cycle",
     "freeze_epochs": 1, "ema": 0.98, "keep": BEST},
    {"unfreeze": True, "optimizer": "rmsprop", "weight_decay": 0.05,
     "schedule": "inverse_time", "label_smoothing": 0.1},
    {"unfreeze": True, "warmup": {"steps": 11}, "class_weights": "balanced",
     "schedule": {"type": "step", "step_size": 2}, "dropout": 0.3},
    {"unfreeze": True, "schedule": {"type": "plateau", "patience": 1},
     "epochs": 30, "learning_rate": 0.02, "base_learning_rate": 1e-3,
     "loss": "focal", "reductions": 1},
    {"unfreeze": True, "clip_norm": 0.5, "ema": 0.9, "shards": 2,
     "batch_size": 7, "base_learning_rate": 2e-3},
    {"unfreeze": True, "clip_norm": 0.5, "ema": 0.9, "freeze_epochs": 3,
     "optimizer": "sgd", "learning_rate": 0.01, "warmup": {"epochs": 1}},
    {"unfreeze": True, "mixup": 0.4, "ema": 0.5, "optimizer": "rmsprop"},
    # All at once.
    {"optimizer": "adamw", "weight_decay": 0.05, "learning_rate": 0.01,
     "schedule": "cosine", "warmup": {"epochs": 1}, "loss": "focal",
     "class_weights": WEIGHTS, "label_smoothing": 0.1, "mixup": 0.3,
     "clip_norm": 0.3, "ema": 0.9, "dropout": 0.3, "keep": BEST},
]


def check_shares(program, alpha):
    """Shares of mixing are drawn from Beta(alpha, alpha)."""
    config = {**BASE, "inputs": 1, "hidden": [], "images": 100}
    train = {**TRAIN, "batch_size": 1, "epochs": 20, "mixup": alpha}
    steps = dump_of(program, config, train)["steps"]
    shares = [step["share"] for step in steps]
    p = scipy.stats.kstest(shares, scipy.stats.beta(alpha, alpha).cdf).pvalue
    print(f"p = {p:.3f} for shares from Beta({alpha}, {alpha})")
    return p > 0.001


def main():
    program = sys.argv[1]
    failed = False
    for case, fit, worst in gaps(
            program, CASES,
            lambda config, train: Scaling(config["inputs"])):
        failed |= not worst < TOLERANCE
        # A case in which nothing happens would show nothing.
        failed |= fit.rates.plateaus < case.get("reductions", 0)
    for alpha in (0.2, 1.0, 3.0):
        failed |= not check_shares(program, alpha)
    if failed:
        sys.exit(f"a difference is above {TOLERANCE}")


main()
