import * as ort from 'onnxruntime-node'
import { Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { buildModel, encodeModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { noise, place } from '../../../test/fixtures/static-model.ts'
import type { Model } from '../../model/graph.ts'
import { applyEdits, removeDead } from '../index.ts'
import { type LowBitWeight, lowBitWeight } from './low-bit-weight.ts'
import { insertPairs } from './quantize-linear.ts'

const codesOf = (count: number, bits: number): Int8Array =>
  Int8Array.from(noise(count, 5), (x) => Math.floor(x * 2 ** (bits - 1)))

function floatsOf({ codes, scales, zeros, shape, axis }: LowBitWeight): Float32Array {
  const inner = axis === null ? codes.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  return Float32Array.from(codes, (code, i) => {
    const at = Math.floor(i / inner) % scales.length
    return (code - (zeros?.[at] ?? 0)) * scales[at]!
  })
}

async function run(model: Model, feeds: Record<string, Tensor>, level: 'all' | 'disabled'): Promise<Float32Array> {
  const options = { graphOptimizationLevel: level, logSeverityLevel: 4 } as const
  const session = await ort.InferenceSession.create(await encodeModel(model), options)
  return (await session.run(feeds)).y!.data as Float32Array
}

describe('weights of few bits', () => {
  it.each([
    [4, 21, 'i4', 12],
    [3, 21, 'i4', 12],
    [2, 21, 'i4', 12],
    [2, 25, 'i2', 6],
    [5, 13, 'i8', 24],
  ] as const)('%i bits at opset %i: %s', (bits, opset, dtype, byteLength) => {
    const weight = { codes: codesOf(24, bits), scales: Float32Array.of(0.5, -0.25), axis: 0, shape: [2, 3, 2, 2], bits }
    const { constants, nodes, weight: made } = lowBitWeight('w', weight, false, opset, (name) => name)
    expect(constants[0]).toMatchObject({ dtype, shape: [2, 3, 2, 2], storage: { byteLength } })
    // The second scale was negative: its codes are mirrored around a zero of -1.
    expect(constants[1]).toMatchObject({ dtype, shape: [2, 1, 1, 1] })
    expect(nodes.map(({ op }) => op)).toEqual(['Cast', 'Cast', 'Sub', 'Cast'])
    expect([...made.scales]).toEqual([0.5, 0.25])
    const wanted = weight.codes.map((code, i) => (i < 12 ? code : -code))
    const { storage } = made.codes
    expect(storage.kind === 'bytes' && new Int8Array(storage.bytes.buffer)).toEqual(wanted)
    const plain = lowBitWeight('w', { ...weight, scales: Float32Array.of(1, 2) }, false, opset, (name) => name)
    expect(plain.nodes.map(({ op }) => op)).toEqual(['Cast'])
  })

  it('refuses opsets without the type, and codes beyond their width', () => {
    const weight = { codes: Int8Array.of(7, -8), scales: Float32Array.of(1), axis: null, shape: [2], bits: 4 }
    expect(() => lowBitWeight('w', weight, false, 20, (name) => name)).toThrow(
      expect.objectContaining({ code: 'E_PLAN' }),
    )
    expect(() => lowBitWeight('w', { ...weight, bits: 3 }, false, 21, (name) => name)).toThrow(
      expect.objectContaining({ code: 'E_INTERNAL' }),
    )
  })

  it('products of them read rounded activations: what a float model of the decoded weights gives', async () => {
    const shape = [1, 4, 6, 6]
    const conv = {
      codes: codesOf(144, 4),
      zeros: Int8Array.of(0, -8, 3, 7),
      scales: noise(4, 3).map((x) => 0.1 * x),
      axis: 0,
      shape: [4, 4, 3, 3],
      bits: 4,
    }
    const matrix = { codes: codesOf(24, 3), scales: noise(6, 9).map((x) => 0.1 * x), axis: 1, shape: [4, 6], bits: 3 }
    const nodes = [
      node('Conv', ['x', 'w', 'b'], ['a'], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
      node('Relu', ['a'], ['r']),
      node('GlobalAveragePool', ['r'], ['p']),
      node('Flatten', ['p'], ['f']),
      node('MatMul', ['f', 'v'], ['m']),
      node('Add', ['m', 'c'], ['y']),
    ]
    const biases = new Map([
      ['b', noise(4, 11)],
      ['c', noise(6, 13)],
    ])
    const net = (changed: ReadonlyMap<string, Float32Array>): Model =>
      buildModel({
        opset: 21,
        inputs: [value('x', 'f32', shape)],
        outputs: [value('y', 'f32')],
        nodes,
        initializers: [
          f32('w', conv.shape, floatsOf(conv)),
          f32('v', matrix.shape, floatsOf(matrix)),
          f32('b', [4], changed.get('b')!),
          f32('c', [6], changed.get('c')!),
        ],
      })
    const zeros = new Map([
      ['b', new Float32Array(4)],
      ['c', new Float32Array(6)],
    ])
    const model = net(zeros)
    const placement = await place(model)
    const grids = new Map(placement.points.map(({ group }) => [group, { scale: 0.05, zero: 128, type: 'u8' as const }]))
    const lowBit = new Map<string, LowBitWeight>([
      ['w', conv],
      ['v', matrix],
    ])
    const edits = insertPairs(model, placement, { grids, weights: new Map(), biases, lowBit })
    const lowered = removeDead(applyEdits(model, edits))
    expect(lowered.graph.initializers.filter(({ dtype }) => dtype === 'i4')).toHaveLength(4)
    expect(lowered.graph.nodes.some(({ op }) => op === 'QuantizeLinear')).toBe(true)
    const feeds = { x: new Tensor('float32', noise(144, 7), shape) }
    const float = await run(net(biases), feeds, 'all')
    for (const level of ['all', 'disabled'] as const) {
      const found = await run(lowered, feeds, level)
      for (let i = 0; i < float.length; i++) expect(Math.abs(found[i]! - float[i]!)).toBeLessThan(0.1)
      expect(found).not.toEqual(float)
    }
  })
})
