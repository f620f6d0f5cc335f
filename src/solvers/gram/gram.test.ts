import { describe, expect, test } from 'vitest'
import { createKernelsSync, createReferenceKernels } from '../../kernels/index.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { parseSchemeId } from '../../schemes/index.ts'
import { solveTensor } from '../index.ts'
import { GramDescent } from './descend.ts'
import { factorGram } from './factor.ts'
import { feedbackRows } from './feedback.ts'
import { blockOf, decodeRows, type GramCodes, type GramRows } from './rows.ts'
import { solveFactored } from './solve-factored.ts'
import { chooseBy, GramSolver, PLAIN_CHOICE, someRows } from './solve-gram.ts'

const kernels = createKernelsSync()

function bells(seed: number): () => number {
  let state = seed >>> 0
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  }
  return () => (uniform() + uniform() + uniform() + uniform() - 2) * 1.7
}

/** Second moments of inputs that mostly move in a quarter of their dimensions. */
function correlated(depth: number, seed: number): Float32Array {
  const bell = bells(seed)
  const rank = Math.max(1, depth >> 2)
  const mix = Float64Array.from({ length: rank * depth }, bell)
  const gram = new Float32Array(depth * depth)
  for (let i = 0; i < depth; i++) {
    for (let j = 0; j < depth; j++) {
      let sum = i === j ? 0.1 : 0
      for (let r = 0; r < rank; r++) sum += ((mix[r * depth + i] as number) * (mix[r * depth + j] as number)) / rank
      gram[i * depth + j] = sum
    }
  }
  return gram
}

const rowsOf = (channels: number, depth: number, scheme: string, seed = 5): GramRows => ({
  values: Float32Array.from({ length: channels * depth }, bells(seed)),
  channels,
  depth,
  spec: parseSchemeId(scheme) as IntegerSpec,
})

function productError(rows: GramRows, codes: GramCodes, gram: Float32Array): number {
  const decoded = decodeRows(rows, codes)
  const descent = new GramDescent(gram, rows.depth, kernels)
  descent.load()
  return descent.energy(rows.values.map((value, i) => value - (decoded[i] as number)))
}

function alone(rows: GramRows, solver: 'nearest' | 'search'): GramCodes {
  const view = { stack: 1, channels: rows.channels, depth: rows.depth, along: 'row' as const }
  const { quantized } = solveTensor(rows.values, view, rows.spec, solver, kernels)
  return {
    ...quantized,
    zeros: quantized.zeros ?? new Uint8Array(quantized.scales.length).fill(2 ** (rows.spec.bits - 1)),
  }
}

/** The formulas of Frantar et al. 2022 in f64, column by column: errors over the upper factor of the inverse, rows of it to the right. */
function reference(
  rows: GramRows,
  gram: Float32Array,
  damping: number,
  scaleOf: (n: number, k: number) => number,
): number[] {
  const { depth: size, channels, values, spec } = rows
  const h = Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (_, j) => (gram[i * size + j] as number) + (i === j ? damping : 0)),
  )
  const inverse = inverted(h)
  const upper = cholesky(inverse)
  const most = 2 ** (spec.bits - 1)
  const codes: number[] = []
  for (let n = 0; n < channels; n++) {
    const w = [...values.subarray(n * size, (n + 1) * size)]
    for (let i = 0; i < size; i++) {
      const scale = scaleOf(n, i)
      const code = Math.max(-most, Math.min(most - 1, Math.round((w[i] as number) / scale)))
      codes.push(code + most)
      const error = ((w[i] as number) - code * scale) / (upper[i]?.[i] as number)
      for (let j = i; j < size; j++) w[j] = (w[j] as number) - error * (upper[i]?.[j] as number)
    }
  }
  return codes
}

function inverted(matrix: number[][]): number[][] {
  const size = matrix.length
  const all = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))])
  for (let i = 0; i < size; i++) {
    const pivot = all[i] as number[]
    const by = pivot[i] as number
    for (let j = 0; j < 2 * size; j++) pivot[j] = (pivot[j] as number) / by
    for (const row of all) {
      if (row === pivot) continue
      const factor = row[i] as number
      for (let j = 0; j < 2 * size; j++) row[j] = (row[j] as number) - factor * (pivot[j] as number)
    }
  }
  return all.map((row) => row.slice(size))
}

/** U with U^T U = matrix. */
function cholesky(matrix: number[][]): number[][] {
  const size = matrix.length
  const u = matrix.map((row) => row.map(() => 0))
  for (let i = 0; i < size; i++) {
    for (let j = i; j < size; j++) {
      let sum = matrix[i]?.[j] as number
      for (let k = 0; k < i; k++) sum -= (u[k]?.[i] as number) * (u[k]?.[j] as number)
      ;(u[i] as number[])[j] = i === j ? Math.sqrt(sum) : sum / (u[i]?.[i] as number)
    }
  }
  return u
}

