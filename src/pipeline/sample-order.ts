import { numbersOf } from '../evaluation/index.ts'
import type { Feeds, Sample, Value } from '../model/runtime.ts'
import type { GivenState } from './carried-states.ts'

/** How samples that give their states hang together. */
export interface SampleOrder {
  /** The states that go from sample to sample. */
  readonly states: readonly GivenState[]
  /** Samples that begin with the states they give. */
  readonly starts: ReadonlySet<number>
  /** Samples that go on from the one before. */
  readonly steps: number
  /** States that are given do not follow from the sample before: float, too, has to run on states of its own. */
  readonly apart: boolean
}

export interface OrderWatch {
  /** A sample as it was fed, and what float gave; in order. */
  see(sample: Sample, answer: Feeds): void
  /** Undefined where no sample goes on from another. */
  order(): SampleOrder | undefined
  /** Of made-up samples, which begin with zeros each: one after the other they are a sequence of noise, along which both models go on states of their own. */
  madeUp(): SampleOrder | undefined
}

/** Squared distance by squared length up to which a state is the one that float gave, in whatever way it was run. */
const SAME = 1e-4

/**
 * Finds out by values whether the states that samples give are those that float gave for the sample before. All zeros begin a sequence. Where the
 * states of most samples do not follow, they were taken here and there out of a sequence: then inputs follow one another all the same, and states that
 * are such by their names can go along them.
 */
export function orderWatch(states: readonly GivenState[]): OrderWatch {
  const seen = states.map((state) => ({ state, found: [] as ('start' | 'follows' | 'apart')[], keepsSize: true }))
  let before: Feeds | undefined
  let count = 0
  return {
    see({ feeds }, answer) {
      for (const one of seen) {
        const { state, found } = one
        const [given, last] = [feeds[state.input], before?.[state.output]]
        one.keepsSize &&= String(given?.shape) === String(answer[state.output]?.shape)
        if (given === undefined || last === undefined || isZero(given)) found.push('start')
        else found.push(isSame(given, last) ? 'follows' : 'apart')
      }
      before = Object.fromEntries(states.flatMap(({ output }) => (answer[output] ? [[output, answer[output]]] : [])))
      count += 1
    },
    order() {
      const trusted = seen.filter(
        ({ state, found, keepsSize }) =>
          (state.certain && keepsSize && found.some((kind) => kind !== 'start')) || mostlyFollows(found),
      )
      if (trusted.length === 0) return undefined
      const kinds = Array.from({ length: count }, (_, index) => {
        const all = trusted.map(({ found }) => found[index])
        if (all.every((kind) => kind === 'start')) return 'start'
        return all.includes('apart') ? 'apart' : 'follows'
      })
      const places = (kind: string) => kinds.flatMap((one, index) => (one === kind ? [index] : []))
      const [starts, follows, gaps] = [places('start'), places('follows'), places('apart')]
      const apart = gaps.length > follows.length && trusted.every(({ state, keepsSize }) => state.certain && keepsSize)
      const steps = follows.length + (apart ? gaps.length : 0)
      if (steps === 0) return undefined
      const begins = new Set(apart ? starts : [...starts, ...gaps])
      return { states: trusted.map(({ state }) => state), starts: begins, steps, apart }
    },
    madeUp() {
      const kept = seen.flatMap(({ state, keepsSize }) => (state.certain && keepsSize ? [state] : []))
      if (kept.length === 0 || count < 2) return undefined
      return { states: kept, starts: new Set([0]), steps: count - 1, apart: true }
    },
  }
}

function mostlyFollows(found: readonly string[]): boolean {
  const follows = found.filter((kind) => kind === 'follows').length
  return follows > 0 && follows >= found.filter((kind) => kind === 'apart').length
}

function isZero({ data }: Value): boolean {
  return data instanceof Uint8Array && data.every((byte) => byte === 0)
}

function isSame(given: Value, last: Value): boolean {
  if (String(given.shape) !== String(last.shape)) return false
  if (!(given.data instanceof Uint8Array) || !(last.data instanceof Uint8Array)) return false
  const [a, b] = [numbersOf(given, 'state'), numbersOf(last, 'state')]
  let [distance, length] = [0, 0]
  for (let i = 0; i < a.length; i += 1) {
    const difference = a[i]! - b[i]!
    distance += difference * difference
    length += b[i]! * b[i]!
  }
  return distance <= SAME * length
}
