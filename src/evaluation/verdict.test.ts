import { describe, expect, it } from 'vitest'
import type { ComparedOutput } from './compare.ts'
import { type VerdictFacts, verdictOf } from './verdict.ts'

function output(changes: Partial<ComparedOutput> = {}): ComparedOutput {
  return {
    name: 'y',
    kind: 'values',
    samples: 10,
    mismatched: 0,
    zero: false,
    cosine: 0.9995,
    sqnrDb: 40,
    maxAbs: 0.1,
    referenceMaxAbs: 10,
    nonFinite: 0,
    ...changes,
  }
}
const facts = (changes: Partial<VerdictFacts> = {}): VerdictFacts => ({
  data: 'given',
  samples: 10,
  bits: 8,
  fused: [output()],
  ...changes,
})
const classes = (top1Agreement: number, cosine = 0.9995) => output({ kind: 'classes', top1Agreement, cosine })
const few = (top1Agreement: number, likelyAgreement: number) => ({
  ...classes(top1Agreement, 0.9),
  answers: 32,
  likelyAgreement,
})
const nothing = (maxAbs: number) => output({ share: true, referenceMaxAbs: 0.002, maxAbs, cosine: 0.8 })
const labels = (equal: number, elements: number) => output({ kind: 'exact', equal, elements, cosine: 0.5 })
const logits = (kl: number) => output({ kind: 'logits', kl, top1Agreement: 0.5, cosine: 0.5 })

describe('verdict by default thresholds', () => {
  const table: readonly (readonly [string, Partial<VerdictFacts>, string])[] = [
    ['8 bits, cosine met', { fused: [output({ cosine: 0.999 })] }, 'proven'],
    ['8 bits, cosine missed', { fused: [output({ cosine: 0.9989 })] }, 'refused'],
    ['half precision, cosine missed', { bits: 16, fused: [output({ cosine: 0.9989 })] }, 'refused'],
    ['4 bits, cosine met', { bits: 4, fused: [output({ cosine: 0.98 })] }, 'proven'],
    ['4 bits, cosine missed', { bits: 4, fused: [output({ cosine: 0.97 })] }, 'refused'],
    ['2 bits, cosine met', { bits: 2, fused: [output({ cosine: 0.9 })] }, 'proven'],
    ['classifier met, whatever the cosine', { fused: [classes(0.98, 0.9)] }, 'proven'],
    ['classifier missed, whatever the cosine', { fused: [classes(0.979, 1)] }, 'refused'],
    ['one number a sample, noise met', { fused: [output({ single: true, sqnrDb: 26, cosine: 0.9 })] }, 'proven'],
    ['one number a sample, noise missed', { fused: [output({ single: true, sqnrDb: 25, cosine: 1 })] }, 'refused'],
    ['a share that says no to made-up inputs', { data: 'synthetic', fused: [nothing(0.001)] }, 'plausible'],
    ['a share that says yes in the result', { data: 'synthetic', fused: [nothing(0.02)] }, 'refused'],
    ['a share that says no to given inputs', { fused: [nothing(0.001)] }, 'refused'],
    [
      'a share that says yes in float',
      { data: 'synthetic', fused: [{ ...nothing(0.001), referenceMaxAbs: 0.02 }] },
      'refused',
    ],
    [
      'a few labels of made-up inputs, beside scores',
      { data: 'synthetic', fused: [labels(0.5, 8), output()] },
      'plausible',
    ],
    ['a few labels of made-up inputs, alone', { data: 'synthetic', fused: [labels(0.5, 8)] }, 'refused'],
    ['many labels of made-up inputs', { data: 'synthetic', fused: [labels(0.9, 64), output()] }, 'refused'],
    ['one other label of 32, beside scores', { fused: [labels(31 / 32, 32), output()] }, 'proven'],
    [
      'one other label of 32, beside scores that miss',
      { fused: [labels(31 / 32, 32), output({ cosine: 0.9 })] },
      'refused',
    ],
    ['two other labels of 32, beside scores', { fused: [labels(30 / 32, 32), output()] }, 'refused'],
    ['one other answer of 32, as likely as not', { fused: [few(31 / 32, 0.985)] }, 'proven'],
    ['one other answer of 32, more to be expected', { fused: [few(31 / 32, 0.975)] }, 'refused'],
    [
      'many more to be expected, in the same direction',
      { fused: [{ ...few(0.94, 0.955), cosine: 0.9999 }] },
      'refused',
    ],
    ['more to be expected, in the same direction', { fused: [{ ...few(31 / 32, 0.975), cosine: 0.9995 }] }, 'proven'],
    ['none of 32, nearly as likely', { fused: [few(1, 0.965)] }, 'proven'],
    ['none of 32, by luck', { fused: [few(1, 0.955)] }, 'refused'],
    ['more other answers than chance explains', { fused: [few(28 / 32, 0.99)] }, 'refused'],
    ['two other answers of 32', { fused: [{ ...classes(30 / 32), answers: 32 }] }, 'refused'],
    ['two other answers of 99', { fused: [{ ...classes(97 / 99), answers: 99 }] }, 'refused'],
    ['language met', { fused: [logits(0.1)] }, 'proven'],
    ['language missed', { fused: [logits(0.11)] }, 'refused'],
    ['integers met', { fused: [output({ kind: 'exact', equal: 0.99, cosine: 0 })] }, 'proven'],
    ['integers missed', { fused: [output({ kind: 'exact', equal: 0.9 })] }, 'refused'],
    ['synthetic data', { data: 'synthetic' }, 'plausible'],
    ['synthetic classifier with the right direction', { data: 'synthetic', fused: [classes(0.8)] }, 'plausible'],
    ['synthetic classifier with neither', { data: 'synthetic', fused: [classes(0.8, 0.99)] }, 'refused'],
    ['the worst output counts', { fused: [output(), output({ cosine: 0.5 })] }, 'refused'],
    ['a state counts', { fused: [classes(1), output({ name: 'h', cosine: 0.9 })] }, 'refused'],
    [
      'zeros stay nearly zero',
      { fused: [output(), output({ zero: true, cosine: 1, maxAbs: 0.09, referenceMaxAbs: 0 })] },
      'proven',
    ],
    [
      'zeros become something',
      { fused: [output(), output({ zero: true, cosine: 1, maxAbs: 0.11, referenceMaxAbs: 0 })] },
      'refused',
    ],
    ['not finite', { fused: [output({ nonFinite: 1 })] }, 'refused'],
    ['not finite in another arithmetic', { unfused: [output({ nonFinite: 1 })] }, 'refused'],
    ['another shape', { fused: [output({ mismatched: 1 })] }, 'refused'],
    ['a figure that is no number', { fused: [output({ cosine: Number.NaN })] }, 'refused'],
    ['fused decides', { unfused: [output({ cosine: 0.5 })], reference: [output({ cosine: 0.5 })] }, 'proven'],
    ['unfused decides without fused', { fused: undefined as never, unfused: [output({ cosine: 0.5 })] }, 'refused'],
    ['nothing was run', { data: 'none', fused: [] }, 'unproven'],
    ['no samples', { samples: 0 }, 'unproven'],
  ]
  it.each(table)('%s', (_, changes, status) => {
    expect(verdictOf(facts(changes)).status).toBe(status)
  })
})

