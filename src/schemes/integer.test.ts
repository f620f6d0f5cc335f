import { describe, expect, test } from 'vitest'
import { arbitraryTensor, integerSpec } from '../../test/contracts/packing.ts'
import { schemeContract } from '../../test/contracts/scheme.ts'
import { decodeByDefinition } from '../../test/contracts/solver.ts'
import { createWasmKernelsSync } from '../kernels/wasm.ts'
import { solveTensor } from '../solvers/index.ts'
import { decode } from './decode.ts'
import { bitsPerWeight, errorBound } from './integer.ts'
import { formatSchemeId, parseSchemeId } from './scheme-id.ts'

const ids = [
  'int8-tensor-sym',
  'int8-channel-sym',
  'int8-channel-asym',
  'int8-block16-asym-f16',
  'int4-tensor-asym',
  'int4-channel-sym-f16',
  'int4-block32-sym',
  'int4-block16-asym-f16',
  'int2-block16-sym',
  'int2-block32-asym',
]

const kernels = createWasmKernelsSync()

for (const id of ids) {
  const spec = parseSchemeId(id)
  if (spec.family !== 'integer') continue
  schemeContract(formatSchemeId(spec), { spec, decode, errorBound }, solveTensor, kernels)
}

describe('decode', () => {
  test('long rows and columns, cut into several calls', () => {
    const views = [
      { stack: 1, channels: 1, depth: 1_100_000, along: 'row' },
      { stack: 1, channels: 3, depth: 360_000, along: 'column' },
      { stack: 1, channels: 40_000, depth: 30, along: 'column' },
    ] as const
    for (const view of views) {
      for (const granularity of ['tensor', 'channel', 16] as const) {
        const tensor = arbitraryTensor(integerSpec(4, granularity, false), view, 5)
        const [found, expected] = [decode(tensor, kernels), decodeByDefinition(tensor)]
        expect(found.every((value, index) => Object.is(value, expected[index]) || value === expected[index])).toBe(true)
      }
    }
  })
})

test('error bounds', () => {
  const spec = integerSpec(4, 'tensor')
  expect(errorBound(spec, 0.5, 8, -4, 3.5)).toBe(0.25)
  expect(errorBound(spec, 0.5, 8, -4, 4)).toBe(0.5)
  expect(errorBound(spec, -0.5, 8, -4, 4)).toBe(0.5)
  expect(errorBound(spec, 0, 8, -1, 2)).toBe(2)
  expect(errorBound(integerSpec(8, 'tensor', false), 1, 0, -3, 255)).toBe(3)
})

test('bits per weight count codes, scales and zeros', () => {
  const view = { stack: 1, channels: 64, depth: 128, along: 'column' } as const
  expect(bitsPerWeight(parseSchemeId('int4-block32-sym'), view)).toBe(5)
  expect(bitsPerWeight(parseSchemeId('int4-block32-sym-f16'), view)).toBe(4.5)
  expect(bitsPerWeight(parseSchemeId('int4-block32-asym-f16'), view)).toBe(4.625)
  expect(bitsPerWeight(parseSchemeId('int8-channel-sym'), view)).toBe(8.25)
  expect(bitsPerWeight(parseSchemeId('bf16'), view)).toBe(16)
})
