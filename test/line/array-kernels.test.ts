import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createReferenceKernels, createWasmKernelsSync } from '../../src/kernels/index.ts'
import { type Kernels, LEVEL_TABLE_BYTES, ScaleRule, SmallFloatFormat } from '../../src/model/kernels.ts'
import { smallFloatValues } from '../../src/numbers/small-floats.ts'
import { dequantizeArray, quantizeArray } from '../../src/schemes/arrays/registry.ts'
import { prepareTable } from '../../src/schemes/fitting/prepared-table.ts'
import { BINARY } from '../../src/schemes/tables/binary.ts'
import { floatTable } from '../../src/schemes/tables/float-table.ts'
import { IQ4NL } from '../../src/schemes/tables/iq4nl.ts'
import { NF4 } from '../../src/schemes/tables/normal-float.ts'
import { TERNARY } from '../../src/schemes/tables/ternary.ts'
import { sampleValues } from '../contracts/kernels-pair.ts'

const KINDS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11]

interface Places {
  readonly src: number
  readonly dst: number
  readonly scales: number
  readonly table: number
}
type Call = (k: Kernels, at: Places, count: number) => void
interface Route {
  readonly scheme: string
  readonly block: number
  readonly perByte: number
  readonly encode: Call
  readonly decode: Call
}

const { Reach, Signed, Mean, MeanBeyond } = ScaleRule

/** How the codecs' closed forms are spelt as kernel calls. */
function integers(scheme: string, bits: number, block: number, rule: ScaleRule, half: 0 | 1): Route {
  const middle = 2 ** (bits - 1)
  const down = rule === Signed ? middle : middle - 1
  const levels = Float32Array.from({ length: 2 * middle }, (_, code) => code - middle)
  return {
    scheme,
    block,
    perByte: 8 / bits,
    encode: (k, { src, dst, scales }, count) =>
      k.packIntegerRows(
        src,
        0,
        1,
        count,
        block,
        rule,
        middle - 1,
        down,
        half,
        middle,
        2 * middle - 1,
        8 / bits,
        scales,
        dst,
        0,
      ),
    decode: (k, { src, dst, scales, table }, count) => {
      if (bits === 8) return k.decodeRows(dst, 0, 1, count, block, bits, scales, 0, src, 0)
      k.prepareLevels(prepareTable({ levels }), table)
      k.unpackLevelRows(dst, 0, 1, count, block, 8 / bits, table, scales, src, 0)
    },
  }
}

function leveled(
  scheme: string,
  table: Parameters<typeof prepareTable>,
  block: number,
  perByte: number,
  rule: ScaleRule,
  up: number,
  down: number,
  half: 0 | 1,
): Route {
  const prepared = prepareTable(...table)
  return {
    scheme,
    block,
    perByte,
    encode: (k, at, count) => {
      k.prepareLevels(prepared, at.table)
      k.packLevelRows(at.src, 0, 1, count, block, rule, up, down, half, at.table, perByte, at.scales, at.dst, 0)
    },
    decode: (k, at, count) => k.unpackLevelRows(at.dst, 0, 1, count, block, perByte, at.table, at.scales, at.src, 0),
  }
}

function floats(
  scheme: string,
  dtype: 'e4m3fn' | 'e5m2' | 'e4m3fnuz',
  block: number,
  most: number,
  half: 0 | 1,
): Route {
  return {
    scheme,
    block,
    perByte: 1,
    encode: (k, { src, dst, scales }, count) =>
      k.packFloatRows(src, 0, 1, count, block, Reach, most, most, half, SmallFloatFormat[dtype], 1, scales, dst, 0),
    decode: (k, { src, dst, scales, table }, count) => {
      new Float32Array(k.memory, table, 256).set(smallFloatValues(dtype))
      k.decodeByteRows(dst, 0, 1, count, block, table, scales, src, 0)
    },
  }
}