describe('verdict by given thresholds', () => {
  const table: readonly (readonly [string, Partial<VerdictFacts>, string])[] = [
    ['a lower cosine lets through', { thresholds: { minCosine: 0.9 }, fused: [output({ cosine: 0.95 })] }, 'proven'],
    ['a higher cosine refuses', { thresholds: { minCosine: 0.9999 } }, 'refused'],
    ['they replace the default rules', { thresholds: { minCosine: 0.9 }, fused: [classes(0.5)] }, 'proven'],
    [
      'all given ones must hold',
      { thresholds: { minCosine: 0.9, minAgreement: 0.9 }, fused: [classes(0.5)] },
      'refused',
    ],
    ['divergence', { thresholds: { maxKl: 0.2 }, fused: [logits(0.15)] }, 'proven'],
    [
      'loss of a metric met',
      { thresholds: { maxLoss: 0.01 }, metric: { name: 'top1', float: 0.8, quantized: 0.793, higherIsBetter: true } },
      'proven',
    ],
    [
      'loss of a metric missed',
      { thresholds: { maxLoss: 0.01 }, metric: { name: 'top1', float: 0.8, quantized: 0.79, higherIsBetter: true } },
      'refused',
    ],
    [
      'loss of a metric where less is better',
      { thresholds: { maxLoss: 0.01 }, metric: { name: 'bits', float: 2, quantized: 2.1, higherIsBetter: false } },
      'refused',
    ],
    [
      'a gain is no loss',
      { thresholds: { maxLoss: 0 }, metric: { name: 'bits', float: 2, quantized: 1.9, higherIsBetter: false } },
      'proven',
    ],
    ['loss without labels is disagreement', { thresholds: { maxLoss: 0.01 }, fused: [classes(0.985)] }, 'refused'],
    ['not finite stays refused', { thresholds: { minCosine: 0 }, fused: [output({ nonFinite: 2 })] }, 'refused'],
  ]
  it.each(table)('%s', (_, changes, status) => {
    expect(verdictOf(facts(changes)).status).toBe(status)
  })

  it('that fit no output are a usage error', () => {
    expect(() => verdictOf(facts({ thresholds: { minAgreement: 0.9 } }))).toThrow('minAgreement')
  })
})

