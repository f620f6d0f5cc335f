import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ArrayScheme, Codec, Effort, Group } from '../../src/model/array-scheme.ts'
import { decodeArray } from '../../src/schemes/arrays/dequantize-array.ts'
import { FULL_STORAGE } from '../../src/schemes/arrays/full-storage.ts'
import { groupCount } from '../../src/schemes/arrays/grouping.ts'
import { loadParameters, totalCount } from '../../src/schemes/arrays/parameters.ts'
import { encodeArray } from '../../src/schemes/arrays/quantize-array.ts'

/** Cases of a property: 300 in CI, as many as TERSOR_CASES says at night. */
export const CASES = Number(process.env.TERSOR_CASES ?? 300)

/** Floats from all corners: ordinary weights, ties, subnormals, large ones, zeros. */
export function groupValues(most: number): fc.Arbitrary<Float32Array> {
  const ordinary = fc.float({ min: -4, max: 4, noNaN: true })
  const tie = fc.integer({ min: -64, max: 64 }).map((n) => n / 16)
  const corner = fc.constantFrom(0, -0, 1e-45, -1e-42, 1.2e-38, 3e-5, 65504, -7e4, 1e30, -3e38, 3.4028234663852886e38)
  const element = fc.oneof(
    { weight: 8, arbitrary: ordinary },
    { weight: 3, arbitrary: tie },
    { weight: 1, arbitrary: corner },
  )
  return fc
    .oneof(
      { weight: 5, arbitrary: fc.array(element, { minLength: 1, maxLength: most }) },
      { weight: 2, arbitrary: fc.array(ordinary, { minLength: 1, maxLength: most }) },
      {
        weight: 1,
        arbitrary: fc.tuple(element, fc.integer({ min: 1, max: most })).map(([x, n]) => new Array<number>(n).fill(x)),
      },
    )
    .map((values) => Float32Array.from(values))
}

export interface CodecPromises {
  /** Codes of decoded values decode to the same values again. Searches may find a better grid: then only the closed form. */
  readonly idempotent?: readonly Effort[]
  /** Decoded values scale with powers of two: not for casts and bounded scale types. */
  readonly scales?: boolean
}

/** What every scheme keeps, whatever the values. `block` groups of the scheme are independent of each other. */
export function codecContract(scheme: ArrayScheme, promises: CodecPromises = {}): void {
  const { codec, id } = scheme
  const most = 70
  const run = (values: Float32Array, effort: Effort) => {
    const quantized = encodeArray(values, scheme, { effort })
    return { quantized, decoded: decodeArray(quantized, scheme) }
  }

  describe(`codec ${id}`, () => {
    for (const effort of codec.efforts) {
      it(`keeps its bound (${effort})`, () => {
        fc.assert(
          fc.property(groupValues(most), (values) => {
            const { quantized, decoded } = run(values, effort)
            expectBound(scheme, quantized, values, decoded)
          }),
          { numRuns: CASES },
        )
      })
    }

    if (codec.exactZero) {
      it('keeps zero', () => {
        fc.assert(
          fc.property(groupValues(most), fc.nat(most), (values, at) => {
            values[at % values.length] = 0
            const { decoded } = run(values, codec.effort)
            if (codec.vector === 1) expect(decoded[at % values.length] === 0).toBe(true)
          }),
          { numRuns: CASES },
        )
      })
    }

    for (const effort of promises.idempotent ?? ['closed']) {
      if (!codec.efforts.includes(effort)) continue
      it(`decodes decoded values to themselves (${effort})`, () => {
        fc.assert(
          fc.property(groupValues(most), (values) => {
            const { quantized, decoded } = run(values, effort)
            const grid = gridOf(codec, quantized)
            const again = encodeArray(decoded, scheme, grid === undefined ? { effort } : { grid })
            expect(decodeArray(again, scheme)).toEqual(decoded)
          }),
          { numRuns: CASES },
        )
      })
    }

    if (promises.scales !== false) {
      it('scales with powers of two', () => {
        fc.assert(
          fc.property(
            fc.array(fc.integer({ min: -4096, max: 4096 }), { minLength: 1, maxLength: most }),
            fc.integer({ min: -6, max: 6 }),
            (integers, power) => {
              const values = Float32Array.from(integers, (n) => n / 1024)
              const scaled = values.map((x) => x * 2 ** power)
              const first = run(values, codec.effort).decoded.map((x) => x * 2 ** power)
              expect(run(scaled, codec.effort).decoded).toEqual(first)
            },
          ),
          { numRuns: CASES },
        )
      })
    }

    it('decodes degenerate groups', () => {
      for (const values of [[], [0], [5], [-5], [3, 3, 3], [0, 0, 0, 0], [1e-45, -1e-45], [3e38, -3e38]]) {
        const floats = Float32Array.from(values)
        const { quantized, decoded } = run(floats, codec.effort)
        expect(decoded.length).toBe(values.length)
        expectBound(scheme, quantized, floats, decoded)
        if (values.every((x) => x === 0) && codec.exactZero) expect(decoded.every((x) => x === 0)).toBe(true)
      }
    })

    it('refuses what is not finite, with its index', () => {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        expect(() => encodeArray([1, 2, bad, 4], scheme)).toThrow(/value 2 is/)
      }
    })
  })
}

