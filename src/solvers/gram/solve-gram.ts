import type { Kernels } from '../../model/kernels.ts'
import { aimOnSteps, byEnergy, codeOnSteps, type GramBasis } from './basis.ts'
import { GramDescent } from './descend.ts'
import { factorSteps, type GramFactor } from './factor.ts'
import { decodeRows, type GramCodes, type GramRows } from './rows.ts'
import { finish, type Steps } from './steps.ts'

/** Second moments of what rows of a weight multiply, as means over rows of the input. */
export interface GramMoments {
  readonly depth: number
  /** E[xq xq^T]. [depth][depth] */
  readonly gram: Float32Array
  /** E[(x - xq) xq^T]: what rounding in front has done to the input. [depth][depth]; null where that is not known. */
  readonly drift: Float32Array | null
}

/** How codes are found, of what data alone can tell. */
export interface GramChoice {
  /** Part of the mean of the diagonal that is added to it. */
  readonly damping: number
  /** Part of what rounding has done in front that is taken back. */
  readonly drift: number
  /** Columns in the order of their energy, with grids found before them (act-order with static groups). */
  readonly ordered: boolean
}

/** Where nothing can be compared. */
export const PLAIN_CHOICE: GramChoice = { damping: 0.1, drift: 1, ordered: false }

const DAMPINGS = [0.003, 0.01, 0.03, 0.1, 0.3, 1]
const FIRST = 3

interface Factors {
  readonly damping?: number
  plain?: GramFactor | null
  ordered?: GramFactor | null
}

/** Solves rows against one set of moments; the factor of the last damping is kept for the next rows. */
export class GramSolver {
  readonly #moments: GramMoments
  readonly #kernels: Kernels
  readonly #mean: number
  readonly #floats: (length: number) => Float32Array
  /** Of one damping at a time: they are as large as the moments. */
  #factors: Factors = {}

  /** `floats` makes room for what a basis holds. */
  constructor(
    moments: GramMoments,
    kernels: Kernels,
    floats = (length: number): Float32Array => new Float32Array(length),
  ) {
    const { gram, depth } = moments
    this.#moments = moments
    this.#kernels = kernels
    this.#floats = floats
    let trace = 0
    for (let i = 0; i < depth; i++) trace += gram[i * depth + i] as number
    this.#mean = trace / depth
  }

  /**
   * Codes that lower what products do wrong: targets moved by what rounding has done in front, error feedback with grids from the weights
   * as they are by then, then scales and codes descended by turns. Null where the moments have no factor: nothing was seen, or not numbers.
   */
  solve(rows: GramRows, choice: GramChoice): GramCodes | null {
    return finish(this.solveSteps(rows, choice))
  }

  /** `solve` in steps; the kernels are nobody else's between them. */
  *solveSteps(rows: GramRows, choice: GramChoice): Steps<GramCodes | null> {
    const aimed = yield* this.aimedSteps(rows, choice)
    return aimed && (yield* this.codeSteps(aimed, choice))
  }

