import { TersorError } from '../errors.ts'

const BYTE_UNITS = new Map([
  ['', 1],
  ['b', 1],
  ['kb', 1e3],
  ['mb', 1e6],
  ['gb', 1e9],
  ['tb', 1e12],
  ['kib', 1024],
  ['mib', 1024 ** 2],
  ['gib', 1024 ** 3],
  ['tib', 1024 ** 4],
])
const PLAIN = '(\\d{1,15}(?:\\.\\d{1,9})?|\\.\\d{1,9})'

/** `25MB` is 25 * 10^6, `25MiB` 25 * 2^20, `25` bytes. Whole bytes, at least 1. */
export function parseBytes(text: string, flag: string): number {
  const match = new RegExp(`^${PLAIN}\\s*([a-z]*)$`, 'i').exec(text)
  const unit = match === null ? undefined : BYTE_UNITS.get(match[2]!.toLowerCase())
  if (match === null || unit === undefined) {
    throw usage(flag, text, 'a size', 'write it as 25MB (10^6), 25MiB (2^20) or plain bytes')
  }
  const bytes = Math.floor(Number(match[1]) * unit)
  if (!Number.isSafeInteger(bytes) || bytes < 1)
    throw usage(flag, text, 'a size of at least one byte', 'write it as 25MB')
  return bytes
}

/** `1%` is 0.01, `0.5` is 0.5. Not negative. */
export function parseRatio(text: string, flag: string): number {
  const match = new RegExp(`^${PLAIN}(%?)$`).exec(text)
  if (match === null) throw usage(flag, text, 'a number or a percentage', 'write it as 0.98 or 98%')
  return match[2] === '%' ? Number(match[1]) / 100 : Number(match[1])
}

/** A whole number from `least` to 2^31 - 1. */
export function parseCount(text: string, flag: string, least = 1): number {
  const count = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (!(count >= least && count <= 2 ** 31 - 1)) {
    throw usage(flag, text, `a whole number of at least ${least}`, `write it as ${flag} ${Math.max(least, 4)}`)
  }
  return count
}

function usage(flag: string, text: string, expected: string, hint: string): TersorError {
  return new TersorError('E_USAGE', `${flag} expects ${expected}, found "${text.slice(0, 80)}"`, { where: flag, hint })
}
