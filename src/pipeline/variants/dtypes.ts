import { TersorError } from '../../errors.ts'
import { didYouMean } from '../../near-names.ts'
import { PRESETS } from '../ask.ts'

/** A kind of file that transformers.js knows by name. */
export interface Dtype {
  readonly name: string
  /** What stands behind the name of the part. */
  readonly suffix: string
  /** What makes it, best first: the next is tried where a result is refused. None: the float model itself. */
  readonly presets: readonly Making[]
}

/** Options of `quantize`. */
export interface Making {
  readonly to: string
  readonly lowering?: string
}

const dtype = (name: string, suffix: string, ...presets: readonly (string | Making)[]): Dtype => ({
  name,
  suffix,
  presets: presets.map((one) => (typeof one === 'string' ? { to: one } : one)),
})

/** Names and suffixes of transformers.js 4 (src/utils/dtypes.js). */
export const DTYPES: readonly Dtype[] = [
  dtype('fp32', ''),
  dtype('fp16', '_fp16', 'fp16'),
  dtype('q8', '_quantized', 'q8', 'int8', 'int8-weights'),
  dtype('int8', '_int8', 'int8', 'int8-weights'),
  // Activations that share a scale over a whole tensor lose too much in some transformers: unsigned weights alone do not.
  dtype('uint8', '_uint8', 'uint8', { to: 'int8-channel-asym', lowering: 'expand' }),
  dtype('q4', '_q4', 'q4'),
  dtype('q4f16', '_q4f16', 'q4f16'),
  dtype('bnb4', '_bnb4', 'bnb4'),
  dtype('q2', '_q2', 'q2'),
  dtype('q2f16', '_q2f16', 'q2f16'),
  dtype('q1', '_q1', 'q1'),
  dtype('q1f16', '_q1f16', 'q1f16'),
]

/** `model_q4.onnx` is `model` in `_q4`; a name without a known suffix is a float part. */
export function partOf(file: string): { readonly part: string; readonly suffix: string } {
  const stem = file.replace(/\.onnx$/i, '')
  const found = DTYPES.filter(({ suffix }) => suffix !== '' && stem.endsWith(suffix)).sort(
    (a, b) => b.suffix.length - a.suffix.length,
  )[0]
  return { part: found ? stem.slice(0, -found.suffix.length) : stem, suffix: found?.suffix ?? '' }
}

/** What makes a dtype here, best first; null for the float model itself, undefined where this version has nothing for it. */
export function makingsOf(
  { presets }: Dtype,
  known: readonly string[] = PRESETS,
): readonly Making[] | null | undefined {
  if (presets.length === 0) return null
  // Scheme ids are no presets and always there.
  const made = presets.filter(({ to }) => known.includes(to) || to.includes('-channel-'))
  return made.some(({ to }) => known.includes(to)) ? made : undefined
}

/** `--set`: names of dtypes, each once. E_USAGE for an unknown name or none, E_UNSUPPORTED for one that this version does not make. */
export function dtypesOf(set: string, known: readonly string[] = PRESETS): readonly Dtype[] {
  const names = [...new Set(set.split(',').map((name) => name.trim()))].filter((name) => name !== '')
  const all = DTYPES.map(({ name }) => name)
  const made = DTYPES.filter((one) => makingsOf(one, known) !== undefined).map(({ name }) => name)
  if (names.length === 0)
    throw new TersorError('E_USAGE', '--set names no variant', { where: '--set', hint: `such as ${made.join(',')}` })
  return names.map((name) => {
    const found = DTYPES.find((one) => one.name === name)
    if (found === undefined) {
      throw new TersorError('E_USAGE', `--set: "${name.slice(0, 60)}" is no name that transformers.js has for a file`, {
        where: '--set',
        hint: didYouMean(name, all) ?? `there are ${all.join(', ')}`,
      })
    }
    if (makingsOf(found, known) === undefined) {
      throw new TersorError('E_UNSUPPORTED', `--set: the variant "${name}" is not made by this version`, {
        where: '--set',
        hint: `there are ${made.join(', ')}`,
      })
    }
    return found
  })
}

/** What is made where `--set` says nothing: what pages and servers load by default, and the small ones. */
export function usualSet(known: readonly string[] = PRESETS): string {
  return ['q8', 'fp16', 'q4', 'q4f16'].filter((name) => makingsOf(dtypeNamed(name), known) !== undefined).join(',')
}

const dtypeNamed = (name: string): Dtype => DTYPES.find((one) => one.name === name) as Dtype
