import { basename, extname } from 'node:path'
import { fileSource } from '../../bytes/file.node.ts'
import { openNpz, readNpy } from '../../calibration/index.ts'
import { readPicture } from '../../calibration/picture.node.ts'
import { TersorError } from '../../errors.ts'
import type { Value } from '../../model/runtime.ts'
import type { ArrayFileKind } from './array-kind.node.ts'

export { type ArrayFileKind, arrayFileKind } from './array-kind.node.ts'

/** What an input of arrays holds, by name. */
export interface ArrayInput {
  readonly kind: ArrayFileKind
  readonly byteLength: number
  readonly values: ReadonlyMap<string, Value>
}

/** Everything in memory: .npy and .npz are read whole, pictures are decoded. */
export async function readArrays(path: string, kind: ArrayFileKind): Promise<ArrayInput> {
  const source = fileSource(path)
  try {
    const { byteLength } = source
    const name = basename(path, extname(path))
    if (kind === 'npy') return { kind, byteLength, values: new Map([[name, await readNpy(source)]]) }
    if (kind === 'picture') {
      const { shape, data } = await readPicture(await source.read(0, byteLength), path)
      return { kind, byteLength, values: new Map([[name, { dtype: 'u8', shape, data }]]) }
    }
    const values = new Map<string, Value>()
    for (const [key, array] of await openNpz(source)) values.set(key, await array.all())
    if (values.size === 0) {
      throw new TersorError('E_FORMAT', `${path}: expected arrays in the archive, found none`, { where: path })
    }
    return { kind, byteLength, values }
  } finally {
    await source.close?.()
  }
}
