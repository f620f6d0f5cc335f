/** Extremes and energy of a block. With no importance above 0 the block counts as unweighted. */
export interface BlockSummary {
  /** Largest and least value, 0 included. */
  max: number
  min: number
  /** Largest and least value themselves. */
  top: number
  bottom: number
  /** Sum of w x^2. */
  energy: number
  /** The importance to use. */
  weights: Float32Array | undefined
}

export function summarize(values: Float32Array, importance: Float32Array | undefined): BlockSummary {
  let weights = importance
  if (weights !== undefined) {
    let total = 0
    for (let i = 0; i < values.length; i++) total += weights[i]!
    if (!(total > 0)) weights = undefined
  }
  let top = -Infinity
  let bottom = Infinity
  let energy = 0
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!
    if (x > top) top = x
    if (x < bottom) bottom = x
    energy += weights === undefined ? x * x : weights[i]! * x * x
  }
  return { max: Math.max(top, 0), min: Math.min(bottom, 0), top, bottom, energy, weights }
}

/** `round(value)`; where the stored type has no such number, half of it, and so on. */
export function roundFinite(value: number, round: (value: number) => number): number {
  let wanted = value
  let stored = round(wanted)
  for (let turn = 0; turn < 300 && !Number.isFinite(stored); turn++) {
    wanted /= 2
    stored = round(wanted)
  }
  return stored
}
