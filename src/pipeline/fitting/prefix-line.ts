import { TersorError } from '../../errors.ts'
import { isConstantNode, readsOf } from '../../graph/index.ts'
import type { Model, Node, TensorRef, ValueInfo } from '../../model/graph.ts'
import type { Sample, Value } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { ModelSessions } from '../model-sessions.ts'
import type { Segment } from './segments.ts'

/**
 * A model run segment by segment over all samples, each node once: what later segments read is kept, the rest forgotten. Constants may be
 * exchanged between segments, so that everything behind runs on what was decided before.
 */
export class PrefixLine {
  readonly #name: string
  readonly #model: Model
  readonly #segments: readonly Segment[]
  readonly #sessions: ModelSessions
  readonly #tools: Tools
  readonly #mostBytes: number
  #kept: Map<string, Value>[]
  #next = 0

  constructor(
    name: string,
    model: Model,
    segments: readonly Segment[],
    samples: readonly Sample[],
    sessions: ModelSessions,
    tools: Tools,
    mostBytes = Number.POSITIVE_INFINITY,
  ) {
    this.#mostBytes = mostBytes
    this.#name = name
    this.#model = model
    this.#segments = segments
    this.#sessions = sessions
    this.#tools = tools
    this.#kept = samples.map(({ feeds }) => new Map(Object.entries(feeds)))
  }

  /** Runs the next segment with these tensors in the place of constants of their names. */
  async advance(constants: ReadonlyMap<string, TensorRef>): Promise<void> {
    const segment = this.#segments[this.#next]
    if (segment === undefined) throw new TersorError('E_INTERNAL', 'the line has no further segment')
    const [first] = this.#kept
    if (segment.gives.length > 0 && first !== undefined) {
      const key = `${this.#name} ${this.#next}`
      const session = await this.#sessions.session(key, () => segmentModel(this.#model, segment, first, constants))
      const read = new Set(session.inputs.map(({ name }) => name))
      try {
        let held = 0
        for (const [index, kept] of this.#kept.entries()) {
          this.#tools.signal?.throwIfAborted()
          const feeds = Object.fromEntries([...kept].filter(([name]) => read.has(name)))
          for (const [name, value] of Object.entries(await session.run(feeds, this.#tools.signal)))
            kept.set(name, value)
          held += bytesOf(kept)
          if (held <= this.#mostBytes || index === 0) continue
          this.#kept = this.#kept.slice(0, index)
          break
        }
      } finally {
        await this.#sessions.keepOnly(new Set())
      }
    }
    this.#next += 1
  }

  /** A value that the last segment gave, or that was kept before it. */
  value(sample: number, name: string): Value | undefined {
    return this.#kept[sample]?.get(name)
  }

  /** Forgets what nothing behind the last segment needs. */
  forget(): void {
    const keeps = this.#segments[this.#next - 1]?.keeps
    for (const kept of this.#kept) for (const name of [...kept.keys()]) if (!keeps?.has(name)) kept.delete(name)
  }

  /** Those whose values fit the bytes that they may take: the first ones. */
  get samples(): number {
    return this.#kept.length
  }
}

function bytesOf(kept: ReadonlyMap<string, Value>): number {
  let sum = 0
  for (const { data } of kept.values()) sum += data instanceof Uint8Array ? data.length : 0
  return sum
}

/** The nodes of a segment as a model of their own. */
function segmentModel(
  model: Model,
  segment: Segment,
  known: ReadonlyMap<string, Value>,
  constants: ReadonlyMap<string, TensorRef>,
): Model {
  const { graph } = model
  const replaced = (node: Node): boolean => isConstantNode(node) && constants.has(node.outputs[0] ?? '')
  const nodes = segment.nodes.filter((node) => !replaced(node))
  const read = new Set(nodes.flatMap((node) => readsOf(node)))
  for (const name of segment.gives) read.add(name)
  const own = new Set(nodes.flatMap(({ outputs }) => outputs))
  const initializers = graph.initializers.filter(({ name }) => read.has(name) && !constants.has(name))
  for (const [name, tensor] of constants) if (read.has(name) && !own.has(name)) initializers.push(tensor)
  const fixed = new Set(initializers.map(({ name }) => name))
  const infos = new Map([...graph.values, ...graph.outputs, ...graph.inputs].map((info) => [info.name, info]))
  const given = new Map(graph.inputs.map((info) => [info.name, info]))
  const inputs = segment.reads.map((name): ValueInfo => {
    const value = known.get(name)
    if (value === undefined) throw new TersorError('E_INTERNAL', `"${name}" was not kept`, { where: name })
    return given.get(name) ?? { name, dtype: value.dtype, shape: value.shape.map(() => null) }
  })
  const outputs = segment.gives.map((name) => infos.get(name) ?? { name })
  const shown = new Set([...outputs, ...inputs].map(({ name }) => name))
  const { carrier: _carrier, ...plain } = model
  const { carrier: _graphCarrier, ...rest } = graph
  return {
    ...plain,
    graph: {
      ...rest,
      nodes,
      initializers,
      sparseInitializers: graph.sparseInitializers.filter((name) => read.has(name)),
      inputs: inputs.filter(({ name }) => !fixed.has(name)),
      outputs,
      values: graph.values.filter(({ name }) => own.has(name) && !shown.has(name)),
    },
  }
}
