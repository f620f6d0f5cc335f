import type { SessionInput } from '../model/runtime.ts'

/** An input that takes what an output of the run before gave. */
export interface StatePair {
  readonly input: string
  readonly output: string
}

export interface StateOutput {
  readonly name: string
  readonly dtype?: string
  readonly shape?: readonly (number | string | null)[]
}

/** Words that tell the old of a state from its new; longer ones first. */
const OLD = [
  'past_key_values',
  'previous',
  'initial',
  'current',
  'input',
  'prev',
  'past',
  'init',
  'old',
  'cur',
  'in',
  '0',
  'i',
]
const NEW = ['present_key_values', 'updated', 'present', 'output', 'final', 'last', 'next', 'new', 'out', 'n', '1', 'o']

/**
 * State inputs and the outputs that continue them: equal element types, shapes that can be equal, and names that are equal but
 * for a word in front or behind that says old or new: `state` and `stateN`, `h0` and `hn`, `cache_in` and `cache_out`,
 * `conv_cache` and `conv_cache_out`. Caches that grow (`past_key_values` of a symbol of their own) have another shape and are
 * no pairs. Where two fit the same name, none is taken.
 */
export function statePairs(inputs: readonly SessionInput[], outputs: readonly StateOutput[]): readonly StatePair[] {
  const fitting = inputs.flatMap((input) => {
    const bases = basesOf(input.name, OLD)
    return outputs
      .filter((output) => output.dtype === undefined || output.dtype === input.dtype)
      .filter((output) => fits(input.shape, output.shape))
      .filter(({ name }) => name !== input.name && basesOf(name, NEW).some((base) => bases.includes(base)))
      .map((output) => ({ input: input.name, output: output.name }))
  })
  return fitting.filter(
    (pair) => fitting.filter(({ input, output }) => input === pair.input || output === pair.output).length === 1,
  )
}

const CACHE = /past|present|cache|(^|[^a-z])kv([^a-z]|$)/i

/** Caches that grow and the outputs that continue them: names as for `statePairs`, the same rank. Where two fit the same name, none is taken. */
export function cachePairs(inputs: readonly SessionInput[], outputs: readonly StateOutput[]): readonly StatePair[] {
  const fixed = statePairs(inputs, outputs)
  const fitting = inputs
    .filter(({ name, shape }) => CACHE.test(name) && shape.length >= 3 && !fixed.some(({ input }) => input === name))
    .flatMap((input) => {
      const bases = basesOf(input.name, OLD)
      return outputs
        .filter(({ dtype, shape }) => sameType(input.dtype, dtype) && sameRank(input.shape, shape))
        .filter(({ name }) => name !== input.name && basesOf(name, NEW).some((base) => bases.includes(base)))
        .map((output) => ({ input: input.name, output: output.name }))
    })
  return fitting.filter(
    (pair) => fitting.filter(({ input, output }) => input === pair.input || output === pair.output).length === 1,
  )
}

/**
 * Outputs that a decoder hands to its next run, which reads more of them each time: keys and values of attention. They have a
 * rank of 3 or more and a name that says so; decoders of a first step have no inputs for them. What keeps its size is the state of a
 * recurrent model: what is wrong with it adds up from step to step, and shows in nothing else that one step gives.
 */
export function cacheOutputs(inputs: readonly StateOutput[], outputs: readonly StateOutput[]): readonly string[] {
  return outputs
    .filter(({ name, shape, dtype }) => {
      if (!CACHE.test(name) || (shape !== undefined && shape.length < 3)) return false
      if (/^present/i.test(name)) return true
      const bases = basesOf(name, NEW)
      return inputs.some(
        (input) =>
          input.name !== name &&
          sameType(input.dtype, dtype) &&
          sameRank(input.shape, shape) &&
          !keepsSize(input.shape, shape) &&
          basesOf(input.name, OLD).some((base) => bases.includes(base)),
      )
    })
    .map(({ name }) => name)
}

/** What is not known may be the same. */
function sameType(before: string | undefined, after: string | undefined): boolean {
  return before === undefined || after === undefined || before === after
}

function sameRank(before: StateOutput['shape'], after: StateOutput['shape']): boolean {
  return before === undefined || after === undefined || before.length === after.length
}

/** True where both are known to be of one size: the same numbers and symbols. */
function keepsSize(before: StateOutput['shape'], after: StateOutput['shape']): boolean {
  if (!before || !after) return false
  return before.every((size, axis) => size !== null && size !== '' && size === after[axis])
}

/** The name itself, and without one of the words at either end; never empty. */
function basesOf(name: string, words: readonly string[]): readonly string[] {
  const plain = simple(name)
  const bases = [plain]
  for (const word of words.map(simple)) {
    if (plain.startsWith(word) && startsWord(name, word.length)) bases.push(plain.slice(word.length))
    if (plain.endsWith(word)) bases.push(plain.slice(0, plain.length - word.length))
  }
  return bases.filter((base) => base !== '')
}

/** In front a word ends at a separator or a capital, or `index` would lose its `in`. */
function startsWord(name: string, length: number): boolean {
  const letters = [...name.matchAll(/[^._/:\s-]/g)]
  const next = letters[length]
  if (next === undefined) return false
  const at = next.index
  return /[._/:\s-]/.test(name[at - 1] ?? '') || /[A-Z0-9]/.test(next[0])
}

function simple(name: string): string {
  return name.replace(/[._/:\s-]/g, '').toLowerCase()
}

function fits(
  input: readonly (number | string | null)[],
  output: readonly (number | string | null)[] | undefined,
): boolean {
  if (output === undefined) return true
  if (input.length !== output.length) return false
  return input.every((size, axis) => {
    const other = output[axis]!
    if (typeof size === typeof other) return size === other
    return size === null || other === null || typeof size === 'string' || typeof other === 'string'
  })
}