const ROUTES: readonly Route[] = [
  integers('int8-block64', 8, 64, Reach, 0),
  integers('int8-block32-signed-f16', 8, 32, Signed, 1),
  integers('int4-block32-signed-f16', 4, 32, Signed, 1),
  integers('int4-block128', 4, 128, Reach, 0),
  integers('int2-block16-signed', 2, 16, Signed, 0),
  leveled('nf4-block64', [NF4], 64, 2, Reach, 1, 1, 0),
  leveled('nf4-block32-f16', [NF4], 32, 2, Reach, 1, 1, 1),
  leveled('iq4nl-block32-signed-f16', [IQ4NL], 32, 2, Signed, 113, 127, 1),
  leveled('iq4nl-block32', [IQ4NL], 32, 2, Reach, 113, 127, 0),
  leveled('ternary-block64', [TERNARY], 64, 5, MeanBeyond, 1, 1, 0),
  leveled('ternary-block256-f16', [TERNARY], 256, 5, MeanBeyond, 1, 1, 1),
  leveled('binary-block64', [BINARY], 64, 8, Mean, 1, 1, 0),
  floats('e4m3fn-block64', 'e4m3fn', 64, 448, 0),
  floats('e4m3fn-block32-f16', 'e4m3fn', 32, 448, 1),
  floats('e4m3fnuz-block32', 'e4m3fnuz', 32, 240, 0),
  floats('e5m2-block128', 'e5m2', 128, 57344, 0),
]

describe.each([createWasmKernelsSync(), createReferenceKernels()])('$id kernels', (k) => {
  const src = k.reserve(1 << 18)
  const at: Places = { src, dst: src + 65_536, scales: src + 131_072, table: src + 196_608 }

  it.each(ROUTES)('write what quantizeArray writes: $scheme', ({ scheme, block, perByte, encode, decode }) => {
    const property = fc.property(
      fc.integer({ min: 1, max: 3000 }),
      fc.constantFrom(...KINDS),
      fc.nat(1000),
      (count, kind, seed) => {
        const values = sampleValues(count, kind, seed)
        const array = quantizeArray(values, { scheme, effort: 'closed' })
        new Float32Array(k.memory, at.src, count).set(values)
        encode(k, at, count)
        const codes = new Uint8Array(k.memory, at.dst, Math.ceil(count / perByte))
        if (Buffer.compare(codes, array.codes) !== 0) {
          const first = codes.findIndex((byte, i) => byte !== array.codes[i])
          throw new Error(`byte ${first} is ${codes[first]}, not ${array.codes[first]}`)
        }
        const blocks = Math.ceil(count / block)
        if (array.parameters.scales instanceof Float32Array) {
          expect(new Float32Array(k.memory, at.scales, blocks)).toEqual(array.parameters.scales)
        }
        new Float32Array(k.memory, at.src, count).fill(Number.NaN)
        decode(k, at, count)
        expect(new Float32Array(k.memory, at.src, count)).toEqual(dequantizeArray(array))
      },
    )
    fc.assert(property, { seed: 12, numRuns: 25 })
  })

  it('serve e2m1, whose codes are not in the order of its levels', () => {
    const values = sampleValues(640, 0, 5)
    const route = leveled('e2m1-block32-f16', [floatTable('e2m1'), 'even'], 32, 2, Reach, 6, 6, 1)
    const array = quantizeArray(values, { scheme: route.scheme, effort: 'closed' })
    new Float32Array(k.memory, at.src, 640).set(values)
    route.encode(k, at, 640)
    // The codec writes -0 where a negative value becomes zero; a level table has one zero.
    const written = array.codes
      .map((byte) => ((byte & 15) === 8 ? byte & 0xf0 : byte))
      .map((b) => (b >> 4 === 8 ? b & 15 : b))
    expect(new Uint8Array(k.memory, at.dst, 320)).toEqual(written)
    expect(LEVEL_TABLE_BYTES).toBeLessThanOrEqual(1024)
  })
})
