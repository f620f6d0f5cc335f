import { readFileSync } from 'node:fs'

/** A golden file: what `golden.py` wrote, with the strings it shared put back. */
export interface Golden<Case> {
  readonly versions: Readonly<Record<string, unknown>>
  readonly cases: readonly Case[]
}

export function readGolden<Case>(file: string): Golden<Case> {
  const { cases, shared, ...versions } = JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'))
  return { versions, cases: restore(cases, shared) as Case[] }
}

/** float32 values. */
export function values(text: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'))
  return new Float32Array(bytes.buffer)
}

/** Codes, whatever width they were written in. */
export function codes(text: string): Int32Array {
  const short = text.startsWith('s:')
  const bytes = Uint8Array.from(Buffer.from(short ? text.slice(2) : text, 'base64'))
  return short ? Int32Array.from(new Int16Array(bytes.buffer)) : new Int32Array(bytes.buffer)
}

/** Positions where two arrays differ; by bits, but zero is zero with either sign. NaN equals NaN. */
export function differences(found: ArrayLike<number>, expected: ArrayLike<number>): string[] {
  const list: string[] = []
  if (found.length !== expected.length) return [`${found.length} values instead of ${expected.length}`]
  for (let index = 0; index < expected.length; index++) {
    const [a, b] = [found[index]!, expected[index]!]
    if (a !== b && !(Number.isNaN(a) && Number.isNaN(b))) list.push(`[${index}] ${a} instead of ${b}`)
  }
  return list
}

function restore(value: unknown, shared: readonly string[]): unknown {
  if (typeof value === 'string') return value.startsWith('@') ? shared[Number(value.slice(1))] : value
  if (Array.isArray(value)) return value.map((item) => restore(item, shared))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, restore(item, shared)]))
}
