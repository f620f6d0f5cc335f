import type { CodeRounding } from '../model/array-scheme.ts'
import type {
  CompensationKind,
  CorrectionKind,
  Explanation,
  ExplanationSource,
  ExplanationWarning,
} from '../model/explanation.ts'
import { WORDS_EN } from './explain-words-en.ts'
import { WORDS_ZH } from './explain-words-zh.ts'

export type Language = 'en' | 'zh'

/** Every text of an explanation; `{name}` stands for what is filled in. The same keys and names in each language. */
export interface ExplainWords {
  /** For the `lang` attribute. */
  readonly tag: string
  readonly title: string
  readonly source: Readonly<Record<ExplanationSource['kind'], string>>
  readonly summary: string
  readonly rounding: Readonly<Record<CodeRounding, string>>
  readonly levels: {
    readonly title: string
    readonly about: string
    readonly step: string
    readonly precision: string
    readonly codes: string
    readonly points: string
  }
  readonly quantize: { readonly title: string; readonly about: string }
  readonly columns: {
    readonly index: string
    readonly value: string
    readonly scaled: string
    readonly truncated: string
    readonly code: string
    readonly decoded: string
    readonly error: string
  }
  readonly compensation: {
    readonly title: string
    readonly about: string
    readonly kind: Readonly<Record<CompensationKind, string>>
    readonly max: string
    readonly rms: string
    readonly mean: string
    readonly runs: string
    readonly tiles: string
    readonly bytes: string
    readonly chart: string
  }
  readonly correction: {
    readonly title: string
    readonly about: string
    readonly kind: Readonly<Record<CorrectionKind | 'none', string>>
    readonly model: string
    readonly bytes: string
    readonly gain: string
    readonly breakEven: string
    readonly worth: string
    readonly pays: string
    readonly paysNot: string
    readonly chart: string
  }
  readonly dequantize: {
    readonly title: string
    readonly about: string
    readonly promise: Readonly<Record<Explanation['error']['promise'], string>>
    readonly kept: string
    readonly broken: string
    readonly clipped: string
    readonly storage: string
  }
  readonly article: {
    readonly title: string
    readonly about: string
    readonly result: string
    readonly restored: string
  }
  readonly charts: {
    readonly title: string
    readonly values: string
    readonly valuesAbout: string
    readonly stairs: string
    readonly stairsAbout: string
    readonly curve: string
    readonly curveAbout: string
    readonly errors: string
    readonly errorsAbout: string
    readonly running: string
    readonly runningAbout: string
    readonly article: string
    readonly articleAbout: string
    readonly share: string
    readonly plain: string
    readonly compensated: string
    readonly corrected: string
    readonly nth: string
    readonly inSteps: string
  }
  readonly tiles: {
    readonly levels: string
    readonly step: string
    readonly max: string
    readonly size: string
    readonly ofFloat: string
    readonly bits: string
    readonly values: string
  }
  readonly warning: Readonly<Record<ExplanationWarning, string>>
  readonly warningTitle: string
  readonly footer: string
  readonly written: string
}

export const LANGUAGES: readonly Language[] = ['en', 'zh']
export const wordsOf = (language: Language): ExplainWords => (language === 'zh' ? WORDS_ZH : WORDS_EN)

/** Fills the places of a text. A place without a value stays visible, so that a test sees it. */
export function filled(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place))
}
