import { HALF_PRESETS } from './ask.ts'
import type { Decided, Finished } from './run.ts'

/** What the user judged on; a suggestion is tried on the same. */
export interface SuggestedData {
  readonly eval?: string
  readonly calib?: string
  readonly labels?: string
  readonly classes?: string
  readonly preprocess?: string
  readonly tokenizer?: string
  readonly context?: number
  readonly stride?: number
  readonly floatOutputs?: string
  readonly metric?: string
  readonly samples?: number
  readonly skipBad?: boolean
}

/** Where a preset of few bits is refused: the next with more. */
const MORE_BITS: ReadonlyMap<string, string> = new Map([
  ['int2-weights', 'int4-weights'],
  ['int4-weights', 'int8-weights'],
  ['q2', 'q4'],
  ['q2f16', 'q4f16'],
  ['q4', 'q8'],
  ['bnb4', 'q8'],
  ['q4f16', 'fp16'],
])

/** One command to try next; a whole line that can be pasted. */
export function suggestionFor(
  decided: Decided,
  finished: Finished,
  input: string,
  output: string,
  data: SuggestedData,
): string {
  const { verdict } = finished
  const { preset } = decided.plan
  const model = shellQuoted(input)
  const on = flagsOf(data)
  if (verdict.status === 'refused') {
    const worst = verdict.worst[0]
    const more = MORE_BITS.get(preset)
    if (more !== undefined) return `tersor quantize ${model} --to ${more}${on}`
    if (worst !== undefined)
      return `tersor quantize ${model} --to ${preset} --rule ${shellQuoted(`${worst}=keep`)}${on}`
    return `tersor quantize ${model} --to fp16-weights${on}`
  }
  // Only a metric of the task means something to `compare`.
  const { metric, ...rest } = data
  const task = metric !== undefined && (data.labels !== undefined || /\.m?js$/.test(metric))
  const compare = `tersor compare ${model} ${shellQuoted(output)}${flagsOf(task ? data : rest)}`
  const seen = preset === 'int8-static' || HALF_PRESETS.has(preset)
  const ranged = seen && data.calib === undefined
  if (verdict.status === 'plausible' && ranged)
    return `tersor quantize ${model} --to ${preset} --calib samples.npz --force`
  if (verdict.status === 'plausible') return `tersor quantize ${model} --to ${preset} --eval samples.npz --force`
  if (verdict.status === 'unproven') return compare
  return preset === 'int8' || preset === 'int8-weights' ? `tersor quantize ${model} --to int4-weights${on}` : compare
}

function flagsOf({ eval: judged, calib, preprocess, tokenizer, labels, classes, ...rest }: SuggestedData): string {
  const { metric, samples, skipBad, context, stride, floatOutputs } = rest
  const data = { eval: judged, calib: judged === undefined ? calib : undefined, preprocess, tokenizer }
  const given = { ...data, context, stride, 'float-outputs': floatOutputs, labels, classes, metric, samples }
  const flags = Object.entries(given)
    .flatMap(([name, value]) => (value === undefined ? [] : [` --${name} ${shellQuoted(String(value))}`]))
    .join('')
  return skipBad === true ? `${flags} --skip-bad` : flags
}

/** One word of a command that can be pasted. */
export function shellQuoted(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
