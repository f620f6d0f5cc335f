import type { ChannelStatistics } from '../model/statistics.ts'
import { addExactly, settled } from '../numbers/exact-sums.ts'

/** A loop that stands alone: what is hot is compiled with all that stands around it. */
function widen(low: Float32Array, high: Float32Array, min: ArrayLike<number>, max: ArrayLike<number>): void {
  for (let channel = 0; channel < low.length; channel++) {
    const [least, most] = [min[channel]!, max[channel]!]
    if (least < low[channel]!) low[channel] = least
    if (most > high[channel]!) high[channel] = most
  }
}

/** Statistics of channels while they grow. Sums over samples are exact, so that how samples were grouped leaves no trace. */
export class ChannelSums {
  readonly axis: number
  readonly length: number
  #count: number
  readonly #min: Float32Array
  readonly #max: Float32Array
  readonly #sum: Float64Array[]
  readonly #squares: Float64Array[]

  /** Goes on from these without changing them. */
  constructor({ axis, count, min, max, sum, squares, rest }: ChannelStatistics) {
    this.axis = axis
    this.length = min.length
    this.#count = count
    this.#min = min.slice()
    this.#max = max.slice()
    this.#sum = [sum, ...(rest?.sum ?? [])].map((part) => part.slice())
    this.#squares = [squares, ...(rest?.squares ?? [])].map((part) => part.slice())
  }

  /** Of the same axis and as many channels. */
  add({ count, min, max, sum, squares, rest }: Omit<ChannelStatistics, 'axis'>): void {
    if (count === 0) return
    const none = this.#count === 0
    this.#count += count
    if (none) {
      this.#min.set(min)
      this.#max.set(max)
    } else widen(this.#min, this.#max, min, max)
    for (const part of [sum, ...(rest?.sum ?? [])]) addExactly(this.#sum, part)
    for (const part of [squares, ...(rest?.squares ?? [])]) addExactly(this.#squares, part)
  }

  /** What is known so far, as a copy. */
  statistics(): ChannelStatistics {
    const [sum = new Float64Array(0), ...sums] = settled(this.#sum, this.length)
    const [squares = new Float64Array(0), ...others] = settled(this.#squares, this.length)
    return {
      axis: this.axis,
      count: this.#count,
      min: this.#min.slice(),
      max: this.#max.slice(),
      sum,
      squares,
      ...(sums.length + others.length > 0 ? { rest: { sum: sums, squares: others } } : {}),
    }
  }
}
