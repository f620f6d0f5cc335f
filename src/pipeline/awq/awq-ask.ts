import { TersorError } from '../../errors.ts'
import { didYouMean } from '../../near-names.ts'
import { tryParseSchemeId } from '../../schemes/index.ts'

/** What `--transform` may be where ranges of activations are not asked for. */
const NAMES = ['auto', 'none', 'awq', 'rotate']
const OF_INT8 = 'smooth'
const OF_STATIC = ['equalize', 'equalize-weights', 'split']
const PRESETS: ReadonlySet<string> = new Set(['int8-weights', 'int4-weights', 'int2-weights'])

/** Whether `--transform awq` was asked for, of weight-only results. E_USAGE and E_UNSUPPORTED for what has no meaning there. */
export function asksForAwq(transform: string | undefined, to: string, hasData: boolean): boolean {
  if (transform === undefined) return false
  const where = '--transform'
  const names = transform.split(',').map((name) => name.trim())
  for (const name of names) {
    if (NAMES.includes(name)) continue
    if (name === OF_INT8) {
      throw new TersorError(
        'E_USAGE',
        '--transform smooth balances activations that are rounded: it belongs to --to int8',
        { where },
      )
    }
    if (OF_STATIC.includes(name)) {
      throw new TersorError(
        'E_USAGE',
        `--transform ${name} goes by ranges of activations: it belongs to --to int8-static`,
        {
          where,
        },
      )
    }
    throw new TersorError('E_USAGE', `--transform expects ${NAMES.join(', ')}, found "${name.slice(0, 80)}"`, {
      where,
      hint: didYouMean(name, NAMES) ?? 'for example: --transform awq',
    })
  }
  if (!names.includes('awq')) return false
  if (names.length > 1)
    throw new TersorError('E_USAGE', `--transform awq stands alone, found "${transform.slice(0, 80)}"`, { where })
  const spec = tryParseSchemeId(to)
  if (!PRESETS.has(to) && (spec === null || spec.family === 'half')) {
    throw new TersorError(
      'E_USAGE',
      `--transform awq is for weight-only schemes, and --to ${to.slice(0, 40)} is none`,
      {
        where,
        hint: 'for example --to int4-weights',
      },
    )
  }
  if (!hasData) {
    throw new TersorError('E_USAGE', '--transform awq goes by what the weights read, and no data are given', {
      where,
      hint: 'add --calib DATA: texts, .npz, a folder',
    })
  }
  return true
}
