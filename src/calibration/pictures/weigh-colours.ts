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
  const { memory } = kernels
  const bytes = new Uint8Array(memory, base, area.byteLength)
  if (across === null) {
    for (let row = from; row < to; row += 1) {
      const start = row * rowBytes + part.left * 3
      bytes.set(data.subarray(start, start + rowLength), rows + (row - from) * rowLength)
    }
  } else {
    const table = new Int32Array(memory, base + taps, 2 * part.width)
    const all = new Int32Array(memory, base + weights, countOf(across))
    let at = 0
    for (const [column, one] of across.entries()) {
      table[2 * column] = one.start * 3
      table[2 * column + 1] = one.weights.length
      all.set(one.weights, at)
      at += one.weights.length
    }
    for (let row = from; row < to; row += stripe) {
      const some = Math.min(stripe, to - row)
      bytes.set(data.subarray(row * rowBytes, (row + some) * rowBytes), source)
      const target = base + rows + (row - from) * rowLength
      kernels.weighAcross(base + source, some, rowBytes, base + taps, part.width, base + weights, target)
    }
  }
  const { width: columns, height } = part
  if (down === null)
    return { height, width: columns, channels: 3, data: bytes.slice(rows, rows + part.height * rowLength) }
  for (const [row, one] of down.entries()) {
    new Int32Array(memory, base + own, one.weights.length).set(one.weights)
    const first = base + rows + (one.start - from) * rowLength
    kernels.weighDown(first, rowLength, one.weights.length, base + own, rowLength, base + out + row * rowLength)
  }
  return { height, width: columns, channels: 3, data: bytes.slice(out, out + part.height * rowLength) }
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
