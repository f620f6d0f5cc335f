import { TersorError } from '../errors.ts'
import type { Sample } from '../model/runtime.ts'
import type { ClassNames } from './class-names.ts'
import { csvRows } from './csv.ts'

/** A class as the model counts it, from 0, or a text that only a metric module can use. */
export type Label = number | string

/** What is known about the right answers, before any sample is seen. */
export interface Labels {
  /** For messages. */
  readonly where: string
  /** What labels that are words mean. */
  readonly classes?: ClassNames
  /**
   * Labels of one sample that holds `rows` of them; `found` samples are in the data. Undefined: not labelled.
   * E_FORMAT when the labels belong to other data, E_UNSUPPORTED when one label would have to stand for several rows.
   */
  of(sample: Sample, rows: number, found: number): readonly (Label | undefined)[]
}

/** A sample without a position of its own is not labelled by position. */
const NOWHERE = -1

/**
 * Labels from a CSV: `index,label`, `file,label`, or labels alone in the order of the samples; a heading names the columns, in
 * any order and among others. -1 and an empty cell are no label. E_FORMAT with the line of what cannot be read.
 */
export function labelsOfCsv(text: string, where: string): Labels {
  const { rows, key, label } = columnsOf(text, where)
  const byPosition = new Map<number, Label>()
  const byFile = new Map<string, Label>()
  const positions = key === undefined || rows.every(({ cells }) => /^\d+$/.test(cells[key] ?? ''))
  for (const [order, { line, cells }] of rows.entries()) {
    const at = `${where}:${line}`
    const value = labelOf(cells[label], at)
    const name = key === undefined ? String(order) : cells[key]!
    const twice = positions ? byPosition.has(Number(name)) : byFile.has(name)
    if (twice) throw new TersorError('E_FORMAT', `${at}: "${name.slice(0, 200)}" was labelled before`, { where: at })
    if (value === undefined && positions) continue
    if (positions) byPosition.set(Number(name), value as Label)
    else if (value !== undefined) byFile.set(tidy(name), value)
  }
  if (byPosition.size + byFile.size === 0) throw new TersorError('E_FORMAT', `${where}: holds no label`, { where })
  return positions ? labelsByPosition(byPosition, where) : labelsByFile((file) => fromTail(byFile, file), where)
}

/** The file name up to its first `_`: `3_0001.npy` is a 3. */
export function labelsOfNames(): Labels {
  return labelsByFile((file) => {
    const name = file.slice(file.lastIndexOf('/') + 1)
    const end = name.indexOf('_')
    return end > 0 ? labelOf(name.slice(0, end), file) : undefined
  }, 'file names')
}

/** The folder that a file is in. */
export function labelsOfFolders(): Labels {
  return labelsByFile((file) => {
    const name = file.split('/').at(-2)
    return name === undefined ? undefined : labelOf(name, file)
  }, 'folder names')
}

function labelsByPosition(labels: ReadonlyMap<number, Label>, where: string): Labels {
  let last = 0
  for (const index of labels.keys()) last = Math.max(last, index)
  return {
    where,
    of({ index = NOWHERE }, rows, found) {
      const most = found * rows
      if (last >= most) {
        throw new TersorError('E_FORMAT', `${where}: has a label for number ${last}, the data end at ${most - 1}`, {
          where,
          hint: 'labels count from 0, in the order of the data',
        })
      }
      if (rows > 1 && last < found) throw oneForMany(where, rows)
      return Array.from({ length: rows }, (_, row) => labels.get(index * rows + row))
    },
  }
}

function labelsByFile(find: (file: string) => Label | undefined, where: string): Labels {
  return {
    where,
    of({ label }, rows) {
      const found = find(tidy(label))
      if (rows > 1 && found !== undefined) throw oneForMany(where, rows)
      return Array.from({ length: rows }, () => found)
    },
  }
}

/** The longest tail of a path that is labelled: the CSV may name files by any part of their path. */
function fromTail(labels: ReadonlyMap<string, Label>, path: string): Label | undefined {
  for (let start = 0; start >= 0; start = path.indexOf('/', start + 1)) {
    const tail = path[start] === '/' ? path.slice(start + 1) : path.slice(start)
    const label = labels.get(tail)
    if (label !== undefined) return label
  }
  return undefined
}

function tidy(path: string): string {
  return path.replaceAll('\\', '/').replace(/^(?:\.\/)+/, '')
}

interface Columns {
  readonly rows: ReturnType<typeof csvRows>
  /** Column of the file name or index; undefined when there are labels only. */
  readonly key: number | undefined
  readonly label: number
}

const KEY_HEADINGS = ['index', 'file', 'filename', 'path', 'name', 'image', 'sample']
const LABEL_HEADINGS = ['label', 'class', 'target', 'y']

function columnsOf(text: string, where: string): Columns {
  const all = csvRows(text)
  const heading = all[0]?.cells.map((cell) => cell.toLowerCase()) ?? []
  const label = heading.findIndex((cell) => LABEL_HEADINGS.includes(cell))
  if (label >= 0) {
    const key = heading.findIndex((cell) => KEY_HEADINGS.includes(cell))
    return sameWidth({ rows: all.slice(1), key: key < 0 ? undefined : key, label }, heading.length, where)
  }
  if (heading.length <= 1) return sameWidth({ rows: all, key: undefined, label: 0 }, 1, where)
  if (heading.length === 2) return sameWidth({ rows: all, key: 0, label: 1 }, 2, where)
  throw new TersorError(
    'E_FORMAT',
    `${where}: expected the columns file,label or index,label, found ${heading.length} columns without a heading`,
    { where, hint: 'write a first line such as index,label' },
  )
}

function sameWidth(columns: Columns, width: number, where: string): Columns {
  for (const { line, cells } of columns.rows) {
    if (cells.length === width) continue
    const at = `${where}:${line}`
    throw new TersorError('E_FORMAT', `${at}: expected ${width} cells, found ${cells.length}`, { where: at })
  }
  return columns
}

function labelOf(cell: string | undefined, where: string): Label | undefined {
  if (cell === undefined || cell === '' || cell === '-1') return undefined
  if (!/^[+-]?\d+$/.test(cell)) return cell
  const label = Number(cell)
  if (label >= 0 && label <= 0xffffffff) return label
  throw new TersorError('E_FORMAT', `${where}: ${cell.slice(0, 80)} is no class; they count from 0, -1 is no label`, {
    where,
  })
}

function oneForMany(where: string, rows: number): TersorError {
  return new TersorError(
    'E_UNSUPPORTED',
    `${where}: has one label for each sample, but the model answers ${rows} times for a sample`,
    { where, hint: 'write one row index,label for each answer, in order' },
  )
}
