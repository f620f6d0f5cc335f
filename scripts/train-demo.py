"""Trains the bundled demo model: a small CNN on scikit-learn's handwritten digits, written as ONNX.

    python -m venv /tmp/demo && /tmp/demo/bin/pip install numpy==2.4.6 scikit-learn==1.9.1
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 /tmp/demo/bin/python scripts/train-demo.py demo

Writes model.onnx, test-images.npz and labels.csv into the folder named. Needs numpy and scikit-learn, nothing else:
forward pass, gradients and the ONNX writer are below. The seed is fixed; the same numpy, BLAS and CPU family give the
same file, others a model of the same accuracy with other weights (matrix products sum in another order).

Layers, shapes per picture:
    image [1,8,8] -> Conv 3x3 (16) BatchNorm ReLU [16,8,8] -> Conv 3x3 (32) BatchNorm ReLU [32,8,8]
    -> MaxPool 2 [32,4,4] -> Conv 3x3 (32) BatchNorm ReLU [32,4,4] -> Flatten [512] -> MatMul + Add ReLU [128] -> Gemm [10]
"""

import struct
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 20260
EPOCHS = 60
BATCH = 64
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 3e-4
DROPOUT = 0.3
EPSILON = 1e-5
BN_MOMENTUM = 0.9
CHANNELS = [(1, 16), (16, 32), (32, 32)]
HIDDEN = 128

rng = np.random.default_rng(SEED)


# ---- layers: forward returns what backward needs -----------------------------------------------------------------

def columns(x):
    """[N,C,H,W] -> [N,H,W,C*9], the 3x3 neighbourhood of each pixel, zero outside."""
    n, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return view.transpose(0, 2, 3, 1, 4, 5).reshape(n, h, w, c * 9)


def conv(x, weight):
    cols = columns(x)
    out = cols @ weight.reshape(weight.shape[0], -1).T
    return out.transpose(0, 3, 1, 2), cols


def conv_back(grad, cols, weight):
    n, o, h, w = grad.shape
    flat = grad.transpose(0, 2, 3, 1).reshape(-1, o)
    grad_weight = (flat.T @ cols.reshape(-1, cols.shape[-1])).reshape(weight.shape)
    turned = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    return conv(grad, turned)[0], grad_weight


def batch_norm(x, gamma, beta, running, training):
    if training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
        running[0][:] = BN_MOMENTUM * running[0] + (1 - BN_MOMENTUM) * mean
        running[1][:] = BN_MOMENTUM * running[1] + (1 - BN_MOMENTUM) * var
    else:
        mean, var = running
    inverse = 1 / np.sqrt(var + EPSILON)
    hat = (x - mean[:, None, None]) * inverse[:, None, None]
    return gamma[:, None, None] * hat + beta[:, None, None], (hat, inverse)


def batch_norm_back(grad, saved, gamma):
    hat, inverse = saved
    grad_gamma, grad_beta = (grad * hat).sum((0, 2, 3)), grad.sum((0, 2, 3))
    count = grad.size // grad.shape[1]
    centred = grad - (grad_beta / count)[:, None, None] - hat * (grad_gamma / count)[:, None, None]
    return (gamma * inverse)[:, None, None] * centred, grad_gamma, grad_beta


