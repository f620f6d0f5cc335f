import { freshNames, readsOf } from '../../graph/index.ts'
import type { Model } from '../../model/graph.ts'
import type { Feeds, Value } from '../../model/runtime.ts'
import { tappedModel } from '../tapped-model.ts'
import { pick } from '../value-watch.ts'
import { constantValues, ValueSignatures } from './value-signatures.ts'

/** Bytes that are kept for all samples. */
const MOST_BYTES = 32 << 20

/**
 * Runs of a graph that changes from its front to its end: what cannot change any more is remembered for every sample, so that the next run
 * starts there. A value is used again only where the next graph computes it in the same way, so that results are the same to the bit.
 */
export class KeptPrefix {
  readonly #signatures = new ValueSignatures()
  /** How kept values were computed, and what came out, by sample. */
  #known = new Map<string, number>()
  #kept = new Map<number, Feeds>()
  #next = new Map<string, number>()
  #fetched = new Map<number, Feeds>()
  #fed: readonly string[] = []
  #bytes = 0

  /** The copy to run for `values`. `moving`: values that may change until the next run, or the graph where all that may has changed. */
  open(graph: Model, moving: ReadonlySet<string> | Model, values: readonly string[]): Model {
    const own = this.#signatures.of(graph)
    const others = moving instanceof Set ? null : this.#signatures.of(moving as Model)
    const samples = [...this.#kept.values()]
    this.#fed = [...this.#known].flatMap(([name, signature]) =>
      own.get(name) === signature && samples.every((feeds) => Object.hasOwn(feeds, name)) ? [name] : [],
    )
    const stays = (name: string): boolean =>
      others === null ? !(moving as ReadonlySet<string>).has(name) : own.get(name) === others.get(name)
    const front = frontOf(graph, stays)
    this.#next = new Map(front.map((name) => [name, own.get(name) as number]))
    this.#fetched = new Map()
    this.#bytes = 0
    const fed = new Set(this.#fed)
    const wanted = [...new Set([...values, ...front])].filter((name) => !fed.has(name))
    return tappedModel(this.#cut(graph), wanted)
  }

  /** What the copy is fed for a sample. */
  feeds(index: number, feeds: Feeds): Feeds {
    return { ...feeds, ...pick(this.#kept.get(index) ?? {}, this.#fed) }
  }

  /** What came out for a sample, with what went in. */
  add(index: number, results: Feeds): Feeds {
    const all = { ...results, ...pick(this.#kept.get(index) ?? {}, this.#fed) }
    const front = pick(all, [...this.#next.keys()])
    this.#bytes += Object.values(front).reduce((sum, { data }) => sum + data.length, 0)
    if (this.#bytes <= MOST_BYTES) this.#fetched.set(index, front)
    return all
  }

  /** All samples have run. */
  close(): void {
    this.#known = this.#bytes <= MOST_BYTES ? this.#next : new Map()
    this.#kept = this.#bytes <= MOST_BYTES ? this.#fetched : new Map()
    this.#fetched = new Map()
  }

  /** What is fed is computed under another name, which nobody reads. */
  #cut(graph: Model): Model {
    if (this.#fed.length === 0) return graph
    const fresh = freshNames(graph)
    const aside = new Map(this.#fed.map((name) => [name, fresh(`${name}/before`)]))
    const first = this.#kept.values().next().value as Feeds
    const { carrier: _carrier, ...rest } = graph
    const { carrier: _graphCarrier, ...inner } = graph.graph
    return {
      ...rest,
      graph: {
        ...inner,
        inputs: [...inner.inputs, ...this.#fed.map((name) => ({ name, dtype: (first[name] as Value).dtype as never }))],
        values: inner.values.filter(({ name }) => !aside.has(name)),
        outputs: inner.outputs.filter(({ name }) => !aside.has(name)),
        nodes: inner.nodes.map((node) =>
          node.outputs.some((name) => aside.has(name))
            ? { ...node, outputs: node.outputs.map((name) => aside.get(name) ?? name) }
            : node,
        ),
      },
    }
  }
}

/** Values that stay and that something reads which does not. */
function frontOf(model: Model, stays: (name: string) => boolean): readonly string[] {
  const constants = constantValues(model)
  // Bodies read values of their own, too.
  const made = new Set(model.graph.nodes.flatMap(({ outputs }) => outputs))
  const front = new Set<string>()
  for (const node of model.graph.nodes) {
    if (node.outputs.every((name) => name === '' || stays(name))) continue
    for (const name of readsOf(node)) if (stays(name) && !constants.has(name) && made.has(name)) front.add(name)
  }
  return [...front]
}
