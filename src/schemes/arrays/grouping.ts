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

/** The array as a stack of matrices of `rows` x `columns`: last dimension, the one before it, all others. */
function matrixOf(shape: readonly number[]): { stack: number; rows: number; columns: number } {
  const columns = shape.at(-1) ?? 1
  const rows = shape.at(-2) ?? 1
  let stack = 1
  for (const size of shape.slice(0, -2)) stack *= size
  return { stack, rows, columns }
}

export function elementCountOf(shape: readonly number[]): number {
  let count = 1
  for (const size of shape) count *= size
  return count
}

function axisOf(shape: readonly number[], axis: number): { outer: number; size: number; inner: number } {
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
  const count = elementCountOf(shape)
  // The axis is checked also where there is nothing to group.
  const channels = grouping.kind === 'channel' ? axisOf(shape, grouping.axis).size : 0
  if (count === 0) return 0
  const { stack, rows, columns } = matrixOf(shape)
  switch (grouping.kind) {
    case 'tensor':
      return 1
    case 'channel':
      return channels
    case 'row':
      return count / columns
    case 'column':
      return columns
    case 'block':
      return (count / columns) * Math.ceil(columns / grouping.size)
    case 'tile':
      return stack * Math.ceil(rows / grouping.rows) * Math.ceil(columns / grouping.columns)
  }
}

/** Most elements a group of this array has. */
export function largestGroup(shape: readonly number[], grouping: Grouping): number {
  const count = elementCountOf(shape)
  const { rows, columns } = matrixOf(shape)
  switch (grouping.kind) {
    case 'tensor':
      return count
    case 'channel': {
      const { outer, inner } = axisOf(shape, grouping.axis)
      return outer * inner
    }
    case 'row':
      return columns
    case 'column':
      return columns === 0 ? 0 : count / columns
    case 'block':
      return Math.min(columns, grouping.size)
    case 'tile':
      return Math.min(rows, grouping.rows) * Math.min(columns, grouping.columns)
  }
}

/** Calls `visit` with every group, in the order in which parameters are stored. */
export function eachGroup(shape: readonly number[], grouping: Grouping, visit: (runs: GroupRuns) => void): void {
  const count = elementCountOf(shape)
  if (groupCount(shape, grouping) === 0) return
  const { stack, rows, columns } = matrixOf(shape)
  const runs: GroupRuns = { index: 0, start: 0, rows: 1, columns: count, stride: count }
  switch (grouping.kind) {
    case 'tensor':
      visit(runs)
      return
    case 'channel': {
      const { outer, size, inner } = axisOf(shape, grouping.axis)
      Object.assign(runs, { rows: outer, columns: inner, stride: size * inner })
      for (; runs.index < size; runs.index++, runs.start += inner) visit(runs)
      return
    }
    case 'row':
      Object.assign(runs, { columns, stride: columns })
      for (; runs.start < count; runs.index++, runs.start += columns) visit(runs)
      return
    case 'column':
      Object.assign(runs, { rows: count / columns, columns: 1, stride: columns })
      for (; runs.index < columns; runs.index++, runs.start++) visit(runs)
      return
    case 'block':
      for (let row = 0; row < count; row += columns) {
        for (let column = 0; column < columns; column += grouping.size, runs.index++) {
          runs.start = row + column
          runs.columns = Math.min(grouping.size, columns - column)
          visit(runs)
        }
      }
      return
    case 'tile':
      runs.stride = columns
      for (let matrix = 0; matrix < stack; matrix++) {
        for (let row = 0; row < rows; row += grouping.rows) {
          runs.rows = Math.min(grouping.rows, rows - row)
          for (let column = 0; column < columns; column += grouping.columns, runs.index++) {
            runs.start = (matrix * rows + row) * columns + column
            runs.columns = Math.min(grouping.columns, columns - column)
            visit(runs)
          }
        }
      }
  }
}
