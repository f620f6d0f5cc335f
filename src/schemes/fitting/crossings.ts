/**
 * Places where values change their level while the inverse of the scale grows from 0: one sweep in order of place, sums
 * brought up to date at each, sees every assignment of values to levels that any scale produces.
 *
 * The number of a crossing is kept in the lowest bits of its place, so that a plain numeric sort orders both, the same
 * on every machine. Places closer than that (2^-32 of themselves for a million crossings) may change order: the sums
 * then stand for an assignment that is not the nearest one, whose error is real all the same.
 */
export interface Crossings {
  places: Float64Array
  /** Low words of `places`. */
  words: Uint32Array
  /** What a crossing adds to the sum of w x level, and to the sum of w level^2. */
  cross: Float64Array
  square: Float64Array
  /** Index of the value. */
  value: Int32Array
}

/** Crossings held at once; a sweep with more goes in windows of about so many. */
export const WINDOW = 262144

let held = makeCrossings(1024)

function makeCrossings(size: number): Crossings {
  const places = new Float64Array(size)
  return {
    places,
    words: new Uint32Array(places.buffer),
    cross: new Float64Array(size),
    square: new Float64Array(size),
    value: new Int32Array(size),
  }
}

/** Room for `count` crossings at least, contents kept. The same arrays are given to every sweep. */
export function roomFor(count: number): Crossings {
  if (held.places.length < count) {
    const grown = makeCrossings(Math.max(count, held.places.length * 2))
    grown.places.set(held.places)
    grown.cross.set(held.cross)
    grown.square.set(held.square)
    grown.value.set(held.value)
    held = grown
  }
  return held
}

/** Lowest word of a double comes first wherever JavaScript runs today; asked once all the same. */
export const LOW_WORD = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1

const INSERTION_UP_TO = 24

/** Sorts the first `count` and returns the mask that takes the crossing's number out of a low word. */
export function sortCrossings(crossings: Crossings, count: number): number {
  const { places, words } = crossings
  let size = 1
  while (size < count) size *= 2
  const mask = size - 1
  for (let i = 0; i < count; i++) {
    const at = 2 * i + LOW_WORD
    words[at] = ((words[at]! & ~mask) | i) >>> 0
  }
  if (count > INSERTION_UP_TO) {
    places.subarray(0, count).sort()
    return mask
  }
  for (let i = 1; i < count; i++) {
    const place = places[i]!
    let at = i
    while (at > 0 && places[at - 1]! > place) {
      places[at] = places[at - 1]!
      at--
    }
    places[at] = place
  }
  return mask
}
