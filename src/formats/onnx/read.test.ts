import { describe, expect, it } from 'vitest'
import { buildModel, encodeModel, f32, i64, node, produced, value } from '../../../test/fixtures/build.ts'
import { bytes, int, message, modelFile, text } from '../../../test/fixtures/wire.ts'
import { memorySource } from '../../bytes/memory.ts'
import type { ByteSource } from '../../bytes/types.ts'
import { encodeModel as write } from './encode-model.ts'
import { read } from './read.ts'
import { WireWriter } from './writer.ts'

const MIB = 1024 * 1024

/** A file of which only the structure exists; the rest reads as zeros. Counts what is read. */
function sparseFile(count: number, byteLength: number): { source: ByteSource; read: () => number } {
  const initializers = Array.from({ length: count }, (_, index) => [
    produced(`w${index}`, 'u8', [byteLength]),
    f32(`b${index}`, [256], new Float32Array(256)),
  ]).flat()
  const nodes = Array.from({ length: count }, (_, index) => node('Add', [`x${index}`, `w${index}`], [`x${index + 1}`]))
  const writer = new WireWriter()
  write(writer, buildModel({ initializers, nodes }), () => undefined)
  const total = writer.byteLength
  let position = 0
  const parts = writer.finish().map((segment) => {
    const start = position
    position += segment.byteLength
    return { start, segment }
  })
  let counted = 0
  const source: ByteSource = {
    label: 'sparse.onnx',
    byteLength: total,
    async read(start, end) {
      counted += end - start
      const out = new Uint8Array(end - start)
      for (const { start: at, segment } of parts) {
        if (segment.kind !== 'bytes' || at + segment.byteLength <= start || at >= end) continue
        const from = Math.max(start, at)
        out.set(segment.bytes.subarray(from - at, Math.min(end, at + segment.byteLength) - at), from - start)
      }
      return out
    },
  }
  return { source, read: () => counted }
}

describe('reading', () => {
  it('leaves large tensors alone: a 5 GiB file costs some KiB for each', async () => {
    const { source, read: counted } = sparseFile(40, 128 * MIB)
    expect(source.byteLength).toBeGreaterThan(5 * 1024 * MIB)
    const model = await read(source)
    expect(model.graph.initializers).toHaveLength(80)
    const last = model.graph.initializers[78]
    expect(last).toMatchObject({ name: 'w39', storage: { kind: 'span', byteLength: 128 * MIB } })
    expect(last?.storage.kind === 'span' && last.storage.start).toBeGreaterThan(4.8 * 1024 * MIB)
    expect(counted()).toBeLessThan(41 * 20 * 1024)
  })

  it('reads a small file once', async () => {
    const file = await encodeModel(buildModel({ nodes: [node('Relu', ['x'], ['y'])] }))
    const plain = memorySource(file)
    let counted = 0
    await read({
      ...plain,
      read: async (start, end) => {
        counted += end - start
        return plain.read(start, end)
      },
    })
    expect(counted).toBeLessThanOrEqual(2 * file.length)
  })

  it('gives the same model whatever sizes its source answers in', async () => {
    const { source } = sparseFile(3, 100_000)
    const whole = memorySource(await source.read(0, source.byteLength), 'whole')
    expect(JSON.stringify(strip(await read(source)))).toBe(JSON.stringify(strip(await read(whole))))
  })

  it('offers what a model says', async () => {
    const model = await read(
      memorySource(
        await encodeModel(
          buildModel({
            ir: 9,
            opset: 20,
            domains: { 'com.microsoft': 1 },
            producer: 'pytorch',
            metadata: { k: 'v' },
            inputs: [value('x', 'f32', ['n', 3, null])],
            initializers: [i64('s', [2], [1, -1])],
          }),
        ),
        'm.onnx',
      ),
    )
    expect(model).toMatchObject({
      format: 'onnx',
      label: 'm.onnx',
      irVersion: 9,
      producer: 'pytorch',
      opsets: [
        { domain: '', version: 20 },
        { domain: 'com.microsoft', version: 1 },
      ],
      externalFiles: [],
      graph: { inputs: [{ name: 'x', dtype: 'f32', shape: ['n', 3, null] }] },
    })
    expect(model.metadata.get('k')).toBe('v')
    expect(model.graph.initializers[0]?.storage.kind).toBe('bytes')
  })

  it('takes ai.onnx for the empty domain', async () => {
    const file = Uint8Array.from(
      [
        int(1, 8),
        message(7, message(1, text(4, 'Relu'), text(7, 'ai.onnx'))),
        message(8, text(1, 'ai.onnx'), int(2, 17)),
      ].flat(),
    )
    const model = await read(memorySource(file))
    expect(model.opsets[0]?.domain).toBe('')
    expect(model.graph.nodes[0]?.domain).toBe('')
  })

  it('keeps a large attribute string out of memory and says so', async () => {
    const file = modelFile([
      message(1, message(5, text(1, 'blob'), bytes(4, new Array(1_100_000).fill(1)), int(20, 3))),
    ])
    const model = await read(memorySource(file))
    expect(model.graph.nodes[0]?.attributes[0]).toMatchObject({ name: 'blob', kind: 'other' })
  })
})

function strip(model: unknown): unknown {
  return JSON.parse(
    JSON.stringify(model, (key, item) => (key === 'carrier' || key === 'source' || key === 'label' ? undefined : item)),
  )
}
