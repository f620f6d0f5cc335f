import type { ByteSource } from '../bytes/types.ts'
import { TersorError } from '../errors.ts'
import type { DType } from '../model/dtype.ts'
import type { Value } from '../model/runtime.ts'
import { byteLengthOf, elementCountOf } from '../numbers/dtype.ts'
import { NPY_MAGIC } from './magic.ts'
import { type NpyHeader, parseNpyHeader } from './npy-header.ts'
import { decodeStrings, swapBytes, toRowMajor } from './npy-layout.ts'

/**
 * NumPy's .npy:
 *   1. 6 bytes   "\x93NUMPY"
 *   2. 2 bytes   version 1.0, 2.0 or 3.0
 *   3. 2 bytes   (1.0) or 4 bytes (2.0, 3.0), little-endian: length of the header
 *   4. header    a Python dict: descr, fortran_order, shape
 *   5. elements  packed, row-major or column-major
 */

/** A header says three things; a real one has a few hundred bytes. */
const HEADER_LIMIT = 65_536
/** What is read as a whole: an array in another order than ours, or of strings. */
const WHOLE_LIMIT = 2_000_000_000

/** An array whose elements stay where they are until a part is asked for. */
export interface ArraySource {
  readonly label: string
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Rows [start, end) along the first axis; a scalar has one row. The shape keeps that axis. */
  rows(start: number, end: number): Promise<Value>
  /** Everything. */
  all(): Promise<Value>
}

/** Reads the header of a .npy. E_FORMAT when it is none or is shorter than it says; E_UNSUPPORTED for objects and records. */
export async function openNpy(source: ByteSource): Promise<ArraySource> {
  const header = await readHeader(source)
  const { label } = source
  const { dtype, shape, elementBytes } = header
  const count = elementCountOf(shape)
  const byteLength = count * elementBytes
  if (!Number.isSafeInteger(byteLength) || header.dataStart + byteLength > source.byteLength) {
    const found = source.byteLength - header.dataStart
    throw new TersorError(
      'E_FORMAT',
      `${label}: [${shape.join(', ')}] of ${dtype} needs ${byteLength} bytes, found ${found}`,
      {
        where: label,
        hint: 'The file is probably truncated; write it again.',
      },
    )
  }
  const rowCount = shape[0] ?? 1
  const direct = !header.fortran || shape.length < 2
  let whole: Promise<Value> | undefined
  const bytesOf = (start: number, end: number) =>
    source.read(header.dataStart + start, header.dataStart + end).then((bytes) => swapBytes(bytes, header))
  const loadWhole = async (): Promise<Value> => {
    if (byteLength > WHOLE_LIMIT) {
      throw new TersorError(
        'E_LIMIT',
        `${label}: ${byteLength} bytes in column-major order; at most ${WHOLE_LIMIT} are reordered`,
        {
          where: label,
          hint: 'save it with numpy.ascontiguousarray',
        },
      )
    }
    const bytes = await bytesOf(0, byteLength)
    return arrayValue(header, shape, direct ? bytes : toRowMajor(bytes, shape, elementBytes))
  }
  const all = () => {
    whole ??= loadWhole()
    return whole
  }
  return {
    label,
    dtype,
    shape,
    async rows(start, end) {
      const rowShape = shape.length === 0 ? [] : [end - start, ...shape.slice(1)]
      const rowBytes = rowCount === 0 ? 0 : byteLength / rowCount
      if (direct) return arrayValue(header, rowShape, await bytesOf(start * rowBytes, end * rowBytes))
      return sliceRows(await all(), rowShape, start, end)
    },
    all: direct ? loadWhole : all,
  }
}

/** A whole .npy in memory. */
export async function readNpy(source: ByteSource): Promise<Value> {
  return (await openNpy(source)).all()
}

