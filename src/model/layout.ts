import type { ByteSource } from '../bytes/types.ts'

/** A run of an output file. The concatenation of all segments is the file. */
export type Segment =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly byteLength: number }
  | { readonly kind: 'copy'; readonly source: ByteSource; readonly start: number; readonly byteLength: number }
  /** Zeros, for alignment. */
  | { readonly kind: 'gap'; readonly byteLength: number }
  /** Elements of a tensor that the pipeline makes; `tensor` is the key given in the output graph. */
  | { readonly kind: 'produced'; readonly tensor: string; readonly byteLength: number }

export interface FileLayout {
  readonly files: readonly {
    /** Last path component; the first file is the model itself. */
    readonly name: string
    readonly byteLength: number
    readonly segments: readonly Segment[]
  }[]
}
