import { zipSync } from 'fflate'
import { TersorError } from '../errors.ts'
import type { Value } from '../model/runtime.ts'
import { writeNpy } from './npy.ts'

/** fflate builds the archive in one buffer. */
const MOST_BYTES = 2_000_000_000

/**
 * An .npz as `numpy.savez` writes it: one stored .npy per array, in the given order. The same arrays give the same bytes: the
 * time of every member is the first that zip knows.
 */
export function writeNpz(arrays: ReadonlyMap<string, Value>): Uint8Array {
  const members: Record<string, Uint8Array> = {}
  let total = 0
  for (const [name, value] of arrays) {
    const bytes = writeNpy(value)
    total += bytes.length
    if (total > MOST_BYTES) {
      throw new TersorError('E_LIMIT', `expected at most ${MOST_BYTES} bytes in one .npz, found more at "${name}"`)
    }
    members[`${name}.npy`] = bytes
  }
  // A local time, because the format stores one.
  return zipSync(members, { level: 0, mtime: new Date(1980, 0, 1), os: 0 })
}
