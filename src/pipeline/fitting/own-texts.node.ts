import { type SampleSet, sampleSet } from '../../calibration/index.ts'
import { cachePairs } from '../../calibration/states.ts'
import type { Decoder } from '../../calibration/text/decoder-steps.ts'
import { textEndsBeside } from '../../calibration/text/text-ends.node.ts'
import { type TextInputs, textInputsOf, tokenFeeds } from '../../calibration/text/text-input.ts'
import { type DecoderWay, tryDecoder } from '../../calibration/text/try-decoder.ts'
import { areCollapsed, type TextEnds, writeTexts } from '../../calibration/text/write-texts.ts'
import { TersorError } from '../../errors.ts'
import type { Model } from '../../model/graph.ts'
import type { Inventory, WeightRole } from '../../model/inventory.ts'
import type { RuntimeSession, SessionInput } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { findRuntime } from '../../runtime/find.node.ts'
import type { OpenedModel } from '../open-model.node.ts'
import type { Prepared } from '../run.ts'
import { statedInputs } from '../stated-sizes.ts'
import { idLimits, vocabularyOf } from '../token-tables.ts'
import { textsWithin } from './own-texts-budget.ts'

export interface OwnTextsOptions {
  readonly seed?: number
  readonly samples?: number
}

/** Texts to calibrate on, or why there are none. */
export type OwnTextsFound = { readonly texts: SampleSet; readonly note: string } | { readonly why: string }

/** How the model is run, and what it is run for. */
interface Writer extends TextEnds {
  readonly decoder: Decoder
  readonly way: DecoderWay
  readonly length: number
  readonly count: number
  /** Of one core, to write all of them. */
  readonly seconds: number
}

const LENGTHS: readonly number[] = [128, 64, 32, 16]
/** Texts that judge the result, none of them calibrated on. */
const JUDGING = 8
/** Scores of one run, and rows whose caches are held. */
const SCORE_BYTES = 1 << 26
const MOST_ROWS = 32
const SCORES = /logit|lm_head|next_token/i
const PRODUCTS: ReadonlySet<WeightRole> = new Set<WeightRole>(['matmul', 'matmul-left', 'gemm', 'gemm-left', 'conv'])

/**
 * Texts that a language decoder writes by itself, where there are no data: token by token from its own scores, by the seed. Only models
 * that take ids (and what rules fill), score every token, and say nothing of a token that depends on later ones.
 */
export class OwnTexts {
  readonly #prepared: Prepared
  readonly #opened: OpenedModel
  readonly #options: OwnTextsOptions
  readonly #tools: Tools
  #found: Promise<OwnTextsFound> | undefined
  #writes = true

  constructor(prepared: Prepared, opened: OpenedModel, options: OwnTextsOptions, tools: Tools) {
    this.#prepared = prepared
    this.#opened = opened
    this.#options = options
    this.#tools = tools
  }

