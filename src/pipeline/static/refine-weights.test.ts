import * as ort from 'onnxruntime-node'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { gaussian } from '../../../test/fixtures/distribution.ts'
import { runOnnx } from '../../../test/fixtures/run-onnx.ts'
import { floats, noise, place } from '../../../test/fixtures/static-model.ts'
import type { SampleSet } from '../../calibration/index.ts'
import { TersorError } from '../../errors.ts'
import { applyEdits, removeDead } from '../../graph/index.ts'
import { insertPairs } from '../../graph/lowerings/index.ts'
import { staticWeight, worstPairOf } from '../../graph/placement/index.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import type { StaticWeight } from '../../model/activation.ts'
import type { Feeds } from '../../model/runtime.ts'
import { type OrtModule, ortRuntime } from '../../runtime/ort.ts'
import { collectWith } from '../calibrate.ts'
import { MemorySessions, type ModelSessions } from '../model-sessions.ts'
import { type RefinedConstants, type RefineInput, refineWeights } from './refine-weights.ts'
import { gridsOf } from './static-grids.ts'
import { type StaticConstants, staticConstants } from './static-weights.ts'

const tools = { kernels: createKernelsSync(), notify: () => undefined }
const sessions = () => new MemorySessions(ortRuntime(ort as unknown as OrtModule, 'onnxruntime-node'), tools)
const SHAPE = [1, 3, 12, 12]