  /** What the codes of rows are to stand for: the rows moved by the chosen part of the drift. Null where the moments have no factor. */
  *aimedSteps(rows: GramRows, choice: GramChoice): Steps<GramRows | null> {
    const basis = yield* this.basisSteps({ ...choice, ordered: false })
    return basis && (yield* aimOnSteps(basis, rows, choice.drift, this.#kernels))
  }

  /** Codes of rows as they are, without looking at the drift. */
  *codeSteps(aimed: GramRows, choice: GramChoice): Steps<GramCodes | null> {
    const basis = yield* this.basisSteps(choice)
    return basis && (yield* codeOnSteps(basis, aimed, this.#kernels))
  }

  /** What rows are solved with; null where the moments have no factor. */
  *basisSteps({ damping, ordered }: Pick<GramChoice, 'damping' | 'ordered'>): Steps<GramBasis | null> {
    const { depth, gram, drift } = this.#moments
    const order = ordered ? byEnergy(gram, depth) : null
    const factor = yield* this.#factor(damping, order ?? undefined)
    return factor && { depth, gram, added: damping * this.#mean, drift, factor, order }
  }

  /** (G + damping) r of rows r, [count][depth]: what solving goes by. */
  *movedSteps(rows: Float32Array, damping: number): Steps<Float32Array> {
    const { gram, depth } = this.#moments
    return yield* new GramDescent(gram, depth, this.#kernels, damping * this.#mean).productSteps(rows)
  }

  /** Mean square of each input. */
  get energies(): Float32Array {
    const { gram, depth } = this.#moments
    return Float32Array.from({ length: depth }, (_, i) => gram[i * depth + i] as number)
  }

  /** E|W x - Q xq|^2, less what no code changes. */
  error(rows: GramRows, codes: GramCodes): number {
    return finish(this.errorSteps(rows, codes))
  }

  /** `error` in steps; the kernels are nobody else's between them. */
  *errorSteps(rows: GramRows, codes: GramCodes): Steps<number> {
    const { gram, drift, depth } = this.#moments
    const decoded = decodeRows(rows, codes)
    const errors = rows.values.map((value, i) => value - (decoded[i] as number))
    const descent = new GramDescent(gram, depth, this.#kernels)
    descent.load()
    const own = yield* descent.energySteps(errors)
    if (!drift) return own
    // |e^T xq + w^T (x - xq)|^2 = e^T G e + 2 e^T D w + ...
    const missing = yield* new GramDescent(drift, depth, this.#kernels).productSteps(rows.values)
    let crossed = 0
    for (let i = 0; i < errors.length; i++) crossed += (errors[i] as number) * (missing[i] as number)
    return own + 2 * crossed
  }

  /** Forgets what is only quick to have. */
  forget(): void {
    this.#factors = {}
  }

  *#factor(damping: number, order?: Int32Array): Steps<GramFactor | null> {
    if (this.#factors.damping !== damping) this.#factors = { damping }
    const key = order ? 'ordered' : 'plain'
    const known = this.#factors[key]
    if (known !== undefined) return known
    const { gram, depth } = this.#moments
    const added = damping * this.#mean
    const found = this.#mean > 0 ? yield* factorSteps(gram, depth, added, this.#kernels, order, this.#floats) : null
    this.#factors[key] = found
    return found
  }
}

/**
 * The choice whose codes, found on some data, do least wrong on other data: damping first, up or down from the middle as long as that
 * helps, then how much of the drift to take back, then the order. Null where no choice has codes.
 */
export function chooseBy(rows: readonly GramRows[], fit: GramSolver, held: GramSolver): GramChoice | null {
  return finish(chooseSteps(rows, fit, held))
}

/** `chooseBy` in steps; the kernels are nobody else's between them. */
export function* chooseSteps(rows: readonly GramRows[], fit: GramSolver, held: GramSolver): Steps<GramChoice | null> {
  let best: GramChoice | null = null
  let least = Number.POSITIVE_INFINITY
  function* better(choice: GramChoice): Steps<boolean> {
    let error = 0
    for (const some of rows) {
      const codes = yield* fit.solveSteps(some, choice)
      if (codes === null) return false
      error += yield* held.errorSteps(some, codes)
    }
    if (!(error < least)) return false
    least = error
    best = choice
    return true
  }
  const at = (index: number): GramChoice => ({ ...PLAIN_CHOICE, damping: DAMPINGS[index] as number })
  yield* better(at(FIRST))
  let [up, down] = [FIRST + 1, FIRST - 1]
  while (up < DAMPINGS.length && (yield* better(at(up)))) up++
  if (up === FIRST + 1) while (down >= 0 && (yield* better(at(down)))) down--
  const damped = best as GramChoice | null
  if (damped === null) return null
  for (const drift of [0.5, 0]) if (!(yield* better({ ...damped, drift }))) break
  yield* better({ ...(best as unknown as GramChoice), ordered: true })
  return best
}

/** At most `most` rows, evenly spread. */
export function someRows(rows: GramRows, most: number): GramRows {
  const { values, channels, depth } = rows
  if (channels <= most) return rows
  const some = new Float32Array(most * depth)
  for (let i = 0; i < most; i++) {
    const row = Math.floor(((2 * i + 1) * channels) / (2 * most))
    some.set(values.subarray(row * depth, (row + 1) * depth), i * depth)
  }
  return { ...rows, values: some, channels: most }
}
