"""bitsandbytes on the CPU -> bitsandbytes.json: 4-bit tables, quantize_4bit with plain and nested scales. Needs: bitsandbytes, torch."""

import bitsandbytes
import bitsandbytes.functional as F
import numpy as np
import torch
from golden import f32, i32, write

rng = np.random.default_rng(17)
cases = []
for kind in ("nf4", "fp4"):
    table = F.get_4bit_type(kind, device="cpu")
    cases.append(dict(kind="table", name=kind, table=f32(table.numpy())))
    levels = np.sort(table.numpy())
    ties = ((levels[:-1] + levels[1:]) / np.float32(2)).astype(np.float32)
    for block in (64, 32, 128):
        x = (rng.standard_normal((5, 128)) * rng.lognormal(0, 1, (5, 1))).astype(np.float32)
        # A block of scale 1 with all ties and their neighbours, one of zeros, one of a single value.
        marks = np.concatenate([[1], ties, np.nextafter(ties, np.float32(2)), np.nextafter(ties, np.float32(-2))]).astype(np.float32)
        x[4, : len(marks)] = marks
        x[4, 64:] = np.clip(x[4, 64:], -1, 1)
        x[3, :64] = 0
        for nested in (False, True):
            packed, state = F.quantize_4bit(torch.from_numpy(x), blocksize=block, quant_type=kind, compress_statistics=nested)
            back = F.dequantize_4bit(packed, state)
            byte = packed.numpy().reshape(-1)
            case = dict(kind="4 bits", name=f"{kind} block {block}{' nested' if nested else ''}", type=kind, block=block, nested=nested, shape=list(x.shape), x=f32(x), codes=i32(np.stack([byte >> 4, byte & 15], 1).reshape(-1)), back=f32(back.numpy()))
            if nested:
                case.update(absmaxCodes=i32(state.absmax.numpy()), offset=f32([state.offset.item()]), absmax2=f32(state.state2.absmax.numpy()), absmax=f32(F.dequantize_blockwise(state.absmax, state.state2).numpy() + state.offset.item()))
            else:
                case.update(absmax=f32(state.absmax.numpy()))
            cases.append(case)
cases.append(dict(kind="table", name="dynamic 8 bits", table=f32(F.create_dynamic_map().numpy())))
x = (rng.standard_normal(600)).astype(np.float32)
codes, state = F.quantize_blockwise(torch.from_numpy(x), blocksize=256)
cases.append(dict(kind="8 bits", name="dynamic, blocks of 256", x=f32(x), codes=i32(codes.numpy()), absmax=f32(state.absmax.numpy()), back=f32(F.dequantize_blockwise(codes, state).numpy())))
write("bitsandbytes.json", dict(tool="bitsandbytes", bitsandbytes=bitsandbytes.__version__, torch=torch.__version__, backend="cpu", cases=cases))
