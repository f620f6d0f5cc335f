import type { DType } from '../../model/dtype.ts'
import { intAttribute } from '../attributes.ts'
import { rawCodes, rowsOfBlocks, zerosOf } from './matmul-nbits.ts'
import { dequantized, product, type Recipe, reshapedTo, storedAs } from './recipe.ts'
import type { Lift, Lifting, Site } from './site.ts'
import { plainNode } from './twins.ts'

const PACKED: Readonly<Record<number, DType>> = { 2: 'u2', 4: 'u4', 8: 'u8' }

/** com.microsoft GatherBlockQuantized back to Gather of the decoded table. */
export const gatherBlock: Lifting = {
  id: 'gather-block',
  operators: ['com.microsoft::GatherBlockQuantized'],

  lift(site): Lift {
    const { node } = site
    const [codes = '', indices = '', scales = '', zeros = ''] = node.inputs
    const [table, scale, zero] = [codes, scales, zeros].map((name) => site.fact(name)?.recipe)
    if (table === undefined || scale === undefined || (zeros !== '' && !zero)) {
      return { keep: 'codes, scales or zeros are not constant' }
    }
    const recipe = table.dtype === 'u8' ? packedTable(site, table, scale, zero) : elementTable(site, table, scale, zero)
    if (recipe === null) return { keep: 'codes, scales and zeros do not fit the block size' }
    const name = site.weight(recipe, 'gather-block')
    const axis = intAttribute(node, 'gather_axis', 0)
    const attributes = [{ name: 'axis', kind: 'int' as const, value: axis }]
    return { nodes: [plainNode(node, 'Gather', [name, indices], node.outputs, { attributes })] }
  },
}

/** Codes of 4 (or 2) bits as elements of their own. */
function elementTable(site: Site, table: Recipe, scale: Recipe, zero: Recipe | undefined): Recipe | null {
  const axis = intAttribute(site.node, 'quantize_axis', 1)
  return dequantized(table, scale, zero ?? 0, { axis, block: intAttribute(site.node, 'block_size', 128) })
}

/** Codes packed in bytes along the last axis, which is the quantized one. */
function packedTable(site: Site, table: Recipe, scale: Recipe, zero: Recipe | undefined): Recipe | null {
  const { node } = site
  const tensor = rawCodes(site, node.inputs[0] ?? '')
  const bits = intAttribute(node, 'bits', 4)
  const block = intAttribute(node, 'block_size', 128)
  const last = table.shape.length - 1
  const quantizeAxis = intAttribute(node, 'quantize_axis', 1)
  const code = PACKED[bits]
  if (tensor === undefined || code === undefined || (quantizeAxis !== last && quantizeAxis !== -1)) return null
  const columns = ((table.shape[last] ?? 0) * 8) / bits
  const rows = product(table.shape.slice(0, last))
  const blocks = scale.shape.at(-1) ?? 0
  if (product(scale.shape) !== rows * blocks) return null
  const shape = [...table.shape.slice(0, last), columns]
  if (shape.length === 2 && tensor.shape.length === 3) {
    // The codes of a MatMulNBits head: one weight for both.
    const tied = headOfSibling(site, tensor.name, columns)
    if (tied !== undefined) return rowsOfBlocks(tensor, { N: rows, K: tied, bits, block }, scale, zero, undefined)
  }
  const codes = storedAs(tensor, code, [rows, columns], bits)
  const factors = reshapedTo(scale, [rows, blocks])
  if (codes === null || factors === null) return null
  const offsets = zero === undefined ? 2 ** (bits - 1) : zerosOf(zero, factors, bits)
  const decoded = offsets === null ? null : dequantized(codes, factors, offsets, { axis: 1, block })
  return decoded && reshapedTo(decoded, shape)
}

/** K of the MatMulNBits that reads the same codes. */
function headOfSibling(site: Site, codes: string, columns: number): number | undefined {
  for (const { node } of site.usesOf(codes)) {
    const K = node.op === 'MatMulNBits' ? intAttribute(node, 'K', 0) : 0
    if (K > 0 && K <= columns) return K
  }
  return undefined
}
