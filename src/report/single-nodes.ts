import type { Report } from '../model/report.ts'

/** Nodes that go on computing in f32 for one kind of reason. */
export interface SingleGroup {
  readonly code: string
  /** The sentence of the first of them. */
  readonly text: string
  readonly count: number
  readonly operators: readonly string[]
  /** Name of the first. */
  readonly example: string
}

/** Of fp16 results: what stayed f32, most nodes first. Sentences that differ in names and numbers only are one reason. */
export function singleNodes({ points }: Pick<Report, 'points'>): readonly SingleGroup[] {
  const groups = new Map<string, { code: string; text: string; names: string[]; operators: Set<string> }>()
  for (const { scheme, op, node, value, because } of points) {
    if (scheme !== 'f32' || !isReason(because)) continue
    const key = because.text.replace(/"[^"]*"/g, '').replace(/\d[\d.e+-]*/g, '')
    const group = groups.get(key) ?? { ...because, names: [], operators: new Set<string>() }
    group.names.push(String(node || value))
    group.operators.add(String(op))
    groups.set(key, group)
  }
  return [...groups.values()]
    .map(({ code, text, names, operators }) => {
      return { code, text, count: names.length, operators: [...operators].sort(), example: names[0] ?? '' }
    })
    .sort((a, b) => b.count - a.count || (a.text < b.text ? -1 : 1))
}

function isReason(value: unknown): value is { readonly code: string; readonly text: string } {
  return typeof value === 'object' && value !== null && 'code' in value && 'text' in value
}
