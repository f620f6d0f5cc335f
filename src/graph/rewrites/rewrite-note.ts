import type { Model, ScopePath } from '../../model/graph.ts'

/** One thing that a rewrite did, or left and why, for reports. */
export interface RewriteNote {
  /** `batch-norm`, `concat-norm`, `identity`, `pads`, `constants`, `equalize`, `clip`, `absorb`, `split`, `narrow`, `inline`, `half`, `bounds`, `gemm`, `transposes`. */
  readonly rewrite: string
  readonly scope: ScopePath
  /** The node as reports name it: its name, else its first output. */
  readonly node: string
  /** One sentence without a full stop. */
  readonly text: string
}

/** The same function, written otherwise. The model is the one given when nothing was done. */
export interface RewrittenModel {
  readonly model: Model
  readonly done: readonly RewriteNote[]
  /** What looked like work for this rewrite and stays, with the reason. */
  readonly left: readonly RewriteNote[]
}
