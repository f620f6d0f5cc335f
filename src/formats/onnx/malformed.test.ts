import { describe, expect, it } from 'vitest'
import { buildModel, encodeModel, f32, graph, i64, node, value } from '../../../test/fixtures/build.ts'
import type { Bytes } from '../../../test/fixtures/wire.ts'
import {
  bytes,
  fixed32,
  float32,
  int,
  message,
  modelFile,
  tensorFile,
  text,
  utf8,
  varint,
} from '../../../test/fixtures/wire.ts'
import { memorySource } from '../../bytes/memory.ts'
import { asTersorError } from '../../errors.ts'
import type { Model } from '../../model/graph.ts'
import { read } from './read.ts'
import { readTensor } from './read-tensor.ts'

/** Reads everything there is: header, and every initializer. */
async function readAll(file: Uint8Array): Promise<Model> {
  const model = await read(memorySource(file, 'broken.onnx'))
  for (const tensor of model.graph.initializers) if (tensor.storage.kind !== 'opaque') await readTensor(tensor)
  return model
}

async function codeOf(file: Uint8Array): Promise<string> {
  try {
    await readAll(file)
    return 'loads'
  } catch (thrown) {
    return asTersorError(thrown).code
  }
}

/** Graphs inside graphs. Heads are collected from the inside out, so that depth costs no copies. */
function nested(depth: number, inner: Bytes = []): Bytes {
  const heads: Bytes[] = []
  let length = inner.length
  const wrap = (...head: Bytes): void => {
    heads.push([...head, ...varint(length)])
    length += heads.at(-1)?.length ?? 0
  }
  for (let level = 0; level < depth; level++) {
    wrap(...text(1, 'body'), ...int(20, 5), ...varint(6 * 8 + 2))
    wrap(...varint(5 * 8 + 2))
    wrap(...varint(1 * 8 + 2))
  }
  return [...heads.reverse().flat(), ...inner]
}
const tensor = (shape: readonly (number | bigint)[], dtype: number, ...data: readonly Bytes[]): Uint8Array =>
  tensorFile(...shape.map((dimension) => int(1, dimension)), int(2, dtype), text(8, 'w'), ...data)

const rejected: Readonly<Record<string, Uint8Array>> = {
  'nothing at all': new Uint8Array(0),
  'zero bytes': new Uint8Array(4096),
  'a number longer than ten bytes': Uint8Array.from([8, ...new Array(11).fill(255), 1]),
  'a number longer than 64 bits': Uint8Array.from([8, ...new Array(9).fill(255), 2]),
  'a graph of 2^63 - 1 bytes': Uint8Array.from([...int(1, 8), 58, ...varint(2n ** 63n - 1n)]),
  'a graph of 4 GiB': Uint8Array.from([...int(1, 8), 58, ...varint(2 ** 32 - 1), 1, 2, 3]),
  'wire type 6': modelFile([[14, 1]]),
  'wire type 7': modelFile([[15, 1]]),
  'a group': modelFile([[11, 12]]),
  'two thousand open groups': modelFile([new Array(2000).fill(11)]),
  'field number 0': modelFile([[2, 0]]),
  'a field number beyond 2^29': modelFile([varint(2 ** 32 * 8)]),
  'no graph': Uint8Array.from([...int(1, 8), ...message(8, int(2, 17))]),
  'two graphs': Uint8Array.from([...modelFile([]), ...message(7)]),
  'no opset': Uint8Array.from([...int(1, 8), ...message(7)]),
  'no ir version': Uint8Array.from([...message(7), ...message(8, int(2, 17))]),
  'raw data too short': tensor([4], 1, bytes(9, float32(1, 2, 3))),
  'raw data too long': tensor([4], 1, bytes(9, float32(1, 2, 3, 4, 5))),
  'no data': tensor([4], 1),
  'a negative dimension': tensor([-4, -1], 1, bytes(9, float32(1, 2, 3, 4))),
  'a dimension beyond 2^53': tensor([2n ** 60n], 1),
  'an element count that overflows to 0': tensor([2 ** 32, 2 ** 32, 1], 1, bytes(9, [])),
  'three hundred dimensions': tensor(new Array(300).fill(1), 1, bytes(9, float32(1))),
  'an unknown element type': tensor([1], 99, bytes(9, float32(1))),
  'no element type': tensor([1], 0, bytes(9, float32(1))),
  'an int4 tensor without its last byte': tensor([3, 3], 22, bytes(9, [1, 2, 3, 4])),
  'too few typed floats': tensor([3], 1, bytes(4, float32(1, 2))),
  'too many typed floats, one by one': tensor([1], 1, fixed32(4, float32(1)), fixed32(4, float32(2))),
  'a part of a typed float': tensor([1], 1, bytes(4, [1, 2, 3])),
  'too few typed integers': tensor([3], 7, bytes(7, [1, 2])),
  'too many typed integers': tensor([1], 7, bytes(7, [1, 2])),
  'a typed integer cut off': tensor([2], 7, bytes(7, [1, 200])),
  'data in the field of another type': tensor([2], 1, bytes(7, [1, 2])),
  'an attribute without its tensor': modelFile([message(1, message(5, text(1, 'value'), int(20, 4)))]),
  'an attribute with two graphs': modelFile([
    message(1, message(5, text(1, 'body'), message(6), message(6), int(20, 5))),
  ]),
  'an attribute with half a packed float': modelFile([
    message(1, message(5, text(1, 'a'), bytes(7, [1, 2, 3]), int(20, 6))),
  ]),
  'a value with two types': modelFile([message(11, text(1, 'x'), message(2), message(2))]),
  'graphs thirty-three deep': modelFile([nested(33)]),
  'graphs three thousand deep': modelFile([nested(3000)]),
  'graphs three thousand deep around large data': modelFile([nested(3000, bytes(10, new Array(5000).fill(65)))]),
}

