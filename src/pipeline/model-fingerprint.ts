import { sha256 } from '../calibration/statistics.ts'
import { scopesOf } from '../graph/index.ts'
import type { Attribute, Model, TensorRef } from '../model/graph.ts'

const CHUNK = 16 << 20
/** Tensors that are read at once, each of at most so many bytes. */
const [TOGETHER, SMALL] = [16, 1 << 20]

/**
 * SHA-256 of what a model computes: opsets, nodes, interfaces and the elements of every weight, wherever they are stored. Names
 * of producers, documentation and metadata are no part of it.
 */
export async function modelFingerprint(model: Model, signal?: AbortSignal): Promise<string> {
  const parts: unknown[] = [model.opsets.map(({ domain, version }) => [domain, version])]
  for (const scope of scopesOf(model)) {
    parts.push([scope.path, scope.inputs, scope.outputs])
    for (const node of scope.nodes) {
      const attributes: unknown[] = []
      for (const attribute of node.attributes) attributes.push(await attributeOf(attribute, signal))
      parts.push([node.domain, node.op, node.inputs, node.outputs, attributes])
    }
    parts.push(...(await tensorsOf(scope.initializers, signal)))
  }
  return sha256(new TextEncoder().encode(JSON.stringify(parts)))
}

/** Bodies are scopes of their own. */
async function attributeOf(attribute: Attribute, signal?: AbortSignal): Promise<unknown> {
  const { name, kind } = attribute
  switch (attribute.kind) {
    case 'tensor':
      return [name, kind, await tensorOf(attribute.value, signal)]
    case 'tensors':
      return [name, kind, await Promise.all(attribute.value.map((tensor) => tensorOf(tensor, signal)))]
    case 'int':
    case 'float':
      return [name, kind, String(attribute.value)]
    case 'ints':
    case 'floats':
      return [name, kind, attribute.value.map(String)]
    case 'string':
    case 'strings':
    case 'ref':
      return [name, kind, attribute.value]
    default:
      return [name, kind]
  }
}

/** Several small ones at once: each waits for another thread. */
async function tensorsOf(tensors: readonly TensorRef[], signal?: AbortSignal): Promise<readonly unknown[]> {
  const found: unknown[] = []
  for (let first = 0; first < tensors.length; first += TOGETHER) {
    const some = tensors.slice(first, first + TOGETHER)
    if (some.every(isSmall)) found.push(...(await Promise.all(some.map((tensor) => tensorOf(tensor, signal)))))
    else for (const tensor of some) found.push(await tensorOf(tensor, signal))
  }
  return found
}

function isSmall({ storage }: TensorRef): boolean {
  return storage.kind === 'bytes' || (storage.kind === 'span' && storage.byteLength <= SMALL)
}

async function tensorOf({ name, dtype, shape, storage }: TensorRef, signal?: AbortSignal): Promise<unknown> {
  const digests: string[] = []
  if (storage.kind === 'span') {
    for (let start = 0; start < storage.byteLength; start += CHUNK) {
      const end = Math.min(start + CHUNK, storage.byteLength)
      digests.push(await sha256(await storage.source.read(storage.start + start, storage.start + end, signal)))
    }
  } else if (storage.kind === 'bytes' || storage.kind === 'field') {
    const bytes = storage.kind === 'bytes' ? storage.bytes : await storage.load()
    for (let start = 0; start < bytes.length; start += CHUNK) {
      digests.push(await sha256(bytes.subarray(start, start + CHUNK)))
    }
  }
  return [name, dtype, shape, digests]
}
