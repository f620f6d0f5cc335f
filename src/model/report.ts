import type { ShownSample } from './gallery.ts'
import type { LayerFacts } from './layer-facts.ts'
import type { SearchFacts } from './search-facts.ts'
import type { TruthFigures } from './truth.ts'

/** The JSON object of the command-line contract, section 7. Keys are stable; `schema` counts breaking changes. */
export interface Report {
  readonly tersor: string
  readonly schema: 1
  readonly command: string
  readonly input: FileFact & { readonly family?: string; readonly opset?: number }
  readonly output?: FileFact & {
    readonly files: readonly string[]
    readonly compressed?: { readonly gzip: number; readonly brotli: number }
  }
  readonly requires?: {
    readonly onnxruntime: string
    readonly opset: number
    readonly ir: number
    readonly sessionOptions: Readonly<Record<string, string>>
  }
  readonly options: Readonly<Record<string, unknown>>
  readonly decisions: readonly DecisionFact[]
  readonly points: readonly Readonly<Record<string, unknown>>[]
  readonly statistics?: { readonly sha256: string }
  /** Static quantization: layers and the values between them, in the order of the graph. */
  readonly layers?: readonly LayerFacts[]
  /** Of `search`: what each group of tensors could become, and the curve of bytes and loss. */
  readonly search?: SearchFacts
  readonly verdict?: Verdict
  readonly runtime?: {
    readonly name: string
    readonly version: string
    readonly threads: number
    readonly cpu: readonly string[]
  }
  readonly phases: readonly { readonly name: string; readonly ms: number }[]
  readonly peakBytes: number
  /** Everything that is remarked. */
  readonly warnings: readonly string[]
  /** Those of `warnings` that only inform; left out where there are none. */
  readonly notes?: readonly string[]
  /** One command to try next. */
  readonly suggestion?: string
}

export interface FileFact {
  readonly path: string
  readonly bytes: number
  /** Only for --json, --manifest and --report. */
  readonly sha256?: string
}

export interface DecisionFact {
  readonly tensor: string
  readonly consumers: readonly string[]
  readonly op: string
  readonly action: 'quantize' | 'cast' | 'keep'
  readonly scheme?: string
  readonly lowering?: string
  readonly packing?: string
  readonly solver?: string
  readonly corrections?: readonly string[]
  readonly because: { readonly code: string; readonly text: string }
  readonly shape: readonly number[]
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** Signal to quantization noise of the weight, decibels. */
  readonly sqnrDb?: number
}

export type VerdictStatus = 'proven' | 'plausible' | 'refused' | 'unproven'

export interface OutputFigures {
  readonly name: string
  readonly cosine: number
  readonly sqnrDb: number
  readonly maxAbs: number
  /** Share of argmax agreements along the last axis; absent for outputs that are not scores. */
  readonly top1Agreement?: number
  readonly kl?: number
  /** Pictures: peak signal to noise in decibels, and structural similarity, 1 where they are the same. */
  readonly psnrDb?: number
  readonly ssim?: number
  /** What people look at or listen to, where the output was recognised. */
  readonly medium?: 'picture' | 'waveform' | 'spectrum'
  /** Values that are not finite where float is finite. */
  readonly nonFinite: number
}

/** A sequence of samples, whose states go from one to the next: what errors that add up do, beside those of single steps. */
export interface SequenceFigures {
  readonly states: readonly { readonly input: string; readonly output: string }[]
  /** Samples that went on from the one before. */
  readonly steps: number
  /** Each model on states of its own, as it is used. */
  readonly ownStates: { readonly outputs: readonly OutputFigures[] }
  /** Both models on the same states at every step: those that the data give, else those of the float model. */
  readonly sameStates: { readonly outputs: readonly OutputFigures[] }
}

/** With what the task says: figures of language, of embeddings, of batches. */
export interface Verdict extends TruthFigures {
  readonly status: VerdictStatus
  readonly data: 'given' | 'synthetic' | 'none'
  readonly samples: number
  /** The rule that decided, in words. */
  readonly because: string
  readonly threshold?: { readonly metric: string; readonly value: number; readonly found: number }
  /** What users will see: the fused figures. */
  readonly outputs: readonly OutputFigures[]
  readonly reference?: { readonly outputs: readonly OutputFigures[] }
  readonly unfused?: { readonly outputs: readonly OutputFigures[] }
  readonly fused?: { readonly outputs: readonly OutputFigures[] }
  /** Of models with states, as users run them; absent where every sample stands for itself. */
  readonly sequence?: SequenceFigures
  /** The task metric: `name`, `float`, `quantized`, `loss`, and what else the metric says. */
  readonly metric?: Readonly<Record<string, number | string>>
  /** A few samples with what each model answered, where labels were given; wrong ones first. `sample` counts from 0. */
  readonly examples?: readonly {
    readonly sample: number
    readonly expected: string
    readonly float: string
    readonly quantized: string
  }[]
  /** Samples to look at, for --report: pictures, spectrograms, boxes, answers, texts of both models. */
  readonly shown?: readonly ShownSample[]
  /** Tensors with the largest share of error, worst first. */
  readonly worst: readonly string[]
  /** Inputs that the data did not give and how they were filled. */
  readonly filled: readonly string[]
}