/** Writes version 1.0. E_UNSUPPORTED for types NumPy has no name for. */
export function writeNpy(value: Value): Uint8Array {
  const strings = value.data instanceof Uint8Array ? undefined : value.data
  const width = strings?.reduce((most, text) => Math.max(most, [...text].length), 1) ?? 0
  const descr = strings === undefined ? DESCRIPTIONS.get(value.dtype) : `<U${width}`
  if (descr === undefined)
    throw new TersorError('E_UNSUPPORTED', `NumPy has no name for elements of type ${value.dtype}`)
  const axes = value.shape.length === 1 ? `${value.shape[0]},` : value.shape.join(', ')
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${axes}), }`
  // Padded with spaces and a newline, so that the elements start at a multiple of 64.
  const padding = 63 - ((10 + dict.length) % 64)
  const header = `${dict}${' '.repeat(padding)}\n`
  const elements = strings === undefined ? (value.data as Uint8Array) : codePoints(strings, width)
  const file = new Uint8Array(10 + header.length + elements.byteLength)
  file.set(NPY_MAGIC)
  file.set([1, 0, header.length % 256, Math.floor(header.length / 256)], 6)
  for (let i = 0; i < header.length; i += 1) file[10 + i] = header.charCodeAt(i)
  file.set(elements, 10 + header.length)
  return file
}

const DESCRIPTIONS: ReadonlyMap<DType, string> = new Map<DType, string>([
  ['f64', '<f8'],
  ['f32', '<f4'],
  ['f16', '<f2'],
  ['i64', '<i8'],
  ['i32', '<i4'],
  ['i16', '<i2'],
  ['i8', '|i1'],
  ['u64', '<u8'],
  ['u32', '<u4'],
  ['u16', '<u2'],
  ['u8', '|u1'],
  ['bool', '|b1'],
  ['c64', '<c8'],
  ['c128', '<c16'],
])

async function readHeader(source: ByteSource): Promise<NpyHeader & { dataStart: number }> {
  const { label } = source
  const start = await source.read(0, Math.min(12, source.byteLength))
  if (NPY_MAGIC.some((byte, i) => start[i] !== byte) || start.byteLength < 12) {
    throw new TersorError('E_FORMAT', `${label}: expected an .npy file, found other content`, { where: label })
  }
  const version = start[6]!
  if (version < 1 || version > 3) {
    throw new TersorError('E_FORMAT', `${label}: expected .npy version 1, 2 or 3, found ${version}`, { where: label })
  }
  const lengthBytes = version === 1 ? 2 : 4
  let length = 0
  for (let i = lengthBytes - 1; i >= 0; i -= 1) length = length * 256 + start[8 + i]!
  if (length > HEADER_LIMIT) {
    throw new TersorError('E_LIMIT', `${label}: a header of ${length} bytes; at most ${HEADER_LIMIT} are read`, {
      where: label,
    })
  }
  const headerStart = 8 + lengthBytes
  const text = new TextDecoder(version === 3 ? 'utf-8' : 'latin1').decode(
    await source.read(headerStart, headerStart + length),
  )
  return { ...parseNpyHeader(text, label), dataStart: headerStart + length }
}

function arrayValue(header: NpyHeader, shape: readonly number[], bytes: Uint8Array): Value {
  if (header.dtype !== 'string') return { dtype: header.dtype, shape, data: bytes }
  return { dtype: 'string', shape, data: decodeStrings(bytes, header) }
}

function sliceRows(value: Value, shape: readonly number[], start: number, end: number): Value {
  const rowCount = value.shape[0] ?? 1
  if (!(value.data instanceof Uint8Array)) {
    const perRow = value.data.length / rowCount
    return { ...value, shape, data: value.data.slice(start * perRow, end * perRow) }
  }
  const perRow = byteLengthOf(value.dtype, elementCountOf(value.shape)) / rowCount
  return { ...value, shape, data: value.data.subarray(start * perRow, end * perRow) }
}

function codePoints(strings: readonly string[], width: number): Uint8Array {
  const codes = new Uint32Array(strings.length * width)
  strings.forEach((text, i) => {
    ;[...text].forEach((character, j) => {
      codes[i * width + j] = character.codePointAt(0) ?? 0
    })
  })
  return new Uint8Array(codes.buffer)
}
