import { uniform } from '../../src/numbers/rounding.ts'

/** One standard normal number for (seed, index). */
export function normal(seed: number, index: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(seed, 2 * index)))
  return radius * Math.cos(2 * Math.PI * uniform(seed, 2 * index + 1))
}

/** Seeded weights with the shapes of real ones and of the awkward ones. */
export const weightKinds = {
  gaussian: (seed: number, count: number) => Float32Array.from({ length: count }, (_, i) => normal(seed, i) * 0.05),
  heavyTailed: (seed: number, count: number) =>
    Float32Array.from({ length: count }, (_, i) => student5(seed, i) * 0.05),
  positive: (seed: number, count: number) => Float32Array.from({ length: count }, (_, i) => 1 + 0.1 * normal(seed, i)),
  outliers: (seed: number, count: number) =>
    Float32Array.from({ length: count }, (_, i) => normal(seed, i) * (i % 37 === 5 ? 20 : 0.1)),
  mostlyZero: (seed: number, count: number) =>
    Float32Array.from({ length: count }, (_, i) => (Math.floor(i / 50) % 2 === 0 ? 0 : normal(seed, i))),
  constant: (_seed: number, count: number) => new Float32Array(count).fill(-0.3),
  zero: (_seed: number, count: number) => new Float32Array(count),
  small: (seed: number, count: number) => Float32Array.from({ length: count }, (_, i) => normal(seed, i) * 1e-14),
  large: (seed: number, count: number) => Float32Array.from({ length: count }, (_, i) => normal(seed, i) * 1e14),
} as const

/** Weights whose squares leave the range of f32: codes must still be in order, error sums cannot be. */
export const extremeKinds = {
  tiny: (seed: number, count: number) => Float32Array.from({ length: count }, (_, i) => normal(seed, i) * 1e-41),
  huge: (seed: number, count: number) => Float32Array.from({ length: count }, (_, i) => normal(seed, i) * 2e37),
} as const

export type WeightKind = keyof typeof weightKinds

/** Student's t with five degrees of freedom. */
export function student5(seed: number, index: number): number {
  let chiSquare = 0
  for (let k = 1; k <= 5; k++) chiSquare += normal(seed + 1000 * k, index) ** 2
  return normal(seed, index) / Math.sqrt(chiSquare / 5)
}
