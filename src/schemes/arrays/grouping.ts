import { TersorError } from '../../errors.ts'
import type { Grouping } from '../../model/array-scheme.ts'

/** Largest block, and largest side of a tile, in elements. */
const MOST = 1048576

/** Text form of a grouping: tensor, channel, channel1, row, column, block32, tile16x16. Null when it is none. */
export function parseGrouping(text: string): Grouping | null {
  if (text === 'tensor' || text === 'row' || text === 'column') return { kind: text }
  const channel = /^channel(\d{0,2})$/.exec(text)
  if (channel) return { kind: 'channel', axis: Number(channel[1]) }
  const block = /^block([1-9]\d{0,6})$/.exec(text)
  if (block) return sized({ kind: 'block', size: Number(block[1]) })
  const tile = /^tile([1-9]\d{0,6})x([1-9]\d{0,6})$/.exec(text)
  if (tile) return sized({ kind: 'tile', rows: Number(tile[1]), columns: Number(tile[2]) })
  return null
}

function sized(grouping: Grouping): Grouping | null {
  if (grouping.kind === 'block' && grouping.size > MOST) return null
  if (grouping.kind === 'tile' && Math.max(grouping.rows, grouping.columns) > MOST) return null
  return grouping
}

export function formatGrouping(grouping: Grouping): string {
  switch (grouping.kind) {
    case 'channel':
      return grouping.axis === 0 ? 'channel' : `channel${grouping.axis}`
    case 'block':
      return `block${grouping.size}`
    case 'tile':
      return `tile${grouping.rows}x${grouping.columns}`
    default:
      return grouping.kind
  }
}

/** Elements of one group: `rows` runs of `columns` elements, `stride` elements from run to run. Used again for each group. */
export interface GroupRuns {
  index: number
  start: number
  rows: number
  columns: number
  stride: number
}

export function elementCountOf(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1)
}

/** Indexes of one axis (outer x size x inner), or tiles of a stack of matrices: every grouping is one of the two. */
type Cut =
  | { readonly outer: number; readonly size: number; readonly inner: number }
  | {
      readonly matrices: number
      readonly rows: number
      readonly columns: number
      readonly high: number
      readonly wide: number
    }

function cutOf(shape: readonly number[], grouping: Grouping): Cut {
  const columns = shape.at(-1) ?? 1
  if (grouping.kind === 'tensor') return { outer: 1, size: 1, inner: elementCountOf(shape) }
  if (grouping.kind === 'channel') return axisOf(shape, grouping.axis)
  if (grouping.kind === 'column') return { outer: elementCountOf(shape.slice(0, -1)), size: columns, inner: 1 }
  if (grouping.kind === 'tile') {
    const matrices = elementCountOf(shape.slice(0, -2))
    return { matrices, rows: shape.at(-2) ?? 1, columns, high: grouping.rows, wide: grouping.columns }
  }
  const rows = elementCountOf(shape.slice(0, -1))
  return { matrices: 1, rows, columns, high: 1, wide: grouping.kind === 'row' ? Math.max(1, columns) : grouping.size }
}

function axisOf(shape: readonly number[], axis: number): Cut {
  const size = shape[axis]
  if (size === undefined) {
    throw new TersorError('E_USAGE', `expected an axis below ${shape.length}, found channel axis ${axis}`, {
      hint: `the array has shape [${shape.join(', ')}]`,
    })
  }
  return { outer: elementCountOf(shape.slice(0, axis)), size, inner: elementCountOf(shape.slice(axis + 1)) }
}

/** Number of groups of an array; 0 for an empty one. */
export function groupCount(shape: readonly number[], grouping: Grouping): number {
  const cut = cutOf(shape, grouping)
  if (elementCountOf(shape) === 0) return 0
  return 'size' in cut ? cut.size : cut.matrices * Math.ceil(cut.rows / cut.high) * Math.ceil(cut.columns / cut.wide)
}

/** Most elements a group of this array has. */
export function largestGroup(shape: readonly number[], grouping: Grouping): number {
  const cut = cutOf(shape, grouping)
  if (elementCountOf(shape) === 0) return 0
  return 'size' in cut ? cut.outer * cut.inner : Math.min(cut.rows, cut.high) * Math.min(cut.columns, cut.wide)
}

/** Calls `visit` with every group, in the order in which parameters are stored. */
export function eachGroup(shape: readonly number[], grouping: Grouping, visit: (runs: GroupRuns) => void): void {
  if (groupCount(shape, grouping) === 0) return
  const cut = cutOf(shape, grouping)
  if ('size' in cut) {
    const { outer, size, inner } = cut
    const runs: GroupRuns = { index: 0, start: 0, rows: outer, columns: inner, stride: size * inner }
    for (; runs.index < size; runs.index++, runs.start += inner) visit(runs)
    return
  }
  const { matrices, rows, columns, high, wide } = cut
  const runs: GroupRuns = { index: 0, start: 0, rows: high, columns: wide, stride: columns }
  for (let matrix = 0; matrix < matrices; matrix++) {
    for (let row = 0; row < rows; row += high) {
      runs.rows = Math.min(high, rows - row)
      for (let column = 0; column < columns; column += wide, runs.index++) {
        runs.start = (matrix * rows + row) * columns + column
        runs.columns = Math.min(wide, columns - column)
        visit(runs)
      }
    }
  }
}
