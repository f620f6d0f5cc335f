/** Blocks of random values by kind, the same for the same seed: for tests and benches, not for files. */
export const BLOCK_KINDS = ['gaussian', 't5', 'uniform', 'sparse', 'outliers'] as const
export type BlockKind = (typeof BLOCK_KINDS)[number]

/** A number in [0, 1) a call, from a 32-bit state. */
export function uniformSource(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    let mixed = state ^ (state >>> 15)
    mixed = Math.imul(mixed, 0x2c1b3c6d)
    mixed ^= mixed >>> 12
    mixed = Math.imul(mixed, 0x297a2d39)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 4294967296
  }
}

export function gaussian(next: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
}

export function studentT5(next: () => number): number {
  let squares = 0
  for (let i = 0; i < 5; i++) squares += gaussian(next) ** 2
  return gaussian(next) / Math.sqrt(squares / 5)
}

export function randomBlock(kind: BlockKind, length: number, next: () => number): Float32Array {
  const draw = {
    gaussian: () => gaussian(next),
    t5: () => studentT5(next),
    uniform: () => 2 * next() - 1,
    sparse: () => (next() < 0.7 ? 0 : gaussian(next)),
    outliers: () => gaussian(next) * (next() < 0.04 ? 12 : 1),
  }[kind]
  return Float32Array.from({ length }, draw)
}
