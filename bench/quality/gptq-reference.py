"""Times the reference formulas of GPTQ (Frantar et al. 2022) with numpy's BLAS, and with PyTorch if this Python has it, for bench/gptq.mjs: K = N, 4 bits,
blocks of 32, asymmetric."""
import sys
import time

import numpy as np


def gptq(weights, gram, bits=4, group=32, block=128, damping=0.01):
    """weights [N, K] f32, gram [K, K] f32; codes are thrown away, the rounded weights come back."""
    w = weights.copy()
    depth = w.shape[1]
    h = gram + damping * np.mean(np.diag(gram)) * np.eye(depth, dtype=np.float32)
    inverse = np.linalg.inv(h)
    upper = np.linalg.cholesky((inverse + inverse.T) / 2).T.astype(np.float32)
    rounded = np.zeros_like(w)
    most = 2**bits - 1
    for first in range(0, depth, block):
        last = min(first + block, depth)
        part = w[:, first:last].copy()
        errors = np.zeros_like(part)
        factor = upper[first:last, first:last]
        for i in range(last - first):
            if (first + i) % group == 0:
                some = part[:, i : i + group]
                low, high = np.minimum(some.min(1), 0), np.maximum(some.max(1), 0)
                scale = np.where(high > low, (high - low) / most, 1).astype(np.float32)
                zero = np.round(-low / scale)
            column = part[:, i]
            code = np.clip(np.round(column / scale) + zero, 0, most)
            value = (scale * (code - zero)).astype(np.float32)
            rounded[:, first + i] = value
            error = (column - value) / factor[i, i]
            part[:, i:] -= np.outer(error, factor[i, i:])
            errors[:, i] = error
        w[:, last:] -= errors @ upper[first:last, last:]
    return rounded


def gptq_torch(weights, gram, bits=4, group=32, block=128, damping=0.01):
    """The same on tensors, in place where the reference code is: Cholesky, its inverse, and the upper factor of that."""
    w = weights.clone()
    depth = w.shape[1]
    h = gram.clone()
    diagonal = torch.arange(depth)
    h[diagonal, diagonal] += damping * torch.mean(torch.diag(h))
    upper = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(h)), upper=True)
    rounded = torch.zeros_like(w)
    most = 2**bits - 1
    for first in range(0, depth, block):
        last = min(first + block, depth)
        part = w[:, first:last].clone()
        errors = torch.zeros_like(part)
        factor = upper[first:last, first:last]
        for i in range(last - first):
            if (first + i) % group == 0:
                some = part[:, i : i + group]
                low, high = some.amin(1).clamp(max=0), some.amax(1).clamp(min=0)
                scale = torch.where(high > low, (high - low) / most, torch.ones_like(high))
                zero = torch.round(-low / scale)
            column = part[:, i]
            code = torch.clamp(torch.round(column / scale) + zero, 0, most)
            value = scale * (code - zero)
            rounded[:, first + i] = value
            error = (column - value) / factor[i, i]
            part[:, i:] -= error.unsqueeze(1).matmul(factor[i, i:].unsqueeze(0))
            errors[:, i] = error
        w[:, last:] -= errors.matmul(upper[first:last, last:])
    return rounded


depth = int(sys.argv[1])
random = np.random.default_rng(1)
mix = random.standard_normal((depth // 4, depth)).astype(np.float32)
gram = mix.T @ mix / (depth // 4) + 0.1 * np.eye(depth, dtype=np.float32)
weights = random.standard_normal((depth, depth)).astype(np.float32)
times = []
for _ in range(3):
    start = time.process_time()
    rounded = gptq(weights, gram)
    times.append(time.process_time() - start)


def error(found):
    left = weights - found
    return np.sqrt(np.sum((left @ gram) * left) / np.sum((weights @ gram) * weights))


print(f"numpy {np.__version__}, one thread: {min(times):.2f} s, error of products {error(rounded):.4f}")
try:
    import torch
except ImportError:
    print("this Python has no torch")
    sys.exit()
torch.set_num_threads(1)
times = []
with torch.no_grad():
    for _ in range(3):
        start = time.process_time()
        found = gptq_torch(torch.from_numpy(weights), torch.from_numpy(gram))
        times.append(time.process_time() - start)
print(f"torch {torch.__version__}, one thread: {min(times):.2f} s, error of products {error(found.numpy()):.4f}")