describe('the factor of second moments', () => {
  test.each([1, 5, 8, 33, 70])('gives them back, depth %s', (depth) => {
    const gram = correlated(depth, 3)
    const factor = factorGram(gram, depth, 0.25, kernels)
    for (let i = 0; i < depth; i++) {
      for (let j = 0; j < depth; j++) {
        let sum = 0
        for (let k = 0; k < depth; k++) {
          const product = (factor?.upper[i * depth + k] as number) * (factor?.upper[j * depth + k] as number)
          sum += product * (factor?.pivots[k] as number)
        }
        expect(sum).toBeCloseTo((gram[i * depth + j] as number) + (i === j ? 0.25 : 0), 4)
      }
    }
  })

  test('solves for many right sides', () => {
    const depth = 70
    const gram = correlated(depth, 3)
    const factor = factorGram(gram, depth, 0.25, kernels)
    const wanted = Float32Array.from({ length: 67 * depth }, bells(8))
    const solved = solveFactored(factor as NonNullable<typeof factor>, wanted, kernels)
    for (let n = 0; n < 67; n += 11) {
      for (let i = 0; i < depth; i++) {
        let sum = 0.25 * (solved[n * depth + i] as number)
        for (let j = 0; j < depth; j++) sum += (gram[i * depth + j] as number) * (solved[n * depth + j] as number)
        expect(sum).toBeCloseTo(wanted[n * depth + i] as number, 3)
      }
    }
  })

  test('there is none of a singular matrix without damping, nor of numbers that are none', () => {
    const ones = new Float32Array(64).fill(1)
    expect(factorGram(ones, 8, 0, kernels)).toBeNull()
    expect(factorGram(ones, 8, 0.01, kernels)).not.toBeNull()
    expect(factorGram(new Float32Array(64).fill(Number.NaN), 8, 1, kernels)).toBeNull()
    expect(factorGram(new Float32Array(64).fill(Number.POSITIVE_INFINITY), 8, 1, kernels)).toBeNull()
  })
})

describe('error feedback', () => {
  test('gives the codes of the reference formulas, in either order of columns', () => {
    const rows = rowsOf(7, 40, 'int4-block8-sym')
    const gram = correlated(40, 9)
    const given = alone(rows, 'search')
    const scaleOf = (n: number, k: number): number => given.scales[n * 5 + Math.floor(k / 8)] as number
    const factor = factorGram(gram, 40, 0.05, kernels)
    const found = feedbackRows(rows, factor as NonNullable<typeof factor>, kernels, given)
    expect([...found.codes]).toEqual(reference(rows, gram, 0.05, scaleOf))

    const order = Int32Array.from({ length: 40 }, (_, i) => (i * 7) % 40)
    const turnedFactor = factorGram(gram, 40, 0.05, kernels, order)
    const ordered = feedbackRows(rows, turnedFactor as NonNullable<typeof factor>, kernels, given, order)
    const turnedRows = {
      ...rows,
      values: rows.values.map((_, at) => rows.values[at - (at % 40) + (order[at % 40] as number)] as number),
    }
    const turnedGram = gram.map(
      (_, at) => gram[(order[Math.floor(at / 40)] as number) * 40 + (order[at % 40] as number)] as number,
    )
    const wanted = reference(turnedRows, turnedGram, 0.05, (n, k) => scaleOf(n, order[k] as number))
    const back = [...wanted]
    for (let n = 0; n < 7; n++)
      for (let k = 0; k < 40; k++) back[n * 40 + (order[k] as number)] = wanted[n * 40 + k] as number
    expect([...ordered.codes]).toEqual(back)
  })

  test('lowers the error of products by more than 29 % where inputs are correlated', () => {
    const gram = correlated(192, 1)
    for (const scheme of ['int4-block32-asym', 'int4-block32-sym-f16', 'int2-block16-asym', 'int8-channel-sym']) {
      const rows = rowsOf(24, 192, scheme)
      const factor = factorGram(gram, 192, 0.02, kernels)
      const found = feedbackRows(rows, factor as NonNullable<typeof factor>, kernels)
      const nearest = productError(rows, alone(rows, 'nearest'), gram)
      // Of the root of the squares: 0.71 squared.
      expect(productError(rows, found, gram) / nearest, scheme).toBeLessThan(0.504)
      expect(Math.max(...found.codes)).toBeLessThan(2 ** rows.spec.bits)
      if (rows.spec.scale === 'f16') for (const scale of found.scales) expect(Math.fround(scale)).toBe(scale)
    }
  })

  test('is rounding to the nearest code where inputs have nothing to do with each other, and where they were never seen', () => {
    const rows = rowsOf(9, 48, 'int4-block16-asym')
    const given = alone(rows, 'nearest')
    const gram = new Float32Array(48 * 48)
    for (let i = 0; i < 24; i++) gram[i * 48 + i] = 1 + i
    const factor = factorGram(gram, 48, 0.1, kernels)
    const found = feedbackRows(rows, factor as NonNullable<typeof factor>, kernels, given)
    expect([...found.codes]).toEqual([...given.codes])
  })

  test('the last block may be shorter, and rows of zeros stay zeros', () => {
    const rows = rowsOf(65, 37, 'int4-block16-sym')
    rows.values.fill(0, 0, 37)
    const factor = factorGram(correlated(37, 2), 37, 0.1, kernels)
    const found = feedbackRows(rows, factor as NonNullable<typeof factor>, kernels)
    expect(blockOf(rows)).toBe(16)
    expect([...decodeRows(rows, found).subarray(0, 37)]).toEqual(new Array(37).fill(0))
    expect(found.scales.length).toBe(65 * 3)
  })
})

