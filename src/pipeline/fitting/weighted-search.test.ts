import { expect, test } from 'vitest'
import { gaussian } from '../../../test/fixtures/distribution.ts'
import { createKernelsSync, createReferenceKernels } from '../../kernels/index.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { parseSchemeId } from '../../schemes/index.ts'
import { decodeRows, type GramCodes, type GramRows } from '../../solvers/gram/rows.ts'
import { solveTensor } from '../../solvers/index.ts'
import { weightedCodes } from './weighted-search.ts'

const tools = { kernels: createKernelsSync(), notify: () => undefined }
const [CHANNELS, DEPTH] = [12, 40]
const rowsOf = (scheme: string): GramRows => ({
  ...{ values: gaussian(CHANNELS * DEPTH, 3), channels: CHANNELS, depth: DEPTH },
  spec: parseSchemeId(scheme) as IntegerSpec,
})
/** A few inputs are large. */
const importance = Float32Array.from({ length: DEPTH }, (_, k) => (k % 9 === 4 ? 60 : 0.5 + (k % 3)))
const even = new Float32Array(DEPTH).fill(1)

function errorOf(rows: GramRows, codes: GramCodes): number {
  const decoded = decodeRows(rows, codes)
  return rows.values.reduce((sum, value, i) => sum + importance[i % DEPTH]! * (value - decoded[i]!) ** 2, 0)
}

test.each(['int4-block16-sym-f16', 'int4-block32-asym', 'int2-block16-asym', 'int2-channel-sym', 'int8-block32-asym'])(
  '%s: less weighted error than a search in which all count alike, codes and scales as they are stored',
  async (scheme) => {
    const rows = rowsOf(scheme)
    const [plain, weighted] = [await weightedCodes(rows, even, tools), await weightedCodes(rows, importance, tools)]
    expect(errorOf(rows, weighted)).toBeLessThan((scheme.startsWith('int8') ? 1.0001 : 0.95) * errorOf(rows, plain))
    expect(Math.max(...weighted.codes)).toBeLessThan(2 ** rows.spec.bits)
    const again = await weightedCodes(rows, importance, { ...tools, kernels: createReferenceKernels() })
    expect(again).toEqual(weighted)
  },
)

test('inputs that are never there: the codes of the search without data', async () => {
  const rows = rowsOf('int4-block16-asym')
  const view = { stack: 1, channels: CHANNELS, depth: DEPTH, along: 'row' } as const
  const { codes, scales, zeros } = solveTensor(rows.values, view, rows.spec, 'search', tools.kernels).quantized
  expect(await weightedCodes(rows, new Float32Array(DEPTH), tools)).toEqual({ codes, scales, zeros })
})
