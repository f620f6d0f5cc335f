import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Observer } from '../../src/model/observer.ts'

export interface ObserverContractOptions {
  /** Shape of a batch of this many values; default one row. */
  readonly shape?: (count: number) => readonly number[]
  /** Batches hold a multiple of this many values. */
  readonly multiple?: number
  /** Values are at most this far from 0. */
  readonly largest?: number
  /** The same whatever way the values are cut into batches, and in any order. */
  readonly anyOrder?: boolean
  /** False: merging in another grouping gives another state; the observer's description says so. */
  readonly associative?: boolean
}

/** What every observer promises: see `Observer`. */
export function observerContract<S>(name: string, observer: Observer<S>, options: ObserverContractOptions = {}): void {
  const { shape = (count: number) => [count], multiple = 1, largest, anyOrder = false, associative = true } = options
  const batch = fc
    .array(fc.float({ noNaN: true, noDefaultInfinity: true, ...(largest && { min: -largest, max: largest }) }), {
      maxLength: 12 * multiple,
    })
    .map((list) => Float32Array.from(list.slice(0, list.length - (list.length % multiple))))
  const batches = fc.array(batch, { maxLength: 5 })
  const over = (list: readonly Float32Array[], from: S = observer.empty()): S =>
    list.reduce((state, values) => observer.observe(state, values, shape(values.length)), from)

  describe(`${name} keeps the observer contract`, () => {
    test('the empty state is neutral', () => {
      fc.assert(
        fc.property(batches, (list) => {
          const state = over(list)
          expect(observer.merge(observer.empty(), state)).toEqual(state)
          expect(observer.merge(state, observer.empty())).toEqual(state)
        }),
        { seed: 4, numRuns: 300 },
      )
    })

    test('a batch without values changes nothing', () => {
      fc.assert(
        fc.property(batches, (list) => {
          const state = over(list)
          expect(observer.observe(state, new Float32Array(0), shape(0))).toEqual(state)
        }),
        { seed: 4, numRuns: 100 },
      )
    })

    if (associative) {
      test('merged parts are what one run sees', () => {
        fc.assert(
          fc.property(batches, fc.nat(5), fc.nat(5), (list, one, other) => {
            const [first, second] = [Math.min(one, other), Math.max(one, other)]
            const parts = [list.slice(0, first), list.slice(first, second), list.slice(second)].map((part) =>
              over(part),
            )
            const [a, b, c] = parts as [S, S, S]
            const whole = over(list)
            expect(observer.merge(observer.merge(a, b), c)).toEqual(whole)
            expect(observer.merge(a, observer.merge(b, c))).toEqual(whole)
          }),
          { seed: 4, numRuns: 300 },
        )
      })
    }

    if (anyOrder) {
      test('the cut into batches and their order do not matter', () => {
        fc.assert(
          fc.property(batches, (list) => {
            const joined = Float32Array.from(list.flatMap((values) => [...values]))
            expect(over([joined])).toEqual(over(list))
            expect(over([...list].reverse())).toEqual(over(list))
          }),
          { seed: 4, numRuns: 300 },
        )
      })
    }

    test('states are not changed in place', () => {
      const values = Float32Array.from({ length: 2 * multiple }, (_, index) => index - 1.5)
      const state = over([values])
      const copy = structuredClone(state)
      observer.observe(
        state,
        values.map((value) => value * 7),
        shape(values.length),
      )
      observer.merge(state, over([values.map((value) => value * -9)]))
      expect(state).toEqual(copy)
    })

    test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
      '%f is refused with its index',
      (bad) => {
        const values = new Float32Array(2 * multiple)
        values[2 * multiple - 1] = bad
        expect(() => over([values])).toThrow(
          expect.objectContaining({ code: 'E_NONFINITE', message: expect.stringContaining(`${2 * multiple - 1}`) }),
        )
      },
    )
  })
}