/** Parameters of the whole array by name, as the grid option takes them; undefined when the codec has none. */
function gridOf(codec: Codec, quantized: ReturnType<typeof encodeArray>): Record<string, number[]> | undefined {
  const grid: Record<string, number[]> = {}
  for (const spec of [...codec.parameters, ...codec.shared]) {
    const array = quantized.parameters[spec.name]
    if (!array) return undefined
    const count = Math.floor((array.byteLength * 8) / bitsOf(spec.type))
    const values = new Float32Array(count)
    for (let i = 0; i < count; i++)
      loadParameters(FULL_STORAGE, [{ ...spec, count: 1 }], [array], i, values.subarray(i, i + 1))
    grid[spec.name] = [...values]
  }
  return Object.keys(grid).length > 0 ? grid : undefined
}

function bitsOf(type: string): number {
  return type === 'f32' ? 32 : type === 'u4' ? 4 : type === 'u6' ? 6 : /16$/.test(type) ? 16 : 8
}

/** Every error stays within the bound of its group, up to f32 rounding of the decoded level. One row of values. */
function expectBound(
  scheme: ArrayScheme,
  quantized: ReturnType<typeof encodeArray>,
  values: Float32Array,
  decoded: Float32Array,
): void {
  const { codec, grouping } = scheme
  const size = grouping.kind === 'block' ? grouping.size : grouping.kind === 'column' ? 1 : values.length
  const groups = groupCount([values.length], grouping)
  const shared = new Float32Array(totalCount(codec.shared))
  loadParameters(
    FULL_STORAGE,
    codec.shared,
    codec.shared.map(({ name }) => quantized.parameters[name]!),
    0,
    shared,
  )
  const parameters = new Float32Array(totalCount(codec.parameters))
  for (let group = 0; group < groups; group++) {
    loadParameters(
      FULL_STORAGE,
      codec.parameters,
      codec.parameters.map(({ name }) => quantized.parameters[name]!),
      group,
      parameters,
    )
    const part = values.subarray(group * size, (group + 1) * size)
    const bound = codec.errorBound(parameters, shared, Math.min(...part), Math.max(...part))
    const largest = part.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
    for (const [i, x] of part.entries()) {
      const error = Math.abs(x - (decoded[group * size + i] as number))
      expect(error, `value ${x} of ${part.length}`).toBeLessThanOrEqual(bound + (largest + bound) * 2 ** -22 + 1e-44)
    }
  }
}

/** A group as the framework hands it to a codec. */
export function groupOf(values: Float32Array, effort: Effort): Group {
  return { values, importance: undefined, effort, rounding: 'half-even', seed: 0, first: 0, fixed: false }
}
