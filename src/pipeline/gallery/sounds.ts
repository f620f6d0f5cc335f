import { decibels, type Medium, type Numbers, numbersOf } from '../../evaluation/index.ts'
import type { ComparedPictures } from '../../model/gallery.ts'
import type { Sample, Value } from '../../model/runtime.ts'
import { pngAddress } from './png.ts'
import { drawFrames, type Frames, framesOfSound, framesOfSpectrum, loudest } from './spectrogram.ts'

const MOST_TRACKS = 3
/** A sample with fewer frames is one step of a stream: it is drawn together with the others. */
const OWN_TRACK = 32
const MOST_FRAMES = 640
const MOST_SOUND = 128 * MOST_FRAMES

/** The same stretch of an output by both models, and their difference. */
interface Track {
  readonly output: string
  readonly medium: Medium
  readonly labels: string[]
  /** Waveforms are kept as they are until they are drawn, so that steps of a stream join. */
  readonly sounds: [number[], number[], number[]]
  readonly frames: [Float64Array[], Float64Array[], Float64Array[]]
  bins: number
  signal: number
  noise: number
}

/** Spectrograms of what outputs sound like: long samples each for itself, steps of a stream as one. */
export class SoundShelf {
  readonly #tracks: Track[] = []
  readonly #streams = new Map<string, Track>()

  add(sample: Sample, output: string, medium: Medium, float: Value, quantized: Value): void {
    const a = numbersOf(float, output)
    const b = numbersOf(quantized, output)
    const difference = Float64Array.from(a, (value, i) => value - b[i]!)
    const frames = medium === 'spectrum' ? [a, b, difference].map((one) => framesOfSpectrum(one, float.shape)) : []
    if (frames.some((one) => one === undefined)) return
    const length = medium === 'spectrum' ? frames[0]!.powers.length : Math.floor(a.length / 128)
    const own = length >= OWN_TRACK
    const track = own ? trackOf(output, medium) : (this.#streams.get(output) ?? trackOf(output, medium))
    if (own) {
      if (this.#tracks.length >= MOST_TRACKS) return
      this.#tracks.push(track)
    } else this.#streams.set(output, track)
    if (track.frames[0].length >= MOST_FRAMES || track.sounds[0].length >= MOST_SOUND) return
    track.labels.push(sample.label)
    for (const [side, values] of [a, b, difference].entries()) keep(track, side, values, frames[side])
    for (let i = 0; i < a.length; i += 1) {
      track.signal += a[i]! * a[i]!
      track.noise += difference[i]! * difference[i]!
    }
  }

  shown(): readonly ComparedPictures[] {
    return [...this.#tracks, ...this.#streams.values()].flatMap((track) => {
      const [float, quantized, difference] = [0, 1, 2].map((side) => framesIn(track, side)) as [Frames, Frames, Frames]
      if (float.powers.length < 2) return []
      const top = loudest(float)
      const draw = (frames: Frames) => pngAddress(drawFrames(frames, top))
      const { labels } = track
      return {
        kind: 'spectrogram' as const,
        label: labels.length === 1 ? labels[0]! : `${labels[0]} to ${labels.at(-1)}`,
        output: track.output,
        width: float.powers.length,
        height: Math.min(float.bins, 257),
        float: draw(float),
        quantized: draw(quantized),
        difference: draw(difference),
        db: decibels(track.signal, track.noise),
      }
    })
  }
}

function trackOf(output: string, medium: Medium): Track {
  return {
    output,
    medium,
    labels: [],
    sounds: [[], [], []],
    frames: [[], [], []],
    bins: 0,
    signal: 0,
    noise: 0,
  }
}

function keep(track: Track, side: number, values: Numbers, frames: Frames | undefined): void {
  if (frames === undefined) {
    const sound = track.sounds[side]!
    for (const value of values) if (sound.length < MOST_SOUND) sound.push(value)
    return
  }
  track.bins = frames.bins
  for (const frame of frames.powers) if (track.frames[side]!.length < MOST_FRAMES) track.frames[side]!.push(frame)
}

function framesIn({ medium, sounds, frames, bins }: Track, side: number): Frames {
  return medium === 'spectrum' ? { bins, powers: frames[side]! } : framesOfSound(Float64Array.from(sounds[side]!))
}
