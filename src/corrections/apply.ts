import type { CentroidModel } from './centroids.ts'
import { type LowRankModel, lowRankAt } from './low-rank.ts'
import { type PolynomialModel, polynomialAt } from './polynomial.ts'

/** A fitted model of value - decoded. Plain data. */
export type ErrorModel = CentroidModel | PolynomialModel | LowRankModel

/** Decoded values with the modelled error added, each rounded to f32 once. */
export function applyErrorModel(model: ErrorModel, decoded: Float32Array, codes: Uint16Array): Float32Array {
  switch (model.kind) {
    case 'centroids':
      return decoded.map((value, i) => value + (model.table[codes[i] as number] as number))
    case 'polynomial':
      return decoded.map((value) => value + polynomialAt(model, value))
    case 'low-rank':
      return decoded.map((value, i) => value + lowRankAt(model, Math.floor(i / model.columns), i % model.columns))
  }
}
