import { TersorError } from '../../errors.ts'
import { readTransforms } from '../transform-names.ts'
import type { StaticTransform } from './transforms.ts'

/** Sets of changes that are worth a trial, and what they are called at the command line (`--transform`). */
export interface TransformCandidate {
  readonly name: string
  readonly transforms: ReadonlySet<StaticTransform>
}

/** What `--transform` means. */
export interface TransformAsk {
  readonly candidates: readonly TransformCandidate[]
  /** Asked for by name: taken whatever it gains. */
  readonly isForced: boolean
}

const NONE: TransformCandidate = { name: 'none', transforms: new Set() }
const EQUALIZE: TransformCandidate = { name: 'equalize', transforms: new Set(['clips', 'balance', 'absorb']) }
const BY_WEIGHTS: TransformCandidate = {
  name: 'equalize-weights',
  transforms: new Set(['clips', 'weights', 'absorb']),
}
const SPLIT: TransformCandidate = { name: 'split', transforms: new Set(['clips', 'split']) }
const BOTH: TransformCandidate = { name: 'equalize,split', transforms: new Set([...EQUALIZE.transforms, 'split']) }
const CANDIDATES = [NONE, EQUALIZE, BY_WEIGHTS, BOTH]
const NAMED = [NONE, EQUALIZE, BY_WEIGHTS, SPLIT]

/** What to try, cheapest first; the trial takes the least output error, the earlier of equals. */
export function transformCandidates(): readonly TransformCandidate[] {
  return CANDIDATES
}

/**
 * What is tried where nothing is asked for: nothing with effort 'fast'. Weights alone are seldom a better guide than ranges of the data, and never
 * were by much on real models with weights of 8 bits: 'best', and weights of fewer bits, try both, and channels split besides.
 */
export function transformsFor(effort: 'fast' | 'default' | 'best', hasLowBits: boolean): TransformAsk {
  if (effort === 'fast') return { candidates: [NONE], isForced: false }
  return { candidates: effort === 'best' || hasLowBits ? CANDIDATES : [NONE, EQUALIZE], isForced: false }
}

/** The transforms that a name at the command line stands for; undefined for a name that is none of these. */
export function transformsNamed(name: string): ReadonlySet<StaticTransform> | undefined {
  return NAMED.find((one) => one.name === name)?.transforms
}

/** What `--transform` says: one name or several; null for `auto`. E_USAGE, E_UNSUPPORTED for other names. */
export function transformAsk(text: string): TransformAsk | null {
  if (text === 'auto') return null
  const names = readTransforms(text, 'int8-static')
  const transforms = new Set<StaticTransform>()
  for (const name of names) {
    const found = transformsNamed(name)
    if (found !== undefined && (found.size > 0 || names.length === 1)) {
      for (const one of found) transforms.add(one)
      continue
    }
    throw new TersorError('E_USAGE', `--transform ${name} stands alone, found "${text.slice(0, 80)}"`, {
      where: '--transform',
    })
  }
  return { candidates: [{ name: names.join(','), transforms }], isForced: transforms.size > 0 }
}
