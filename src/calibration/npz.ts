import type { ByteSource } from '../bytes/types.ts'
import { type ArraySource, openNpy } from './npy.ts'
import { readZip } from './zip.ts'

/** The arrays of an .npz by key, in the order of the archive. Members that are not .npy are left out. */
export async function openNpz(archive: ByteSource): Promise<ReadonlyMap<string, ArraySource>> {
  const arrays = new Map<string, ArraySource>()
  for (const member of await readZip(archive)) {
    if (!member.name.endsWith('.npy')) continue
    arrays.set(member.name.slice(0, -4), await openNpy(await member.open()))
  }
  return arrays
}
