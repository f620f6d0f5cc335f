import type { DType } from '../../model/dtype.ts'
import type { MatrixView, SchemeSpec, SolverId } from '../../model/scheme.ts'

/** Bytes of a weight: a run of a local file that any thread may open, or bytes already in memory. */
export type WeightSource =
  | { readonly kind: 'file'; readonly path: string; readonly start: number; readonly byteLength: number }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly byteLength: number }
  /** Only reachable through the caller's ByteSource (browser, URL); `index` names it. */
  | { readonly kind: 'source'; readonly index: number; readonly start: number; readonly byteLength: number }

/** Where one packed part goes: `position` is the offset of its first byte in output file `file`. */
export interface PartTarget {
  readonly file: number
  readonly position: number
  readonly byteLength: number
}

/** All that is needed to make the packed parts of one weight; plain data, so it can be posted to a worker. */
export interface ProduceJob {
  readonly label: string
  readonly source: WeightSource
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly view: MatrixView
  readonly spec: SchemeSpec
  readonly solver: SolverId
  /** Multiplies the weight along its depth before anything else (one factor per index of the depth). */
  readonly balance?: Float32Array
  readonly packing: string
  /** Codes, scales, zeros: parallel to the packing's parts. */
  readonly targets: readonly PartTarget[]
  /** Also sum the squares of the weights, for SQNR. */
  readonly measure: boolean
}

/** A part of a job that can be done alone: channels [from, to) of matrix `stack`, or everything when `whole`. */
export interface Unit {
  readonly job: number
  readonly whole: boolean
  readonly stack: number
  readonly from: number
  readonly to: number
}

export interface UnitResult {
  readonly squaredError: number
  readonly energy: number
}

/** Positioned input and output. Node answers at once, a browser by promise. */
export interface UnitIo {
  read(source: WeightSource, offset: number, target: Uint8Array): void | Promise<void>
  write(target: PartTarget, offset: number, bytes: Uint8Array): void | Promise<void>
}
