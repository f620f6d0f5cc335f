import { expect, it } from 'vitest'
import { isInforming } from './informing.ts'
import { rewriteNotes } from './static/static-notes.ts'

it('what was done informs, what may be wrong warns', () => {
  const [note] = rewriteNotes([{ rewrite: 'identity', scope: [], node: 'a', text: 'removed' }])
  expect(isInforming(note as string)).toBe(true)
  expect(isInforming('93.5 % of the multiply-adds of Conv, Gemm and MatMul run in integers')).toBe(true)
  expect(isInforming('judged on 8 of the 32 samples of --calib, which were held back from it')).toBe(true)
  expect(isInforming('judged on --calib itself: too few samples to hold some back; add --eval')).toBe(false)
  expect(isInforming('the last 4 samples widened 3 ranges by more than a tenth: more data would help (a, b, c)')).toBe(
    false,
  )
  expect(isInforming('learning came no nearer to the float model; codes stay as they were found')).toBe(true)
  expect(isInforming('anything new')).toBe(false)
})
