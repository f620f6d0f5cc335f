import { describe, expect, it } from 'vitest'
import { einsumLabels } from './einsum.ts'

describe('einsumLabels', () => {
  it('sums what is not kept, keeps what is', () => {
    expect(einsumLabels('bij,jk->bik', 1, 2)).toEqual(['depth', 'channel'])
    expect(einsumLabels('bsd, hkd -> bshk', 1, 3)).toEqual(['channel', 'channel', 'depth'])
  })

  it('calls kept and shared axes stack', () => {
    expect(einsumLabels('bhid,hdk->bhik', 1, 3)).toEqual(['stack', 'depth', 'channel'])
  })

  it('understands equations without an arrow', () => {
    expect(einsumLabels('ij,jk', 1, 2)).toEqual(['depth', 'channel'])
  })

  it('claims nothing for ellipses, diagonals and ranks that do not fit', () => {
    expect(einsumLabels('...ij,jk->...ik', 1, 2)).toBeNull()
    expect(einsumLabels('bi,ii->b', 1, 2)).toBeNull()
    expect(einsumLabels('ij,jk->ik', 1, 3)).toBeNull()
    expect(einsumLabels('ij,jk->ik', 2, 2)).toBeNull()
    expect(einsumLabels('', 1, 2)).toBeNull()
  })
})
