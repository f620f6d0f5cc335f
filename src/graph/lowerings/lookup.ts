import { TersorError } from '../../errors.ts'
import type { TensorRef } from '../../model/graph.ts'
import type { Lowering } from '../../model/lowering.ts'
import { type CodePlane, codePlanes, planeLengths } from '../../numbers/code-planes.ts'
import { codeLevels } from '../../numbers/level-tables/code-levels.ts'
import { Chain } from './chain.ts'
import { scaled } from './expand.ts'
import { channelGridOf } from './grid.ts'
import { float32s, int8s, int64s, makeNode } from './make.ts'
import { placeValue, refuseWeight } from './place.ts'

/**
 * The weight as levels gathered from a small table by the bytes of its codes (packing 'onnx/lookup'), times its scales. Any codes of 1 to 8
 * bits, with the operators of opset 13. onnxruntime folds all of it when a session is made: the file is small, a run costs what
 * the float model costs.
 */
export const lookup: Lowering = {
  id: 'onnx/lookup',
  kind: 'value',

  // Slice takes its bounds as inputs from 10 on; the Gather of bytes is as old as that.
  minOpset: () => 10,

  accepts(weight, _use, spec, _target) {
    if (spec.family === 'half' || codeLevels(spec) === null) {
      return { code: 'scheme', text: 'this form looks up levels of a table' }
    }
    const refusal = refuseWeight(weight)
    if (refusal !== null) return refusal
    if (spec.granularity.kind === 'channel' && channelGridOf(weight) === null) {
      return { code: 'grid', text: 'no axis of the weight is kept by its uses, so no scale per channel fits' }
    }
    return null
  },

  lower(weight, uses, spec, packed, context) {
    const levels = spec.family === 'half' ? null : codeLevels(spec)
    if (levels === null) {
      throw new TersorError('E_PLAN', 'a lookup needs codes of a table', { where: `tensor "${weight.name}"` })
    }
    const chain = new Chain(context)
    const count = weight.elementCount
    const planes = codePlanes(levels.levels.length)
    const lengths = planeLengths(count, planes)
    let flat: string
    const [first] = planes as [CodePlane]
    if (planes.length === 1)
      flat = gathered(chain, packed.codes.name, levelBytes(levels.levels, first), 'f32', first, count)
    else {
      let [at, index] = [0, '']
      for (const [i, plane] of planes.entries()) {
        const bytes = part(chain, packed.codes, at, at + (lengths[i] as number))
        at += lengths[i] as number
        const digits = gathered(chain, bytes, digitBytes(plane), 'i32', plane, count)
        index = index === '' ? digits : chain.apply('Add', [index, digits])
      }
      const table = context.fresh(`${weight.name}/levels`)
      chain.constants.push(float32s(table, levels.levels))
      flat = context.fresh(`${weight.name}/gathered`)
      chain.push(makeNode('Gather', [table, index], [flat], { axis: 0 }))
    }
    const codes = { ...packed.codes, shape: weight.shape }
    scaled(chain, chain.reshape(flat, weight.shape), weight, uses, spec, { ...packed, codes })
    return [placeValue(weight, chain.nodes, chain.constants, [])]
  },
}

/** Bytes [start, end) of one dimension. */
function part(chain: Chain, { name }: TensorRef, start: number, end: number): string {
  const [from, to, out] = ['from', 'to', 'plane'].map((word) => chain.context.fresh(`${name}/${word}`)) as [
    string,
    string,
    string,
  ]
  chain.constants.push(int64s(from, [start]), int64s(to, [end]))
  chain.push(makeNode('Slice', [name, from, to], [out]))
  return out
}

/** What each byte stands for, one row of `perByte` entries for every byte, one after the other and no more than `count`. */
function gathered(
  chain: Chain,
  bytes: string,
  table: Float32Array,
  type: 'f32' | 'i32',
  { perByte, base }: CodePlane,
  count: number,
): string {
  const { context } = chain
  const rows = base ** perByte
  const name = context.fresh(`${bytes}/table`)
  // A quarter of the bytes, which count in small models.
  const isShort = table.every((entry) => Number.isInteger(entry) && entry >= -128 && entry < 128)
  const flat = isShort ? int8s(name, table) : float32s(name, table)
  chain.constants.push({ ...flat, shape: [rows, perByte] })
  const index = chain.cast(bytes, 'u8', 'i32')
  const found = context.fresh(`${bytes}/entries`)
  chain.push(makeNode('Gather', [name, index], [found], { axis: 0 }))
  const line = chain.cast(chain.reshape(found, [-1]), isShort ? 'i8' : 'f32', type)
  if (count % perByte === 0) return line
  const [start, end, out] = ['start', 'end', 'taken'].map((word) => context.fresh(`${bytes}/${word}`)) as [
    string,
    string,
    string,
  ]
  chain.constants.push(int64s(start, [0]), int64s(end, [count]))
  chain.push(makeNode('Slice', [line, start, end], [out]))
  return out
}

/** Levels of the digits of every byte. */
function levelBytes(levels: Float32Array, plane: CodePlane): Float32Array {
  return Float32Array.from(digitsOf(plane), (digit) => levels[digit] ?? 0)
}

/** What the digits of every byte count. */
function digitBytes(plane: CodePlane): Float32Array {
  return Float32Array.from(digitsOf(plane), (digit) => digit * plane.weight)
}

function digitsOf({ perByte, base }: CodePlane): number[] {
  return Array.from({ length: base ** perByte }, (_, byte) =>
    Array.from({ length: perByte }, (_none, place) => Math.floor(byte / base ** place) % base),
  ).flat()
}
