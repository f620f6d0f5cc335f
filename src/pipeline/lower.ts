import { TersorError } from '../errors.ts'
import { applyEdits, freshNames } from '../graph/index.ts'
import { float32s, int64s, lowerings, lowerLstmPair } from '../graph/lowerings/index.ts'
import type { Model, TensorRef } from '../model/graph.ts'
import type { GraphEdit } from '../model/graph-edit.ts'
import type { LowRank } from '../model/low-rank.ts'
import type { LoweringContext, PackedRefs } from '../model/lowering.ts'
import type { LoweringId } from '../model/plan.ts'
import type { Target } from '../model/target.ts'
import { encodeF16Array } from '../numbers/f16.ts'
import { packCodes } from '../numbers/int.ts'
import type { Plan, WeightWork } from './plan.ts'
import { turned } from './turned.ts'

/** A weight with the names of its packed tensors in the output graph, parallel to `work.parts`. */
export interface LoweredWeight {
  readonly work: WeightWork
  readonly tensors: readonly TensorRef[]
}

const SUFFIX = { codes: 'q', scales: 's', zeros: 'z' } as const

/** The output graph: every decision expressed in nodes, packed tensors as 'produced' initializers in the weight's scope. */
export function lower(model: Model, plan: Plan, target: Target): { model: Model; weights: readonly LoweredWeight[] } {
  const names = freshNames(model)
  const opset = model.opsets.find((one) => one.domain === '' || one.domain === 'ai.onnx')?.version ?? 0
  const context: LoweringContext = { target, opset, fresh: (base) => names(base) }
  const edits: GraphEdit[] = []
  const weights: LoweredWeight[] = []
  const lstm = new Map<object, { work: WeightWork; packed: PackedRefs }[]>()

  for (const work of plan.work) {
    const tensors = work.parts.map(
      (part): TensorRef => ({
        name: names(`${work.weight.name}.${SUFFIX[part.part]}`),
        dtype: part.dtype,
        shape: part.shape,
        storage: { kind: 'produced', byteLength: part.byteLength },
      }),
    )
    weights.push({ work, tensors })
    const extra = extraOf(work, names)
    const packed = { ...packedOf(work, tensors), ...extra }
    const own: LoweringContext = { ...context, least: (node) => work.least?.get(node) ?? null }
    // A weight that callers could override is no input any more once codes take its place.
    const nodesOnly = [...work.groups.keys()].every((id) => loweringOf(id).kind === 'node')
    const listed = nodesOnly && work.weight.spelling === 'initializer-input'
    edits.push({
      scope: work.weight.scope,
      addInitializers: [
        ...tensors,
        ...[extra.inverse, extra.floatRows?.indices, extra.floatRows?.values].filter((one) => one !== undefined),
        ...(extra.lowRank ? [extra.lowRank.first, extra.lowRank.second, extra.lowRank.scales] : []),
      ],
      ...(listed ? { removeInputs: [work.weight.name] } : {}),
    })
    for (const [id, uses] of work.groups) {
      if (id === 'onnx/dynamic-lstm') {
        const node = uses[0]?.node as object
        lstm.set(node, [...(lstm.get(node) ?? []), { work, packed }])
        continue
      }
      edits.push(...withoutAdded(loweringOf(id).lower(work.weight, uses, work.spec, packed, own), tensors))
    }
  }
  for (const pair of lstm.values()) {
    const w = pair.find((one) => one.work.weight.uses[0]?.role === 'lstm-w')
    const r = pair.find((one) => one.work.weight.uses[0]?.role === 'lstm-r')
    if (!w || !r) throw new TersorError('E_INTERNAL', 'an LSTM lost one of its two weights between plan and lowering')
    edits.push(
      ...lowerLstmPair(
        { weight: w.work.weight, packed: w.packed },
        { weight: r.work.weight, packed: r.packed },
        w.work.weight.uses,
        w.work.spec,
        context,
      ),
    )
  }
  // Before IR version 4 every initializer had to be an input too.
  const current = weights.length > 0 && model.irVersion < 4 ? { ...model, irVersion: 4 } : model
  return { model: applyEdits(current, edits), weights }
}

