import { embeddingMeter, type KindHints, languageMeter } from '../../evaluation/index.ts'
import type { LanguageFigures, TruthFigures } from '../../model/truth.ts'
import type { Evidence } from '../evidence.ts'
import type { Watcher } from '../prove.ts'

/** Figures of language and of embeddings, from the answers that the comparison sees anyway. */
export function truthWatcher(evidence: Evidence, hints: KindHints): Watcher & { figures(): TruthFigures } {
  const language = languageMeter(hints)
  const embeddings = embeddingMeter(hints)
  return {
    add(sample, float, quantized) {
      language.add(sample, float, quantized)
      embeddings.add(sample, float, quantized)
    },
    figures() {
      const spoken = spokenOn(evidence, language.figures(evidence.rows))
      const vectors = spoken === undefined ? embeddings.figures(evidence.pairs) : undefined
      return {
        ...(spoken === undefined ? {} : { language: spoken }),
        ...(vectors === undefined ? {} : { embeddings: vectors }),
      }
    },
  }
}

/** Random tokens have no next one that would be right. */
function spokenOn({ data }: Evidence, figures: LanguageFigures | undefined): LanguageFigures | undefined {
  if (figures === undefined || data === 'given') return figures
  const { perplexity: _perplexity, rightToken: _rightToken, ...rest } = figures
  return { ...rest, curves: { ...rest.curves, change: [] } }
}