describe('verdict by a chosen metric', () => {
  const scored = output({ kind: 'classes', top1Agreement: 0.97, kl: 0.01, cosine: 0.9995, sqnrDb: 20, psnrDb: 41 })
  const mine = (quantized: number) => ({ name: 'mine', float: 0.5, quantized, higherIsBetter: true })
  const table: readonly (readonly [string, Partial<VerdictFacts>, string])[] = [
    ['top1', { by: 'top1' }, 'refused'],
    ['cosine', { by: 'cosine' }, 'proven'],
    ['kl', { by: 'kl' }, 'proven'],
    ['snr', { by: 'snr' }, 'refused'],
    ['snr at 4 bits', { by: 'snr', bits: 4 }, 'proven'],
    ['psnr', { by: 'psnr' }, 'proven'],
    ['a module within one percent', { by: 'module', metric: mine(0.496) }, 'proven'],
    ['a module beyond', { by: 'module', metric: mine(0.494) }, 'refused'],
    ['thresholds come first', { by: 'top1', thresholds: { minAgreement: 0.9 } }, 'proven'],
    ['loss of the cosine', { by: 'cosine', thresholds: { maxLoss: 0.01 } }, 'proven'],
    ['loss of agreement', { by: 'top1', thresholds: { maxLoss: 0.01 } }, 'refused'],
  ]
  it.each(table)('%s', (_, changes, status) => {
    expect(verdictOf(facts({ fused: [scored], ...changes })).status).toBe(status)
  })

  it.each(['kl', 'psnr', 'top1'] as const)('%s that fits no output is a usage error', (by) => {
    expect(() => verdictOf(facts({ by }))).toThrow(`the metric ${by}`)
  })

  it('zeros are judged as zeros', () => {
    const zero = output({ zero: true, cosine: 1, sqnrDb: -999, maxAbs: 0 })
    expect(verdictOf(facts({ by: 'snr', fused: [output(), zero] })).status).toBe('proven')
  })
})

describe('what a verdict says', () => {
  it('the metric of the task, what was lost, and examples where there are any', () => {
    const metric = { name: 'top1', float: 0.8, quantized: 0.76, higherIsBetter: true, samples: 10 }
    const examples = [{ sample: 0, expected: '1', float: '1', quantized: '2' }]
    const verdict = verdictOf(facts({ metric, examples }))
    expect(verdict.metric).toEqual({
      name: 'top1',
      float: 0.8,
      quantized: 0.76,
      loss: expect.closeTo(0.05, 12),
      samples: 10,
    })
    expect(verdict.examples).toEqual(examples)
    expect(verdictOf(facts({ metric, examples: [] }))).not.toHaveProperty('examples')
  })

  it('names output, figure, threshold and data', () => {
    const verdict = verdictOf(
      facts({
        data: 'synthetic',
        fused: [output(), output({ name: 'z', cosine: 0.998 })],
        worst: ['w'],
        filled: ['sr'],
      }),
    )
    expect(verdict.because).toBe('output "z": cosine 0.998 < 0.999 on 10 synthetic samples')
    expect(verdict.threshold).toEqual({ metric: 'cosine', value: 0.999, found: 0.998 })
    expect(verdict).toMatchObject({ data: 'synthetic', samples: 10, worst: ['w'], filled: ['sr'] })
    expect(verdict.outputs).toBe(verdict.fused?.outputs)
    expect(verdict).not.toHaveProperty('reference')
  })

  it('says why nothing was run', () => {
    expect(verdictOf(facts({ data: 'none', notRun: 'onnxruntime is not installed' })).because).toBe(
      'onnxruntime is not installed',
    )
  })
})

describe('on states of its own', () => {
  const own = (changes: Partial<ComparedOutput>) => [output(changes), output({ name: 'h', carried: true, cosine: 0.1 })]

  it('the worse of both decides, whatever the states themselves do', () => {
    expect(verdictOf(facts({ ownStates: own({}) })).status).toBe('proven')
    const refused = verdictOf(facts({ ownStates: own({ cosine: 0.98 }) }))
    expect(refused).toMatchObject({ status: 'refused', threshold: { metric: 'cosine', value: 0.999, found: 0.98 } })
    expect(refused.because).toBe('output "y": cosine 0.98 < 0.999 on states of its own on 10 samples')
    expect(verdictOf(facts({ fused: [output({ cosine: 0.9 })], ownStates: own({ cosine: 0.98 }) })).because).toBe(
      'output "y": cosine 0.9 < 0.999 on 10 samples',
    )
  })

  it('given thresholds hold for both, what the task says has one figure', () => {
    const ownStates = own({ cosine: 0.98 })
    expect(verdictOf(facts({ ownStates, thresholds: { minCosine: 0.97 } })).status).toBe('proven')
    expect(verdictOf(facts({ ownStates, thresholds: { minCosine: 0.99 } })).status).toBe('refused')
    const metric = { name: 'top1', float: 1, quantized: 1, higherIsBetter: true }
    expect(verdictOf(facts({ ownStates, metric, thresholds: { maxLoss: 0.01 } })).status).toBe('proven')
    expect(verdictOf(facts({ ownStates, metric, by: 'module' })).status).toBe('proven')
    expect(verdictOf(facts({ ownStates, by: 'snr' })).status).toBe('proven')
  })

  it('values that are not finite are refused there, too', () => {
    const { because } = verdictOf(facts({ ownStates: own({ nonFinite: 3 }) }))
    expect(because).toBe('output "y" has 3 values that are not finite where float is (on its own states)')
  })
})
