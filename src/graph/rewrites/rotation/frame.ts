/**
 * What an axis is divided by before it is rotated: v' = v * below / above * Q, element by element. Null: ones. Two vectors, so that a gain of
 * zero is no trouble where only its own side is needed.
 */
export type Frame = { readonly above: Float64Array; readonly below: Float64Array } | null

/** The frame of a value multiplied by a gain. */
export function timesGain(frame: Frame, gain: Float64Array): Frame {
  return frame === null
    ? { above: gain, below: new Float64Array(gain.length).fill(1) }
    : { above: product(frame.above, gain), below: frame.below }
}

/** The frame of a value that becomes one of `frame` when it is multiplied. */
export function overGain(frame: Frame, gain: Float64Array): Frame {
  return frame === null
    ? { above: new Float64Array(gain.length).fill(1), below: gain }
    : { above: frame.above, below: product(frame.below, gain) }
}

/** Of what is summed with it. */
export function turnedOver(frame: Frame): Frame {
  return frame && { above: frame.below, below: frame.above }
}

export function isPlain(frame: Frame): boolean {
  return frame === null || frame.above.every((one, i) => isClose(one, frame.below[i] as number))
}

export function isSame(a: Frame, b: Frame): boolean {
  if (a === null || b === null) return isPlain(a ?? b)
  if (a.above.length !== b.above.length) return false
  return a.above.every((one, i) =>
    isClose(one * (b.below[i] as number), (b.above[i] as number) * (a.below[i] as number)),
  )
}

/** below / above of a frame; null where that is not finite. */
export function factorsOf(frame: Frame, size: number): Float64Array | null {
  if (frame === null) return new Float64Array(size).fill(1)
  if (frame.above.length !== size) return null
  const factors = frame.above.map((above, i) => (frame.below[i] as number) / above)
  return factors.every(Number.isFinite) ? factors : null
}

/** above / below of both, multiplied: what is still to be multiplied where two frames meet. */
export function between(a: Frame, b: Frame, size: number): Float64Array | null {
  const [first, second] = [factorsOf(turnedOver(a), size), factorsOf(turnedOver(b), size)]
  return first && second && product(first, second)
}

const isClose = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-9 * (Math.abs(a) + Math.abs(b))

function product(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((one, i) => one * (b[i] as number))
}
