import { TersorError } from '../errors.ts'
import { connect } from '../graph/index.ts'
import { KnownValues } from '../graph/rewrites/known-values.ts'
import type { Model } from '../model/graph.ts'
import type { Feeds, Value } from '../model/runtime.ts'
import type { ModelSessions } from './model-sessions.ts'
import { sizedModel } from './tapped-model.ts'
import { readSmall } from './tensor-bytes.ts'

/** Key of the session that gives sizes. */
export const SIZES = 'sizes'

/**
 * How many elements values have, once for every combination of input shapes: by what operators make of shapes, where that does not tell by
 * running the model. A bound of memory, no more.
 */
export class ValueSizes {
  readonly #model: Model
  readonly #values: readonly string[]
  readonly #inBodies: boolean
  readonly #sessions: ModelSessions
  readonly #signal: AbortSignal | undefined
  readonly #known = new Map<string, ReadonlyMap<string, number>>()
  readonly #inferred = new WeakMap<ReadonlyMap<string, number>, ReadonlyMap<string, readonly number[]>>()

  constructor(model: Model, values: readonly string[], sessions: ModelSessions, signal?: AbortSignal) {
    this.#model = model
    this.#values = values
    this.#inBodies = values.some((name) => name.startsWith('['))
    this.#sessions = sessions
    this.#signal = signal
  }

  /** E_RUNTIME when the executor does not run the model on these feeds. */
  async of(feeds: Feeds): Promise<ReadonlyMap<string, number>> {
    const shapes = JSON.stringify(Object.entries(feeds).map((feed) => this.#kindOf(...feed)))
    const known = this.#known.get(shapes)
    if (known !== undefined) return known
    const inferred = await inferredShapes(this.#model, this.#values, feeds)
    const found = new Map<string, number>()
    if (inferred !== null) {
      for (const [name, shape] of inferred)
        found.set(
          name,
          shape.reduce((product, size) => product * size, 1),
        )
      this.#inferred.set(found, inferred)
    } else {
      const { model, sizes } = sizedModel(this.#model, this.#values)
      const session = await this.#sessions.session(SIZES, () => model)
      const results = await session.run(feeds, this.#signal)
      for (const [value, size] of sizes) found.set(value, countIn(results[size]))
    }
    this.#known.set(shapes, found)
    return found
  }

  /** The shapes behind what `of` gave, where that holds for every sample of these shapes, whatever its values. */
  shapesOf(sizes: ReadonlyMap<string, number>): ReadonlyMap<string, readonly number[]> | undefined {
    return this.#inferred.get(sizes)
  }

  /** What sizes may follow from: shapes, and for values inside bodies also what decides on branches and iterations. */
  #kindOf(name: string, { shape, dtype, data }: Value): readonly unknown[] {
    const decides = data instanceof Uint8Array && data.length <= 8 && dtype !== 'f32' && dtype !== 'f64'
    return decides && this.#inBodies ? [name, shape, [...data]] : [name, shape]
  }
}

/** Null where one of them does not follow from the shapes of what is fed. */
async function inferredShapes(
  model: Model,
  values: readonly string[],
  feeds: Feeds,
): Promise<Map<string, readonly number[]> | null> {
  const inputs = model.graph.inputs.map((input) => {
    const feed = Object.hasOwn(feeds, input.name) ? feeds[input.name] : undefined
    return feed === undefined ? input : { ...input, shape: feed.shape }
  })
  const fed: Model = { ...model, graph: { ...model.graph, inputs } }
  const connections = connect(fed)
  const known = await KnownValues.of(fed, connections, readSmall)
  const shapes = new Map<string, readonly number[]>()
  for (const name of values) {
    const shape = known.shape(connections.scopes[0]!, name)
    if (shape === undefined || shape.includes(null)) return null
    shapes.set(name, shape as readonly number[])
  }
  return shapes
}

/** Cuts a list of values where more than `most` elements would come together; one that is larger is alone. Never empty. */
export function partsOf(
  values: readonly string[],
  sizes: ReadonlyMap<string, number>,
  most: number,
): readonly (readonly string[])[] {
  const parts: string[][] = [[]]
  let room = most
  for (const name of values) {
    const size = sizes.get(name) ?? 0
    if (size > room && parts.at(-1)!.length > 0) {
      parts.push([])
      room = most
    }
    parts.at(-1)!.push(name)
    room -= size
  }
  return parts
}

function countIn(value: Value | undefined): number {
  if (value?.dtype !== 'i64' || !(value.data instanceof Uint8Array) || value.data.length !== 8) {
    throw new TersorError('E_RUNTIME', 'the executor gave no size of a value')
  }
  const { buffer, byteOffset, byteLength } = value.data
  return Number(new DataView(buffer, byteOffset, byteLength).getBigInt64(0, true))
}
