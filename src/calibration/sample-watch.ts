import type { Feeds, SessionInput } from '../model/runtime.ts'
import { isFloat } from '../numbers/dtype.ts'
import { floatsOf } from './convert.ts'
import { isColors, roleOf } from './input-role.ts'

/** A normalized picture stays well within this; bytes as they are do not. */
const NORMALIZED_REACH = 16

/** Looks at pictures that pass by, for what is allowed but seldom meant. Each sample counts once, however often it is read. */
export class SampleWatch {
  readonly #inputs: readonly string[]
  readonly #asBytes: boolean
  readonly #seen = new Set<number>()
  readonly #constant: string[] = []
  #least = Number.POSITIVE_INFINITY
  #largest = Number.NEGATIVE_INFINITY

  /** `asBytes`: the user said that pixels go in as they are. */
  constructor(inputs: readonly SessionInput[], asBytes: boolean) {
    this.#inputs = inputs.filter((input) => roleOf(input) === 'picture' && isFloat(input.dtype)).map(({ name }) => name)
    this.#asBytes = asBytes
  }

  see(position: number, label: string, feeds: Feeds): void {
    if (this.#inputs.length === 0 || this.#seen.has(position)) return
    this.#seen.add(position)
    for (const name of this.#inputs) {
      const value = feeds[name]
      if (value === undefined || !(value.data instanceof Uint8Array) || value.data.length === 0) continue
      const floats = floatsOf(value)
      if (isFlat(floats, value.shape)) this.#constant.push(label)
      // One below 0 settles it for all.
      if (this.#asBytes || this.#least < 0) continue
      const { least, largest } = rangeOf(floats)
      this.#least = Math.min(this.#least, least)
      this.#largest = Math.max(this.#largest, largest)
    }
  }

  notes(): readonly string[] {
    const notes: string[] = []
    if (!this.#asBytes && this.#least >= 0 && this.#largest > NORMALIZED_REACH) {
      notes.push(
        `pictures have values from ${this.#least} to ${this.#largest}, as if they were not normalized: most models want --preprocess imagenet, tf or unit (say raw if this is right)`,
      )
    }
    const [first] = this.#constant
    if (first !== undefined) {
      const count = this.#constant.length
      const all = count === this.#seen.size
      notes.push(
        `${all ? 'every picture is' : `${count} of ${this.#seen.size} pictures ${count === 1 ? 'is' : 'are'}`} of one colour, such as ${first}${all ? ': figures and ranges made with them mean nothing' : ''}`,
      )
    }
    return notes
  }
}

function rangeOf(values: Float32Array | Float64Array): { readonly least: number; readonly largest: number } {
  let least = Number.POSITIVE_INFINITY
  let largest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!
    if (value < least) least = value
    if (value > largest) largest = value
  }
  return { least, largest }
}

/** One value in each channel, whichever axis the channels are on. */
function isFlat(values: Float32Array | Float64Array, shape: readonly number[]): boolean {
  const last = shape.at(-1) ?? 1
  const inner = isColors(shape.at(-3)) ? 1 : last
  const plane = inner === 1 ? (shape.at(-2) ?? 1) * last : values.length / inner
  if (plane <= 1) return false
  for (let start = 0; start < values.length / inner; start += plane) {
    for (let i = 0; i < plane; i += 1)
      for (let c = 0; c < inner; c += 1) if (values[(start + i) * inner + c] !== values[start * inner + c]) return false
  }
  return true
}
