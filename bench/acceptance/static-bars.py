"""Judges for static-bars.mjs, on top of the scorer's lib.py: its data and its metrics, other executors.

    static-bars.py SCORE feeds NAME OUT.npz                    what it calibrates with, samples along the leading axis
    static-bars.py SCORE score NAME FILE plain|fused           onnxruntime with and without graph optimization
    static-bars.py SCORE web NAME FILE NODE SCRIPT             onnxruntime-web in Node (static-bars-web.mjs)
    static-bars.py SCORE kl NAME FILE FLOAT                    mean KL of the probabilities, nats
    static-bars.py SCORE outputs FILE FEEDS.npz COUNT OUT.npz  results for COUNT of the samples of a file
    static-bars.py SCORE near A.npz B.npz                      decibels between two such results, and how many are equal

One JSON line. Under qemu the environment's packages are found by PYTHONPATH.
"""
import json, os, struct, subprocess, sys

sys.path.insert(0, sys.argv[1])
import numpy as np
import lib

def web(node, script, path):
    """What the scorer needs of a session, from a process that runs onnxruntime-web."""
    class Name:
        def __init__(self, name): self.name = name
    class Session:
        def __init__(self):
            self.process = subprocess.Popen([node, script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            head, _ = self.answer()
            self.inputs, self.outputs = head["inputs"], head["outputs"]
        def get_inputs(self): return [Name(name) for name in self.inputs]
        def get_outputs(self): return [Name(name) for name in self.outputs]
        def run(self, names, feeds):
            arrays = {name: np.ascontiguousarray(array) for name, array in feeds.items()}
            head = [{"name": name, "type": str(a.dtype), "dims": np.shape(feeds[name]), "bytes": a.nbytes} for name, a in arrays.items()]
            text = json.dumps(head).encode()
            out = self.process.stdin
            out.write(struct.pack("<I", len(text)) + text)
            for array in arrays.values(): out.write(array.tobytes())
            out.flush()
            _, found = self.answer()
            return [found[name] for name in names or self.outputs]
        def answer(self):
            source = self.process.stdout
            length = source.read(4)
            if len(length) < 4: raise RuntimeError("onnxruntime-web ended")
            head = json.loads(source.read(struct.unpack("<I", length)[0]))
            if "error" in head: raise RuntimeError(head["error"])
            return head, {one["name"]: np.frombuffer(source.read(one["bytes"]), one["type"]).reshape(one["dims"]) for one in head.get("tensors", [])}
    return Session()

def probabilities(name, path):
    session = lib.sess(path)
    images = lib.imgs()
    key = session.get_inputs()[0].name
    scale = (lambda x: x / 127.5 - 1) if name == "mnv2" else (lambda x: (x / 255 - lib.mean) / lib.std)
    rows = [session.run(None, {key: scale(images[i:i + 1].astype(np.float32)).astype(np.float32)})[0].reshape(1, -1) for i in range(len(images)) if i % 4]
    p = np.concatenate(rows).astype(np.float64)
    if p.min() < 0 or abs(p.sum(1) - 1).max() > 0.05:
        p = np.exp(p - p.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)

def main(what, *words):
    if what == "feeds":
        feeds = lib.feeds(words[0])
        np.savez(words[1], **{key: np.stack([feed[key] for feed in feeds]) for key in feeds[0]})
        return {"samples": len(feeds)}
    if what == "score":
        return lib.evaluate(words[0], words[1], words[2] == "fused")
    if what == "web":
        name, path, node, script = words
        lib.sess = lambda file, optimized=True: web(node, script, file)
        return lib.evaluate(name, path, True)
    if what == "kl":
        name, path, reference = words
        p, q = probabilities(name, reference), probabilities(name, path)
        least = 1e-12
        return {"kl": float((p * np.log(np.maximum(p, least) / np.maximum(q, least))).sum(1).mean())}
    if what == "outputs":
        path, data, count, out = words
        feeds = np.load(data)
        arrays = {key: feeds[key] for key in feeds.files}
        total = len(next(iter(arrays.values())))
        chosen = [i * total // int(count) for i in range(min(int(count), total))]
        session = lib.sess(path)
        found = [session.run(None, {key: np.asarray(array[i]) for key, array in arrays.items()}) for i in chosen]
        np.savez(out, **{str(i): np.stack([one[i] for one in found]) for i in range(len(found[0])) })
        return {"samples": len(found)}
    if what == "near":
        a, b = (np.load(path) for path in words)
        db, equal, total = 200.0, 0, 0
        for key in a.files:
            x, y = a[key].astype(np.float64), b[key].astype(np.float64)
            noise = ((x - y) ** 2).sum()
            if noise > 0: db = min(db, float(10 * np.log10(max((x ** 2).sum(), 1e-30) / noise)))
            equal += int((x == y).sum())
            total += x.size
        return {"db": db, "equal": equal / total}
    raise ValueError(what)

try:
    answer = main(*sys.argv[2:])
except Exception as error:
    answer = {"error": f"{type(error).__name__}: {error}".replace("\n", " ")[:400]}
print("EVR" + json.dumps(answer))
