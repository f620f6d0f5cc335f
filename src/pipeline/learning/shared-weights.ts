import type { Feeds } from '../../model/runtime.ts'
import { elementCountOf } from '../../numbers/dtype.ts'
import type { DistillerGraph } from './distiller.ts'

/** Elements of each weight that is learned. */
export function elementsOf({ constants, learned }: DistillerGraph): readonly number[] {
  return learned.map((name) => {
    const constant = constants.get(name)
    return constant?.kind === 'float' ? elementCountOf(constant.shape) : 0
  })
}

/** Memory for all of them, one after the other. */
export function sharedFloats(elements: readonly number[]): SharedArrayBuffer {
  return new SharedArrayBuffer(elements.reduce((sum, count) => sum + count, 0) * 4)
}

export function slicesOf(shared: SharedArrayBuffer, elements: readonly number[]): readonly Float32Array[] {
  let at = 0
  return elements.map((count) => {
    const slice = new Float32Array(shared, at * 4, count)
    at += count
    return slice
  })
}

/** Values in memory that all threads read. */
export function sharedFeeds(feeds: Feeds): Feeds {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, value]) => {
      if (!(value.data instanceof Uint8Array) || value.data.buffer instanceof SharedArrayBuffer) return [name, value]
      const data = new Uint8Array(new SharedArrayBuffer(value.data.byteLength))
      data.set(value.data)
      return [name, { ...value, data }]
    }),
  )
}
