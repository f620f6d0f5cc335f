import type { StaticTransform } from './transforms.ts'

/** Sets of changes that are worth a trial, and what they are called at the command line (`--transform`). */
export interface TransformCandidate {
  readonly name: 'none' | 'equalize' | 'equalize-weights'
  readonly transforms: ReadonlySet<StaticTransform>
}

const NONE: TransformCandidate = { name: 'none', transforms: new Set() }
const EQUALIZE: TransformCandidate = { name: 'equalize', transforms: new Set(['clips', 'balance', 'absorb']) }
const BY_WEIGHTS: TransformCandidate = {
  name: 'equalize-weights',
  transforms: new Set(['clips', 'weights', 'absorb']),
}

/** What to try, cheapest first; the trial takes the least output error, the earlier of equals. */
export function transformCandidates(): readonly TransformCandidate[] {
  return [NONE, EQUALIZE, BY_WEIGHTS]
}

/** The transforms that a name at the command line stands for; undefined for a name that is none of these. */
export function transformsNamed(name: string): ReadonlySet<StaticTransform> | undefined {
  return transformCandidates().find((one) => one.name === name)?.transforms
}
