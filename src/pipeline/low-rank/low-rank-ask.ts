import { TersorError } from '../../errors.ts'
import { MOST_RANK, type RankAsk } from '../../solvers/low-rank/choose-rank.ts'
import { readTransforms } from '../transform-names.ts'

const NAME = 'low-rank'
const where = '--transform'

/**
 * Takes `low-rank`, `low-rank=RANK` or `low-rank=SHARE%` out of what `--transform` says: it comes behind everything that finds codes, the others
 * in front. E_USAGE where it has no meaning.
 */
export function lowRankAsk(
  transform: string | undefined,
  to: string,
): { readonly transform?: string; readonly lowRank?: RankAsk } {
  if (transform === undefined) return {}
  const names = readTransforms(transform, to)
  const isOwn = (name: string): boolean => name === NAME || name.startsWith(`${NAME}=`)
  const [own, ...more] = names.filter(isOwn)
  if (own === undefined) return { transform }
  if (more.length > 0) throw new TersorError('E_USAGE', '--transform low-rank can be said once', { where })
  const rest = names.filter((name) => !isOwn(name)).join(',')
  return { ...(rest === '' ? {} : { transform: rest }), lowRank: rankOf(own.slice(NAME.length)) }
}

function rankOf(text: string): RankAsk {
  if (text === '') return { kind: 'pays' }
  const [, digits, percent] = /^=(\d{1,4}(?:\.\d{1,3})?)(%?)$/.exec(text) ?? []
  const amount = Number(digits)
  if (percent === '%' && amount > 0 && amount <= 100) return { kind: 'share', share: amount / 100 }
  if (percent === '' && Number.isInteger(amount) && amount >= 1 && amount <= MOST_RANK) {
    return { kind: 'rank', rank: amount }
  }
  throw new TersorError(
    'E_USAGE',
    `expected a rank of 1 to ${MOST_RANK} or a share of bytes, found "${text.slice(0, 40)}"`,
    {
      where,
      hint: 'low-rank (what pays), low-rank=8, low-rank=5%',
    },
  )
}
