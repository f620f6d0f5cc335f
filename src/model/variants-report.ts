import type { Report, Verdict } from './report.ts'

/** The JSON object of `variants`: a folder as transformers.js loads it, from one float model. */
export interface VariantsReport {
  readonly tersor: string
  readonly schema: 1
  readonly command: 'variants'
  readonly input: { readonly path: string; readonly parts: readonly string[] }
  readonly output: { readonly path: string; readonly bytes: number; readonly files: readonly string[] }
  readonly options: Readonly<Record<string, unknown>>
  readonly variants: readonly VariantFact[]
  /** Files of the model that were copied: configuration, tokenizer, licence. */
  readonly copied: readonly string[]
  readonly license: LicenseFact
  readonly runtime?: Report['runtime']
  readonly phases: readonly { readonly name: string; readonly ms: number }[]
  readonly peakBytes: number
  readonly warnings: readonly string[]
  /** Those of `warnings` that only inform; left out where there are none. */
  readonly notes?: readonly string[]
}

/** What is known of the licence: a file that was copied, a word of the model card, or nothing. */
export interface LicenseFact {
  readonly file?: string
  readonly name?: string
}

/** One file of one part. */
export interface VariantFact {
  /** `model`, `encoder_model`, `decoder_model_merged` ... */
  readonly part: string
  /** The name that transformers.js has for it: `fp16`, `q8`, `q4f16` ... */
  readonly dtype: string
  /** Inside the folder, such as `onnx/model_q4.onnx`; left out where nothing was written. */
  readonly file?: string
  /** The file and its data files. */
  readonly files: readonly string[]
  readonly bytes: number
  /** Of the float model it comes from. */
  readonly bytesBefore: number
  readonly compressed?: { readonly gzip: number; readonly brotli: number }
  /** What it was made with: a preset. */
  readonly preset: string
  readonly verdict: Verdict
  /** What became of each tensor, and why; none for the float model. */
  readonly decisions: Report['decisions']
  readonly requires?: Report['requires']
  readonly sha256?: string
}
