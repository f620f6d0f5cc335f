import { codeLevels } from '../../numbers/level-tables/code-levels.ts'
import { intAttribute } from '../attributes.ts'
import { rawCodes } from './matmul-nbits.ts'
import { castTo, dequantized, headOf, lookedUp, reshapedTo, storedAs, transposed } from './recipe.ts'
import type { Lifting } from './site.ts'
import { plainNode } from './twins.ts'

/** Levels of codes by twos, the first in the high half of a byte; one table each. */
function pairs(table: 'nf4' | 'fp4'): readonly number[] {
  const granularity = { kind: 'tensor' } as const
  const levels = codeLevels({ family: 'levels', table, bits: 4, granularity, symmetric: true, scale: 'f32' })
  const level = (code: number): number => levels?.decoded[code] ?? 0
  return Array.from({ length: 256 }, (_, byte) => [level(byte >> 4), level(byte & 15)]).flat()
}

const TABLES = [
  { levels: 'fp4', table: pairs('fp4') },
  { levels: 'nf4', table: pairs('nf4') },
] as const

/** com.microsoft MatMulBnb4 back to MatMul: the weight is stored as one run of N * K codes and comes back as [K, N]. */
export const matmulBnb4: Lifting = {
  id: 'matmul-bnb4',
  operators: ['com.microsoft::MatMulBnb4'],

  lift(site) {
    const { node } = site
    const [activation = '', codes = '', absmax = ''] = node.inputs
    const [K, N] = [intAttribute(node, 'K', 0), intAttribute(node, 'N', 0)]
    const block = intAttribute(node, 'block_size', 0)
    const kind = TABLES[intAttribute(node, 'quant_type', -1)]
    const tensor = rawCodes(site, codes)
    const scale = site.fact(absmax)?.recipe
    if (kind === undefined) return { keep: 'its kind of codes is not known' }
    if (intAttribute(node, 'transB', 1) !== 1) return { keep: 'its weight is stored the other way round' }
    if (tensor === undefined || scale === undefined) return { keep: 'codes or scales are not constant' }
    const why = { keep: 'codes and scales do not fit K, N and the block size' }
    const count = N * K
    if (!(N > 0 && K > 0 && block > 0 && Number.isSafeInteger(count))) return why
    const bytes = storedAs(tensor, 'u8', [Math.ceil(count / 2)], 8)
    const scales = reshapedTo(castTo(scale, 'f32'), [Math.ceil(count / block)])
    const flat = bytes && reshapedTo(lookedUp(bytes, kind.table, 2, kind.levels), [bytes.shape[0]! * 2])
    const values = flat && scales && dequantized(headOf(flat, 0, count), scales, 0, { axis: 0, block })
    const rows = values && reshapedTo(values, [N, K])
    if (!rows) return why
    const weight = site.weight(transposed(rows, [1, 0]), 'matmul-bnb4')
    return { nodes: [plainNode(node, 'MatMul', [activation, weight], [node.outputs[0] ?? ''])] }
  },
}
