import { NPY_MAGIC, ZIP_MAGIC } from './magic.ts'

export type ContentKind = 'npy' | 'npz' | 'picture' | 'sound' | 'other'

const SIGNATURES: readonly (readonly [ContentKind, readonly (number | null)[]])[] = [
  ['npy', NPY_MAGIC],
  ['npz', ZIP_MAGIC],
  ['picture', [0xff, 0xd8, 0xff]],
  ['picture', [0x89, 0x50, 0x4e, 0x47]],
  ['picture', [0x52, 0x49, 0x46, 0x46, null, null, null, null, 0x57, 0x45, 0x42, 0x50]],
  ['sound', [0x52, 0x49, 0x46, 0x46, null, null, null, null, 0x57, 0x41, 0x56, 0x45]],
]

/** Bytes of a file's start that `contentKind` wants to see. */
export const CONTENT_BYTES = 16

/** What a file holds, by its first bytes. */
export function contentKind(start: Uint8Array): ContentKind {
  for (const [kind, signature] of SIGNATURES) {
    if (signature.every((byte, at) => byte === null || start[at] === byte)) return kind
  }
  return 'other'
}
