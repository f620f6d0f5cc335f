/** How a spectrum becomes features. */
export interface MelRecipe {
  /** `htk`: triangles on the mel scale, as TensorFlow and Kaldi; `slaney`: triangles of equal area in hertz, as librosa. */
  readonly scale: 'htk' | 'slaney'
  readonly bands: number
  /** Hertz. */
  readonly low: number
  readonly high: number
  /** 1: of magnitudes, 2: of powers. */
  readonly power: 1 | 2
  readonly log: 'ln' | 'log10' | 'db'
  /** Band energies below this are taken as this. */
  readonly floor: number
}

export interface SpectrumRecipe {
  /** Samples under the window; its rest up to `fft` is zero, behind. */
  readonly window: number
  readonly hop: number
  readonly fft: number
  /** `hann`: periodic; `sqrt-hann`: its square root; `rect`: none. */
  readonly taper: 'hann' | 'sqrt-hann' | 'rect'
  /** Whether the sound is continued at both ends by half a transform, mirrored. */
  readonly centre: boolean
}

/** How a sound becomes the values of an input. */
export interface SoundRecipe {
  /** Samples a second that the model takes. */
  readonly rate?: number
  /** Samples of one chunk of a waveform; default the model's. */
  readonly frame?: number
  /** Samples from one chunk to the next; default the chunk's length. */
  readonly step?: number
  /** Mean 0 and variance 1 in each chunk of a waveform. */
  readonly standardize?: boolean
  readonly spectrum?: Partial<SpectrumRecipe>
  /** Absent: the complex spectrum itself. */
  readonly mel?: Partial<MelRecipe>
  /** Cepstral coefficients of the bands; absent: the bands. 0: as many as the model takes. */
  readonly coefficients?: number
}

export const SOUND_PRESETS: ReadonlyMap<string, SoundRecipe> = new Map<string, SoundRecipe>([
  ['wave', {}],
  ['stft', { spectrum: {} }],
  ['logmel', { spectrum: {}, mel: {} }],
  ['mfcc', { spectrum: {}, mel: {}, coefficients: 0 }],
])