  /** To calibrate on; written when they are first asked for. */
  texts(): Promise<OwnTextsFound> {
    this.#found ??= this.#write().then((found) => {
      this.#writes = 'texts' in found
      return found
    })
    return this.#found
  }

  /** To judge on, with a session of the float model: others than those to calibrate on. Undefined where it writes none. */
  async judging(session: RuntimeSession): Promise<SampleSet | undefined> {
    if (!this.#writes) return undefined
    const writer = await this.#writerOf(session)
    if (typeof writer === 'string') return undefined
    const texts = await this.#drawn(writer, JUDGING, 'judging')
    return typeof texts === 'string' ? undefined : texts
  }

  async #write(): Promise<OwnTextsFound> {
    const { path } = this.#opened
    if (path === undefined) return { why: 'the model is at an address: download it first' }
    // What it takes is seen without running it, mostly.
    const facts = decoderFacts(this.#prepared.model, this.#prepared.inventory, inputsOf(this.#prepared.model))
    if (typeof facts === 'string') return { why: facts }
    const runtime = await findRuntime()
    if (!runtime) return { why: 'no onnxruntime was found to run it' }
    const stop = () => void runtime.close()
    this.#tools.signal?.addEventListener('abort', stop, { once: true })
    try {
      const session = await runtime.open({ path }, { optimized: false, threads: 1 })
      const writer = await this.#writerOf(session)
      if (typeof writer === 'string') return { why: writer }
      const texts = await this.#drawn(writer, writer.count, 'calibration')
      if (typeof texts === 'string') return { why: texts }
      const { seed = 0 } = this.#options
      const note = `calibrated on texts that the model wrote itself: ${texts.count} of ${writer.length} tokens, seed ${seed}`
      return { texts, note }
    } catch (thrown) {
      if (this.#tools.signal?.aborted) throw new TersorError('E_ABORTED', 'stopped by the user', { cause: thrown })
      if (!(thrown instanceof TersorError) || thrown.code !== 'E_RUNTIME') throw thrown
      return { why: thrown.message }
    } finally {
      this.#tools.signal?.removeEventListener('abort', stop)
      await runtime.close()
    }
  }

  async #writerOf(session: RuntimeSession): Promise<Writer | string> {
    const { model, inventory } = this.#prepared
    const facts = decoderFacts(model, inventory, session.inputs)
    if (typeof facts === 'string') return facts
    const { tokens, ...known } = facts
    const decoder: Decoder = { ...known, session }
    const { start, ends, most = Number.POSITIVE_INFINITY } = await textEndsBeside(this.#opened.path as string)
    const fixed = decoder.to.length
    const fitting = LENGTHS.filter((length) => length <= most)
    const lengths = fixed === undefined ? (fitting.length > 0 ? fitting : [Math.max(2, most)]) : [fixed]
    const { shape } = decoder.to.ids
    const rows = Math.floor(SCORE_BYTES / (4 * tokens * (lengths[0] as number)))
    const batch = shape.length === 2 && typeof shape[0] !== 'number' ? Math.min(MOST_ROWS, Math.max(1, rows)) : 1
    const way = await tryDecoder(decoder, lengths, batch > 1 ? [batch, 1] : [1], tokens, this.#tools.signal)
    if (typeof way === 'string') return way
    const size = textsWithin(way, weightsOf(inventory), fixed, this.#options.samples)
    if (size === null) return 'it is too large for that'
    return { decoder, way, ends, ...size, ...(start !== undefined && start < way.vocabulary ? { start } : {}) }
  }

  async #drawn(writer: Writer, count: number, stream: string): Promise<SampleSet | string> {
    const { decoder, way, length, start, ends } = writer
    const { signal, notify } = this.#tools
    const { seed = 0 } = this.#options
    const about = Math.ceil((writer.seconds * count) / writer.count)
    let texts: readonly (readonly number[])[]
    try {
      texts = await writeTexts(decoder, {
        ...way,
        ...(start === undefined ? {} : { start }),
        ...{ ends, count, length, seed, stream },
        ...(signal ? { signal } : {}),
        onStep: (done, tokens) =>
          notify({
            phase: 'write',
            done: done * length + Math.min(way.batch, count - done) * tokens,
            total: count * length,
            note: tokens === 1 && done === 0 ? `${count} texts of ${length} tokens, about ${about} s of one core` : '',
          }),
      })
    } catch (thrown) {
      if (signal?.aborted || !(thrown instanceof TersorError) || thrown.code !== 'E_RUNTIME') throw thrown
      return thrown.message
    }
    notify({ phase: 'write', done: count * length, total: count * length, note: `${count} texts` })
    if (areCollapsed(texts)) return 'what it writes is one or two tokens again and again'
    return samplesOf(texts, decoder)
  }
}

/** Rows of tokens as samples of this model. */
function samplesOf(texts: readonly (readonly number[])[], { inputs, to, limits }: Decoder): Promise<SampleSet> {
  const gives = new Map([to.ids, ...to.masks, ...to.types].map(({ name, dtype }) => [name, dtype]))
  const read = async (index: number) => {
    const ids = texts[index] as readonly number[]
    return {
      label: `own text ${index}`,
      feeds: Object.fromEntries(tokenFeeds({ ids, types: ids.map(() => 0) }, to, 0)),
    }
  }
  const item = { label: 'own texts', count: texts.length, gives, unused: [], read }
  return sampleSet([item], inputs, [], { samples: texts.length, limits })
}

/** What the graph says of a decoder; a sentence where it is none. */
function decoderFacts(
  model: Model,
  inventory: Inventory,
  given: readonly SessionInput[],
): (Omit<Decoder, 'session'> & { readonly tokens: number }) | string {
  const { graph } = model
  const inputs = statedInputs(given, model)
  let to: TextInputs
  try {
    to = textInputsOf(inputs)
  } catch {
    return 'it has no single input of token ids'
  }
  if (to.decoder !== undefined) return 'it is an encoder with a decoder'
  const limits = idLimits(inventory, graph)
  const vocabulary = vocabularyOf(inventory, graph)
  const rows = graph.outputs.filter(({ shape }) => shape === undefined || shape.length === 3)
  const scores =
    rows.find(({ name }) => SCORES.test(name)) ??
    rows.find(({ shape }) => vocabulary !== undefined && shape?.at(-1) === vocabulary)
  if (scores === undefined) return 'it has no output that scores every token'
  const last = scores.shape?.at(-1)
  const known = limits.get(to.ids.name)
  const tokens = known ? known.max + 1 : (vocabulary ?? (typeof last === 'number' ? last : undefined))
  if (tokens === undefined || tokens < 2) return 'nothing says how many tokens it knows'
  const caches = cachePairs(inputs, graph.outputs)
  return { inputs, to, limits, scores: scores.name, caches, tokens }
}

/** Inputs as the graph declares them. */
function inputsOf({ graph }: Model): readonly SessionInput[] {
  const stored = new Set(graph.initializers.map(({ name }) => name))
  return graph.inputs.flatMap(({ name, dtype, shape }): SessionInput[] =>
    dtype === undefined || stored.has(name) ? [] : [{ name, dtype, shape: shape ?? [] }],
  )
}

/** Multiplications of a token, about. */
function weightsOf({ weights }: Inventory): number {
  return weights
    .filter(({ uses }) => uses.some(({ role }) => PRODUCTS.has(role)))
    .reduce((sum, { elementCount }) => sum + elementCount, 0)
}
