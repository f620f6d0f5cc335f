/**
 * Vectors of a codebook, ordered along the coordinate in which they differ most: the search for the nearest one starts
 * at the value's own place and walks outwards until that coordinate alone is farther than the best vector.
 */
export interface VectorBook {
  readonly vector: number
  /** Coordinate they are ordered by. */
  readonly axis: number
  /** Coordinates in order, vector by vector; and the code of each. */
  readonly points: Float64Array
  readonly codes: Uint16Array
}

export function vectorBook(table: Float32Array, vector: number): VectorBook {
  const count = Math.floor(table.length / vector)
  const axis = widestAxis(table, vector, count)
  const order = Array.from({ length: count }, (_, code) => code)
  order.sort((a, b) => table[a * vector + axis]! - table[b * vector + axis]! || a - b)
  const points = new Float64Array(count * vector)
  order.forEach((code, at) => {
    for (let d = 0; d < vector; d++) points[at * vector + d] = table[code * vector + d]!
  })
  return { vector, axis, points, codes: Uint16Array.from(order) }
}

function widestAxis(table: Float32Array, vector: number, count: number): number {
  let axis = 0
  let widest = -1
  for (let d = 0; d < vector; d++) {
    let sum = 0
    let squares = 0
    for (let i = 0; i < count; i++) {
      const x = table[i * vector + d]!
      sum += x
      squares += x * x
    }
    const spread = squares - (sum * sum) / Math.max(count, 1)
    if (spread > widest) {
      widest = spread
      axis = d
    }
  }
  return axis
}

export interface Nearest {
  code: number
  /** Squared distance, weighted where weights were given. */
  distance: number
}

/**
 * The vector nearest to values[at ..], the lowest code of several; only `known` coordinates count (the last vector of a
 * group may be cut short). Weights, if any, are parallel to the values.
 */
export function findNearest(
  book: VectorBook,
  values: Float32Array,
  weights: Float32Array | undefined,
  at: number,
  known: number,
  out: Nearest,
): void {
  const { vector, axis, points, codes } = book
  const count = codes.length
  const ordered = axis < known
  const x = ordered ? values[at + axis]! : 0
  const w = weights === undefined || !ordered ? 1 : weights[at + axis]!
  let up = ordered ? firstFrom(points, vector, axis, count, x) : 0
  let down = up - 1
  let best = Infinity
  let code = 65536
  while (up < count || down >= 0) {
    const above = up < count && ordered ? w * (points[up * vector + axis]! - x) ** 2 : up < count ? 0 : Infinity
    const below = down >= 0 ? w * (points[down * vector + axis]! - x) ** 2 : Infinity
    if (Math.min(above, below) > best) break
    const at0 = above <= below ? up++ : down--
    let distance = 0
    for (let d = 0; d < known; d++) {
      const missing = values[at + d]! - points[at0 * vector + d]!
      distance += weights === undefined ? missing * missing : weights[at + d]! * missing * missing
    }
    if (distance < best || (distance === best && codes[at0]! < code)) {
      best = distance
      code = codes[at0]!
    }
  }
  out.code = code
  out.distance = best
}

/** First vector in order whose axis is not below x. */
function firstFrom(points: Float64Array, vector: number, axis: number, count: number, x: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (points[middle * vector + axis]! < x) low = middle + 1
    else high = middle
  }
  return low
}
