import type { ByteSource } from '../../bytes/types.ts'
import { TersorError } from '../../errors.ts'

/**
 * RIFF WAVE:
 *   1. "RIFF", length, "WAVE"
 *   2. chunks: four letters, a 32-bit length, as many bytes, one more where that is odd
 *   3. "fmt ": format (1 integers, 3 floats, 0xFFFE: the format is the start of a GUID 24 bytes in), channels, rate, bytes a
 *      second, bytes a frame, bits a sample
 *   4. "data": frames, one sample a channel, little-endian; 8 bits are unsigned
 */
export interface Wav {
  readonly label: string
  /** Frames a second. */
  readonly rate: number
  readonly channels: number
  readonly frames: number
  /** Frames [start, end), channels averaged, -1 to 1. */
  read(start: number, end: number): Promise<Float64Array>
}

type Encoding = 'u8' | 'i16' | 'i24' | 'i32' | 'f32' | 'f64'

const ENCODINGS: ReadonlyMap<string, Encoding> = new Map<string, Encoding>([
  ['1/8', 'u8'],
  ['1/16', 'i16'],
  ['1/24', 'i24'],
  ['1/32', 'i32'],
  ['3/32', 'f32'],
  ['3/64', 'f64'],
])

/** Chunks before the sound; real files have fewer than ten. */
const MOST_CHUNKS = 1000
const MOST_CHANNELS = 64
const EXTENSIBLE = 0xfffe

/** Reads the header. E_FORMAT when the file is damaged or cut off, E_UNSUPPORTED for compressed sound. */
export async function openWav(source: ByteSource): Promise<Wav> {
  const { label, byteLength } = source
  const wrong = (what: string) => new TersorError('E_FORMAT', `${label}: ${what}`, { where: label })
  if (byteLength < 12) throw wrong(`expected a RIFF WAVE file, found ${byteLength} bytes`)
  const head = await source.read(0, 12)
  if (lettersOf(head, 0) !== 'RIFF' || lettersOf(head, 8) !== 'WAVE')
    throw wrong('expected a RIFF WAVE file, found other content')
  let format: Format | undefined
  let at = 12
  for (let chunk = 0; chunk < MOST_CHUNKS && at + 8 <= byteLength; chunk += 1) {
    const start = await source.read(at, at + 8)
    const name = lettersOf(start, 0)
    const length = new DataView(start.buffer, start.byteOffset).getUint32(4, true)
    at += 8
    if (name === 'fmt ') {
      if (length < 16 || at + length > byteLength)
        throw wrong(`expected at least 16 bytes of format, found ${Math.min(length, byteLength - at)}`)
      format = formatOf(await source.read(at, at + Math.min(length, 40)), label)
    }
    if (name === 'data') {
      if (format === undefined) throw wrong('the sound comes before its format')
      // Written by programs that stream: a length of nothing or of all ones means the rest of the file.
      const open = length === 0xffffffff || (length === 0 && at < byteLength)
      if (!open && at + length > byteLength)
        throw new TersorError('E_FORMAT', `${label}: expected ${length} bytes of sound, found ${byteLength - at}`, {
          where: label,
          hint: 'The file is probably truncated.',
        })
      return soundAt(source, at, open ? byteLength - at : length, format)
    }
    at += length + (length % 2)
  }
  throw wrong(format === undefined ? 'found no format in it' : 'found no sound in it')
}

interface Format {
  readonly encoding: Encoding
  readonly channels: number
  readonly rate: number
  readonly frameBytes: number
}

function formatOf(bytes: Uint8Array, label: string): Format {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const tag = view.getUint16(0, true)
  const kind = tag === EXTENSIBLE && bytes.byteLength >= 26 ? view.getUint16(24, true) : tag
  const channels = view.getUint16(2, true)
  const rate = view.getUint32(4, true)
  const frameBytes = view.getUint16(12, true)
  const bits = view.getUint16(14, true)
  const encoding = ENCODINGS.get(`${kind}/${bits}`)
  if (encoding === undefined) {
    throw new TersorError(
      'E_UNSUPPORTED',
      `${label}: expected PCM of 8, 16, 24 or 32 bits or floats of 32 or 64, found format ${kind} with ${bits} bits`,
      { where: label, hint: 'convert it, such as with ffmpeg -c:a pcm_s16le' },
    )
  }
  if (
    channels < 1 ||
    channels > MOST_CHANNELS ||
    rate < 100 ||
    rate > 768_000 ||
    frameBytes !== (channels * bits) / 8
  ) {
    throw new TersorError(
      'E_FORMAT',
      `${label}: ${channels} channels of ${bits} bits in ${frameBytes} bytes at ${rate} Hz cannot be`,
      {
        where: label,
      },
    )
  }
  return { encoding, channels, rate, frameBytes }
}

function soundAt(source: ByteSource, at: number, byteLength: number, format: Format): Wav {
  const { channels, rate, frameBytes, encoding } = format
  return {
    label: source.label,
    rate,
    channels,
    frames: Math.floor(byteLength / frameBytes),
    async read(start, end) {
      const bytes = await source.read(at + start * frameBytes, at + end * frameBytes)
      return mixed(bytes, end - start, channels, encoding)
    },
  }
}

function mixed(bytes: Uint8Array, frames: number, channels: number, encoding: Encoding): Float64Array {
  const sample = reader(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), encoding)
  const sound = new Float64Array(frames)
  for (let frame = 0; frame < frames; frame += 1) {
    let sum = 0
    for (let channel = 0; channel < channels; channel += 1) sum += sample(frame * channels + channel)
    sound[frame] = sum / channels
  }
  return sound
}

/** Samples as -1 to 1: integers through the power of two above them, so that nothing is rounded. */
function reader(view: DataView, encoding: Encoding): (index: number) => number {
  switch (encoding) {
    case 'u8':
      return (i) => (view.getUint8(i) - 128) / 128
    case 'i16':
      return (i) => view.getInt16(2 * i, true) / 32768
    case 'i24':
      return (i) => (view.getInt8(3 * i + 2) * 65536 + view.getUint16(3 * i, true)) / 8388608
    case 'i32':
      return (i) => view.getInt32(4 * i, true) / 2147483648
    case 'f32':
      return (i) => view.getFloat32(4 * i, true)
    case 'f64':
      return (i) => view.getFloat64(8 * i, true)
  }
}

function lettersOf(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4))
}
