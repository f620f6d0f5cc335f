import { describe, expect, it } from 'vitest'
import { op } from '../../test/fixtures/graph-sketch.ts'
import { weightFacts, weightUse } from '../../test/fixtures/quantized-weight.ts'
import type { Inventory, OuterLayer, WeightFacts } from '../model/inventory.ts'
import { formatSchemeId } from '../schemes/index.ts'
import { resolveTarget } from '../targets/index.ts'
import { outerOptions } from './options.ts'
import { affordableEnds } from './outer-layers.ts'

const node = op('MatMul', 'x w', 'y')
const linear = (name: string, shape: readonly number[], outer?: OuterLayer): WeightFacts => ({
  ...weightFacts(
    { name, dtype: 'f32', shape, storage: { kind: 'produced', byteLength: shape.reduce((a, b) => a * b, 4) } },
    [weightUse(node, 1, 'matmul', null, null)],
  ),
  ...(outer ? { outer } : {}),
  elementCount: shape.reduce((a, b) => a * b, 1),
})
const names = (weights: readonly WeightFacts[]) =>
  [...affordableEnds({ weights } as unknown as Inventory)].map(({ name }) => name)

describe('affordableEnds', () => {
  it('takes the smallest ends up to a quarter of what linear layers hold', () => {
    const body = linear('body', [100, 100])
    expect(names([linear('in', [10, 100], 'first'), body, linear('out', [100, 10], 'last')])).toEqual(['in', 'out'])
    expect(names([linear('in', [50, 100], 'first'), body, linear('out', [100, 10], 'last')])).toEqual(['out'])
    expect(names([linear('only', [100, 10], 'last')])).toEqual([])
  })
})

describe('outerOptions', () => {
  const last = linear('w', [64, 32], 'last')
  const ids = (preset: string, target = 'ort') =>
    outerOptions(preset, last, resolveTarget(target)).flatMap(({ specs }) => specs.map(formatSchemeId))

  it('gives 8 bits where a preset has fewer, in the form the preset means', () => {
    expect(ids('int4-weights')).toEqual(['int8-block128-sym', 'int8-block128-asym'])
    expect(ids('q2')).toEqual(['int8-block32-sym', 'int8-block32-asym'])
    expect(ids('q4f16', 'ort-web-webgpu')).toEqual(['int8-block32-sym-f16', 'int8-block32-asym-f16'])
    expect(ids('bnb4')).toEqual(['int8-block32-sym', 'int8-block32-asym'])
    expect(ids('int8')).toEqual([])
    expect(ids('int4-block32-sym')).toEqual([])
    expect(outerOptions('q4', linear('w', [64, 32]), resolveTarget('ort'))).toEqual([])
  })
})
