import type { Decided } from './run.ts'

/** `auto` must save this share of a model of at least LEAST_BYTES, or say why not. */
const WANTED_SHARE = 0.6
const LEAST_BYTES = 1e6

/** What is to be said of the bytes of a result. */
export function sizeNotes(decided: Decided, bytesAfter: number, askedAuto: boolean): string[] {
  const notes = [savingNote(decided, bytesAfter, askedAuto), growthNote(decided, bytesAfter)]
  return notes.filter((note) => note !== null)
}

/**
 * Why `auto` saved less than 60 %: the reasons that kept most bytes, in words. Null when enough was saved, when the
 * model is small, or when something else than `auto` was asked for.
 */
function savingNote(decided: Decided, bytesAfter: number, askedAuto: boolean): string | null {
  const before = decided.input.byteLength
  const saved = 1 - bytesAfter / before
  if (!askedAuto || before < LEAST_BYTES || saved >= WANTED_SHARE) return null
  const weights = decided.inventory.weights.reduce((sum, weight) => sum + weight.byteLength, 0)
  const kept = new Map<string, { bytes: number; text: string }>()
  for (const decision of decided.plan.decisions) {
    const stays =
      decision.action === 'keep' ? decision.bytesAfter : Math.max(0, decision.bytesAfter - decision.bytesBefore / 4)
    if (stays <= 0) continue
    const key = decision.action === 'keep' ? decision.because.code : `${decision.because.code} (more than 8 bits)`
    const entry = kept.get(key) ?? { bytes: 0, text: decision.because.text }
    entry.bytes += stays
    kept.set(key, entry)
  }
  const graph = Math.max(0, before - weights)
  if (graph > 0) kept.set('graph', { bytes: graph, text: 'nodes and names, which codes cannot shrink' })
  const worst = [...kept].sort((a, b) => b[1].bytes - a[1].bytes || (a[0] < b[0] ? -1 : 1)).slice(0, 3)
  const reasons = worst.map(([key, { bytes, text }]) => `${key}: ${kilobytes(bytes)} (${text})`)
  return `auto saved ${Math.floor(saved * 100)} %, less than 60 %, because of ${reasons.join('; ')}`
}

/** Said where a result is larger than its source; null where it is not. */
function growthNote(decided: Decided, bytesAfter: number): string | null {
  const before = decided.input.byteLength
  if (bytesAfter <= before) return null
  const times = (bytesAfter / before).toFixed(2)
  const sizes = `${kilobytes(bytesAfter)} for ${kilobytes(before)}`
  return `the result is ${times} times as large as the source (${sizes}): nodes, scales, biases and filled blocks take more than codes save; --to int8-weights adds least of them`
}

function kilobytes(bytes: number): string {
  return `${Math.ceil(bytes / 1000)} kB`
}
