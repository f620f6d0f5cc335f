/** A figure of both models. In `compare`, float is A and quantized is B. */
export interface FigurePair {
  readonly float: number
  readonly quantized: number
}

/** What is known of a language model from texts: token by token, over positions whose next token is known. */
export interface LanguageFigures {
  /** The output that scores every token. */
  readonly output: string
  /** Lines or windows of tokens. */
  readonly lines: number
  /** Positions that were counted: those whose next token is in the line, padding left out. */
  readonly positions: number
  /** How texts became lines of tokens, where texts were given. */
  readonly text?: string
  /** Kullback-Leibler divergence from float, natural units. */
  readonly kl: { readonly mean: number; readonly standardError: number; readonly p99: number; readonly max: number }
  /** Share of positions with the same first choice. */
  readonly top1Agreement: number
  /** Mean share of float's five first choices that are among the five of the other. */
  readonly top5Agreement: number
  /** Absent where scores are about the token itself (masked models). */
  readonly perplexity?: FigurePair & {
    readonly floatError: number
    readonly quantizedError: number
    readonly difference: number
    /** Of the difference: both models see the same tokens, so it is far below the errors of each. */
    readonly differenceError: number
  }
  /** Change of the probability of the token that comes next. */
  readonly rightToken?: { readonly mean: number; readonly rms: number }
  /** For drawing. */
  readonly curves: {
    /** KL at these shares of the positions, least first. */
    readonly kl: readonly { readonly share: number; readonly value: number }[]
    /** Mean KL by place in the line. */
    readonly byPlace: readonly { readonly from: number; readonly to: number; readonly kl: number }[]
    /** Change of the right token's probability at these shares of the positions. */
    readonly change: readonly { readonly share: number; readonly value: number }[]
  }
}

/** What is known of an encoder from its embeddings. */
export interface EmbeddingFigures {
  readonly output: string
  /** `mean`: over the tokens that the mask names. `given`: the output is one vector a text. Both are normalized. */
  readonly pooling: 'mean' | 'given'
  readonly texts: number
  readonly cosine: { readonly mean: number; readonly min: number; readonly worst: string }
  /** Mean share of the k nearest texts in float that are among the k nearest of the other. */
  readonly neighbours: readonly { readonly k: number; readonly overlap: number; readonly queries: number }[]
  /** Texts by twos with a score given by people: how well cosines follow it. */
  readonly pairs?: {
    readonly count: number
    readonly pearson: FigurePair & { readonly change: number }
    readonly spearman: FigurePair & { readonly change: number }
  }
  /** For drawing: cosine at these shares of the texts, least first. */
  readonly curve: readonly { readonly share: number; readonly value: number }[]
}

/** How much what is said of a text depends on what is in the batch beside it. */
export interface BatchFigures {
  readonly output: string
  readonly texts: number
  readonly float: BatchDistance
  readonly quantized: BatchDistance
}

export interface BatchDistance {
  /** The least over the texts: alone against in a padded batch. */
  readonly cosine: number
  /** The largest over the texts: size of the difference by the size of what is said alone. */
  readonly difference: number
}

/** What the task says beyond figures of each output. */
export interface TruthFigures {
  readonly language?: LanguageFigures
  readonly embeddings?: EmbeddingFigures
  readonly batch?: BatchFigures
}

/** Two texts by their positions in the data, and how alike people find them. */
export interface ScoredPair {
  readonly first: number
  readonly second: number
  readonly score: number
}
