import { TersorError } from '../errors.ts'
import type { DType } from '../model/dtype.ts'
import type { SessionInput } from '../model/runtime.ts'
import { isConvertible } from './convert.ts'
import { bindShape, describeShape, isBatchAxis } from './dimensions.ts'

/** How an array gives the values of one input, sample by sample. */
export interface Cut {
  readonly input: SessionInput
  /** Samples in the array. */
  readonly count: number
  /** Rows of the first axis per sample; 0 when the whole array is one sample. */
  readonly rows: number
  /** What happens to the first axis of a cut: kept, removed (it only counted samples), or added. */
  readonly first: 'keep' | 'drop' | 'add'
  /** Rows at the end that do not fill a sample. */
  readonly left: number
}

interface ArrayFacts {
  readonly dtype: DType
  readonly shape: readonly number[]
}

/**
 * The way an array fits an input; undefined when it does not. An array may be one sample, may have the batch axis of the
 * model as its samples, may have one more axis in front that counts samples, or may lack a batch axis of one.
 */
export function fitArray(array: ArrayFacts, input: SessionInput): Cut | undefined {
  if (!isConvertible(array.dtype, input.dtype)) return undefined
  const { shape } = input
  const whole: Cut = { input, count: 1, rows: 0, first: 'keep', left: 0 }
  const fits = (expected: SessionInput['shape'], actual: readonly number[]) =>
    bindShape(expected, actual, new Map()) === undefined
  const found = array.shape[0] ?? 1
  if (array.shape.length === shape.length) {
    if (shape.length === 0) return whole
    if (!fits(shape.slice(1), array.shape.slice(1))) return undefined
    const batch = shape[0]!
    if (typeof batch !== 'number')
      return found > 1 && isBatchAxis(batch, shape.length) ? { ...whole, count: found, rows: 1 } : whole
    if (found === batch) return whole
    if (batch === 0 || found < batch) return undefined
    // Only a batch axis may be cut: a model whose first axis is something else takes exactly that size.
    return { ...whole, count: Math.floor(found / batch), rows: batch, left: found % batch }
  }
  if (array.shape.length === shape.length + 1 && fits(shape, array.shape.slice(1))) {
    return { ...whole, count: found, rows: 1, first: 'drop' }
  }
  const [batch] = shape
  const oneMissing = array.shape.length === shape.length - 1 && (typeof batch !== 'number' || batch === 1)
  if (oneMissing && fits(shape.slice(1), array.shape)) return { ...whole, first: 'add' }
  return undefined
}

/** The shape of a cut of `rows` rows, before anything else. */
export function cutShape(cut: Cut, shape: readonly number[]): readonly number[] {
  if (cut.first === 'add') return [1, ...shape]
  if (cut.first === 'drop') return shape.slice(1)
  return cut.rows === 0 ? shape : [cut.rows, ...shape.slice(1)]
}

export interface Assignment {
  /** Which array feeds which input, by input name. */
  readonly cuts: ReadonlyMap<string, { readonly key: string; readonly cut: Cut }>
  /** Arrays that no input takes. */
  readonly unused: readonly string[]
}

/**
 * Pairs arrays with inputs: by name, and what is left by shape and type where just one pairing is possible.
 * E_FORMAT when a named array does not fit, or when nothing fits.
 */
export function assignArrays(
  label: string,
  arrays: ReadonlyMap<string, ArrayFacts>,
  inputs: readonly SessionInput[],
): Assignment {
  const cuts = new Map<string, { key: string; cut: Cut }>()
  for (const input of inputs) {
    const array = arrays.get(input.name)
    if (array === undefined) continue
    const cut = fitArray(array, input)
    if (cut === undefined) throw unfit(label, input.name, array, [input])
    cuts.set(input.name, { key: input.name, cut })
  }
  const unused: string[] = []
  const free = inputs.filter(({ name }) => !cuts.has(name))
  for (const [key, array] of arrays) {
    if (cuts.has(key)) continue
    const fitting = free.flatMap((input) => fitArray(array, input) ?? [])
    const rivals = [...arrays].filter(([other, { dtype, shape }]) => {
      return (
        other !== key &&
        !cuts.has(other) &&
        fitting.some(({ input }) => fitArray({ dtype, shape }, input) !== undefined)
      )
    })
    const [only] = fitting
    if (fitting.length === 1 && rivals.length === 0 && only !== undefined) cuts.set(only.input.name, { key, cut: only })
    else unused.push(key)
  }
  if (cuts.size > 0) return { cuts, unused }
  const [first] = arrays
  if (first === undefined) throw new TersorError('E_FORMAT', `${label}: expected arrays, found none`, { where: label })
  throw unfit(label, first[0], first[1], inputs)
}

function unfit(label: string, key: string, array: ArrayFacts, inputs: readonly SessionInput[]): TersorError {
  const expected = inputs.map(({ name, dtype, shape }) => `"${name}" ${dtype} ${describeShape(shape)}`).join(', ')
  // The same shape under another type: a type is all that is wrong.
  const typed = inputs.some(
    (input) => fitArray(array, input) === undefined && fitArray({ ...array, dtype: input.dtype }, input) !== undefined,
  )
  const hint = typed
    ? `values of ${array.dtype} are not taken for others: save them as the model is fed, scaled and in its type (picture files: --preprocess does it)`
    : 'name the arrays like the inputs; an axis in front may count samples'
  return new TersorError(
    'E_FORMAT',
    `${label}: expected values for ${expected}, found array "${key}" ${array.dtype} ${describeShape(array.shape)}`,
    { where: label, hint },
  )
}

/** Samples of a set of arrays that go together: all as many, or one for all. E_FORMAT when the counts differ. */
export function commonCount(label: string, { cuts }: Assignment): number {
  let count = 1
  let from = ''
  for (const [name, { cut }] of cuts) {
    if (cut.count === 1) continue
    if (count !== 1 && cut.count !== count) {
      throw new TersorError('E_FORMAT', `${label}: "${from}" has ${count} samples and "${name}" has ${cut.count}`, {
        where: label,
      })
    }
    count = cut.count
    from = name
  }
  return count
}
