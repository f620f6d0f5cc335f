import type { Kernels } from '../../model/kernels.ts'
import type { Pixels } from './pixels.ts'

/** First input position and the integer weights from there on. */
export interface Taps {
  readonly start: number
  readonly weights: Int32Array
}

/** A part of a picture. */
export interface Part {
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
}

/** Bytes of source rows that are looked at in one go. */
const STRIPE = 1 << 20
/** More memory is not taken for one picture. */
const MOST_BYTES = 64 << 20
/** What the kernels read and write behind what they are asked for. */
const SPARE = 16

/**
 * A picture of three channels by kernels, to the byte what plain loops give: rows first, where `across` has taps for each column of the part, then columns,
 * where `down` has some for each row. Undefined for a picture that takes too much memory.
 */
export function weighColours(
  { width, data }: Pixels,
  across: readonly Taps[] | null,
  down: readonly Taps[] | null,
  part: Part,
  kernels: Kernels,
): Pixels | undefined {
  const [from, to] = rowsOf(down, part)
  const [rowBytes, rowLength] = [width * 3, part.width * 3]
  const stripe = Math.max(1, Math.floor(STRIPE / rowBytes))
  const area = new Area()
  const taps = area.take(8 * part.width)
  const weights = area.take(4 * countOf(across))
  const own = area.take(4 * Math.max(0, ...(down ?? []).map((one) => one.weights.length)))
  const source = area.take(stripe * rowBytes + SPARE)
  const rows = area.take((to - from) * rowLength + SPARE)
  const out = area.take(down === null ? 0 : part.height * rowLength + SPARE)
  if (area.byteLength > MOST_BYTES) return undefined
  const base = kernels.reserve(area.byteLength)
  const bytes = new Uint8Array(kernels.memory, base, area.byteLength)
  if (across === null) copyRows(bytes, rows, data, from, to, rowBytes, part)
  else {
    putTaps(kernels, base + taps, base + weights, across)
    for (let row = from; row < to; row += stripe) {
      const some = Math.min(stripe, to - row)
      bytes.set(data.subarray(row * rowBytes, (row + some) * rowBytes), source)
      const target = base + rows + (row - from) * rowLength
      kernels.weighAcross(base + source, some, rowBytes, base + taps, part.width, base + weights, target)
    }
  }
  const { width: columns, height } = part
  if (down !== null) weighRows(kernels, down, base + rows - from * rowLength, rowLength, base + own, base + out)
  const first = down === null ? rows : out
  return { height, width: columns, channels: 3, data: bytes.slice(first, first + height * rowLength) }
}

// Loops that run for every picture stand alone: what is hot is compiled with all that stands around it.

function copyRows(
  bytes: Uint8Array,
  rows: number,
  data: Uint8Array,
  from: number,
  to: number,
  rowBytes: number,
  { left, width }: Part,
): void {
  for (let row = from, at = rows; row < to; row += 1, at += width * 3) {
    const start = row * rowBytes + left * 3
    bytes.set(data.subarray(start, start + width * 3), at)
  }
}

function putTaps({ memory }: Kernels, taps: number, weights: number, across: readonly Taps[]): void {
  const table = new Int32Array(memory, taps, 2 * across.length)
  const all = new Int32Array(memory, weights, countOf(across))
  let at = 0
  for (let column = 0; column < across.length; column += 1) {
    const one = across[column]!
    table[2 * column] = one.start * 3
    table[2 * column + 1] = one.weights.length
    all.set(one.weights, at)
    at += one.weights.length
  }
}

function weighRows(
  kernels: Kernels,
  down: readonly Taps[],
  rows: number,
  rowLength: number,
  own: number,
  out: number,
): void {
  for (let row = 0; row < down.length; row += 1) {
    const { start, weights } = down[row]!
    new Int32Array(kernels.memory, own, weights.length).set(weights)
    kernels.weighDown(rows + start * rowLength, rowLength, weights.length, own, rowLength, out + row * rowLength)
  }
}

/** Source rows that the part is made of. */
function rowsOf(down: readonly Taps[] | null, { top, height }: Part): readonly [number, number] {
  if (down === null) return [top, top + height]
  let [from, to] = [Number.POSITIVE_INFINITY, 0]
  for (const { start, weights } of down) {
    from = Math.min(from, start)
    to = Math.max(to, start + weights.length)
  }
  return [Math.min(from, to), to]
}

function countOf(taps: readonly Taps[] | null): number {
  return (taps ?? []).reduce((sum, { weights }) => sum + weights.length, 0)
}

/** Places one behind the other, at multiples of 16. */
class Area {
  byteLength = 0

  take(byteLength: number): number {
    const at = this.byteLength
    this.byteLength += Math.ceil(byteLength / 16) * 16
    return at
  }
}
