import { type KindHints, type Labels, mediumOf, numbersOf, outputShapeOf } from '../../evaluation/index.ts'
import type { ShownSample } from '../../model/gallery.ts'
import type { Feeds, Sample, Value } from '../../model/runtime.ts'
import { PhotoShelf } from './answered-photos.ts'
import { boxedPhoto } from './boxed-photo.ts'
import { comparedPictures } from './compared-pictures.ts'
import { scoredText } from './scored-text.ts'
import { SoundShelf } from './sounds.ts'

/** Keeps a few samples and what both models made of them, for the report. */
export interface Gallery {
  add(sample: Sample, float: Feeds, quantized: Feeds): void
  shown(): readonly ShownSample[]
}

export interface GalleryOptions {
  readonly labels?: Labels
  /** Samples there are, before any selection. */
  readonly found: number
  /** Words of token ids, where a tokenizer is known. */
  readonly wordOf?: (id: number) => string
}

const MOST_PICTURES = 3
const MOST_BOXED = 6
const MOST_TEXTS = 4

/** What there is to see depends on the outputs: pictures, sounds, boxes on photos, answers to photos, texts. */
export function galleryOf(hints: KindHints, options: GalleryOptions): Gallery {
  const pictures: ShownSample[] = []
  const boxed: ShownSample[] = []
  const texts: ShownSample[] = []
  const photos = new PhotoShelf(hints, options)
  const sounds = new SoundShelf()
  // What an output is does not change from sample to sample.
  const known = new Map<string, ReturnType<typeof seenAs>>()
  const seen = (name: string, value: Value) => {
    const before = known.get(name)
    if (before !== undefined) return before
    const now = seenAs(name, value, hints)
    known.set(name, now)
    return now
  }
  const keep = (shelf: ShownSample[], most: number, make: () => ShownSample | undefined): void => {
    if (shelf.length >= most) return
    const made = make()
    if (made !== undefined) shelf.push(made)
  }
  return {
    add(sample, float, quantized) {
      keep(boxed, MOST_BOXED, () => boxedPhoto(sample, float, quantized, hints.inputs ?? []))
      keep(texts, MOST_TEXTS, () => scoredText(sample, float, quantized, hints, options.wordOf))
      for (const [name, value] of Object.entries(float)) {
        const other = quantized[name]
        if (other === undefined || String(other.shape) !== String(value.shape) || hints.carried?.has(name)) continue
        const { kind, facts } = seen(name, value)
        if (kind === 'classes') photos.add(sample, name, value, other)
        if (facts?.medium === 'picture')
          keep(pictures, MOST_PICTURES, () => comparedPictures(sample, name, value, other, facts, hints.inputs ?? []))
        else if (facts !== undefined) sounds.add(sample, name, facts.medium, value, other)
      }
    },
    shown: () => [...pictures, ...sounds.shown(), ...boxed, ...photos.shown(), ...texts],
  }
}

function seenAs(name: string, value: Value, hints: KindHints) {
  const { kind } = outputShapeOf(name, value, hints)
  const facts = kind === 'values' ? mediumOf(name, value, numbersOf(value, name), hints.inputs ?? []) : undefined
  return { kind, facts }
}
