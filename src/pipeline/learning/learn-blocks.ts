import { asTersorError } from '../../errors.ts'
import { isKnown } from '../../gradients/index.ts'
import { isConstantNode } from '../../graph/index.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import type { Feeds, Sample, Value } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { Learned } from '../fitting/fit-store.ts'
import type { FitInput, FitResult, FittedWeight } from '../fitting/fitted.ts'
import { decodedAlone, decodedFit } from '../fitting/layer-rows.ts'
import { PrefixLine } from '../fitting/prefix-line.ts'
import { type Segment, segmentsOf } from '../fitting/segments.ts'
import type { ModelSessions } from '../model-sessions.ts'
import type { WeightWork } from '../plan.ts'
import { type Block, cutBlocks } from './blocks.ts'
import type { OutputLoss } from './distiller.ts'
import { type LearnAsk, type LearnPart, learnPart, nameOfOperator } from './learn-part.ts'
import { withLearned } from './learn-weights.ts'
import { isLearned } from './learned-weights.ts'
import { operationsOf } from './operations.ts'
import { lossesOf, maskOf } from './output-losses.ts'

export interface BlocksAsk extends Omit<LearnAsk, 'samples'> {
  readonly samples: readonly Sample[]
  /** Why the model does not learn as a whole. */
  readonly because: string
  /** Bytes that values between blocks may take. */
  readonly mostBytes: number
  readonly sessions: ModelSessions
}

/** Elements of a block, as often as its learning holds them with two threads. */
const COPIES = 18
/** Learned elements of a block: what a transformer of width 2048 has in one. */
const MOST_ELEMENTS = 2 ** 26
/** Blocks are joined up to so many. */
const WANTED = 2 ** 19

/**
 * Codes and scales that are learned block by block, each to give what the float block gives, from what the learned blocks before it make of the
 * samples (as BRECQ, Li et al. 2021, and SignRound, Cheng et al. 2023). Memory holds one block. What a store knows of an earlier run is not learned again.
 */
export async function learnBlocks(input: FitInput, started: FitResult, ask: BlocksAsk): Promise<FitResult> {
  const { model, plan } = input
  const { tools, samples } = ask
  const works = plan.work.filter(({ weight }) => weight.scope.length === 0)
  const elements = new Map(works.filter(isLearned).map(({ weight }) => [weight.name, weight.elementCount]))
  const blocks = cutBlocks(model, {
    learned: elements,
    rounded: new Set(works.map(({ weight }) => weight.name)),
    most: Math.min(MOST_ELEMENTS, Math.floor((ask.mostFloats ?? Infinity) / COPIES)),
    wanted: WANTED,
    refusal: refusalOf,
  }).filter(({ gives }) => gives.length > 0)
  const notes = [...started.notes, `${ask.because}: learned block by block`, ...refusals(blocks, elements)]
  const last = blocks.findLastIndex(isTried)
  if (last < 0 || samples.length === 0) return { ...started, notes: [...notes, 'no block learns'] }
  const line = new BlockLine(input, started, works, elements, blocks.slice(0, last + 1), ask)
  try {
    await line.run()
  } catch (thrown) {
    const error = asTersorError(thrown)
    if (error.code !== 'E_RUNTIME' || tools.signal?.aborted) throw thrown
    notes.push(`learning: the model does not run up to the next block: ${error.message}`)
  }
  const far = line.far.length === 0 ? [] : [`codes stay as they were found in ${line.far.join('; ')}`]
  return withLearned({ ...started, notes: [...notes, ...far] }, { fitted: line.results })
}

function isTried({ weights, refused }: Block): boolean {
  return weights.length > 0 && refused === undefined
}

