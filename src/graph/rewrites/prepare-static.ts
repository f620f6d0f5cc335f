import type { Model } from '../../model/graph.ts'
import type { ReadSmall } from '../constant-nodes.ts'
import { type FoldOptions, foldBatchNorms } from './batch-norm.ts'
import { mergeBounds } from './bounds.ts'
import { splitConcatNorms } from './concat-norm.ts'
import { foldConstants } from './fold-constants.ts'
import { plainGemms } from './gemm-factors.ts'
import { removeIdentities } from './identity.ts'
import { keepConstantNames } from './keep-names.ts'
import { foldPads } from './pads.ts'
import type { RewriteNote, RewrittenModel } from './rewrite-note.ts'
import { untieHeads } from './tied-heads.ts'
import { cancelTransposes } from './transposes.ts'

/** Every round does at least one thing; chains of identities in bodies are the longest ones known. */
const MOST_ROUNDS = 64

const REWRITES = [
  removeIdentities,
  cancelTransposes,
  mergeBounds,
  plainGemms,
  splitConcatNorms,
  foldBatchNorms,
  foldPads,
  untieHeads,
  foldConstants,
]

/**
 * What is done to a graph before its activations are quantized: identities and transposes that cancel go, bounds and factors are
 * written plainly, heads that are tied to embeddings get weights of their own, norms (those behind a Concat part by part) and pads are folded into products, what
 * depends on constants alone is computed; again until nothing changes. The function stays the same up to the rounding of
 * folded weights, which are kept in memory (at most 128 MiB each; longer ones stay as they are). `left` is what the last
 * round left.
 */
export async function prepareForStatic(
  model: Model,
  read: ReadSmall,
  options: FoldOptions = {},
): Promise<RewrittenModel> {
  const done: RewriteNote[] = []
  let current = model
  for (let round = 0; ; round++) {
    const left: RewriteNote[] = []
    const before = current
    for (const rewrite of REWRITES) {
      const result = await rewrite(current, read, { ...options, codedWeights: true })
      current = result.model
      done.push(...result.done)
      left.push(...result.left)
    }
    if (current === before || round === MOST_ROUNDS) {
      return { model: keepConstantNames(model, current), done, left }
    }
  }
}
