/** What the user asked for; a given threshold takes the place of the default rules. */
export interface Thresholds {
  readonly minCosine?: number
  /** Share, 0 to 1. */
  readonly minAgreement?: number
  /** Natural units, mean over rows. */
  readonly maxKl?: number
  /** Largest share of the metric that may be lost against float, 0 to 1. */
  readonly maxLoss?: number
}

/** Default: first choices of a classifier that must stay. */
export const MIN_AGREEMENT = 0.98
/** Default: mean divergence of a language model's next token. */
export const MAX_KL = 0.1
/** Default: equal elements of integer, boolean and string outputs. */
export const MIN_EQUAL = 0.98
/** Default where float gives zeros only: largest difference against the largest magnitude of any output. */
export const MAX_ZERO_ERROR = 0.01

/** Default cosine by the fewest bits a weight has in the result. */
export function minCosineOf(bits: number): number {
  if (bits >= 8) return 0.999
  return bits >= 4 ? 0.98 : 0.9
}

/** Default of a metric module: share of the float figure that may be lost. */
export const MAX_LOSS = 0.01

/** Default signal to noise in decibels: the noise at which a cosine meets its own default, rounded down. */
export function minSnrOf(bits: number): number {
  if (bits >= 8) return 26
  return bits >= 4 ? 13 : 6
}

/** Default for pictures in decibels: at 8 bits differences of four levels in 255, which few people see; visible but small at 4. */
export function minPsnrOf(bits: number): number {
  if (bits >= 8) return 35
  return bits >= 4 ? 28 : 20
}

/** Default where structural similarity decides: 8 bits leave nothing to see. */
export function minSsimOf(bits: number): number {
  if (bits >= 8) return 0.95
  return bits >= 4 ? 0.85 : 0.7
}

/** Default of `boxes`: share of the float model's boxes, both ways, that may be lost. */
export const MAX_BOX_LOSS = 0.06

/** Only what was given, out of options that hold more. */
export function givenThresholds(options: Thresholds): Thresholds {
  const { minCosine, minAgreement, maxKl, maxLoss } = options
  return {
    ...(minCosine === undefined ? {} : { minCosine }),
    ...(minAgreement === undefined ? {} : { minAgreement }),
    ...(maxKl === undefined ? {} : { maxKl }),
    ...(maxLoss === undefined ? {} : { maxLoss }),
  }
}
