import type { ByteSource } from '../bytes/types.ts'
import { NPY_MAGIC } from '../calibration/magic.ts'
import { openNpy } from '../calibration/npy.ts'
import { randomStream } from '../calibration/random.ts'
import { TersorError } from '../errors.ts'
import { stored } from '../graph/liftings/index.ts'
import type { DType } from '../model/dtype.ts'
import { allValues } from './dequantize-values.ts'

/** Values that an explanation looks at. More would say no more. */
export const MOST_VALUES = 1 << 20
/** A row is read as a whole. */
const MOST_ROW = 1 << 24
const MOST_TEXT_BYTES = 64 << 20

export interface GivenValues {
  readonly values: Float32Array
  readonly shape: readonly number[]
  readonly label: string
  /** Values there were. */
  readonly total: number
}

/** The default: as bell-shaped as weights, from the seed alone. */
export function randomValues(seed: number, count = 1000): GivenValues {
  const random = randomStream(seed, 'explain')
  const values = Float32Array.from({ length: count }, () => random.gaussian())
  return { values, shape: [count], label: String(seed), total: count }
}

/** `1,2,3`: numbers with commas or spaces between; undefined when the text is no such list. */
export function numberList(text: string): number[] | undefined {
  const words = text.split(/[\s,;]+/).filter((word) => word !== '')
  const numbers = words.map(numberOf)
  return words.length > 0 && numbers.every((number) => number !== undefined) ? (numbers as number[]) : undefined
}

/** What Number() takes and what people write for numbers that are none: those are refused later, by their place. */
function numberOf(word: string): number | undefined {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(word)) return Number(word)
  if (/^[+-]?nan$/i.test(word)) return Number.NaN
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(word)
  return infinite === null ? undefined : infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}

/** Numbers of a file: .npy by its content, else text with numbers parted by line ends, commas or spaces. */
export async function fileValues(source: ByteSource): Promise<GivenValues> {
  const head = await source.read(0, Math.min(6, source.byteLength))
  const isNpy = head.length === 6 && NPY_MAGIC.every((byte, i) => head[i] === byte)
  return isNpy ? npyValues(source) : textValues(source)
}

async function npyValues(source: ByteSource): Promise<GivenValues> {
  const array = await openNpy(source)
  const { dtype, shape, label } = array
  const rows = shape[0] ?? 1
  const total = shape.reduce((product, size) => product * size, 1)
  const perRow = rows === 0 ? 0 : total / rows
  const taken = total <= MOST_VALUES ? rows : Math.max(1, Math.floor(MOST_VALUES / perRow))
  if (taken * perRow > MOST_ROW) {
    throw new TersorError('E_LIMIT', `${label}: rows of ${perRow} values; at most ${MOST_ROW} are read`, {
      where: label,
      hint: 'save a part of it, such as a[0, :1000000]',
    })
  }
  const { data } = await array.rows(0, taken)
  if (!(data instanceof Uint8Array) || dtype === 'c64' || dtype === 'c128') {
    throw new TersorError('E_UNSUPPORTED', `${label}: expected real numbers, found ${dtype}`, { where: label })
  }
  const decoded = await numbersOf(data, dtype, taken * perRow, label)
  const values = decoded.subarray(0, MOST_VALUES)
  const whole = values.length === taken * perRow && shape.length > 0
  return { values, shape: whole ? [taken, ...shape.slice(1)] : [values.length], label, total }
}

async function numbersOf(bytes: Uint8Array, dtype: DType, count: number, name: string): Promise<Float32Array> {
  if (dtype === 'i64' || dtype === 'u64') {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const at = (index: number) => (dtype === 'i64' ? view.getBigInt64(index, true) : view.getBigUint64(index, true))
    return Float32Array.from({ length: count }, (_, i) => Number(at(8 * i)))
  }
  const storage = { kind: 'bytes' as const, bytes, byteLength: bytes.length }
  return allValues(stored({ name, dtype: dtype === 'bool' ? 'u8' : dtype, shape: [count], storage }))
}

async function textValues(source: ByteSource): Promise<GivenValues> {
  const { label } = source
  if (source.byteLength > MOST_TEXT_BYTES) {
    throw new TersorError(
      'E_LIMIT',
      `${label}: ${source.byteLength} bytes of text; at most ${MOST_TEXT_BYTES} are read`,
      {
        where: label,
        hint: 'save the numbers as .npy',
      },
    )
  }
  const text = new TextDecoder().decode(await source.read(0, source.byteLength))
  const numbers: number[] = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue
    const found = numberList(line)
    if (found === undefined) {
      throw new TersorError(
        'E_FORMAT',
        `${label}: expected numbers in line ${index + 1}, found "${line.trim().slice(0, 60)}"`,
        {
          where: `${label}:${index + 1}`,
          hint: 'one number a line, or several with commas; .npy is read too',
        },
      )
    }
    for (const number of found) numbers.push(number)
  }
  if (numbers.length === 0)
    throw new TersorError('E_FORMAT', `${label}: expected numbers, found none`, { where: label })
  const values = Float32Array.from(numbers.slice(0, MOST_VALUES))
  return { values, shape: [values.length], label, total: numbers.length }
}
