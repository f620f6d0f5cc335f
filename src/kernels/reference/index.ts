import type { Kernels } from '../../model/kernels.ts'
import { Arena } from './arena.ts'
import { fitScaleRows } from './block-scale.ts'
import { decodeColumns, decodeRows } from './decode.ts'
import { decodeByteRows, packFloatRows, packIntegerRows, packLevelRows, unpackLevelRows } from './dense-rows.ts'
import { encodeColumns, encodeRows, encodeRowsTransposed } from './encode.ts'
import { fitColumns, fitRows } from './fit.ts'
import { crossRows, descendBlocks, descendLevels, descendRow, subtractDots } from './gram.ts'
import { chooseGrids, gridColumns, proposeGrids } from './grids.ts'
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from './half.ts'
import { histogram } from './histogram.ts'
import { activateRows, addFloats, passRows, softWeights, stepRounding } from './learn.ts'
import { prepareLevels } from './level-table.ts'
import { interleave, packNibbleColumns } from './nibbles.ts'
import { countBins, observeColumns, observeRuns, sampleBlocks } from './observe.ts'
import {
  nearestPackColumns,
  nearestPackRows,
  packCodes,
  packColumns,
  packColumnsInPlace,
  packRows,
  unpackCodes,
} from './pack.ts'
import { foldPairs } from './pairs.ts'
import { encodePlainColumns } from './plain-codes.ts'
import { convolveChannels, multiplyRows, transposeFloats, unfoldMap } from './products.ts'
import { census, foldColumns } from './range.ts'
import { weighAcross, weighDown } from './resize.ts'
import { combineFloats, softmaxGradRows, softmaxRows } from './softmax.ts'
import { squaredError } from './squared-error.ts'
import { roundRows, shiftRows } from './weights.ts'
import { worstPairColumns, worstPairRows } from './worst-pair.ts'

const FUNCTIONS = {
  observeRuns,
  observeColumns,
  sampleBlocks,
  countBins,
  census,
  foldColumns,
  foldPairs,
  fitRows,
  fitColumns,
  proposeGrids,
  gridColumns,
  chooseGrids,
  encodeRows,
  encodeColumns,
  encodeRowsTransposed,
  packRows,
  packColumns,
  packColumnsInPlace,
  nearestPackRows,
  nearestPackColumns,
  packNibbleColumns,
  interleave,
  encodePlainColumns,
  packCodes,
  unpackCodes,
  decodeRows,
  decodeColumns,
  f32ToF16,
  f16ToF32,
  f32ToBf16,
  bf16ToF32,
  squaredError,
  histogram,
  worstPairRows,
  worstPairColumns,
  fitScaleRows,
  packIntegerRows,
  packLevelRows,
  packFloatRows,
  unpackLevelRows,
  decodeByteRows,
  prepareLevels,
  crossRows,
  descendRow,
  descendBlocks,
  descendLevels,
  subtractDots,
  multiplyRows,
  transposeFloats,
  unfoldMap,
  convolveChannels,
  activateRows,
  passRows,
  addFloats,
  softWeights,
  stepRounding,
  softmaxRows,
  softmaxGradRows,
  combineFloats,
  weighAcross,
  weighDown,
  roundRows,
  shiftRows,
}

type Bound<F> = F extends (arena: never, ...rest: infer R) => infer T ? (...rest: R) => T : never

/** Plain TypeScript kernels on a memory of their own: the specification, and the fallback where WebAssembly SIMD is missing. */
export function createReferenceKernels(): Kernels {
  const arena = new Arena()
  const bound = Object.fromEntries(
    Object.entries(FUNCTIONS).map(([name, run]) => [name, (run as (...all: unknown[]) => unknown).bind(null, arena)]),
  ) as { [N in keyof typeof FUNCTIONS]: Bound<(typeof FUNCTIONS)[N]> }
  return {
    ...bound,
    id: 'reference',
    get memory() {
      return arena.buffer
    },
    reserve: (byteLength) => arena.reserve(byteLength),
  }
}
