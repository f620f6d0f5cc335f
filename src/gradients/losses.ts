import { logarithm } from './elementary.ts'
import type { Tape } from './tape.ts'
import type { Tensor } from './types.ts'

/** Which rows of a value count; null: all. */
export type Rows = readonly number[] | null

/**
 * Mean over rows of the Kullback-Leibler divergence of softmax(result) from softmax(target), both scores along the last axis; `weight`
 * times its gradient is added to that of `result`, none where `weight` is 0. `target` follows the layout of the result.
 */
export function divergence(tape: Tape, result: Tensor, target: ArrayLike<number>, rows: Rows, weight: number): number {
  const { machine } = tape
  const classes = result.shape.at(-1) ?? 1
  const all = rows ?? Array.from({ length: result.count / classes }, (_, row) => row)
  const grad = weight === 0 ? -1 : tape.grad(result)
  const mark = machine.end
  const wanted = machine.take(classes)
  const given = machine.take(classes)
  let sum = 0
  for (const row of all) {
    const f = machine.floats
    const at = result.at + row * classes
    for (let i = 0; i < classes; i++) f[wanted + i] = target[row * classes + i] as number
    // Scores at the largest share of each tell the sums of the others.
    const [firstT, firstR] = [largest(f, wanted, classes), largest(f, at, classes)]
    let difference = 0
    const top = f[wanted + firstT]!
    const score = f[at + firstR]!
    machine.softmax(at, 1, classes, given)
    machine.softmax(wanted, 1, classes, wanted)
    for (let i = 0; i < classes; i++) {
      const share = f[wanted + i]!
      if (share > 0) difference += share * ((target[row * classes + i] as number) - f[at + i]!)
      if (grad >= 0) f[grad + row * classes + i]! += (weight / all.length) * (f[given + i]! - share)
    }
    sum += difference - (top - logarithm(f[wanted + firstT]!)) + (score - logarithm(f[given + firstR]!))
  }
  machine.release(mark)
  return all.length === 0 ? 0 : sum / all.length
}

function largest(f: Float32Array | Float64Array, at: number, count: number): number {
  let best = 0
  for (let i = 1; i < count; i++) if (f[at + i]! > f[at + best]!) best = i
  return best
}

/** Squared distance of the rows that count over the squared length of the target's; gradients as `divergence`. */
export function relativeError(
  tape: Tape,
  result: Tensor,
  target: ArrayLike<number>,
  rows: Rows,
  weight: number,
): number {
  const { machine } = tape
  const width = rows === null ? result.count : (result.shape.at(-1) ?? 1)
  const all = rows ?? [0]
  let [distance, energy] = [0, 0]
  const grad = weight === 0 ? -1 : tape.grad(result)
  const f = machine.floats
  for (const row of all) {
    for (let i = row * width; i < (row + 1) * width; i++) {
      const wanted = target[i] as number
      const difference = f[result.at + i]! - wanted
      distance += difference * difference
      energy += wanted * wanted
    }
  }
  if (energy === 0) return 0
  if (grad >= 0) {
    const factor = (2 * weight) / energy
    for (const row of all) {
      for (let i = row * width; i < (row + 1) * width; i++)
        f[grad + i]! += factor * (f[result.at + i]! - (target[i] as number))
    }
  }
  return distance / energy
}

/**
 * As `relativeError` for the mean of the rows that count of each of `groups` runs of rows: what pooling makes of [batch, tokens, width].
 */
export function pooledError(
  tape: Tape,
  result: Tensor,
  target: ArrayLike<number>,
  rows: Rows,
  weight: number,
  groups: number,
): number {
  const { machine } = tape
  const width = result.shape.at(-1) ?? 1
  const count = result.count / width
  const each = count / groups
  const byGroup = Array.from({ length: groups }, (): number[] => [])
  for (const row of rows ?? Array.from({ length: count }, (_, i) => i)) byGroup[Math.floor(row / each)]?.push(row)
  const grad = weight === 0 ? -1 : tape.grad(result)
  const f = machine.floats
  const change = new Float64Array(width)
  let sum = 0
  for (const own of byGroup) {
    if (own.length === 0) continue
    const wanted = new Float64Array(width)
    change.fill(0)
    for (const row of own) {
      for (let i = 0; i < width; i++) {
        const value = target[row * width + i] as number
        wanted[i]! += value
        change[i]! += f[result.at + row * width + i]! - value
      }
    }
    const energy = wanted.reduce((total, value) => total + value * value, 0)
    if (energy === 0) continue
    sum += change.reduce((total, value) => total + value * value, 0) / energy
    if (grad < 0) continue
    const factor = (2 * weight) / (energy * groups)
    for (const row of own) for (let i = 0; i < width; i++) f[grad + row * width + i]! += factor * change[i]!
  }
  return sum / groups
}
