import { OBSERVE_BYTES } from '../calibration/observe-values.ts'
import { sampleDigestSync } from '../calibration/sample-digest.node.ts'
import { createKernelsSync, createReferenceKernels } from '../kernels/index.ts'
import type { Kernels } from '../model/kernels.ts'
import type { Feeds, Value } from '../model/runtime.ts'
import type { OrtRuntime, OrtRuntimeSession } from '../runtime/ort.ts'
import { serve } from '../runtime/serve.node.ts'
import type { ObserveAnswer, ObserveOrder, ThreadLook } from './observe-orders.ts'
import type { Looked } from './observe-places.ts'
import { pick, ValueWatch, type Watched } from './value-watch.ts'

/** Entry of a thread that runs models and looks at what comes out of them; see observe-threads.node.ts for the other side. */

/** Outputs of more bytes than this together are not given a place of their own. */
const MOST_PLACED = 1 << 30
/** Vectors of the executor begin at multiples of it. */
const ALIGNED = 64

interface Opened {
  readonly session: OrtRuntimeSession
  /** Outputs by the shapes of the inputs, once they were seen; null where they do not follow from them. */
  readonly places: Map<string, readonly Placed[] | null>
}

interface Placed {
  readonly name: string
  readonly shape: readonly number[]
  readonly at: number
  readonly byteLength: number
}

/** One collection of statistics at a time. */
class Observing {
  readonly #watch: ValueWatch
  readonly #kernels: Kernels
  readonly #opened = new Map<string, Opened>()
  /** Copies in use, of looks of both kinds. */
  readonly #paths = new Map<boolean, readonly (string | null)[]>()

  constructor(axes: ReadonlyMap<string, number>, kernels: Kernels, least: number | undefined) {
    this.#kernels = kernels
    this.#watch = new ValueWatch(kernels, axes, least)
  }

  async look(
    { index, feeds, inputs, parts, also, ranges, isNew }: ThreadLook,
    open: OrtRuntime['open'],
  ): Promise<Looked> {
    this.#paths.set(ranges !== undefined, ranges ? [ranges.path] : parts.map(({ path }) => path))
    await this.keepOnly(new Set([...this.#paths.values()].flat()))
    if (ranges) {
      const { session } = await this.#open(ranges.path, true, open)
      this.#watch.addRanges(index, ranges, await session.run(feeds))
    }
    let results: Feeds = {}
    for (const { path, values } of parts) {
      if (path === null) continue
      results = await this.#run(await this.#open(path, false, open), feeds)
      for (const name of values) if (Object.hasOwn(results, name)) this.#watch.add(index, name, results[name] as Value)
    }
    const given = Object.entries(pick(results, also)).map(([name, value]) => [name, ownCopy(value)])
    // Last: a sample that does not run has not been seen.
    for (const name of inputs) if (Object.hasOwn(feeds, name)) this.#watch.add(index, name, feeds[name] as Value)
    return { given: Object.fromEntries(given), ...(isNew ? { digest: sampleDigestSync(feeds) } : {}) }
  }

  take(): Watched {
    return this.#watch.take()
  }

  async keepOnly(paths: ReadonlySet<string | null>): Promise<void> {
    for (const [path, { session }] of [...this.#opened]) {
      if (paths.has(path)) continue
      this.#opened.delete(path)
      await session.release()
    }
  }

  async #open(path: string, optimized: boolean, open: OrtRuntime['open']): Promise<Opened> {
    let known = this.#opened.get(path)
    if (known === undefined) {
      known = { session: await open({ path }, { optimized, threads: 1 }), places: new Map() }
      this.#opened.set(path, known)
    }
    return known
  }

  /** Outputs are written where the kernels look at them, from the second time on: their shapes are known then. */
  async #run({ session, places }: Opened, feeds: Feeds): Promise<Feeds> {
    const key = JSON.stringify(Object.entries(feeds).map(([name, { shape }]) => [name, shape]))
    const known = places.get(key)
    if (known) {
      try {
        return await session.run(feeds, undefined, this.#targets(known))
      } catch {
        // Shapes that follow from values too; what else went wrong shows again.
        places.set(key, null)
      }
    }
    const results = await session.run(feeds)
    if (known === undefined) places.set(key, placesOf(results))
    return results
  }

  #targets(places: readonly Placed[]): Feeds {
    const last = places.at(-1)
    if (last === undefined) return {}
    const start = this.#kernels.reserve(OBSERVE_BYTES + last.at + last.byteLength + ALIGNED) + OBSERVE_BYTES
    const base = Math.ceil(start / ALIGNED) * ALIGNED
    const { memory } = this.#kernels
    return Object.fromEntries(
      places.map(({ name, shape, at, byteLength }) => [
        name,
        { dtype: 'f32' as const, shape, data: new Uint8Array(memory, base + at, byteLength) },
      ]),
    )
  }
}

function placesOf(results: Feeds): readonly Placed[] | null {
  const places: Placed[] = []
  let at = 0
  for (const [name, { dtype, shape, data }] of Object.entries(results)) {
    if (dtype !== 'f32' || !(data instanceof Uint8Array) || data.byteLength === 0) continue
    places.push({ name, shape, at, byteLength: data.byteLength })
    at += Math.ceil(data.byteLength / ALIGNED) * ALIGNED
  }
  return at > MOST_PLACED ? null : places
}

/** What statistics are kept in, which is theirs alone: copies of copies would be made again on the way. */
function buffersOf({ seen }: Watched): ArrayBuffer[] {
  return [...seen.values()].flatMap(({ statistics }) => {
    const { counts, samples, channels } = statistics
    const { min, max, sum, squares, rest } = channels ?? {}
    const all = [counts, samples, min, max, sum, squares, ...(rest?.sum ?? []), ...(rest?.squares ?? [])]
    return all.flatMap((array) => (array === undefined ? [] : [array.buffer as ArrayBuffer]))
  })
}

function ownCopy(value: Value): Value {
  return value.data instanceof Uint8Array ? { ...value, data: new Uint8Array(value.data) } : value
}

let observing: Observing | undefined
const kernels = new Map<string, Kernels>()

function kernelsOf(id: Kernels['id']): Kernels {
  const made = kernels.get(id) ?? (id === 'wasm' ? createKernelsSync() : createReferenceKernels())
  kernels.set(id, made)
  return made
}

serve(async (given, open) => {
  const order = given as ObserveOrder
  let made: ObserveAnswer = null
  if (order.order === 'begin') {
    await observing?.keepOnly(new Set())
    observing = new Observing(order.axes, kernelsOf(order.kernels), order.least)
  } else if (observing === undefined) throw new Error('nothing is observed')
  else if (order.order === 'look') made = await observing.look(order.look, open)
  else if (order.order === 'take') {
    made = observing.take()
    return { made, moved: buffersOf(made) }
  } else {
    await observing.keepOnly(new Set())
    observing = undefined
  }
  return { made }
})
