import { describe, expect, it } from 'vitest'
import { memorySource } from '../bytes/memory.ts'
import type { Value } from '../model/runtime.ts'
import { openNpz } from './npz.ts'
import { writeNpz } from './write-npz.ts'

const floats: Value = { dtype: 'f32', shape: [2, 2], data: new Uint8Array(Float32Array.of(1, -2, 3, 4.5).buffer) }
const text: Value = { dtype: 'string', shape: [], data: ['int8-row'] }

describe('writeNpz', () => {
  it('is read back, in order', async () => {
    const arrays = await openNpz(
      memorySource(
        writeNpz(
          new Map([
            ['codes', floats],
            ['scheme', text],
          ]),
        ),
        'memory',
      ),
    )
    expect([...arrays.keys()]).toEqual(['codes', 'scheme'])
    expect(await arrays.get('codes')!.all()).toEqual(floats)
    expect((await arrays.get('scheme')!.all()).data).toEqual(['int8-row'])
  })
  it('gives the same bytes at any time', () => {
    const bytes = writeNpz(new Map([['a', floats]]))
    expect(bytes).toEqual(writeNpz(new Map([['a', floats]])))
    // Time and date of the local header: midnight of the first day of 1980.
    expect([...bytes.subarray(10, 14)]).toEqual([0, 0, 33, 0])
  })
})
