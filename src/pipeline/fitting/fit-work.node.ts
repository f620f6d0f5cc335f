import type { SampleSet } from '../../calibration/index.ts'
import { sampleDigest } from '../../calibration/sample-digest.ts'
import { sha256 } from '../../calibration/statistics.ts'
import { TersorError } from '../../errors.ts'
import type { Tools } from '../../model/tools.ts'
import { formatSchemeId } from '../../schemes/index.ts'
import { VERSION } from '../../version.ts'
import { modelFingerprint } from '../model-fingerprint.ts'
import type { WeightWork } from '../plan.ts'
import type { FitInput } from './fitted.ts'
import { FitWorkFile, workFileOf } from './work-file.node.ts'

/** Where codes that were found go until the result is complete: `.NAME.tersor-work` beside it. */
export class FitWork {
  readonly #resultOf: (preset: string) => Promise<string>
  #file: FitWorkFile | undefined

  /** `resultOf` gives the path of the result and throws where it could not be written: before hours of work, not behind them. */
  constructor(resultOf: (preset: string) => Promise<string>) {
    this.#resultOf = resultOf
  }

  /** `facts` beside model, plan and samples that codes depend on. */
  async open({ model, plan }: FitInput, samples: SampleSet, facts: unknown, tools: Tools): Promise<FitWorkFile> {
    const path = await this.#resultOf(plan.preset)
    const digests: string[] = []
    for (let index = 0; index < samples.count; index++) {
      tools.signal?.throwIfAborted()
      digests.push(await sampleDigest((await samples.at(index)).feeds))
    }
    const works: unknown[] = []
    for (const work of plan.work) works.push(await factsOf(work))
    const hashOf = (parts: unknown): Promise<string> => sha256(new TextEncoder().encode(JSON.stringify(parts)))
    const base = await hashOf([VERSION, await modelFingerprint(model, tools.signal), digests, facts])
    this.#file?.close()
    this.#file = new FitWorkFile(workFileOf(path), base, await hashOf(works))
    return this.#file
  }

  /** What to tell about a run that ends early. */
  ended(thrown: unknown, { signal }: Tools): unknown {
    const file = this.#file
    if (file === undefined || !signal?.aborted) return thrown
    if (file.count === 0) return thrown
    return new TersorError('E_ABORTED', 'stopped by the user', {
      cause: thrown,
      hint: `the codes of ${file.count} weights are kept in ${file.path}: the same command goes on from there`,
    })
  }

  /** The result is there. */
  done(): void {
    this.#file?.remove()
  }

  /** Where codes of a result that was refused are kept; undefined: there are none. */
  get kept(): string | undefined {
    return this.#file !== undefined && this.#file.count > 0 ? this.#file.path : undefined
  }

  /** What is worth going on from stays. */
  close(): void {
    if (this.#file?.count === 0) this.#file.remove()
    else this.#file?.close()
  }
}

async function factsOf({ weight, form, spec, solver, packing, balance, inverse }: WeightWork): Promise<unknown> {
  const scheme = spec.family === 'half' ? spec.family : formatSchemeId(spec)
  const digest = async (values: Float32Array | undefined): Promise<string | null> =>
    values ? sha256(new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength)) : null
  const vectors = [await digest(balance), await digest(inverse)]
  return [weight.scope, weight.name, form, scheme, solver, packing?.id ?? null, vectors]
}
