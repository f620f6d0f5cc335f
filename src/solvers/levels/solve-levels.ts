import type { Kernels } from '../../model/kernels.ts'
import type { CodedSpec } from '../../model/packing.ts'
import type { MatrixView, SolverId } from '../../model/scheme.ts'
import { gridShapeOf } from '../../numbers/grid-shape.ts'
import { type CodeLevels, codeLevels } from '../../numbers/level-tables/code-levels.ts'
import type { Solved } from '../solve.ts'
import { survey } from '../survey.ts'
import { encodeLevels, type LevelFit, nearestFit, searchFit } from './level-scale.ts'

/** Finds the scale of a block of values for a table. */
export function levelFit(
  spec: CodedSpec,
  solver: SolverId,
): { readonly levels: CodeLevels; readonly fit: LevelFit } | null {
  const levels = codeLevels(spec)
  return levels && { levels, fit: (solver === 'nearest' ? nearestFit : searchFit)(spec, levels) }
}

/** Codes of a table of levels: what `solveTensor` gives for them. Runs need whole channels, and as many of them as end a run. */
export function solveLevels(
  values: Float32Array,
  view: MatrixView,
  spec: CodedSpec,
  { levels, fit }: { readonly levels: CodeLevels; readonly fit: LevelFit },
  kernels: Kernels,
  label: string,
): Solved {
  const { energy } = survey(values, kernels, label)
  const scales = new Float32Array(gridShapeOf(spec.granularity, view).grids)
  const isRow = view.along === 'row'
  // Channel after channel, whatever the source: blocks are runs of that.
  const lines = isRow ? values : turned(values, view, new Float32Array(values.length))
  const found = new Uint8Array(values.length)
  let squaredError = 0
  let grid = 0
  for (const [start, end] of runsOf(view, spec)) {
    const some = lines.subarray(start, end)
    const scale = fit(some)
    scales[grid++] = scale
    squaredError += encodeLevels(some, scale, levels, found.subarray(start, end))
  }
  const codes = isRow
    ? found
    : turned(found, { ...view, depth: view.channels, channels: view.depth }, new Uint8Array(found.length))
  return { quantized: { spec, view, codes, scales }, squaredError, energy }
}

function* runsOf(
  { stack, channels, depth }: MatrixView,
  { granularity }: CodedSpec,
): Generator<readonly [number, number]> {
  const count = stack * channels * depth
  const [line, size] =
    granularity.kind === 'tensor'
      ? [count, count]
      : granularity.kind === 'run'
        ? [count, granularity.size]
        : [depth, granularity.kind === 'channel' ? depth : granularity.size]
  for (let first = 0; first < count; first += line) {
    for (let start = 0; start < line; start += size) yield [first + start, first + Math.min(line, start + size)]
  }
}

/** [depth][channels] to [channels][depth] in each matrix of a stack. */
function turned<T extends Float32Array | Uint8Array>(source: T, { stack, channels, depth }: MatrixView, target: T): T {
  for (let matrix = 0; matrix < stack; matrix++) {
    const origin = matrix * depth * channels
    for (let row = 0; row < depth; row++) {
      const from = origin + row * channels
      for (let channel = 0; channel < channels; channel++) {
        target[origin + channel * depth + row] = source[from + channel] as number
      }
    }
  }
  return target
}