describe('descent', () => {
  test('never raises the error, and refits scales', () => {
    const gram = correlated(96, 4)
    for (const scheme of ['int4-block32-asym', 'int2-block16-sym', 'int8-channel-sym-f16', 'int4-block128-asym']) {
      const rows = rowsOf(70, 96, scheme)
      const codes = alone(rows, 'search')
      const descent = new GramDescent(gram, 96, kernels)
      descent.load()
      let before = productError(rows, codes, gram)
      for (const rounds of [1, 2, 2]) {
        descent.load()
        descent.descend(rows, codes, { rounds, sweeps: 1 })
        const after = productError(rows, codes, gram)
        expect(after).toBeLessThan(before * 1.0001)
        before = after
      }
      expect(before).toBeLessThan(0.6 * productError(rows, alone(rows, 'search'), gram))
    }
  })
})

describe('the solver', () => {
  const gram = correlated(64, 6)
  const moments = { depth: 64, gram, drift: null }

  test('gives the same codes with the kernels and with their twins', () => {
    const rows = rowsOf(20, 64, 'int4-block16-asym-f16')
    const drift = gram.map((value, i) => (i % 3) * 0.01 * value)
    const found = [kernels, createReferenceKernels()].map((own) =>
      new GramSolver({ depth: 64, gram, drift }, own).solve(rows, { damping: 0.1, drift: 0.5, ordered: true }),
    )
    expect(found[0]).toEqual(found[1])
    expect(found[0]).not.toBeNull()
  })

  test('stops often on the way', () => {
    const rows = rowsOf(64, 256, 'int4-block32-asym-f16')
    const steps = new GramSolver({ depth: 256, gram: correlated(256, 2), drift: null }, kernels).solveSteps(
      rows,
      PLAIN_CHOICE,
    )
    let count = 0
    while (steps.next().done !== true) count++
    expect(count).toBeGreaterThan(30)
  })

  test('aims at products with what the inputs should have been', () => {
    const rows = rowsOf(20, 64, 'int8-channel-sym')
    // xq is 0.8 x everywhere: weights have to be 1.25 times as large.
    const drift = gram.map((value) => 0.25 * value)
    const solver = new GramSolver({ depth: 64, gram, drift }, kernels)
    const codes = solver.solve(rows, { ...PLAIN_CHOICE, damping: 0.0001 }) as GramCodes
    const decoded = decodeRows(rows, codes)
    let [own, crossed] = [0, 0]
    for (let i = 0; i < decoded.length; i++) {
      own += (rows.values[i] as number) ** 2
      crossed += (rows.values[i] as number) * (decoded[i] as number)
    }
    expect(crossed / own).toBeCloseTo(1.25, 2)
    const still = solver.solve(rows, { ...PLAIN_CHOICE, damping: 0.0001, drift: 0 }) as GramCodes
    expect(solver.error(rows, codes)).toBeLessThan(solver.error(rows, still))
  })

  test('moments of nothing, or that are not finite, have no codes', () => {
    const rows = rowsOf(4, 64, 'int4-block16-asym')
    for (const value of [0, Number.NaN, Number.POSITIVE_INFINITY]) {
      const solver = new GramSolver({ ...moments, gram: new Float32Array(64 * 64).fill(value) }, kernels)
      expect(solver.solve(rows, PLAIN_CHOICE)).toBeNull()
      expect(chooseBy([rows], solver, solver)).toBeNull()
    }
  })

  test('damps more where what was seen says little of other data', () => {
    const rows = rowsOf(16, 64, 'int4-block16-asym')
    const same = chooseBy([rows], new GramSolver(moments, kernels), new GramSolver(moments, kernels))
    const plain = new Float32Array(64 * 64)
    for (let i = 0; i < 64; i++) plain[i * 65] = 1
    const other = new GramSolver({ ...moments, gram: plain }, kernels)
    const unlike = chooseBy([rows], new GramSolver(moments, kernels), other)
    expect(unlike?.damping as number).toBeGreaterThan(same?.damping as number)
  })

  test('choices are made on rows from all over', () => {
    const rows = rowsOf(10, 8, 'int4-block8-sym')
    expect(someRows(rows, 10)).toBe(rows)
    const some = someRows(rows, 2)
    expect(some.channels).toBe(2)
    expect([...some.values.subarray(0, 8)]).toEqual([...rows.values.subarray(16, 24)])
    expect([...some.values.subarray(8)]).toEqual([...rows.values.subarray(56, 64)])
  })
})