describe('broken files', () => {
  it.each(Object.entries(rejected))('%s is refused', async (_, file) => {
    expect(await codeOf(file)).toMatch(/^E_(FORMAT|LIMIT)$/)
  })

  it('takes what is odd but legal', async () => {
    expect(await codeOf(tensor([3, 3], 22, bytes(9, [1, 2, 3, 4, 5])))).toBe('loads')
    expect(await codeOf(tensor([0, 2n ** 50n], 1))).toBe('loads')
    expect(await codeOf(modelFile([nested(32)]))).toBe('loads')
  })

  it('names file, place and reason', async () => {
    const file = tensor([4], 1, bytes(9, float32(1, 2, 3)))
    await expect(readAll(file)).rejects.toThrow(
      'broken.onnx: tensor "w" of shape [4] and type f32 needs 16 bytes, raw_data has 12',
    )
    await expect(readAll(file)).rejects.toMatchObject({ where: expect.stringMatching(/^broken.onnx, byte \d+$/) })
  })

  it.each([
    ['a gzip file', [0x1f, 0x8b, 8, 0, 0, 0]],
    ['an HTML page', utf8('\n<!DOCTYPE html><html>')],
    ['a bzip2 file', utf8('BZh91AY&SY')],
    ['text', utf8('read me first, this is only text')],
  ])('says what it found: %s', async (name, content) => {
    await expect(readAll(Uint8Array.from(content))).rejects.toThrow(`expected an ONNX model, found ${name}`)
  })
})

describe('a file that ends too early', () => {
  it('is refused wherever it is cut', async () => {
    const body = graph({ nodes: [node('Relu', ['t'], ['u'])], outputs: [value('u', 'f32')] })
    const built = buildModel({
      inputs: [value('x', 'f32', ['n', 3])],
      outputs: [value('y', 'f32', ['n', 2])],
      initializers: [
        f32('w', [3, 2], [1, 2, 3, 4, 5, 6]),
        i64('axes', [1], [-1]),
        f32('large', [300], new Float32Array(300)),
      ],
      nodes: [
        node('MatMul', ['x', 'w'], ['h'], {}, { name: 'MatMul_0' }),
        node('If', ['c'], ['y'], { then_branch: body, alpha: { float: 0.5 }, perm: [1, 0], mode: 'linear' }),
      ],
    })
    const file = await encodeModel(built)
    const codes = new Map<string, number>()
    for (let length = 0; length < file.length; length++) {
      const code = await codeOf(file.slice(0, length))
      codes.set(code, (codes.get(code) ?? 0) + 1)
    }
    // The opset import is written last, so no shorter prefix is a model.
    expect([...codes]).toEqual([['E_FORMAT', file.length]])
  })

  it('gives no other error for any single wrong byte', async () => {
    const file = await encodeModel(
      buildModel({ nodes: [node('Add', ['x', 'w'], ['y'], { k: 1 })], initializers: [f32('w', [2], [1, 2])] }),
    )
    for (let at = 0; at < file.length; at++) {
      for (const wrong of [0, 1, 127, 128, 255]) {
        const damaged = file.slice()
        damaged[at] = wrong
        expect(await codeOf(damaged)).toMatch(/^(loads|E_FORMAT|E_LIMIT)$/)
      }
    }
  })
})
