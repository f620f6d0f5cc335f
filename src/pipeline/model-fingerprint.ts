import { sha256 } from '../calibration/statistics.ts'
import { scopesOf } from '../graph/index.ts'
import type { Attribute, Model, TensorRef } from '../model/graph.ts'

const CHUNK = 16 << 20

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
    for (const tensor of scope.initializers) parts.push(await tensorOf(tensor, signal))
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