/** Smooth pictures far from 0: columns that move together, and a mean. */
function picture(seed: number): Float32Array {
  const fine = noise(432, seed)
  return fine.map((one, i) => 1 + Math.sin((i % 12) / (2 + (seed % 3)) + seed) + 0.15 * one)
}
const setOf = (seeds: readonly number[]): SampleSet => {
  const list = seeds.map((seed): Feeds => {
    const data = new Uint8Array(picture(seed).buffer)
    return { x: { dtype: 'f32', shape: SHAPE, data } }
  })
  const at = async (index: number) => ({ label: `sample ${index}`, feeds: list[index]! })
  return { count: list.length, found: list.length, at, skipped: [], filled: [], converted: [] }
}
const weight = (name: string, shape: readonly number[], seed: number) =>
  f32(
    name,
    shape,
    gaussian(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  )

/** Convolution, depthwise convolution, and a Gemm whose weight lies inputs first. */
const MODEL = buildModel({
  opset: 17,
  inputs: [value('x', 'f32', SHAPE)],
  outputs: [value('y', 'f32', [1, 5])],
  initializers: [
    weight('w1', [8, 3, 3, 3], 1),
    weight('b1', [8], 2),
    weight('w2', [8, 1, 3, 3], 3),
    weight('b2', [8], 4),
    weight('w3', [8, 5], 5),
    weight('b3', [5], 6),
  ],
  nodes: [
    node('Conv', ['x', 'w1', 'b1'], ['c1'], { pads: [1, 1, 1, 1], kernel_shape: [3, 3] }, { name: 'first' }),
    node('Relu', ['c1'], ['r1']),
    node('Conv', ['r1', 'w2', 'b2'], ['c2'], { group: 8, strides: [2, 2], kernel_shape: [3, 3] }, { name: 'deep' }),
    node('Relu', ['c2'], ['r2']),
    node('GlobalAveragePool', ['r2'], ['p']),
    node('Flatten', ['p'], ['f']),
    node('Gemm', ['f', 'w3', 'b3'], ['y'], {}, { name: 'last' }),
  ],
})

describe('weights refined on data', () => {
  let input: RefineInput
  let refined: RefinedConstants
  beforeAll(async () => {
    const placement = await place(MODEL)
    const samples = setOf(Array.from({ length: 32 }, (_, i) => i + 1))
    const values = placement.points.map((point) => point.value)
    const { statistics } = await collectWith(sessions(), { model: MODEL, values, samples, tools })
    const grids = gridsOf(placement, statistics, () => 'minmax')
    const constants = await staticConstants(MODEL, placement, grids, statistics, true, tools)
    input = { model: MODEL, placement, grids, constants, samples, sessions: sessions(), tools }
    refined = await refineWeights(input, { proven: false })
  })

  it('is the same where nothing can be kept between segments', async () => {
    const own = sessions()
    let refused = 0
    const picky: ModelSessions = {
      session: (key, build) =>
        own.session(key, () => {
          const model = build()
          if (model.graph.inputs.length === 1) return model
          refused += 1
          throw new TersorError('E_RUNTIME', 'one input is enough')
        }),
      keepOnly: (keys) => own.keepOnly(keys),
      close: () => own.close(),
    }
    expect(await refineWeights({ ...input, sessions: picky }, { proven: false })).toEqual(refined)
    expect(refused).toBeGreaterThan(0)
  })

  /** Noise of the output over pictures that were not seen. */
  async function noiseOf({ weights, biases }: StaticConstants): Promise<number> {
    const edits = insertPairs(MODEL, input.placement, { grids: input.grids, weights, biases })
    const rounded = removeDead(applyEdits(MODEL, edits))
    let sum = 0
    for (let seed = 50; seed < 70; seed++) {
      const feeds = { x: new ort.Tensor('float32', picture(seed), SHAPE) }
      const wanted = (await runOnnx(MODEL, feeds, true)).y?.data as Float32Array
      const found = (await runOnnx(rounded, feeds, true)).y?.data as Float32Array
      for (const [i, one] of wanted.entries()) sum += (one - found[i]!) ** 2
    }
    return sum
  }

  it('lowers the error of every product', async () => {
    expect([...refined.refined.keys()]).toEqual(['w1', 'w2', 'w3'])
    for (const { before, after, biasCorrected } of refined.refined.values()) {
      expect(after).toBeLessThanOrEqual(before)
      expect(biasCorrected).toBe(true)
    }
    expect(refined.refined.get('w1')!.after).toBeLessThan(0.7 * refined.refined.get('w1')!.before)
  })

  it('lowers the noise of the output on new data, here that of 4 bits', async () => {
    const weights = new Map<string, StaticWeight>()
    for (const { weight } of input.placement.products) {
      const { name, shape, axis } = weight!
      const ref = MODEL.graph.initializers.find((one) => one.name === name)!
      weights.set(name, staticWeight(tools.kernels, name, floats(ref), shape, axis, { most: 7, scale: 'error' }))
    }
    const nearest = { ...input.constants, weights }
    const found = await refineWeights({ ...input, constants: nearest, sessions: sessions() }, { most: 7, segments: 1 })
    expect(await noiseOf(found)).toBeLessThan(0.5 * (await noiseOf(nearest)))
  })

  it('gives the same codes again', async () => {
    const again = await refineWeights({ ...input, sessions: sessions() }, { proven: false })
    expect(again.weights).toEqual(refined.weights)
    expect(again.biases).toEqual(refined.biases)
  })

  it('what was safe as signed codes stays safe', async () => {
    const [product] = input.placement.products
    const bytes = new Uint8Array(216).map((_, i) => (i % 3 === 0 ? 60 : 200))
    const storage = { kind: 'bytes' as const, bytes, byteLength: 216 }
    const given = { ...input.constants.weights.get('w1')! }
    const safe = { ...given, codes: { ...given.codes, dtype: 'i8' as const, storage } }
    const weights = new Map([...input.constants.weights, ['w1', safe] as const])
    const found = await refineWeights(
      { ...input, constants: { ...input.constants, weights }, sessions: sessions() },
      { proven: false },
    )
    const made = found.weights.get('w1')!
    expect(made.codes.dtype).toBe('i8')
    expect(worstPairOf(product!, made)).toBeLessThanOrEqual(128)
    expect(found.figures.get('w1')!.form).toBe('s8')
  })
})
