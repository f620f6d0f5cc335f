import { describe, expect, it } from 'vitest'
import { createReferenceKernels, createWasmKernelsSync } from '../../kernels/index.ts'
import { uniform } from '../../numbers/rounding.ts'
import { descendChannel, searchChannel } from './descend.ts'
import { codeRange, type LayerShape, matrixIndex, padded, solveUnit, type Unit, type UnitData } from './index.ts'
import { UnitRun } from './unit-run.ts'

const noise = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => 2 * uniform(seed, i) - 1)

const PLAIN = { strideY: 1, strideX: 1, stepY: 1, stepX: 1, depthwise: false }
const wide: LayerShape = { ...PLAIN, inputs: 3, outputs: 5, kernelHeight: 3, kernelWidth: 3, strideY: 2 }
const deep: LayerShape = { ...PLAIN, inputs: 5, outputs: 5, kernelHeight: 2, kernelWidth: 3, depthwise: true }
const flat: LayerShape = { ...PLAIN, inputs: 5, outputs: 4, kernelHeight: 1, kernelWidth: 1 }

function unit(bits: number | null, rounds: boolean): Unit {
  const grid = rounds ? { scale: 1 / 32, lowCode: 0, highCode: 255 } : null
  const layer = (shape: LayerShape, seed: number) => {
    const count = shape.outputs * (shape.depthwise ? 1 : shape.inputs) * shape.kernelHeight * shape.kernelWidth
    const rest = { weight: noise(count, seed), bias: noise(shape.outputs, seed + 1), hasBias: true, bits }
    return { name: `layer ${seed}`, shape, ...rest }
  }
  return {
    layers: [
      { ...layer(wide, 10), posts: [{ kind: 'bound', low: 0, high: 3, grid }] },
      { ...layer(deep, 20), posts: [] },
      {
        ...layer(flat, 30),
        posts: [
          { kind: 'add', operand: 0 },
          { kind: 'bound', low: 0, high: 6, grid: null },
        ],
      },
    ],
    sizes: [
      [7, 6],
      [3, 4],
      [2, 2],
      [2, 2],
    ],
    operands: 1,
  }
}

/** Maps whose last row of the second layer's input is outside the picture in every third window. */
function windows(count: number, seed: number): UnitData {
  const values = noise(count * 7 * 6, seed)
  const inputs = new Float32Array(count * 7 * 6 * padded(3))
  for (let i = 0; i < inputs.length; i++) if (i % 4 < 3) inputs[i] = values[Math.floor(i / 4)]! + 0.3 * (i % 4)
  const inside = Int32Array.from({ length: count * 8 }, (_, i) => [0, i % 24 < 8 ? 2 : 3, 0, 4, 0, 2, 0, 2][i % 8]!)
  return { count, inputs, added: [noise(count * 2 * 2 * 4, seed + 1)], inside }
}

function fill(run: UnitRun, of: Unit): void {
  for (const [index, { shape, weight, bias }] of of.layers.entries()) {
    const memory = run.layers[index]!
    const matrix = run.floats(memory.weights, memory.depth * memory.columns).fill(0)
    for (let i = 0; i < weight.length; i++) matrix[matrixIndex(shape, i)] = weight[i]!
    run.floats(memory.bias, memory.columns).fill(0).set(bias)
  }
}

describe('a unit backwards', () => {
  it('gives the slopes of its error', () => {
    const of = unit(4, false)
    const run = new UnitRun(createReferenceKernels(), of, 6)
    const data = windows(6, 1)
    const { at, rows, columns } = run.result
    const target = noise(rows * columns, 5)
    const error = (): number => {
      run.load(data, [0, 1, 2, 3, 4, 5])
      run.forward(false)
      return run.floats(at, target.length).reduce((sum, x, i) => sum + (x - target[i]!) ** 2 / 2, 0)
    }
    fill(run, of)
    error()
    const found = run.floats(at, target.length)
    run.floats(run.grad, target.length).set(found.map((x, i) => x - target[i]!))
    run.backward()
    for (const [index, { shape, weight }] of of.layers.entries()) {
      const memory = run.layers[index]!
      const slopes = run.floats(memory.weightGrad, memory.depth * memory.columns).slice()
      for (let i = 0; i < weight.length; i += 7) {
        const place = matrixIndex(shape, i)
        const matrix = run.floats(memory.weights, memory.depth * memory.columns)
        const kept = matrix[place]!
        const step = 1 / 2048
        matrix[place] = kept + step
        const up = error()
        matrix[place] = kept - step
        const down = error()
        matrix[place] = kept
        const slope = (up - down) / (2 * step)
        expect(Math.abs(slope - slopes[place]!)).toBeLessThan(0.02 * Math.abs(slope) + 0.05)
      }
    }
  })
})