/** The float model and the one that learns, side by side from block to block. */
class BlockLine {
  readonly results = new Map<WeightFacts, FittedWeight>()
  /** Blocks whose codes stay, with the reason. */
  readonly far: string[] = []
  readonly #input: FitInput
  readonly #started: FitResult
  readonly #works: readonly WeightWork[]
  readonly #elements: ReadonlyMap<string, number>
  readonly #blocks: readonly Block[]
  readonly #ask: BlocksAsk
  readonly #segments: readonly Segment[]
  /** Decoded weights by name, as they are by now. */
  readonly #constants = new Map<string, TensorRef>()
  readonly #rounded: PrefixLine
  readonly #exact: PrefixLine

  constructor(
    input: FitInput,
    started: FitResult,
    works: readonly WeightWork[],
    elements: ReadonlyMap<string, number>,
    blocks: readonly Block[],
    ask: BlocksAsk,
  ) {
    this.#input = input
    this.#started = started
    this.#works = works
    this.#elements = elements
    this.#blocks = blocks
    this.#ask = ask
    const stops = blocks.flatMap(({ gives }) => gives)
    this.#segments = segmentsOf(input.model, stops)
    const { samples, sessions, tools, mostBytes } = ask
    const lineOf = (name: string): PrefixLine =>
      new PrefixLine(name, input.model, this.#segments, samples, sessions, tools, mostBytes / 2)
    this.#rounded = lineOf('learned')
    this.#exact = lineOf('float')
    for (const work of works) {
      const found = started.fitted.get(work.weight)
      const tensor = found ? decodedFit(work, found, tools) : decodedAlone(work, tools)
      if (tensor) this.#constants.set(tensor.name, tensor)
    }
  }

  async run(): Promise<void> {
    const { kept, tools } = this.#ask
    const nameOf = (index: number): string => `${kept?.name} block ${index}`
    const known = this.#blocks.map((block, index) =>
      isTried(block) ? kept?.store.knownLearned(nameOf(index), this.#works) : undefined,
    )
    // Nothing is run for what comes behind it.
    const last = this.#blocks.findLastIndex((block, index) => isTried(block) && known[index] === undefined)
    let from = 0
    for (const [index, block] of this.#blocks.entries()) {
      tools.signal?.throwIfAborted()
      const own = this.#segments.slice(from, from + block.gives.length)
      from += own.length
      const found = known[index]
      if (found) this.#settle(found)
      if (index > last) continue
      const before = isTried(block) && !found ? this.#before(own) : null
      for (const _ of own) await this.#exact.advance(new Map())
      if (before) {
        const outcome = await this.#learn(index, own, before)
        if (outcome === null) return
        this.#settle(kept ? kept.store.keepLearned(nameOf(index), this.#works, outcome) : outcome)
      }
      if (index < last) for (const _ of own) await this.#rounded.advance(this.#constants)
      this.#rounded.forget()
      this.#exact.forget()
    }
  }

  #settle({ fitted, note }: Learned): void {
    const byName = new Map(this.#works.map((work) => [work.weight.name, work]))
    for (const [weight, one] of fitted) {
      this.results.set(weight, one)
      const work = byName.get(weight.name)
      const tensor = work && decodedFit(work, one, this.#ask.tools)
      if (tensor) this.#constants.set(tensor.name, tensor)
    }
    if (note !== undefined) this.far.push(note)
  }

  /** Null: this would take too long, and so would what is behind it. */
  async #learn(index: number, segments: readonly Segment[], before: Before): Promise<Learned | null> {
    const block = this.#blocks[index] as Block
    const weighty = ({ weights }: Block): boolean => weights.length > 0
    const count = this.#blocks.filter(weighty).length
    const place = this.#blocks.slice(0, index + 1).filter(weighty).length
    const part = await this.#partOf(block, segments, before)
    const tools: Tools = {
      ...this.#ask.tools,
      notify: (event) => this.#ask.tools.notify(inBlock(event, place, count)),
    }
    const ask = { ...this.#ask, samples: part.samples, tools }
    const share = elementsIn(block, this.#elements) / [...this.#elements.values()].reduce((sum, own) => sum + own, 0)
    const says = `learned with its block (${place} of ${count})`
    const found = await learnPart(this.#input, this.#started, { ...part, share, says }, ask)
    if (!('kind' in found)) return { fitted: found }
    if (found.kind !== 'long') return { fitted: new Map(), note: `block ${place}: ${found.why}` }
    this.far.push(`block ${place} and those behind it: learning ${found.why}`)
    return null
  }

  /** What a block reads: of each sample where it learns, of the first in float. */
  #before(segments: readonly Segment[]): Before {
    const given = new Set(segments.flatMap(({ gives }) => gives))
    const reads = [...new Set(segments.flatMap(({ reads: own }) => own))].filter((name) => !given.has(name))
    const count = Math.min(this.#rounded.samples, this.#exact.samples)
    return {
      rounded: Array.from({ length: count }, (_, index) => valuesOf(this.#rounded, index, reads)),
      exact: valuesOf(this.#exact, 0, reads),
    }
  }

  async #partOf(
    { gives }: Block,
    segments: readonly Segment[],
    { rounded, exact }: Before,
  ): Promise<Omit<LearnPart, 'says'>> {
    const { model } = this.#input
    const own = new Set(segments.flatMap(({ nodes }) => nodes))
    const nodes = model.graph.nodes.filter((node) => own.has(node))
    const { mask } = maskOf(model)
    const targets = gives.map((_, at) => `target ${at}`)
    const results = new Set(model.graph.outputs.map(({ name }) => name))
    const sampleOf = (feeds: Feeds, index: number): Feeds => {
      const wanted = valuesOf(this.#exact, index, gives)
      const masks = mask === undefined ? undefined : this.#ask.samples[index]?.feeds[mask]
      return {
        ...(mask !== undefined && masks ? { [mask]: masks } : {}),
        ...feeds,
        ...Object.fromEntries(gives.map((name, at) => [targets[at], wanted[name] as Value])),
      }
    }
    return {
      ...(await operationsOf(model, nodes)),
      outputs: gives,
      first: { feeds: exact, expected: valuesOf(this.#exact, 0, gives) },
      samples: rounded.slice(0, this.#exact.samples).map(sampleOf),
      ...(mask === undefined ? {} : { mask }),
      targets,
      losses: (survey) => {
        const ends = gives.every((name) => results.has(name)) ? lossesOf(survey, this.#input) : []
        const kinds = new Map(ends.map(({ name, kind }) => [name, kind]))
        return gives.map((name): OutputLoss => ({ name, kind: kinds.get(name) ?? 'values' }))
      },
    }
  }
}

interface Before {
  readonly rounded: readonly Feeds[]
  readonly exact: Feeds
}

function valuesOf(line: PrefixLine, index: number, names: readonly string[]): Feeds {
  const values = names.map((name) => [name, line.value(index, name)] as const)
  return Object.fromEntries(values.flatMap(([name, value]) => (value ? [[name, value]] : [])))
}

function inBlock<T extends { readonly note?: string }>(event: T, place: number, count: number): T {
  const note = event.note ? `block ${place} of ${count}, ${event.note}` : `block ${place} of ${count}`
  return { ...event, note }
}

function refusalOf(node: Node): string | null {
  return isConstantNode(node) || isKnown(node) ? null : `no derivative of ${nameOfOperator(node)} is known`
}

function elementsIn({ weights }: Block, elements: ReadonlyMap<string, number>): number {
  return weights.reduce((sum, name) => sum + (elements.get(name) ?? 0), 0)
}

/** What is left out, by reason. */
function refusals(blocks: readonly Block[], elements: ReadonlyMap<string, number>): string[] {
  const total = [...elements.values()].reduce((sum, own) => sum + own, 0)
  const byReason = new Map<string, number>()
  for (const block of blocks) {
    const { refused } = block
    if (refused !== undefined) byReason.set(refused, (byReason.get(refused) ?? 0) + elementsIn(block, elements))
  }
  return [...byReason].map(([why, own]) => {
    const percent = Math.floor((1000 * own) / total) / 10
    return `learning: ${why}; codes of its blocks stay as they were found (${percent} % of what learns)`
  })
}
