import type { ByteSource } from '../bytes/types.ts'
import { decibels } from '../evaluation/decibels.ts'
import type { DecisionFact, Report } from '../model/report.ts'
import { VERSION } from '../version.ts'
import type { Ask } from './ask.ts'
import { isInforming } from './informing.ts'
import type { Decided, Finished } from './run.ts'
import { tensorKey } from './tensor-key.ts'

export interface ReportContext {
  readonly command: string
  readonly source: ByteSource
  readonly ask: Ask
  readonly options: Readonly<Record<string, unknown>>
  readonly phases: Report['phases']
  readonly warnings: readonly string[]
  readonly peakBytes: number
  readonly outputPath?: string
  readonly runtime?: Report['runtime']
  readonly inputHash?: string
  readonly outputHash?: string
  readonly suggestion?: string
  readonly compressed?: { readonly gzip: number; readonly brotli: number }
}

/** The Report of a run; `finished` is absent for `plan`. */
export function reportOf(decided: Decided, finished: Finished | undefined, context: ReportContext): Report {
  const { model, output, plan } = decided
  // Finding ranges and judging may remark the same of the same data.
  const warnings = [...new Set([...decided.warnings, ...context.warnings])]
  const notes = warnings.filter(isInforming)
  const opset = output.opsets.find((one) => one.domain === '' || one.domain === 'ai.onnx')?.version ?? 0
  return {
    tersor: VERSION,
    schema: 1,
    command: context.command,
    input: {
      path: context.source.label,
      bytes: decided.input.byteLength,
      ...(context.inputHash ? { sha256: context.inputHash } : {}),
      family: decided.inventory.family,
      opset: decided.inventory.opset,
    },
    ...(finished && context.outputPath !== undefined
      ? {
          output: {
            path: context.outputPath,
            bytes: finished.saved.byteLength,
            ...(context.outputHash ? { sha256: context.outputHash } : {}),
            files: finished.files,
            ...(context.compressed ? { compressed: context.compressed } : {}),
          },
        }
      : {}),
    requires: {
      onnxruntime: requiredRuntime(decided, opset),
      opset,
      ir: model.irVersion,
      sessionOptions: {},
    },
    options: { ...context.options, preset: plan.preset, presetBecause: plan.presetBecause },
    decisions: decisionFacts(decided, finished),
    points: [],
    ...(finished ? { verdict: finished.verdict } : {}),
    ...(context.runtime ? { runtime: context.runtime } : {}),
    phases: context.phases,
    peakBytes: context.peakBytes,
    warnings,
    ...(notes.length === 0 ? {} : { notes }),
    ...(context.suggestion ? { suggestion: context.suggestion } : {}),
  }
}

function decisionFacts(decided: Decided, finished: Finished | undefined): readonly DecisionFact[] {
  const errors = new Map<string, number>()
  if (finished) {
    decided.weights.forEach((weight, i) => {
      const error = finished.saved.errors[i]
      if (error && error.energy > 0)
        errors.set(
          tensorKey(weight.work.weight.scope, weight.work.weight.name),
          decibels(error.energy, error.squaredError),
        )
    })
  }
  const shapes = new Map(
    decided.inventory.weights.map((weight) => [tensorKey(weight.scope, weight.name), weight.shape]),
  )
  return decided.plan.decisions.map((decision): DecisionFact => {
    const key = tensorKey(decision.tensor.scope, decision.tensor.name)
    const sqnrDb = errors.get(key)
    return {
      tensor: [...decision.tensor.scope, decision.tensor.name].join('/'),
      consumers: decision.consumers,
      op: decision.op,
      action: decision.action,
      ...(decision.action === 'keep' ? {} : { scheme: decision.schemeId, lowering: decision.lowering }),
      ...(decision.action === 'quantize'
        ? { packing: decision.packing, solver: decision.solver, corrections: decision.corrections }
        : {}),
      because: decision.because,
      shape: shapes.get(key) ?? [],
      bytesBefore: decision.bytesBefore,
      bytesAfter: decision.bytesAfter,
      ...(sqnrDb === undefined ? {} : { sqnrDb }),
    }
  })
}

/** Forms made of plain ai.onnx operators; the others need contrib kernels, which were measured on one version only. */
const PLAIN_FORMS = new Set(['expand', 'gather-rows', 'half'])

function requiredRuntime(decided: Decided, opset: number): string {
  if (decided.plan.work.every((one) => PLAIN_FORMS.has(one.form))) return `any version with opset ${opset}`
  return '>= 1.30.0, the version measured; older ones were not'
}
