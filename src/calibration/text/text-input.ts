import { TersorError } from '../../errors.ts'
import type { Feeds, SessionInput, Value } from '../../model/runtime.ts'
import { isFloat } from '../../numbers/dtype.ts'
import { packFloats, packIntegers } from '../convert.ts'
import { describeShape } from '../dimensions.ts'
import { roleOf } from '../input-role.ts'
import type { TextLine } from './lines.ts'
import type { TextTokenizer, Tokens } from './tokenizer.ts'

/** Tokens of a text where neither the model nor the tokenizer says how many. */
const DEFAULT_LENGTH = 128

/** What a tokenizer allows is often more than anyone calibrates with. */
const LONGEST = 512

/** Tokens of a row: what the model fixes, else what the tokenizer says, up to 512. */
export function lengthOf({ length }: TextInputs, { most }: TextTokenizer): number {
  return length ?? Math.min(most ?? DEFAULT_LENGTH, LONGEST)
}

/** The inputs that texts feed. */
export interface TextInputs {
  readonly ids: SessionInput
  readonly masks: readonly SessionInput[]
  readonly types: readonly SessionInput[]
  /** Ids of the decoder, fed with the target. */
  readonly decoder: SessionInput | undefined
  /** The model's own length, where it is fixed; rows are filled up to it. */
  readonly length: number | undefined
}

/** Which input takes ids, masks, segments. E_UNSUPPORTED when it is not clear which input takes the ids. */
export function textInputsOf(inputs: readonly SessionInput[], label = 'texts'): TextInputs {
  const ids = inputs.filter((input) => roleOf(input) === 'ids' && input.shape.length >= 1 && input.shape.length <= 2)
  const decoder = ids.find(({ name }) => /decoder/i.test(name))
  const own = ids.filter((input) => input !== decoder)
  const named = own.find(({ name }) => /^(.*[./])?input_ids$/i.test(name))
  const [first] = own
  const chosen = named ?? (own.length === 1 ? first : undefined)
  if (chosen === undefined) {
    const words = inputs.map(({ name, dtype, shape }) => `"${name}" ${dtype} ${describeShape(shape)}`).join(', ')
    throw new TersorError(
      'E_UNSUPPORTED',
      `${label}: texts need one input for token ids, found ${own.length === 0 ? 'none' : own.length} among ${words}`,
      {
        hint: 'give the values as .npz, keys named like the inputs',
      },
    )
  }
  const batch = chosen.shape[0]
  if (chosen.shape.length === 2 && typeof batch === 'number' && batch !== 1) {
    throw new TersorError('E_UNSUPPORTED', `input "${chosen.name}" takes ${batch} texts at once`, {
      where: chosen.name,
      hint: 'give token ids as .npy, or export the model with an open batch',
    })
  }
  const last = chosen.shape.at(-1)
  const beside = (role: 'mask' | 'token-types') =>
    inputs.filter(
      (input) => roleOf(input) === role && input.shape.length === chosen.shape.length && !/decoder/i.test(input.name),
    )
  return {
    ids: chosen,
    masks: beside('mask'),
    types: beside('token-types'),
    decoder,
    length: typeof last === 'number' ? last : undefined,
  }
}

/** Tokens of one text as the model's inputs. E_FORMAT when nothing is left of it. */
export function textFeeds(line: TextLine, to: TextInputs, tokenizer: TextTokenizer, label: string): Feeds {
  const most = lengthOf(to, tokenizer)
  const tokens = tokenizer.encode(line.text, most)
  if (tokens.ids.length === 0)
    throw new TersorError('E_FORMAT', `${label}: the tokenizer makes nothing of this text`, { where: label })
  const feeds = tokenFeeds(tokens, to, tokenizer.padding)
  const { decoder } = to
  if (decoder !== undefined && line.target !== undefined) {
    const answer: Tokens = tokenizer.encode(line.target, most)
    const size = decoder.shape.at(-1)
    const full = typeof size === 'number' ? size : answer.ids.length
    feeds.push([
      decoder.name,
      rowValue(
        decoder,
        Array.from({ length: full }, (_, i) => answer.ids[i] ?? tokenizer.padding),
      ),
    ])
  }
  return Object.fromEntries(feeds)
}

/** Ids, masks and segments of one row, filled up to the length that the model fixes. */
export function tokenFeeds(
  { ids, types }: Pick<Tokens, 'ids' | 'types'>,
  to: TextInputs,
  padding: number,
): [string, Value][] {
  const length = to.length ?? ids.length
  const row = (list: readonly number[], fill: number) => Array.from({ length }, (_, i) => list[i] ?? fill)
  const ones = ids.map(() => 1)
  return [
    [to.ids.name, rowValue(to.ids, row(ids, padding))],
    ...to.masks.map((mask): [string, Value] => [mask.name, rowValue(mask, row(ones, 0))]),
    ...to.types.map((type): [string, Value] => [type.name, rowValue(type, row(types, 0))]),
  ]
}

function rowValue({ dtype, shape }: SessionInput, row: readonly number[]): Value {
  return {
    dtype,
    shape: shape.length === 1 ? [row.length] : [1, row.length],
    data: isFloat(dtype) ? packFloats(Float64Array.from(row), dtype) : packIntegers(row, dtype),
  }
}