describe('codes of a unit', () => {
  const data = { float: windows(40, 3), rounded: windows(40, 3) }
  const options = { iterations: 60, rate: 0.02, pressure: 30, seed: 1, batch: 8, drifts: [1], ridges: [0.02, 0.5] }

  it('are the same bits with every kernel', () => {
    const [first, second] = [createWasmKernelsSync(), createReferenceKernels()].map((kernels) =>
      solveUnit(kernels, unit(3, true), data, options),
    )
    expect(first).toEqual(second)
  })

  it('leave less error than nearest ones; learning is kept only where it helps; all in range', () => {
    for (const bits of [2, 3, 4]) {
      const of = unit(bits, true)
      const { errors, layers } = solveUnit(createWasmKernelsSync(), of, data, options)
      expect(errors.learned).toBeGreaterThan(0)
      const nearest = {
        ...of,
        layers: of.layers.map((layer) => ({ ...layer, weight: nearestOf(layer, bits), bits: null })),
      }
      expect(errors.descended).toBeLessThan(errorOf(of, nearest, data.float))
      for (const layer of layers) {
        expect(Math.max(...layer!.codes)).toBeLessThan(2 ** (bits - 1))
        expect(Math.min(...layer!.codes)).toBeGreaterThanOrEqual(-(2 ** (bits - 1)))
      }
    }
  })

  it('make good a part of what was done wrong before where that serves windows that were not learned on', () => {
    const better = [1, 2, 3, 4].map((seed) => {
      const off = noise(data.float.inputs.length, 10 + seed)
      const inputs = data.float.inputs.map((x, i) => x + 0.5 * off[i]!)
      const drifted = { float: data.float, rounded: { ...data.float, inputs } }
      const [one, more] = [[1], [1, 0.5, 0]].map((drifts) =>
        solveUnit(createWasmKernelsSync(), unit(3, true), drifted, { ...options, drifts }),
      )
      expect(more!.errors.descended).toBe(one!.errors.descended)
      expect(more!.errors.learned).toBeLessThanOrEqual(one!.errors.learned)
      return more!.errors.learned < one!.errors.learned
    })
    expect(better).toContain(true)
  })

  it('stay away where a weight keeps its floats', () => {
    const { layers, errors } = solveUnit(createWasmKernelsSync(), unit(null, false), data, options)
    expect(layers).toEqual([null, null, null])
    expect(errors.descended).toBeLessThan(1e-9)
  })
})

function nearestOf({ weight, shape }: Unit['layers'][number], bits: number): Float32Array {
  const each = weight.length / shape.outputs
  const decoded = new Float32Array(weight.length)
  for (let o = 0; o < shape.outputs; o++) {
    const row = weight.subarray(o * each, (o + 1) * each)
    const { codes, scale } = searchChannel(row, codeRange(bits))
    decoded.set(
      Float32Array.from(codes, (code) => code * scale),
      o * each,
    )
  }
  return decoded
}

/** Of one unit against another on the same windows. */
function errorOf(wanted: Unit, given: Unit, data: UnitData): number {
  const all = Array.from({ length: data.count }, (_, i) => i)
  const [a, b] = [wanted, given].map((of, at) => {
    const run = new UnitRun(createWasmKernelsSync(), of, data.count)
    fill(run, of)
    run.load(data, all)
    run.forward(at === 0)
    return run.floats(run.result.at, run.result.rows * run.result.columns).slice()
  })
  return a!.reduce((sum, x, i) => sum + (x - b![i]!) ** 2, 0) / (a!.length / 4)
}

describe('descent on one output', () => {
  const depth = 12
  const rows = noise(40 * depth, 7)
  const gram = new Float64Array(depth * depth)
  for (let r = 0; r < 40; r++) {
    for (let i = 0; i < depth * depth; i++) {
      gram[i] = gram[i]! + rows[r * depth + Math.floor(i / depth)]! * rows[r * depth + (i % depth)]!
    }
  }

  it('leaves less than nearest codes do', () => {
    for (let seed = 0; seed < 20; seed++) {
      const weights = noise(depth, 100 + seed)
      const cross = Float64Array.from(weights, (_, j) =>
        weights.reduce((sum, w, i) => sum + w * gram[j * depth + i]!, 0),
      )
      const left = ({ codes, scale }: { codes: Int8Array; scale: number }): number => {
        const error = weights.map((w, i) => w - scale * codes[i]!)
        return error.reduce((sum, x, i) => sum + x * error.reduce((s, y, j) => s + y * gram[i * depth + j]!, 0), 0)
      }
      const found = descendChannel(weights, { gram, cross, ridge: 0, range: codeRange(3) })
      expect(left(found)).toBeLessThanOrEqual(left(searchChannel(weights, codeRange(3))) + 1e-6)
    }
  })

  it('weights of one sign use all codes where the zero moves', () => {
    const weights = noise(depth, 5).map((x) => 2 + x)
    const left = ({ codes, scale }: { codes: Int8Array; scale: number }): number =>
      codes.reduce((sum, code, i) => sum + (weights[i]! - scale * code) ** 2, 0)
    const moved = searchChannel(weights, codeRange(4, true))
    expect(left(moved)).toBeLessThan(0.5 * left(searchChannel(weights, codeRange(4))))
    expect(moved.low).toBe(0)
    const found = descendChannel(weights, {
      gram: Float64Array.from({ length: depth ** 2 }, (_, i) => (i % (depth + 1) === 0 ? 1 : 0)),
      cross: Float64Array.from(weights),
      ridge: 0,
      range: codeRange(4, true),
    })
    expect(left(found)).toBeLessThanOrEqual(left(moved))
    for (const code of found.codes) expect(code >= found.low && code <= found.low + 15).toBe(true)
  })

  it('weights of zeros', () => {
    const found = descendChannel(new Float32Array(depth), {
      gram,
      cross: new Float64Array(depth),
      ridge: 1,
      range: codeRange(4),
    })
    expect([...found.codes].every((code) => code === 0)).toBe(true)
    expect(Number.isFinite(found.scale)).toBe(true)
  })
})
