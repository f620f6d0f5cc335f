import { uniform } from '../../numbers/rounding.ts'
import { findNearest, type Nearest, vectorBook } from './vector-book.ts'

/** Vectors that training looks at: evenly spaced ones of a longer array. */
export const MOST_TRAINED = 65536
/** Ends when a turn lowers the error by less. */
const LEAST_GAIN = 1e-3
const SEED = 20

/**
 * A table of `count` vectors for `values` taken `vector` at a time, by k-means: seeds drawn with a chance that grows
 * with the squared distance to those drawn before (k-means++, Arthur and Vassilvitskii 2007), then at most `turns`
 * turns of Lloyd's. The same values give the same table. Vectors in ascending order of their coordinates.
 */
export function trainVectors(values: Float32Array, vector: number, count: number, turns: number): Float32Array {
  const samples = sampleVectors(values, vector)
  const size = samples.length / vector
  const table = new Float32Array(count * vector)
  if (size === 0) return table
  seedVectors(samples, vector, table)
  let before = Infinity
  for (let turn = 0; turn < turns; turn++) {
    const error = moveToMeans(samples, vector, table)
    if (!(error < before * (1 - LEAST_GAIN))) break
    before = error
  }
  return sortVectors(table, vector)
}

function sampleVectors(values: Float32Array, vector: number): Float32Array {
  const whole = Math.floor(values.length / vector)
  if (whole === 0) {
    // A single vector cut short: its last value goes on.
    return values.length === 0
      ? values
      : Float32Array.from({ length: vector }, (_, d) => values[Math.min(d, values.length - 1)]!)
  }
  if (whole <= MOST_TRAINED) return values.subarray(0, whole * vector)
  const samples = new Float32Array(MOST_TRAINED * vector)
  for (let i = 0; i < MOST_TRAINED; i++) {
    const from = Math.floor((i * whole) / MOST_TRAINED) * vector
    samples.set(values.subarray(from, from + vector), i * vector)
  }
  return samples
}

function seedVectors(samples: Float32Array, vector: number, table: Float32Array): void {
  const size = samples.length / vector
  const distances = new Float64Array(size).fill(Infinity)
  let chosen = Math.floor(uniform(SEED, 0) * size)
  for (let c = 0; c < table.length / vector; c++) {
    table.set(samples.subarray(chosen * vector, chosen * vector + vector), c * vector)
    let total = 0
    for (let i = 0; i < size; i++) {
      if (distances[i]! > 0) {
        let distance = 0
        for (let d = 0; d < vector; d++) {
          const missing = samples[i * vector + d]! - table[c * vector + d]!
          distance += missing * missing
        }
        if (distance < distances[i]!) distances[i] = distance
      }
      total += distances[i]!
    }
    let left = uniform(SEED, c + 1) * total
    for (let i = 0; i < size; i++) {
      left -= distances[i]!
      // With no distance left the last choice is taken again.
      if (left < 0 && distances[i]! > 0) {
        chosen = i
        break
      }
    }
  }
}

/** One turn: every vector of the table to the mean of its samples. Returns the error before it. */
function moveToMeans(samples: Float32Array, vector: number, table: Float32Array): number {
  const size = samples.length / vector
  const count = table.length / vector
  const book = vectorBook(table, vector)
  const sums = new Float64Array(table.length)
  const members = new Float64Array(count)
  const nearest: Nearest = { code: 0, distance: 0 }
  let error = 0
  let farthest = 0
  let farthestDistance = 0
  for (let i = 0; i < size; i++) {
    findNearest(book, samples, undefined, i * vector, vector, nearest)
    const { code, distance } = nearest
    members[code] = members[code]! + 1
    for (let d = 0; d < vector; d++) sums[code * vector + d] = sums[code * vector + d]! + samples[i * vector + d]!
    error += distance
    if (distance > farthestDistance) {
      farthestDistance = distance
      farthest = i
    }
  }
  for (let code = 0; code < count; code++) {
    if (members[code]! > 0) {
      for (let d = 0; d < vector; d++) table[code * vector + d] = sums[code * vector + d]! / members[code]!
    } else if (farthestDistance > 0) {
      // The first vector without samples goes where one is missed most.
      table.set(samples.subarray(farthest * vector, farthest * vector + vector), code * vector)
      farthestDistance = 0
    }
  }
  return error
}

function sortVectors(table: Float32Array, vector: number): Float32Array {
  const order = Array.from({ length: table.length / vector }, (_, code) => code)
  const compare = (a: number, b: number) => {
    for (let d = 0; d < vector; d++) {
      const difference = table[a * vector + d]! - table[b * vector + d]!
      if (difference !== 0) return difference
    }
    return a - b
  }
  const sorted = new Float32Array(table.length)
  order.sort(compare).forEach((code, at) => {
    sorted.set(table.subarray(code * vector, code * vector + vector), at * vector)
  })
  return sorted
}
