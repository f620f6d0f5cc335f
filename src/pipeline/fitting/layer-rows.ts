import type { TensorRef } from '../../model/graph.ts'
import type { MatrixView } from '../../model/scheme.ts'
import type { Tools } from '../../model/tools.ts'
import { decode, encodeHalf } from '../../schemes/index.ts'
import { decodeRows, type GramCodes, type GramRows } from '../../solvers/gram/rows.ts'
import { solveTensor } from '../../solvers/index.ts'
import { floatsOf } from '../floats.ts'
import { addLowRank } from '../low-rank/low-rank-values.ts'
import type { WeightWork } from '../plan.ts'
import { balanceValues, requireFinite } from '../produce/tile.ts'
import { turned } from '../turned.ts'
import type { FitLayer } from './fit-groups.ts'
import type { FittedWeight } from './fitted.ts'
import { madeWhenRead } from './made-when-read.ts'

/** Elements of a weight that is only decoded for what comes behind it. */
const MOST_DECODED = 2 ** 26

/** Balanced rows of a weight, one an output channel. */
export async function rowsOf({ work, view, spec }: FitLayer, { kernels }: Tools): Promise<GramRows> {
  const { weight, balance } = work
  const values = await floatsOf(weight.tensor, 0, weight.elementCount, kernels)
  requireFinite(weight.name, values, 0)
  balanceValues({ ...(balance ? { balance } : {}), view }, values, 0)
  const { channels, depth } = view
  const rows = view.along === 'row' ? values : turned(values, depth, channels, new Float32Array(values.length))
  return { values: rows, channels, depth, spec }
}

/** Rows of one of `groups` groups of output channels. */
export function groupPart(rows: GramRows, group: number, groups: number): GramRows {
  const channels = rows.channels / groups
  const size = channels * rows.depth
  return { ...rows, channels, values: rows.values.subarray(group * size, (group + 1) * size) }
}

/** Codes of rows in the order of the file, with what they do wrong. */
export function storedRows(
  rows: GramRows,
  view: MatrixView,
  { codes, scales, zeros }: GramCodes,
): Pick<FittedWeight, 'quantized' | 'squaredError' | 'energy'> {
  const { values, channels, depth, spec } = rows
  const decoded = decodeRows(rows, { codes, scales, zeros })
  let [squaredError, energy] = [0, 0]
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    squaredError += (value - (decoded[i] as number)) ** 2
    energy += value * value
  }
  const stored = view.along === 'row' ? codes : turned(codes, channels, depth, new Uint8Array(codes.length))
  const quantized = { spec, view, codes: stored, scales, ...(spec.symmetric ? {} : { zeros }) }
  return { quantized, squaredError, energy }
}

/** What a weight that is not fitted decodes to, solved when it is read; null where nothing is known of it before the file is written. */
export function decodedAlone(work: WeightWork, { kernels }: Tools): TensorRef | null {
  const { weight, spec, solver, balance, packing } = work
  const view = weight.uses[0]?.view
  if (spec.family === 'half' || !view || !packing || weight.elementCount > MOST_DECODED) return null
  if (work.inverse?.some((one) => one === 0)) return null
  return decodedTensor(work, kernels, async () => {
    const values = await floatsOf(weight.tensor, 0, weight.elementCount, kernels)
    requireFinite(weight.name, values, 0)
    balanceValues({ ...(balance ? { balance } : {}), view }, values, 0)
    const { quantized } = solveTensor(values, view, spec, solver, kernels, weight.name)
    return decode(quantized, kernels)
  })
}

/** Codes in the place of a weight, decoded when they are read. */
export function decodedFit(work: WeightWork, found: FittedWeight, { kernels }: Tools): TensorRef {
  return decodedTensor(work, kernels, async () => {
    const values = decode(found.quantized, kernels)
    if (found.lowRank) addLowRank(values, found.lowRank, found.quantized.view)
    return values
  })
}

/** Decoded values in the place of a weight: without its balance, in its own type. */
function decodedTensor(
  { weight, balance }: WeightWork,
  kernels: Tools['kernels'],
  decoded: () => Promise<Float32Array>,
): TensorRef {
  const { name, dtype, shape, elementCount } = weight
  const width = dtype === 'f64' ? 8 : dtype === 'f32' ? 4 : 2
  const make = async (): Promise<Uint8Array> => {
    const values = await decoded()
    const view = weight.uses[0]?.view
    if (balance && view) balanceValues({ balance: balance.map((one) => (one === 0 ? 0 : 1 / one)), view }, values, 0)
    if (dtype === 'f64') return new Uint8Array(Float64Array.from(values).buffer)
    if (dtype === 'f32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    const { codes } = encodeHalf(values, dtype === 'bf16' ? 'bf16' : 'f16', kernels)
    return new Uint8Array(codes.buffer as ArrayBuffer, codes.byteOffset, codes.byteLength)
  }
  return { name, dtype, shape, storage: madeWhenRead(`decoded "${name}"`, elementCount * width, make) }
}
