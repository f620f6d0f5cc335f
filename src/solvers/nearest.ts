import { FitMode } from '../model/kernels.ts'
import type { IntegerSpec } from '../model/packing.ts'

/**
 * Round to nearest on the plain grid of each block.
 *
 * Symmetric with 8 bits: scale = absmax / 127, so that codes stay within +-127 of the zero. Symmetric below: the value of
 * largest magnitude becomes the code that exists on one side only, scale = extreme / -half (ggml's Q4_0 rule; all codes
 * are used). Asymmetric: the range with 0 inside it spread over all codes, integer zero.
 */
export function nearestMode(spec: IntegerSpec): FitMode {
  if (!spec.symmetric) return FitMode.Asymmetric
  return spec.bits === 8 ? FitMode.Symmetric : FitMode.SignedExtreme
}
