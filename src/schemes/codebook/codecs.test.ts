import { describe, expect, it } from 'vitest'
import { codecContract, groupOf } from '../../../test/contracts/codec.ts'
import { gaussian, randomBlock, uniformSource } from '../../../test/contracts/random-blocks.ts'
import type { Codec, Effort } from '../../model/array-scheme.ts'
import { parseArrayScheme } from '../arrays/scheme-grammar.ts'
import { fitScale, prepareTable } from '../fitting/index.ts'
import { CODEBOOK_FAMILIES, codebookCodec, fittedCodec, productCodec } from './index.ts'

for (const id of ['codebook1-row', 'codebook3-block16', 'codebook6', 'codebook2-row-f16']) {
  codecContract(parseArrayScheme(id, CODEBOOK_FAMILIES), { scales: !id.endsWith('f16') })
}
for (const id of ['product2x4', 'product4x4-f16', 'fitted3-block16', 'fitted2-block32-f16']) {
  codecContract(parseArrayScheme(id, CODEBOOK_FAMILIES), { scales: !id.endsWith('f16') })
}

function codedError(codec: Codec, values: Float32Array, effort: Effort, importance?: Float32Array): number {
  const parameters = new Float32Array(codec.parameters.reduce((sum, { count }) => sum + count, 0))
  const shared = new Float32Array(codec.shared.reduce((sum, { count }) => sum + count, 0))
  const codes = new Uint16Array(Math.ceil(values.length / codec.vector))
  const decoded = new Float32Array(values.length)
  codec.fitShared?.(values, effort, shared)
  codec.encode({ ...groupOf(values, effort), importance }, codes, parameters, shared)
  codec.decode(codes, parameters, shared, decoded)
  return values.reduce((sum, x, i) => sum + (importance?.[i] ?? 1) * (x - decoded[i]!) ** 2, 0)
}

describe('codebook', () => {
  it('effort pays', () => {
    const next = uniformSource(4)
    const values = randomBlock('t5', 500, next)
    const importance = values.map(() => next())
    for (const bits of [2, 3, 4]) {
      const codec = codebookCodec(bits, { table: 'f32' })
      const [closed, fast, exact] = (['closed', 'fast', 'exact'] as const).map((effort) =>
        codedError(codec, values, effort, importance),
      ) as [number, number, number]
      expect(fast).toBeLessThan(closed)
      expect(exact).toBeLessThanOrEqual(fast)
    }
  })

  it('has a bound that is met', () => {
    const codec = codebookCodec(2, { table: 'f32' })
    const table = Float32Array.of(-1, 0, 2, 2)
    const bound = (low: number, high: number) => codec.errorBound(table, new Float32Array(0), low, high)
    expect([bound(-1, 2), bound(-1, 0), bound(0.5, 0.6), bound(-4, 2), bound(0, 9), bound(1.5, 1.5)]).toEqual([
      1, 0.5, 0.6, 3, 7, 0.5,
    ])
  })

  it('uses a given table in any order', () => {
    const codec = codebookCodec(2, { table: 'f32' })
    const table = Float32Array.of(5, -1, 0, 5)
    const codes = new Uint16Array(4)
    codec.encode(
      { ...groupOf(Float32Array.of(4, -3, 0.1, 9), 'exact'), fixed: true },
      codes,
      table,
      new Float32Array(0),
    )
    expect([...codes]).toEqual([0, 1, 2, 0])
  })

  it('refuses other sizes', () => {
    expect(() => codebookCodec(9, { table: 'f32' })).toThrow(/1 to 8 bits/)
    expect(() => productCodec(2, 13, { table: 'f32' })).toThrow(/4 to 12 bits/)
  })
})

describe('fitted table', () => {
  it('lies below evenly spaced levels at equal bits', () => {
    const values = randomBlock('t5', 32 * 300, uniformSource(12))
    const codec = fittedCodec(4, { scale: 'f32', round: Math.fround })
    const shared = new Float32Array(16)
    codec.fitShared?.(values, 'fast', shared, 32)
    expect([...shared]).toEqual([...shared].sort((a, b) => a - b))
    expect(Math.max(...shared.map(Math.abs))).toBe(1)
    const even = prepareTable({ levels: Float32Array.from({ length: 16 }, (_, i) => i - 8) })
    let [fitted, spaced] = [0, 0]
    for (let at = 0; at < values.length; at += 32) {
      const part = values.subarray(at, at + 32)
      const codes = new Uint16Array(32)
      const parameters = new Float32Array(1)
      const decoded = new Float32Array(32)
      codec.encode(groupOf(part, 'fast'), codes, parameters, shared)
      codec.decode(codes, parameters, shared, decoded)
      const scale = fitScale(part, undefined, even, { effort: 'exact', signed: true, round: Math.fround })
      part.forEach((x, i) => {
        fitted += (x - decoded[i]!) ** 2
        spaced += Math.min(...Array.from(even.levels, (level) => (x - scale * level) ** 2))
      })
    }
    expect(fitted).toBeLessThan(0.7 * spaced)
  })
})

describe('product codebook', () => {
  it('lies below the codebook of single values at equal bits, where neighbours are alike', () => {
    const next = uniformSource(8)
    const values = new Float32Array(8000)
    for (let i = 0; i < values.length; i += 2) {
      const both = gaussian(next)
      values[i] = both + 0.2 * gaussian(next)
      values[i + 1] = both + 0.2 * gaussian(next)
    }
    const product = codedError(productCodec(2, 6, { table: 'f32' }), values, 'fast')
    const single = codedError(codebookCodec(3, { table: 'f32' }), values, 'exact')
    expect(product).toBeLessThan(0.6 * single)
    expect(product).toBeLessThan(codedError(productCodec(2, 6, { table: 'f32' }), values, 'closed'))
  })

  it('finds the nearest vector, cut short at the end, by importance', () => {
    const codec = productCodec(2, 4, { table: 'f32' })
    const next = uniformSource(6)
    const shared = Float32Array.from({ length: 32 }, () => gaussian(next))
    const values = Float32Array.from({ length: 301 }, () => gaussian(next))
    for (const importance of [undefined, values.map(() => (next() < 0.2 ? 0 : next()))]) {
      const codes = new Uint16Array(151)
      codec.encode({ ...groupOf(values, 'fast'), importance }, codes, new Float32Array(0), shared)
      for (let i = 0; i < 151; i++) {
        let best = 0
        let least = Infinity
        for (let code = 0; code < 16; code++) {
          let distance = 0
          for (let d = 0; d < 2 && 2 * i + d < 301; d++) {
            distance += (importance?.[2 * i + d] ?? 1) * (values[2 * i + d]! - shared[2 * code + d]!) ** 2
          }
          if (distance < least) {
            least = distance
            best = code
          }
        }
        expect(codes[i]).toBe(best)
      }
    }
  })

  it('holds few different vectors exactly', () => {
    const values = Float32Array.from({ length: 999 }, (_, i) => Math.floor(i / 4) % 3)
    expect(codedError(productCodec(4, 4, { table: 'f16' }), values, 'fast')).toBe(0)
  })
})
