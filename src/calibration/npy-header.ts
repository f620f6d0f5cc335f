import { TersorError } from '../errors.ts'
import type { DType } from '../model/dtype.ts'

export interface NpyHeader {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly fortran: boolean
  /** Bytes of one element in the file; strings have a fixed width there. */
  readonly elementBytes: number
  /** Bytes of one number to turn round when the file is big-endian, else 0. */
  readonly swap: number
  /** Strings are stored as bytes (S) or as code points (U). */
  readonly text: 'bytes' | 'points' | undefined
}

const TYPES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ['f2', 'f16'],
  ['f4', 'f32'],
  ['f8', 'f64'],
  ['i1', 'i8'],
  ['i2', 'i16'],
  ['i4', 'i32'],
  ['i8', 'i64'],
  ['u1', 'u8'],
  ['u2', 'u16'],
  ['u4', 'u32'],
  ['u8', 'u64'],
  ['b1', 'bool'],
  ['c8', 'c64'],
  ['c16', 'c128'],
])

/** Longest string element taken, in bytes. */
const STRING_LIMIT = 1_048_576
const RANK_LIMIT = 64

/** Parses the Python dict of an .npy header; only the three keys NumPy writes are looked at. */
export function parseNpyHeader(text: string, label: string): NpyHeader {
  const wrong = (what: string) =>
    new TersorError('E_FORMAT', `${label}: expected ${what} in the .npy header`, { where: label })
  const descr = /'descr'\s*:\s*(?:'([^']*)'|(\[))/.exec(text)
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)
  const axes = /'shape'\s*:\s*\(([^)]*)\)/.exec(text)
  if (descr === null) throw wrong("'descr'")
  if (order === null) throw wrong("'fortran_order' True or False")
  if (axes === null) throw wrong("'shape'")
  if (descr[2] !== undefined) {
    throw new TersorError('E_UNSUPPORTED', `${label}: records with several fields are not samples`, { where: label })
  }
  const shape = axes[1]!
    .split(',')
    .map((axis) => axis.trim().replace(/L$/, ''))
    .filter((axis) => axis !== '')
    .map(Number)
  if (shape.length > RANK_LIMIT || shape.some((size) => !Number.isSafeInteger(size) || size < 0)) {
    throw wrong(`a shape of whole numbers, at most ${RANK_LIMIT} of them,`)
  }
  return { ...parseDescription(descr[1]!, label), shape, fortran: order[1] === 'True' }
}

function parseDescription(descr: string, label: string): Omit<NpyHeader, 'shape' | 'fortran'> {
  const parts = /^([<>|=]?)([a-zA-Z?])(\d*)$/.exec(descr)
  const order = parts?.[1] ?? ''
  const letter = parts?.[2] === '?' ? 'b' : (parts?.[2] ?? '')
  const size = Number(parts?.[2] === '?' ? 1 : (parts?.[3] ?? 0))
  if (letter === 'S' || letter === 'U') {
    const elementBytes = letter === 'S' ? size : size * 4
    if (elementBytes > STRING_LIMIT) {
      throw new TersorError(
        'E_LIMIT',
        `${label}: strings of ${size} characters; at most ${STRING_LIMIT} bytes are read`,
        { where: label },
      )
    }
    return {
      dtype: 'string',
      elementBytes,
      swap: letter === 'U' && order === '>' ? 4 : 0,
      text: letter === 'S' ? 'bytes' : 'points',
    }
  }
  const dtype = TYPES.get(`${letter}${size}`)
  if (dtype === undefined) {
    const hint =
      letter === 'O'
        ? 'objects are Python pickles, which are never opened; save numbers'
        : 'save float32, or an integer type'
    throw new TersorError('E_UNSUPPORTED', `${label}: elements of NumPy type '${descr}' are not read`, {
      where: label,
      hint,
    })
  }
  const swap = order === '>' && size > 1 ? (letter === 'c' ? size / 2 : size) : 0
  return { dtype, elementBytes: size, swap, text: undefined }
}
