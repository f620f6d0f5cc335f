import { TersorError } from '../../errors.ts'
import { readTransforms } from '../transform-names.ts'

const where = '--transform'

/** Whether `--transform awq` was asked for, of weight-only results. E_USAGE for what has no meaning there. */
export function asksForAwq(transform: string | undefined, to: string, hasData: boolean): boolean {
  if (transform === undefined) return false
  const names = readTransforms(transform, to)
  if (!names.includes('awq')) return false
  if (names.length > 1)
    throw new TersorError('E_USAGE', `--transform awq stands alone, found "${transform.slice(0, 80)}"`, { where })
  if (!hasData) {
    throw new TersorError('E_USAGE', '--transform awq goes by what the weights read, and no data are given', {
      where,
      hint: 'add --calib DATA: texts, .npz, a folder',
    })
  }
  return true
}