def max_pool(x):
    n, c, h, w = x.shape
    windows = x.reshape(n, c, h // 2, 2, w // 2, 2)
    out = windows.max((3, 5))
    mask = windows == out[:, :, :, None, :, None]
    return out, mask / mask.sum((3, 5), keepdims=True)


def max_pool_back(grad, mask):
    n, c, h, w = grad.shape
    return (mask * grad[:, :, :, None, :, None]).reshape(n, c, h * 2, w * 2)


# ---- the model ---------------------------------------------------------------------------------------------------

def initial():
    p = {}
    for i, (inputs, outputs) in enumerate(CHANNELS, 1):
        p[f'conv{i}.weight'] = rng.normal(0, np.sqrt(2 / (inputs * 9)), (outputs, inputs, 3, 3))
        p[f'bn{i}.gamma'], p[f'bn{i}.beta'] = np.ones(outputs), np.zeros(outputs)
    p['hidden.weight'] = rng.normal(0, np.sqrt(2 / 512), (512, HIDDEN))
    p['hidden.bias'] = np.zeros(HIDDEN)
    p['head.weight'] = rng.normal(0, np.sqrt(1 / HIDDEN), (10, HIDDEN))
    p['head.bias'] = np.zeros(10)
    return {k: v.astype(np.float32) for k, v in p.items()}


def forward(p, running, x, training):
    saved = []
    for i in range(1, 4):
        x, cols = conv(x, p[f'conv{i}.weight'])
        x, norm = batch_norm(x, p[f'bn{i}.gamma'], p[f'bn{i}.beta'], running[i - 1], training)
        x = np.maximum(x, 0)
        saved.append((cols, norm, x))
        if i == 2:
            x, mask = max_pool(x)
            saved.append(mask)
    flat = x.reshape(len(x), -1)
    keep = (rng.random(flat.shape) >= DROPOUT).astype(np.float32) / (1 - DROPOUT) if training else np.float32(1)
    flat = flat * keep
    hidden = np.maximum(flat @ p['hidden.weight'] + p['hidden.bias'], 0)
    logits = hidden @ p['head.weight'].T + p['head.bias']
    return logits, (saved, flat, keep, hidden)


def gradients(p, running, x, y):
    logits, (saved, flat, keep, hidden) = forward(p, running, x, True)
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    grad = shifted / shifted.sum(1, keepdims=True)
    grad[np.arange(len(y)), y] -= 1
    grad /= len(y)
    g = {'head.weight': grad.T @ hidden, 'head.bias': grad.sum(0)}
    grad = (grad @ p['head.weight']) * (hidden > 0)
    g['hidden.weight'], g['hidden.bias'] = flat.T @ grad, grad.sum(0)
    grad = ((grad @ p['hidden.weight'].T) * keep).reshape(-1, 32, 4, 4)
    for i, entry in ((3, saved[3]), (2, saved[1]), (1, saved[0])):
        if i == 2:
            grad = max_pool_back(grad, saved[2])
        cols, norm, out = entry
        grad, g[f'bn{i}.gamma'], g[f'bn{i}.beta'] = batch_norm_back(grad * (out > 0), norm, p[f'bn{i}.gamma'])
        grad, g[f'conv{i}.weight'] = conv_back(grad, cols, p[f'conv{i}.weight'])
    return g


def shifted_by_a_pixel(x):
    """Augmentation: every picture moved by -1, 0 or 1 pixel each way, zero filled."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    moves = rng.choice(3, (len(x), 2), p=[0.15, 0.7, 0.15])
    return np.stack([padded[i, :, r:r + 8, c:c + 8] for i, (r, c) in enumerate(moves)])


def train(x, y):
    p = initial()
    running = [(np.zeros(o, np.float32), np.ones(o, np.float32)) for _, o in CHANNELS]
    first = {k: np.zeros_like(v) for k, v in p.items()}
    second = {k: np.zeros_like(v) for k, v in p.items()}
    step, steps = 0, EPOCHS * (len(x) // BATCH)
    for _ in range(EPOCHS):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - BATCH + 1, BATCH):
            pick = order[start:start + BATCH]
            g = gradients(p, running, shifted_by_a_pixel(x[pick]), y[pick])
            step += 1
            rate = LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
            for k in p:
                first[k] = 0.9 * first[k] + 0.1 * g[k]
                second[k] = 0.999 * second[k] + 0.001 * g[k] ** 2
                update = (first[k] / (1 - 0.9 ** step)) / (np.sqrt(second[k] / (1 - 0.999 ** step)) + 1e-8)
                decay = WEIGHT_DECAY * 10 if k.endswith('weight') else 0
                p[k] = (p[k] - rate * (update + decay * p[k])).astype(np.float32)
    return p, running


# ---- ONNX, by hand: protobuf wire format, only what this model needs ------------------------------------------------

def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def number(field, value):
    return varint(field << 3) + varint(value)


def chunk(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def attribute(name, value):
    head = chunk(1, name)
    if isinstance(value, float):
        return head + varint(2 << 3 | 5) + struct.pack('<f', value) + number(20, 1)
    if isinstance(value, int):
        return head + number(3, value) + number(20, 2)
    return head + b''.join(number(8, v) for v in value) + number(20, 7)


def node(op, inputs, output, **attributes):
    body = b''.join(chunk(1, i) for i in inputs) + chunk(2, output) + chunk(3, f'{output}/{op}') + chunk(4, op)
    return chunk(1, body + b''.join(chunk(5, attribute(k, v)) for k, v in attributes.items()))


def tensor(name, array):
    kind = {'float32': 1, 'int64': 7}[str(array.dtype)]
    dims = b''.join(number(1, d) for d in array.shape)
    return chunk(5, dims + number(2, kind) + chunk(8, name) + chunk(9, np.ascontiguousarray(array).tobytes()))


def value(field, name, shape):
    dims = b''.join(chunk(1, chunk(2, d) if isinstance(d, str) else number(1, d)) for d in shape)
    return chunk(field, chunk(1, name) + chunk(2, chunk(1, number(1, 1) + chunk(2, dims))))


def model_bytes(p, running):
    nodes, tensors, x = [], [], 'image'
    for i in range(1, 4):
        nodes.append(node('Conv', [x, f'conv{i}.weight'], f'conv{i}', kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
        stats = [f'bn{i}.gamma', f'bn{i}.beta', f'bn{i}.mean', f'bn{i}.var']
        nodes.append(node('BatchNormalization', [f'conv{i}', *stats], f'bn{i}', epsilon=EPSILON))
        nodes.append(node('Relu', [f'bn{i}'], f'relu{i}'))
        tensors.append(tensor(f'conv{i}.weight', p[f'conv{i}.weight']))
        tensors += [tensor(s, a) for s, a in zip(stats, [p[stats[0]], p[stats[1]], *running[i - 1]])]
        x = f'relu{i}'
        if i == 2:
            nodes.append(node('MaxPool', [x], 'pool', kernel_shape=[2, 2], strides=[2, 2]))
            x = 'pool'
    nodes.append(node('Flatten', [x], 'flat', axis=1))
    nodes.append(node('MatMul', ['flat', 'hidden.weight'], 'hidden.product'))
    nodes.append(node('Add', ['hidden.product', 'hidden.bias'], 'hidden'))
    nodes.append(node('Relu', ['hidden'], 'hidden.relu'))
    nodes.append(node('Gemm', ['hidden.relu', 'head.weight', 'head.bias'], 'logits', transB=1))
    tensors += [tensor(k, p[k]) for k in ('hidden.weight', 'hidden.bias', 'head.weight', 'head.bias')]
    graph = b''.join(nodes) + chunk(2, 'digits') + b''.join(tensors)
    graph += value(11, 'image', ['N', 1, 8, 8]) + value(12, 'logits', ['N', 10])
    return number(1, 8) + chunk(2, 'tersor train-demo.py') + chunk(7, graph) + chunk(8, chunk(1, '') + number(2, 17))


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else 'demo')
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, None]
    x, test_x, y, test_y = train_test_split(
        images, digits.target, test_size=0.3, stratify=digits.target, random_state=SEED
    )
    p, running = train(x, y)
    right = lambda a, b: float((forward(p, running, a, False)[0].argmax(1) == b).mean())
    folder.mkdir(exist_ok=True)
    (folder / 'model.onnx').write_bytes(model_bytes(p, running))
    np.savez_compressed(folder / 'test-images.npz', image=test_x)
    rows = ''.join(f'{i},{label}\n' for i, label in enumerate(test_y))
    (folder / 'labels.csv').write_text('index,label\n' + rows)
    print(f'train {right(x, y):.4f} of {len(x)}, test {right(test_x, test_y):.4f} of {len(test_x)}')


main()
