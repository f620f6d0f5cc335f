/** One sample for people to look at. A `source` is the data address of a PNG that we made. */
export type ShownSample = ComparedPictures | AnsweredPhoto | BoxedPhoto | ScoredText

/** What both models made of one sample, and how far apart it is. */
export interface ComparedPictures {
  readonly kind: 'pictures' | 'spectrogram'
  readonly label: string
  readonly output: string
  readonly width: number
  readonly height: number
  /** What was fed, where that is a picture. */
  readonly input?: string
  readonly float: string
  readonly quantized: string
  /** Pictures: eight times the difference, black where there is none. Spectrograms: the difference on the same scale. */
  readonly difference: string
  /** PSNR of pictures, SNR of sound, in decibels. */
  readonly db: number
}

/** A picture that was classified. */
export interface AnsweredPhoto {
  readonly kind: 'photo'
  readonly label: string
  readonly source: string
  readonly expected?: string
  readonly float: string
  readonly quantized: string
  readonly same: boolean
}

/** A picture with what both models found in it; places in pixels of the picture. */
export interface BoxedPhoto {
  readonly kind: 'boxes'
  readonly label: string
  readonly source: string
  readonly width: number
  readonly height: number
  readonly float: readonly ShownBox[]
  readonly quantized: readonly ShownBox[]
}

export interface ShownBox {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
  readonly text: string
}

/** A line of tokens with what each model expects to come next. */
export interface ScoredText {
  readonly kind: 'text'
  readonly label: string
  readonly output: string
  readonly tokens: readonly {
    readonly given: string
    readonly float: string
    readonly quantized: string
  }[]
  /** Bits per token, where the line says what comes next. */
  readonly bits?: { readonly float: number; readonly quantized: number }
}
