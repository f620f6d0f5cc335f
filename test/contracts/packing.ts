import { describe, expect, test } from 'vitest'
import { TersorError } from '../../src/errors.ts'
import type { CodedSpec, IntegerSpec, Packing } from '../../src/model/packing.ts'
import type { MatrixView, QuantizedTensor } from '../../src/model/scheme.ts'
import { byteLengthOf, elementCountOf } from '../../src/numbers/dtype.ts'
import { roundToF16 } from '../../src/numbers/f16.ts'
import { gridShapeOf, viewElementCount } from '../../src/numbers/grid-shape.ts'
import { codeLevels } from '../../src/numbers/level-tables/code-levels.ts'
import { uniform } from '../../src/numbers/rounding.ts'

/** A layout to try: what is packed, and under which shape the source stood in its file. */
export interface PackingCase<Spec extends CodedSpec = IntegerSpec> {
  readonly label: string
  readonly spec: Spec
  readonly view: MatrixView
  readonly shape: readonly number[]
}

/** A tensor written by hand with the bytes that the layout's specification gives, as hex. */
export interface GoldenPacking<Spec extends CodedSpec = IntegerSpec> {
  readonly label: string
  readonly tensor: QuantizedTensor<Spec>
  readonly shape: readonly number[]
  readonly hex: readonly string[]
}

/** All codes, scales and zeros drawn at random: a packing must carry any of them, likely or not. */
export function arbitraryTensor<Spec extends CodedSpec>(spec: Spec, view: MatrixView, seed = 1): QuantizedTensor<Spec> {
  const count = viewElementCount(view)
  const { grids } = gridShapeOf(spec.granularity, view)
  const codeCount = 2 ** spec.bits
  const named = codeLevels(spec)?.codes ?? Uint8Array.from({ length: codeCount }, (_, code) => code)
  const codes = Uint8Array.from(
    { length: count },
    (_, i) => named[Math.floor(uniform(seed, i) * named.length)] as number,
  )
  const scales = Float32Array.from({ length: grids }, (_, i) => {
    const scale = (uniform(seed + 1, i) - 0.5) * 3
    return spec.scale === 'f16' ? roundToF16(scale) : scale
  })
  if (spec.symmetric) return { spec, view, codes, scales }
  const zeros = Uint8Array.from({ length: grids }, (_, i) => Math.floor(uniform(seed + 2, i) * codeCount))
  return { spec, view, codes, scales, zeros }
}

export function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** What every packing promises: exact sizes before any data, and `unpack(pack(q))` equal to q. */
export function packingContract<Spec extends CodedSpec>(
  packing: Packing<Spec>,
  cases: readonly PackingCase<Spec>[],
  refused: readonly PackingCase<Spec>[],
  golden: readonly GoldenPacking<Spec>[],
): void {
  describe(`packing ${packing.id}`, () => {
    test.each(cases)('$label: round trip and exact lengths', ({ spec, view, shape }) => {
      expect(packing.accepts(spec, view, shape)).toBeNull()
      const tensor = arbitraryTensor(spec, view)
      const before = structuredClone(tensor)
      const packed = packing.pack(tensor, shape)
      const parts = packing.parts(spec, view, shape)
      expect(parts.map(({ part }) => part)).toEqual(['codes', 'scales', 'zeros'].slice(0, parts.length))
      expect(packed.map((bytes) => bytes.length)).toEqual(parts.map(({ byteLength }) => byteLength))
      for (const { dtype, shape: partShape, byteLength } of parts) {
        expect(byteLengthOf(dtype, elementCountOf(partShape))).toBe(byteLength)
      }
      expect(packing.unpack(packed, spec, view, shape)).toEqual(before)
      expect(tensor, 'input unchanged').toEqual(before)
    })

    test.each(cases)('$label: parts do not depend on where they lie in memory', ({ spec, view, shape }) => {
      const tensor = arbitraryTensor(spec, view, 9)
      const shifted = packing.pack(tensor, shape).map((bytes) => {
        const room = new Uint8Array(bytes.length + 3)
        room.set(bytes, 3)
        return room.subarray(3)
      })
      expect(packing.unpack(shifted, spec, view, shape)).toEqual(tensor)
    })

    test.each(cases)('$label: wrong lengths are refused', ({ spec, view, shape }) => {
      const packed = packing.pack(arbitraryTensor(spec, view), shape)
      const short = packed.map((bytes, index) => (index === 0 ? bytes.subarray(1) : bytes))
      expect(() => packing.unpack(short, spec, view, shape)).toThrow(TersorError)
      expect(() => packing.unpack(packed.slice(1), spec, view, shape)).toThrow(TersorError)
      const tensor = arbitraryTensor(spec, view)
      expect(() => packing.pack({ ...tensor, codes: tensor.codes.subarray(1) }, shape)).toThrow(TersorError)
    })

    test.each(refused)('refuses $label', ({ spec, view, shape }) => {
      const refusal = packing.accepts(spec, view, shape)
      expect(refusal).not.toBeNull()
      expect(refusal!.code).toMatch(/^[a-z-]+$/)
      expect(refusal!.text.length).toBeGreaterThan(10)
      expect(() => packing.pack(arbitraryTensor(spec, view), shape)).toThrow(TersorError)
    })

    test.each(golden)('$label: golden bytes', ({ tensor, shape, hex }) => {
      expect(packing.pack(tensor, shape).map(hexOf)).toEqual(hex)
      const bytes = hex.map((text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)))
      expect(packing.unpack(bytes, tensor.spec, tensor.view, shape)).toEqual(tensor)
    })
  })
}

/** Short spelling of specs for tables of cases. */
export function integerSpec(
  bits: 2 | 4 | 8,
  granularity: 'tensor' | 'channel' | number,
  symmetric = true,
  scale: 'f32' | 'f16' = 'f32',
): IntegerSpec {
  const kind = typeof granularity === 'number' ? { kind: 'block' as const, size: granularity } : { kind: granularity }
  return { family: 'integer', bits, granularity: kind, symmetric, scale }
}
