import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ArrayScheme } from '../../../model/array-scheme.ts'
import { INTEGERS } from '../../../schemes/arrays/integers.ts'
import { parseArrayScheme } from '../../../schemes/arrays/scheme-grammar.ts'
import { SUPERBLOCKS } from '../../../schemes/superblocks/index.ts'
import { TABLE_FAMILIES } from '../../../schemes/tables/index.ts'
import { type BlockLayout, blockLayouts, packBlocks, unpackBlocks } from './index.ts'

interface Case {
  readonly type: string
  readonly encoded: string
  readonly decoded: string
  readonly random: string
  readonly randomDecoded: string
}

const golden = JSON.parse(readFileSync(new URL('../../../../test/golden/gguf.json', import.meta.url), 'utf8')) as {
  readonly values: string
  readonly cases: readonly Case[]
}
const families = [INTEGERS, SUPERBLOCKS, ...TABLE_FAMILIES]

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'base64'))
}

/** What our scheme decodes from ggml's bytes, group by group. */
function decodeBytes(layout: BlockLayout, bytes: Uint8Array, { codec, grouping }: ArrayScheme): Float32Array {
  const { codes, parameters } = unpackBlocks(layout, bytes)
  const size = grouping.kind === 'block' ? grouping.size : codes.length
  const count = (parameters.length * size) / codes.length
  // The tensor scale of NVFP4 stands in another tensor, or is 1.
  const shared = new Float32Array(codec.shared.length).fill(1)
  const values = new Float32Array(codes.length)
  for (let group = 0; group * size < codes.length; group++) {
    const range = [group * size, (group + 1) * size] as const
    const own = parameters.subarray(group * count, (group + 1) * count)
    codec.decode(codes.subarray(...range), own, shared, values.subarray(...range))
  }
  return values
}

/** Types whose zeros may have another sign: our Q2_0 is a mirrored int2, and ggml's e2m1 has no negative zero. */
const ANY_ZERO = ['Q2_0', 'MXFP4', 'NVFP4']

/** f32 bits. */
function bitsOf(values: Float32Array, anyZero: boolean): Uint32Array {
  const copy = anyZero ? values.map((value) => value + 0) : values.slice()
  return new Uint32Array(copy.buffer)
}

describe.each(golden.cases)('ggml $type', (one) => {
  const layout = blockLayouts.get(one.type)!
  const schemeOf = () => parseArrayScheme(layout.scheme, families)

  test('the scheme has the codes and parameters of the layout', () => {
    const scheme = schemeOf()
    expect(scheme.codec.levels).toBe(layout.levels)
    const count = scheme.codec.parameters.reduce((sum, spec) => sum + spec.count, 0)
    const size = scheme.grouping.kind === 'block' ? scheme.grouping.size : 0
    expect([count * (layout.values / size), layout.values % size]).toEqual([layout.parameters, 0])
  })

  test.each([
    ['encoded', one.encoded, one.decoded],
    ['random', one.random, one.randomDecoded],
  ])('%s blocks: the same f32 bits, and the same bytes again', (_, data, expected) => {
    const bytes = bytesOf(data)
    const floats = new Float32Array(bytesOf(expected).buffer)
    const decoded = decodeBytes(layout, bytes, schemeOf())
    const anyZero = ANY_ZERO.includes(one.type)
    expect(bitsOf(decoded, anyZero)).toEqual(bitsOf(floats, anyZero))
    const { codes, parameters } = unpackBlocks(layout, bytes)
    // ggml reads the scale code 127 of NVFP4 as 0.
    const again = packBlocks(layout, codes, parameters)
    expect(again.map((byte, i) => (bytes[i] === 127 && byte === 0 ? 127 : byte))).toEqual(bytes)
  })
})

test('one case for every layout', () => {
  expect(golden.cases.map(({ type }) => type).sort()).toEqual([...blockLayouts.keys()].sort())
  expect(bytesOf(golden.values).length).toBe(512 * 4)
})
