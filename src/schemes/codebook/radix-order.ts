/**
 * Ascending order of floats by three passes over the digits of their bit patterns, made monotone. -0 comes before 0.
 * Values are not NaN. The same on every machine, and faster than the built-in sort from some thousand values on.
 */
const DIGIT = 11
const DIGITS = 2048
const PASSES = 3

/** A sorted copy. */
export function sortFloats(values: Float32Array): Float32Array {
  let from: Uint32Array<ArrayBuffer> = monotoneKeys(values)
  let to = new Uint32Array(values.length)
  const starts = digitStarts(from)
  for (let pass = 0; pass < PASSES; pass++) {
    const shift = pass * DIGIT
    const base = pass * DIGITS
    for (let i = 0; i < from.length; i++) {
      const key = from[i]!
      const slot = base + ((key >>> shift) & (DIGITS - 1))
      const at = starts[slot]!
      starts[slot] = at + 1
      to[at] = key
    }
    const spare = from
    from = to
    to = spare
  }
  for (let i = 0; i < from.length; i++) {
    const key = from[i]!
    from[i] = key >>> 31 === 1 ? key & 0x7fffffff : ~key
  }
  return new Float32Array(from.buffer)
}

/** Positions in ascending order of their values, equal ones by position. */
export function orderOf(values: Float32Array): Uint32Array {
  const keys = monotoneKeys(values)
  const starts = digitStarts(keys)
  let from = new Uint32Array(values.length)
  let to = new Uint32Array(values.length)
  for (let i = 0; i < from.length; i++) from[i] = i
  for (let pass = 0; pass < PASSES; pass++) {
    const shift = pass * DIGIT
    const base = pass * DIGITS
    for (let i = 0; i < from.length; i++) {
      const position = from[i]!
      const slot = base + ((keys[position]! >>> shift) & (DIGITS - 1))
      const at = starts[slot]!
      starts[slot] = at + 1
      to[at] = position
    }
    const spare = from
    from = to
    to = spare
  }
  return from
}

function monotoneKeys(values: Float32Array): Uint32Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const keys = new Uint32Array(bits.length)
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!
    keys[i] = word >>> 31 === 1 ? ~word : word | 0x80000000
  }
  return keys
}

/** Where the keys of each digit begin, for the three passes. */
function digitStarts(keys: Uint32Array): Uint32Array {
  const starts = new Uint32Array(PASSES * DIGITS)
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    const low = key & (DIGITS - 1)
    const middle = DIGITS + ((key >>> DIGIT) & (DIGITS - 1))
    const high = 2 * DIGITS + (key >>> (2 * DIGIT))
    starts[low] = starts[low]! + 1
    starts[middle] = starts[middle]! + 1
    starts[high] = starts[high]! + 1
  }
  for (let pass = 0; pass < PASSES; pass++) {
    let sum = 0
    for (let digit = 0; digit < DIGITS; digit++) {
      const count = starts[pass * DIGITS + digit]!
      starts[pass * DIGITS + digit] = sum
      sum += count
    }
  }
  return starts
}
