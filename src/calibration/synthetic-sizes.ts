import type { SessionInput } from '../model/runtime.ts'
import { sizeOf, symbolsOf } from './dimensions.ts'
import { isColors, roleOf } from './input-role.ts'

/** Sizes of what a model leaves open: symbols by name, unnamed axes as `input#axis`. */
export type Sizes = ReadonlyMap<string, number>

type FreeKind = 'batch' | 'past' | 'channels' | 'space' | 'length'

/** Sizes to try, the modest usual one first. */
const LADDER: Readonly<Record<FreeKind, readonly number[]>> = {
  batch: [1, 2],
  past: [0, 1, 16],
  channels: [3, 1, 4],
  space: [224, 256, 320, 128, 64, 32, 28, 299, 384, 416, 512, 640],
  length: [16, 32, 64, 128, 256, 512, 576, 1024, 100, 8, 1, 1600, 16_000],
}
/** A sound of 16 steps is shorter than any filter. */
const SIGNAL_LENGTH = 512

/** What is open in these inputs, and what each seems to be; a name says more than a place. */
export function freeSizes(inputs: readonly SessionInput[]): ReadonlyMap<string, FreeKind> {
  const kinds = new Map<string, FreeKind>()
  // The inputs that carry data say more about a symbol than masks and states do.
  const ordered = [...inputs].sort((a, b) => rankOf(a) - rankOf(b))
  for (const input of ordered) {
    input.shape.forEach((size, axis) => {
      if (typeof size === 'number') return
      const keys = size === null ? [unnamed(input, axis)] : symbolsOf(size)
      for (const key of keys) if (!kinds.has(key)) kinds.set(key, kindOf(key, input, axis))
    })
  }
  return kinds
}

/**
 * Assignments worth trying, most likely first: the usual sizes, then one kind at a time along its ladder,
 * then pictures of every size with other numbers of channels.
 */
export function sizeLadder(inputs: readonly SessionInput[]): readonly Sizes[] {
  const free = freeSizes(inputs)
  const signals = new Set(
    inputs.flatMap((input) =>
      roleOf(input) === 'signal' ? input.shape.map((size, axis) => size ?? unnamed(input, axis)) : [],
    ),
  )
  const usual = new Map(
    [...free].map(([key, kind]) => [key, kind === 'length' && signals.has(key) ? SIGNAL_LENGTH : LADDER[kind][0]!]),
  )
  const attempts = [usual]
  const vary = (from: ReadonlyMap<string, number>, kind: FreeKind, size: number) =>
    new Map([...from].map(([key, old]) => [key, free.get(key) === kind ? size : old]))
  const present = new Set(free.values())
  for (const kind of ['space', 'length', 'channels', 'past', 'batch'] as const) {
    if (present.has(kind)) attempts.push(...LADDER[kind].map((size) => vary(usual, kind, size)))
  }
  if (present.has('channels') && present.has('space')) {
    for (const channels of LADDER.channels.slice(1)) {
      attempts.push(...LADDER.space.map((size) => vary(vary(usual, 'channels', channels), 'space', size)))
    }
  }
  const seen = new Set<string>()
  return attempts.filter((sizes) => {
    const id = JSON.stringify([...sizes])
    if (seen.has(id)) return false
    seen.add(id)
    return true
  })
}

/** The shape of an input under these sizes. */
export function shapeUnder(input: SessionInput, sizes: Sizes): readonly number[] {
  return input.shape.map((size, axis) => sizeOf(size ?? unnamed(input, axis), sizes) ?? 1)
}

function unnamed(input: SessionInput, axis: number): string {
  return `${input.name}#${axis}`
}

function rankOf(input: SessionInput): number {
  const role = roleOf(input)
  return role === 'ids' || role === 'picture' || role === 'signal' || role === 'features' ? 0 : 1
}

function kindOf(symbol: string, input: SessionInput, axis: number): FreeKind {
  const rank = input.shape.length
  const role = roleOf(input)
  if (!symbol.includes('#')) {
    if (/past/i.test(symbol)) return 'past'
    if (/^(n|b|bs)$|batch/i.test(symbol)) return 'batch'
    if (/height|width|^[hw]\d*$/i.test(symbol)) return 'space'
    if (/seq|len|time|frame|token|step|^[stl]\d*$/i.test(symbol)) return 'length'
    if (/chan|^c$/i.test(symbol)) return 'channels'
  }
  if (role === 'state') return 'batch'
  if (rank === 4 && role !== 'ids') {
    if (axis === 0) return 'batch'
    const last = isColors(input.shape[3]) && !isColors(input.shape[1])
    return axis === (last ? 3 : 1) ? 'channels' : 'space'
  }
  return axis === 0 && rank >= 2 ? 'batch' : 'length'
}
