import type { Decided, Finished } from './run.ts'

/** One command to try next; a whole line that can be pasted. */
export function suggestionFor(decided: Decided, finished: Finished, input: string, output: string): string {
  const { verdict } = finished
  const { preset } = decided.plan
  if (verdict.status === 'refused') {
    const worst = verdict.worst[0]
    if (preset === 'int4-weights' || preset === 'int2-weights')
      return `tersor quantize ${quote(input)} --to int8-weights`
    if (worst !== undefined) return `tersor quantize ${quote(input)} --to ${preset} --rule ${quote(`${worst}=keep`)}`
    return `tersor quantize ${quote(input)} --to fp16-weights`
  }
  if (verdict.status === 'plausible') return `tersor quantize ${quote(input)} --to ${preset} --eval samples.npz --force`
  if (verdict.status === 'unproven') return `tersor compare ${quote(input)} ${quote(output)}`
  if (preset === 'int8' || preset === 'int8-weights') return `tersor quantize ${quote(input)} --to int4-weights`
  return `tersor compare ${quote(input)} ${quote(output)}`
}

function quote(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
