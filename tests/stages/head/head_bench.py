"""PyTorch's processor time for what head_bench measures: INPUTS HIDDEN BATCH IMAGES
EPOCHS THREADS. Eager modules, Adam, one head after another."""

import sys
import time

import torch

inputs, hidden, batch, images, epochs, threads = map(int, sys.argv[1:7])
torch.set_num_threads(threads)
torch.manual_seed(0)
features = torch.randn(images, inputs).relu()
labels = torch.randint(0, 3, (images,))
best = float("inf")
for _ in range(3):
    model = torch.nn.Sequential(
        torch.nn.Linear(inputs, hidden), torch.nn.ReLU(),
        torch.nn.Dropout(0.5), torch.nn.Linear(hidden, 3))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    start = time.process_time()
    for _ in range(epochs):
        model.train()
        order = torch.randperm(images)
        for i in range(0, images, batch):
            chosen = order[i:i + batch]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(
                model(features[chosen]), labels[chosen]).backward()
            optimizer.step()
    best = min(best, time.process_time() - start)
steps = -(-images // batch) * epochs
print(f"{best:.4f} s a head, {1e6 * best / steps:.1f} us a step")
