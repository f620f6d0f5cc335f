export type LearnEffort = 'fast' | 'default' | 'best'

/**
 * Multiplications that learning may take: of the order of a minute of two cores by default, ten minutes at best. They are counted, not timed, so that
 * every machine takes the same steps.
 */
const BUDGETS: Readonly<Record<LearnEffort, number>> = { fast: 0, default: 1.5e11, best: 1.5e12 }
/** For estimates: multiplications a second of one thread, everything around them included. */
const SPEED = 2e9
/** Passes of a step in terms of a forward pass: the float model's, and forward and twice back for the one that learns. */
const PASSES = 4
/** The same where what the float model gives is known. */
const PASSES_ALONE = 3
/** Rows that a step should see: fewer make gradients noisy, more steps are worth more. */
const ROWS: Readonly<Record<LearnEffort, number>> = { fast: 0, default: 640, best: 1280 }
const [LEAST_BATCH, MOST_BATCH] = [4, 32]
const LEAST_STEPS = 24
/** Blocks of a large model may take so many times the budget for the least steps: what is done is kept, and an estimate is shown. */
const PATIENCE: Readonly<Record<LearnEffort, number>> = { fast: 0, default: 1, best: 20 }
/** How often a sample is seen, about: more learns the samples instead of the model. */
const MOST_EPOCHS = 24
const MOST_STEPS: Readonly<Record<LearnEffort, number>> = { fast: 0, default: 200, best: 800 }

export interface LearningSteps {
  readonly steps: number
  /** Samples of one step. */
  readonly batch: number
  /** Of one thread. */
  readonly seconds: number
}

/**
 * Steps for a model whose forward pass on one sample takes `cost` multiplications, `weights` of them a row. Null: not worth starting.
 */
export function learningSteps(
  cost: number,
  weights: number,
  samples: number,
  effort: LearnEffort,
  most = MOST_STEPS[effort],
  /** Of the model that a block is: it takes this share of the whole budget. */
  share?: number,
): LearningSteps | null {
  const rows = Math.max(1, cost / Math.max(1, weights))
  const batch = Math.min(samples, MOST_BATCH, Math.max(LEAST_BATCH, Math.floor(ROWS[effort] / rows + 0.5)))
  const each = (share === undefined ? PASSES : PASSES_ALONE) * Math.max(1, cost) * batch
  const seen = Math.max(LEAST_STEPS, Math.ceil((MOST_EPOCHS * samples) / batch))
  const steps = Math.min(most, seen, Math.floor((BUDGETS[effort] * (share ?? 1)) / each))
  const taken = steps < LEAST_STEPS && isPatient(LEAST_STEPS * each, effort, most, share) ? LEAST_STEPS : steps
  return taken < LEAST_STEPS ? null : { steps: taken, batch, seconds: (taken * each) / SPEED }
}

/** From 1 at the start of learning to 0 at its end. */
export function coolingAt(step: number, steps: number): number {
  const t = step / steps
  return 1 - t * t * (3 - 2 * t)
}

function isPatient(cost: number, effort: LearnEffort, most: number, share: number | undefined): boolean {
  return share !== undefined && share < 1 && most >= LEAST_STEPS && cost <= PATIENCE[effort] * BUDGETS[effort] * share
}
