import type { ByteSource } from '../../bytes/types.ts'
import { TersorError } from '../../errors.ts'
import type { WireMessage } from './image.ts'
import { MAX_LIST_NUMBERS, MAX_OBJECTS } from './limits.ts'

/** What one decoding carries along: the external files it may use, and what it has spent. */
export class Decoder {
  readonly label: string
  /** Opened external files by location. */
  readonly externals: ReadonlyMap<string, ByteSource>
  /** Locations that were needed and not there, with the first tensor that names each. */
  readonly missing = new Map<string, string>()
  #objects = 0
  #numbers = 0

  constructor(label: string, externals: ReadonlyMap<string, ByteSource>) {
    this.label = label
    this.externals = externals
  }

  /** Counts a message or name about to become an object. */
  charge(message: WireMessage, count = 1): void {
    this.#objects += count
    if (this.#objects <= MAX_OBJECTS) return
    throw tooMuch(message, `more than ${MAX_OBJECTS} nodes, values and names`)
  }

  chargeNumbers(message: WireMessage, count: number): void {
    this.#numbers += count
    if (this.#numbers <= MAX_LIST_NUMBERS) return
    throw tooMuch(message, `more than ${MAX_LIST_NUMBERS} numbers in its attributes`)
  }
}

export function tooMuch(message: WireMessage, what: string): TersorError {
  const { label } = message.image.source
  return new TersorError('E_LIMIT', `${label}: the model has ${what}`, { where: `${label}, byte ${message.start}` })
}

/** A file that is wrong in a way that has a name: `what` names the tensor, node or value. */
export function wrong(message: WireMessage, what: string, hint?: string): TersorError {
  const { label } = message.image.source
  return new TersorError('E_FORMAT', `${label}: ${what}`, {
    where: `${label}, byte ${message.start}`,
    ...(hint === undefined ? {} : { hint }),
  })
}