/** Float tensors beside the codes: what undoes a balance, and rows that stay float. */
function extraOf(
  work: WeightWork,
  names: (base: string) => string,
): Pick<PackedRefs, 'inverse' | 'floatRows' | 'lowRank'> {
  const { inverse, floatRows, weight, fitted } = work
  const name = (suffix: string): string => names(`${weight.name}.${suffix}`)
  return {
    ...(inverse ? { inverse: short(name('b'), inverse) } : {}),
    ...(floatRows
      ? {
          floatRows: {
            indices: int64s(name('i'), floatRows.indices),
            values: matrix(name('f'), floatRows.values, floatRows.indices.length),
          },
        }
      : {}),
    ...(fitted?.lowRank ? { lowRank: factorsOf(work, fitted.lowRank, name) } : {}),
  }
}

/** Factors of a correction in the order that the lowering of the work multiplies them in. */
function factorsOf(
  { groups, weight }: WeightWork,
  { rank, bits, channels, depth, left, right, scales }: LowRank,
  name: (suffix: string) => string,
): NonNullable<PackedRefs['lowRank']> {
  const isProduct = [...groups.keys()].every((id) => loweringOf(id).kind === 'node')
  const byRows = !isProduct && weight.uses[0]?.view?.along === 'row'
  const codes = (suffix: string, values: Uint8Array, shape: readonly [number, number]): TensorRef => {
    const bytes = packCodes(values, bits, 2 ** (bits - 1))
    const storage = { kind: 'bytes', bytes, byteLength: bytes.byteLength } as const
    return { name: name(suffix), dtype: bits === 4 ? 'i4' : 'i8', shape, storage }
  }
  const over = (values: Uint8Array, rows: number): Uint8Array =>
    turned(values, rows, values.length / rows, new Uint8Array(values.length))
  return {
    first: byRows ? codes('u', over(right, rank), [channels, rank]) : codes('u', left, [depth, rank]),
    second: byRows ? codes('v', over(left, depth), [rank, depth]) : codes('v', right, [rank, channels]),
    scales: { ...float32s(name('w'), scales), shape: [rank, 1] },
  }
}

/** Values that f16 holds exactly; masks as bytes. */
function short(name: string, values: Float32Array): TensorRef {
  const mask = values.every((value) => value === 0 || value === 1)
  const halves = new Uint16Array(values.length)
  encodeF16Array(values, halves)
  const bytes = mask ? Uint8Array.from(values) : new Uint8Array(halves.buffer)
  return {
    name,
    dtype: mask ? 'u8' : 'f16',
    shape: [values.length],
    storage: { kind: 'bytes', bytes, byteLength: bytes.length },
  }
}

function matrix(name: string, values: Float32Array, rows: number): TensorRef {
  return { ...float32s(name, values), shape: [rows, values.length / rows] }
}

function packedOf(work: WeightWork, tensors: readonly TensorRef[]): PackedRefs {
  const of = (part: 'codes' | 'scales' | 'zeros'): TensorRef | undefined =>
    tensors[work.parts.findIndex((one) => one.part === part)]
  const codes = of('codes')
  if (!codes) throw new TersorError('E_INTERNAL', `no codes for ${work.weight.name}`)
  const scales = of('scales')
  const zeros = of('zeros')
  return { codes, ...(scales ? { scales } : {}), ...(zeros ? { zeros } : {}) }
}

/** Lowerings need not add the packed tensors; one that does must not add them twice. */
function withoutAdded(edits: readonly GraphEdit[], tensors: readonly TensorRef[]): readonly GraphEdit[] {
  const names = new Set(tensors.map((tensor) => tensor.name))
  return edits.map((edit) =>
    edit.addInitializers?.some((tensor) => names.has(tensor.name))
      ? { ...edit, addInitializers: edit.addInitializers.filter((tensor) => !names.has(tensor.name)) }
      : edit,
  )
}

function loweringOf(id: LoweringId) {
  const lowering = lowerings.get(id)
  if (!lowering) throw new TersorError('E_INTERNAL', `no lowering ${id}`)
  return lowering
}
