import { existsSync, statSync } from 'node:fs'
import { fileSource } from '../../bytes/file.node.ts'
import { CONTENT_BYTES, contentKind } from '../../calibration/content-kind.ts'

export type ArrayFileKind = 'npy' | 'npz' | 'picture'

/** The kind of array file by content; null for models, folders, addresses and what does not exist. */
export async function arrayFileKind(path: string): Promise<ArrayFileKind | null> {
  if (!existsSync(path) || !statSync(path).isFile()) return null
  const source = fileSource(path)
  try {
    const kind = contentKind(await source.read(0, Math.min(CONTENT_BYTES, source.byteLength)))
    return kind === 'npy' || kind === 'npz' || kind === 'picture' ? kind : null
  } finally {
    await source.close?.()
  }
}
