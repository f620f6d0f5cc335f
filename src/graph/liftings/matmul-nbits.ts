import type { DType } from '../../model/dtype.ts'
import type { TensorRef } from '../../model/graph.ts'
import { intAttribute } from '../attributes.ts'
import { makeNode } from '../lowerings/make.ts'
import {
  castTo,
  combined,
  dequantized,
  headOf,
  product,
  type Recipe,
  reshapedTo,
  stored,
  storedAs,
  taken,
  transposed,
} from './recipe.ts'
import type { Lifting, Site } from './site.ts'
import { plainNode } from './twins.ts'

const CODES: Readonly<Record<number, DType>> = { 2: 'u2', 4: 'u4', 8: 'u8' }

/**
 * com.microsoft MatMulNBits back to MatMul (and Add for its bias). The weight is stored [N, K] in blocks along K; it comes back as
 * [K, N], or stays [N, K] behind a Transpose where an embedding reads the same codes.
 */
export const matmulNBits: Lifting = {
  id: 'matmul-nbits',
  operators: ['com.microsoft::MatMulNBits'],

  lift(site) {
    const { node } = site
    const [activation = '', codes = '', scales = '', zeros = '', order = '', bias = ''] = node.inputs
    const bits = intAttribute(node, 'bits', 4)
    const [K, N] = [intAttribute(node, 'K', 0), intAttribute(node, 'N', 0)]
    const block = intAttribute(node, 'block_size', 0)
    const tensor = rawCodes(site, codes)
    const [scale, zero, groups] = [scales, zeros, order].map((name) => site.fact(name)?.recipe)
    if (CODES[bits] === undefined) return { keep: `codes of ${bits} bits are not known` }
    if (tensor === undefined || scale === undefined || (zeros !== '' && !zero) || (order !== '' && !groups)) {
      return { keep: 'codes, scales or zeros are not constant' }
    }
    const rows = rowsOfBlocks(tensor, { N, K, bits, block }, scale, zero, groups)
    if (rows === null) return { keep: 'codes, scales and zeros do not fit K, N and the block size' }
    const output = node.outputs[0] ?? ''
    const before = []
    let weight: string
    if (isTied(site, codes)) {
      weight = site.fresh(`${site.weight(rows, 'matmul-nbits')}/transposed`)
      before.push(makeNode('Transpose', [site.weight(rows, 'matmul-nbits')], [weight], { perm: [1, 0] }))
    } else weight = site.weight(transposed(rows, [1, 0]), 'matmul-nbits')
    if (bias === '') return { nodes: [...before, plainNode(node, 'MatMul', [activation, weight], [output])] }
    const sums = site.fresh(`${output}/product`)
    const matmul = plainNode(node, 'MatMul', [activation, weight], [sums])
    return { nodes: [...before, matmul, makeNode('Add', [sums, bias], [output])] }
  },
}

/** The stored tensor behind codes, whatever shape they are seen in. */
export function rawCodes(site: Site, name: string): TensorRef | undefined {
  let recipe = site.fact(name)?.recipe
  while (recipe?.kind === 'reshape') recipe = recipe.input
  return recipe?.kind === 'stored' ? recipe.tensor : undefined
}

function isTied(site: Site, codes: string): boolean {
  const readsRows = (name: string, depth: number): boolean =>
    site.usesOf(name).some(({ node }) => {
      if (node.op === 'GatherBlockQuantized') return true
      return (
        depth > 0 && (node.op === 'Reshape' || node.op === 'Identity') && readsRows(node.outputs[0] ?? '', depth - 1)
      )
    })
  return readsRows(codes, 2)
}

interface Sizes {
  readonly N: number
  readonly K: number
  readonly bits: number
  readonly block: number
}

/** Weight rows [N, K] of packed blocks; zeros are bytes packed row by row, or floats; null when something does not fit. */
export function rowsOfBlocks(
  tensor: TensorRef,
  { N, K, bits, block }: Sizes,
  scale: Recipe,
  zero: Recipe | undefined,
  groups: Recipe | undefined,
): Recipe | null {
  if (!(N > 0 && K > 0 && block >= 16 && Number.isSafeInteger(N * K))) return null
  const blocks = Math.ceil(K / block)
  const codes = storedAs(tensor, CODES[bits]!, [N, blocks * block], bits)
  const factors = reshapedTo(scale, [N, blocks])
  if (codes === null || factors === null) return null
  const offsets = zero === undefined ? 2 ** (bits - 1) : zerosOf(zero, factors, bits)
  if (offsets === null) return null
  if (groups === undefined) {
    const rows = dequantized(codes, factors, offsets, { axis: 1, block })
    return rows && headOf(rows, 1, K)
  }
  if (groups.dtype !== 'i32' || product(groups.shape) < K) return null
  // Every column names its own group.
  const order = headOf(groups, 0, K)
  const spread = (grid: Recipe): Recipe => taken(castTo(grid, factors.dtype), 1, order)
  const values = castTo(headOf(codes, 1, K), factors.dtype)
  const centred =
    typeof offsets === 'number'
      ? combined('sub', values, constant(offsets, factors.dtype))
      : combined('sub', values, spread(offsets))
  return centred && combined('mul', centred, spread(factors))
}

/** A number as a tensor of one element. */
function constant(value: number, dtype: DType): Recipe {
  const bytes = new Uint8Array(Float32Array.of(value).buffer)
  return castTo(stored({ name: '', dtype: 'f32', shape: [1], storage: { kind: 'bytes', bytes, byteLength: 4 } }), dtype)
}

/** Zeros as [N, blocks]: packed in bytes row by row, or one float each. */
export function zerosOf(zero: Recipe, factors: Recipe, bits: number): Recipe | null {
  const [rows = 0, blocks = 0] = factors.shape
  if (zero.dtype !== 'u8') return zero.dtype === factors.dtype ? reshapedTo(zero, factors.shape) : null
  let raw = zero
  while (raw.kind === 'reshape') raw = raw.input
  if (raw.kind !== 'stored') return null
  const padded = Math.ceil((blocks * bits) / 8) * (8 / bits)
  const packed = storedAs(raw.tensor, CODES[bits]!, [rows, padded], bits)
  return packed && headOf(packed, 1, blocks)
}
