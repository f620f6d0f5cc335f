import type { LoweringId } from './plan.ts'

export type TargetId = 'ort' | 'ort-node-cpu' | 'ort-web-wasm' | 'ort-web-webgpu'

/** What a named runtime executes; dated data, from probes. */
export interface Target {
  readonly id: TargetId
  readonly runtime: string
  /** Version the facts were measured on; newer ones are assumed to keep them. */
  readonly version: string
  readonly measured: string
  readonly maxOpset: number
  readonly maxIrVersion: number
  readonly matmulNBits: {
    readonly bits: readonly number[]
    readonly blockSizes: readonly number[]
    /** accuracy_level written, and why. */
    readonly accuracyLevel: Readonly<Record<number, number>>
    readonly why: string
    readonly halfScalesBehindCast: boolean
  } | null
  /** Always in f32. */
  readonly matmulBnb4: { readonly blockSizes: readonly number[]; readonly halfScalesBehindCast: boolean } | null
  readonly gatherBlockQuantized: { readonly bits: readonly number[]; readonly blockSizes: readonly number[] } | null
  readonly dequantizeLinear: { readonly bits: readonly number[]; readonly halfScales: boolean } | null
  readonly dynamicQuantizeMatMul: boolean
  readonly dynamicQuantizeLstm: boolean
  readonly matmulInteger: boolean
  /** u8 x s8 kernels may saturate int16 on some CPU of this target. */
  readonly signedWeightsMaySaturate: boolean
  /** Cast and Mul of constants are folded when a session is made, so expanding weights costs no time per run. */
  readonly foldsConstants: boolean
  /** Relative time against float of a form, by op; > 1 is slower. Used for `auto` and for warnings. */
  readonly cost: Readonly<Partial<Record<LoweringId, number>>>
  readonly faults: readonly string[]
}
