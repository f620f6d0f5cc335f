import type { RatePoint } from '../../allocation/rate-distortion.ts'
import { TersorError } from '../../errors.ts'
import { recall } from '../../evaluation/index.ts'
import type { ArrayDecision, RecallFigures } from '../../model/array-report.ts'
import type { ArrayScheme, QuantizedArray } from '../../model/array-scheme.ts'
import type { Value } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { arrayScheme, decodeArray, encodeArray, stepsOf, unpackedCodes, withCodes } from '../../schemes/arrays/index.ts'
import { gramDescent, gramOf } from '../../solvers/index.ts'
import { breather } from '../breath.ts'
import { membersOf, RESCORE } from './array-members.ts'
import { type ArrayAsk, hasSteps } from './array-options.ts'
import { errorOf, floatsOf, isTable } from './array-values.ts'
import { choosing, type SchemeChoice } from './choose-scheme.ts'
import { byteLengthOf } from './quantized-bytes.ts'

/** Sweeps over a row; the second changes a few codes, the third hardly any. */
const SWEEPS = 3
/** Values between looks at the clock. */
const AT_ONCE = 20_000
/** Widest rows whose second moment is held: 4096^2 doubles are 128 MiB. */
const WIDEST = 4096
/** Most queries of a recall, and at least every fifth row. */
const QUERIES = 1000

export interface OneArray {
  readonly members: Map<string, Value>
  readonly decision: ArrayDecision
}

export interface OneOptions {
  readonly importance: Float32Array | undefined
  readonly recall: boolean
}

/** One array in codes, with its figures. */
export async function quantizeOne(
  name: string,
  value: Value,
  asked: ArrayAsk,
  options: OneOptions,
  tools: Tools,
): Promise<OneArray> {
  const values = floatsOf(value, name)
  const { importance } = options
  const choice =
    asked.budget === undefined ? undefined : await choose(name, value, values, asked.budget, asked, importance, tools)
  const ask = choice ? { ...asked, scheme: arrayScheme(choice.scheme) } : asked
  const quantized = await encode(values, value.shape, ask.scheme, ask, importance, name, tools)
  const decoded = decodeArray(quantized, ask.scheme, tools.kernels)
  const members = membersOf(name, { quantized, dtype: value.dtype }, ask.scheme)
  const searched = options.recall && isTable(value)
  const second =
    searched && ask.rescore ? await encode(values, value.shape, ask.rescore, ask, importance, name, tools) : undefined
  if (second && ask.rescore) {
    for (const [key, part] of membersOf(`${name}${RESCORE}`, { quantized: second, dtype: value.dtype }, ask.rescore)) {
      members.set(key, part)
    }
  }
  const bytes = byteLengthOf(quantized) + (second ? byteLengthOf(second) : 0)
  return {
    members,
    decision: {
      name,
      shape: value.shape,
      dtype: value.dtype,
      action: 'quantize',
      scheme: ask.scheme.id,
      because: choice
        ? `least error of ${choice.curve.points.length} schemes within ${asked.budget} bits a value`
        : becauseOf(ask),
      bytesBefore: (value.data as Uint8Array).length,
      bytesAfter: bytes,
      bitsPerValue: values.length === 0 ? 0 : (8 * bytes) / values.length,
      ...errorOf(values, decoded),
      ...(choice ? { curve: choice.curve.front.map(curvePoint) } : {}),
      ...(searched ? { recall: await recallOf(name, value, values, decoded, second, ask, tools) } : {}),
    },
  }
}

async function choose(
  name: string,
  { shape }: Value,
  values: Float32Array,
  bits: number,
  { effort }: ArrayAsk,
  importance: Float32Array | undefined,
  tools: Tools,
): Promise<SchemeChoice> {
  const breathe = breather()
  const work = choosing(values, {
    bits,
    shape,
    ...(effort === undefined ? {} : { effort }),
    ...(importance ? { importance } : {}),
  })
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
    tools.notify({ phase: 'choose', done: value.done, total: value.total, note: `${name}: ${value.id}` })
    await breathe()
    tools.signal?.throwIfAborted()
  }
}

function curvePoint({ id, rate, distortion }: RatePoint): NonNullable<ArrayDecision['curve']>[number] {
  return { scheme: id, bitsPerValue: rate, relativeRms: Math.sqrt(distortion) }
}

async function encode(
  values: Float32Array,
  shape: readonly number[],
  scheme: ArrayScheme,
  ask: ArrayAsk,
  importance: Float32Array | undefined,
  name: string,
  tools: Tools,
): Promise<QuantizedArray> {
  const quantized = encodeArray(
    values,
    scheme,
    {
      shape,
      ...(ask.effort === undefined ? {} : { effort: ask.effort }),
      ...(importance ? { importance } : {}),
    },
    tools.kernels,
  )
  if (!ask.products || !hasSteps(scheme)) return quantized
  const width = shape.at(-1) ?? 1
  if (width > WIDEST) {
    throw new TersorError('E_LIMIT', `"${name}" has rows of ${width} values; --solver products takes up to ${WIDEST}`, {
      where: name,
    })
  }
  const codes = unpackedCodes(quantized, scheme)
  const decoded = decodeArray(quantized, scheme)
  const steps = stepsOf(quantized, scheme)
  const { levels } = scheme.codec
  const gram = gramOf(values, width)
  const breathe = breather()
  const many = Math.max(1, Math.floor(AT_ONCE / width)) * width
  for (let at = 0; at < values.length; at += many) {
    const part = <T extends Float32Array | Uint16Array>(array: T): T => array.subarray(at, at + many) as T
    const step = (i: number) => steps[at + i] as number
    gramDescent(part(values), part(decoded), part(codes), step, levels - 1, gram, width, SWEEPS)
    tools.notify({
      phase: 'products',
      done: Math.min(at + many, values.length) / width,
      total: values.length / width,
      note: name,
    })
    await breathe()
    tools.signal?.throwIfAborted()
  }
  return withCodes(quantized, scheme, codes)
}

async function recallOf(
  name: string,
  { shape }: Value,
  values: Float32Array,
  decoded: Float32Array,
  second: QuantizedArray | undefined,
  ask: ArrayAsk,
  tools: Tools,
): Promise<RecallFigures> {
  const [rows = 0, width = 0] = shape
  const breathe = breather()
  return recall(values, decoded, width, {
    every: Math.max(5, Math.ceil(rows / QUERIES)),
    ...(second && ask.rescore
      ? { rescored: { scheme: ask.rescore.id, rows: decodeArray(second, ask.rescore), candidates: ask.candidates } }
      : {}),
    notify: async (done, total) => {
      tools.notify({ phase: 'recall', done, total, note: name })
      await breathe()
      tools.signal?.throwIfAborted()
    },
  })
}

function becauseOf({ products, effort, scheme }: ArrayAsk): string {
  if (products) return 'asked for; codes moved for the error of products'
  return effort === 'closed' || (effort === undefined && scheme.codec.effort === 'closed')
    ? 'asked for; closed form'
    : `asked for; ${effort ?? scheme.codec.effort} search for the least squared error`
}
