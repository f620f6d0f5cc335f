import { expNegative, type KindHints, numbersOf, outputShapeOf } from '../../evaluation/index.ts'
import type { AnsweredPhoto } from '../../model/gallery.ts'
import type { Sample, Value } from '../../model/runtime.ts'
import type { GalleryOptions } from './gallery.ts'
import { fedPicture, fitted, pixelsOf } from './picture-bytes.ts'
import { pngAddress } from './png.ts'

const SIDE = 144
/** Photos of each kind: answers that differ, answers that agree. */
const MOST_CHANGED = 12
const MOST_SAME = 8

/** Classified pictures with both answers; those where the models differ first. */
export class PhotoShelf {
  readonly #changed: AnsweredPhoto[] = []
  readonly #same: AnsweredPhoto[] = []
  readonly #hints: KindHints
  readonly #options: GalleryOptions

  constructor(hints: KindHints, options: GalleryOptions) {
    this.#hints = hints
    this.#options = options
  }

  add(sample: Sample, output: string, float: Value, quantized: Value): void {
    // One picture a sample: what a row of a batch shows is not looked for.
    if (float.shape[0] !== 1) return
    const [a, b] = [this.#answer(output, float), this.#answer(output, quantized)]
    const shelf = a.position === b.position ? this.#same : this.#changed
    if (shelf.length >= (shelf === this.#same ? MOST_SAME : MOST_CHANGED)) return
    const fed = fedPicture(sample, this.#hints.inputs ?? [])
    if (fed === undefined) return
    const [label] = this.#options.labels?.of(sample, 1, this.#options.found) ?? []
    shelf.push({
      kind: 'photo',
      label: sample.label,
      source: pngAddress(fitted(pixelsOf(fed.value, fed.levels), SIDE)),
      ...(label === undefined ? {} : { expected: String(label) }),
      float: a.text,
      quantized: b.text,
      same: a.position === b.position,
    })
  }

  shown(): readonly AnsweredPhoto[] {
    return [...this.#changed, ...this.#same]
  }

  #answer(output: string, value: Value): { readonly position: number; readonly text: string } {
    const scores = numbersOf(value, output)
    const { probabilities } = outputShapeOf(output, value, this.#hints)
    let position = 0
    for (let i = 1; i < scores.length; i += 1) if (scores[i]! > scores[position]!) position = i
    let sum = 0
    if (!probabilities) for (const score of scores) sum += expNegative(score - scores[position]!)
    const share = probabilities ? scores[position]! : 1 / sum
    const names = this.#options.labels?.classes
    // One class more than names: class 0 is the background.
    const first = names === undefined ? 0 : scores.length - names.count
    const name = first === 0 || first === 1 ? names?.name?.(position - first) : undefined
    return { position, text: `${name ?? `class ${position}`}, ${Math.floor(100 * share + 0.5)} %` }
  }
}
