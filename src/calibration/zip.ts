import { inflateSync } from 'fflate'
import { memorySource } from '../bytes/memory.ts'
import type { ByteSource } from '../bytes/types.ts'
import { TersorError } from '../errors.ts'
import { crc32 } from './crc32.ts'

/**
 * Zip archives, as far as .npz needs them: stored and deflated members, also with 64-bit sizes.
 *   1. members   local header (30 bytes, name, extra), then the data
 *   2. directory one entry per member: sizes, checksum, where the member starts
 *   3. end       where the directory is; with 64-bit sizes a record and a locator in front of it
 */

/** More members than this are no set of samples. */
const MEMBER_LIMIT = 65_536
const DIRECTORY_LIMIT = 67_108_864
/** One inflated member is held in memory. */
const INFLATED_LIMIT = 2_000_000_000
/** Deflate cannot do better than this (a length of 258 in two bits); a claim beyond it is a bomb or a lie. */
const RATIO_LIMIT = 1032

export interface ZipMember {
  readonly name: string
  readonly byteLength: number
  /** The member's bytes: a window of the archive when it is stored, in memory when it is deflated. */
  open(): Promise<ByteSource>
}

/** Lists the members of an archive. E_FORMAT when it is none or is cut, E_LIMIT for what cannot be meant well. */
export async function readZip(archive: ByteSource): Promise<readonly ZipMember[]> {
  const { start, byteLength, count } = await findDirectory(archive)
  if (count > MEMBER_LIMIT || byteLength > DIRECTORY_LIMIT) {
    throw new TersorError('E_LIMIT', `${archive.label}: ${count} members; at most ${MEMBER_LIMIT} are read`, {
      where: archive.label,
    })
  }
  const directory = await archive.read(start, start + byteLength)
  const members: ZipMember[] = []
  let at = 0
  for (let i = 0; i < count; i += 1) {
    if (at + 46 > directory.byteLength || number(directory, at, 4) !== 0x02014b50) throw broken(archive, 'directory')
    const nameLength = number(directory, at + 28, 2)
    const extraLength = number(directory, at + 30, 2)
    const end = at + 46 + nameLength + extraLength + number(directory, at + 32, 2)
    if (end > directory.byteLength) throw broken(archive, 'directory')
    members.push(memberOf(archive, directory, at, nameLength, extraLength))
    at = end
  }
  return members
}

function memberOf(
  archive: ByteSource,
  directory: Uint8Array,
  at: number,
  nameLength: number,
  extraLength: number,
): ZipMember {
  const name = new TextDecoder().decode(directory.subarray(at + 46, at + 46 + nameLength))
  const label = `${archive.label}:${name}`
  const flags = number(directory, at + 8, 2)
  const method = number(directory, at + 10, 2)
  const checksum = number(directory, at + 16, 4)
  const extra = directory.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength)
  const [byteLength, packed, headerStart] = wideSizes(
    extra,
    number(directory, at + 24, 4),
    number(directory, at + 20, 4),
    number(directory, at + 42, 4),
  )
  return {
    name,
    byteLength,
    async open() {
      if (flags % 2 === 1)
        throw new TersorError('E_UNSUPPORTED', `${label}: encrypted members are not read`, { where: label })
      const header = await archive.read(headerStart, headerStart + 30)
      if (number(header, 0, 4) !== 0x04034b50) throw broken(archive, `member ${name}`)
      const start = headerStart + 30 + number(header, 26, 2) + number(header, 28, 2)
      if (method === 0) return windowOf(archive, label, start, byteLength)
      if (method !== 8) {
        throw new TersorError('E_UNSUPPORTED', `${label}: zip method ${method}; only stored and deflated are read`, {
          where: label,
        })
      }
      if (byteLength > INFLATED_LIMIT || byteLength > packed * RATIO_LIMIT + 64) {
        throw new TersorError('E_LIMIT', `${label}: ${packed} bytes that claim to inflate to ${byteLength}`, {
          where: label,
          hint: `save it with numpy.savez, not compressed, when it is larger than ${INFLATED_LIMIT} bytes`,
        })
      }
      return memorySource(inflate(await archive.read(start, start + packed), byteLength, checksum, label), label)
    },
  }
}

function inflate(packed: Uint8Array, byteLength: number, checksum: number, label: string): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = inflateSync(packed, { out: new Uint8Array(byteLength) })
  } catch (cause) {
    throw new TersorError('E_FORMAT', `${label}: damaged compressed data`, { where: label, cause })
  }
  if (bytes.byteLength !== byteLength || crc32(bytes) !== checksum) {
    throw new TersorError('E_FORMAT', `${label}: the inflated bytes do not match their length and checksum`, {
      where: label,
    })
  }
  return bytes
}

function windowOf(archive: ByteSource, label: string, start: number, byteLength: number): ByteSource {
  return {
    label,
    byteLength: Math.max(0, Math.min(byteLength, archive.byteLength - start)),
    read: (from, to, signal) => archive.read(start + from, start + Math.min(to, byteLength), signal),
  }
}

async function findDirectory(archive: ByteSource): Promise<{ start: number; byteLength: number; count: number }> {
  // The end record has 22 bytes and a comment of up to 65,535.
  const tailStart = Math.max(0, archive.byteLength - 65_557)
  const tail = await archive.read(tailStart, archive.byteLength)
  let end = tail.byteLength - 22
  while (end >= 0 && number(tail, end, 4) !== 0x06054b50) end -= 1
  if (end < 0) throw broken(archive, 'end record')
  const narrow = {
    count: number(tail, end + 10, 2),
    byteLength: number(tail, end + 12, 4),
    start: number(tail, end + 16, 4),
  }
  if (narrow.count < 0xffff && narrow.start < 0xffffffff && narrow.byteLength < 0xffffffff) return narrow
  const locator = end - 20
  if (locator < 0 || number(tail, locator, 4) !== 0x07064b50) return narrow
  const recordStart = number(tail, locator + 8, 8)
  const record = await archive.read(recordStart, recordStart + 56)
  if (number(record, 0, 4) !== 0x06064b50) throw broken(archive, 'end record')
  return { count: number(record, 32, 8), byteLength: number(record, 40, 8), start: number(record, 48, 8) }
}

/** Sizes that did not fit in 32 bits follow in extra field 1, in this order, each only when needed. */
function wideSizes(extra: Uint8Array, ...narrow: [number, number, number]): [number, number, number] {
  const sizes: [number, number, number] = [...narrow]
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const end = at + 4 + number(extra, at + 2, 2)
    if (number(extra, at, 2) === 1) {
      let field = at + 4
      for (let i = 0; i < 3; i += 1) {
        if (sizes[i] !== 0xffffffff || field + 8 > Math.min(end, extra.byteLength)) continue
        sizes[i] = number(extra, field, 8)
        field += 8
      }
    }
    at = end
  }
  return sizes
}

/** Little-endian; above 2^53 inexact, which every check refuses. */
function number(bytes: Uint8Array, at: number, width: number): number {
  let value = 0
  for (let i = width - 1; i >= 0; i -= 1) value = value * 256 + (bytes[at + i] ?? 0)
  return value
}

function broken(archive: ByteSource, what: string): TersorError {
  return new TersorError('E_FORMAT', `${archive.label}: expected a zip archive, found no valid ${what}`, {
    where: archive.label,
    hint: 'The file is probably truncated; write it again.',
  })
}
