import { beforeAll, describe } from 'vitest'
import type { Kernels } from '../../src/model/kernels.ts'
import { describeAgreement } from './kernels-agreement.ts'
import { describeDense } from './kernels-dense.ts'
import { describeGram } from './kernels-gram.ts'
import { describeLearning } from './kernels-learning.ts'
import { describeMeaning } from './kernels-meaning.ts'
import { describeObserving } from './kernels-observe.ts'
import { Pair } from './kernels-pair.ts'
import { describePictures } from './kernels-pictures.ts'
import { describeWeights } from './kernels-weights.ts'

/**
 * What every implementation of Kernels owes: the bits of `createOracle`, and the meaning of the port.
 * Candidate and oracle may be the same implementation: then only the meaning is tested.
 */
export function kernelsContract(label: string, createCandidate: () => Kernels, createOracle: () => Kernels): void {
  describe(label, () => {
    let pair: Pair
    beforeAll(() => {
      pair = new Pair(createCandidate(), createOracle())
    })
    describeAgreement(() => pair)
    describeMeaning(() => pair, createCandidate)
    describeDense(() => pair)
    describeLearning(() => pair)
    describeGram(() => pair)
    describeObserving(() => pair)
    describePictures(() => pair)
    describeWeights(() => pair)
  })
}
