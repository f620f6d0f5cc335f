import { beforeAll, describe, expect, test } from 'vitest'
import { integerSpec } from '../../test/contracts/packing.ts'
import { createWasmKernelsSync } from '../kernels/wasm.ts'
import type { MatrixView } from '../model/scheme.ts'
import { uniform } from '../numbers/rounding.ts'
import { decode } from '../schemes/decode.ts'
import { solveTensor } from './solve.ts'
import { solveLongColumns } from './solve-long-columns.ts'
import { solveLongRun } from './solve-long-run.ts'
import type { TileJob } from './tile-job.ts'

const kernels = createWasmKernelsSync()

/** Bell-shaped with rare outliers: the plain range is far too wide for few bits. */
function weights(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => {
    const bell = uniform(1, 3 * i) + uniform(1, 3 * i + 1) + uniform(1, 3 * i + 2) - 1.5
    return i % 5003 === 0 ? bell * 6 : bell
  })
}

function squaredErrorOf(values: Float32Array, decoded: Float32Array): number {
  let sum = 0
  for (let index = 0; index < values.length; index++) sum += (values[index]! - decoded[index]!) ** 2
  return sum
}

let values: Float32Array

beforeAll(() => {
  values = weights(1_048_577)
})

describe('grids longer than a kernel call', () => {
  const views: [string, MatrixView, ReturnType<typeof integerSpec>[]][] = [
    [
      'one grid for a tensor',
      { stack: 1, channels: 1, depth: 1_048_577, along: 'row' },
      [integerSpec(4, 'tensor', false), integerSpec(2, 'channel', true, 'f16')],
    ],
    ['long columns', { stack: 1, channels: 3, depth: 70_001, along: 'column' }, [integerSpec(4, 'channel', false)]],
    [
      'long blocks of columns',
      { stack: 2, channels: 5, depth: 20_001, along: 'column' },
      [integerSpec(8, 9000, false)],
    ],
  ]
  test.each(views)('%s: nearest is the plain grid, search is better, errors are true', (_, view, specs) => {
    const part = values.subarray(0, view.stack * view.channels * view.depth)
    for (const spec of specs) {
      const nearest = solveTensor(part, view, spec, 'nearest', kernels)
      const search = solveTensor(part, view, spec, 'search', kernels)
      for (const { quantized, squaredError } of [nearest, search]) {
        const expected = squaredErrorOf(part, decode(quantized, kernels))
        expect(Math.abs(squaredError - expected)).toBeLessThan(expected * 1e-3)
      }
      expect(search.squaredError).toBeLessThan(nearest.squaredError * (spec.bits === 8 ? 1.00001 : 0.7))
    }
  })
})

describe('streams against the kernels on grids that both can do', () => {
  const channels = 6
  const depth = 500
  const count = channels * depth
  const row: MatrixView = { stack: 1, channels, depth, along: 'row' }
  const column: MatrixView = { stack: 1, channels, depth, along: 'column' }

  function jobFor(view: MatrixView, spec: ReturnType<typeof integerSpec>, solver: 'nearest' | 'search') {
    const part = values.slice(0, count)
    const kernel = solveTensor(part, view, spec, solver, kernels)
    const { quantized } = kernel
    const job: TileJob = {
      values: part,
      codes: new Uint8Array(count),
      scales: new Float32Array(quantized.scales.length),
      zeros: quantized.zeros && new Uint8Array(quantized.scales.length),
      spec,
      solver,
      kernels,
    }
    return { kernel, job }
  }

  test.each(['nearest', 'search'] as const)('%s', (solver) => {
    for (const bits of [2, 4, 8] as const) {
      for (const symmetric of [true, false]) {
        const spec = integerSpec(bits, 'channel', symmetric, bits === 4 ? 'f16' : 'f32')
        const rows = jobFor(row, spec, solver)
        let runError = 0
        for (let channel = 0; channel < channels; channel++) {
          runError += solveLongRun(rows.job, channel * depth, depth, channel)
        }
        const columns = jobFor(column, spec, solver)
        const columnError = solveLongColumns(columns.job, column, 0)
        for (const [{ kernel, job }, error] of [[rows, runError] as const, [columns, columnError] as const]) {
          if (solver === 'nearest') {
            expect(job.scales).toEqual(kernel.quantized.scales)
            expect(job.zeros).toEqual(kernel.quantized.zeros)
            expect(job.codes).toEqual(kernel.quantized.codes)
          } else {
            expect(error).toBeLessThan(kernel.squaredError * 1.01)
          }
        }
      }
    }
  })
})
