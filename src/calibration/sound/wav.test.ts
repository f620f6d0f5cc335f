import { describe, expect, it } from 'vitest'
import { wavBytes } from '../../../test/fixtures/wav.ts'
import { memorySource } from '../../bytes/memory.ts'
import { openWav } from './wav.ts'

const open = (bytes: Uint8Array) => openWav(memorySource(bytes, 's.wav'))
const sound = async (bytes: Uint8Array) => {
  const wav = await open(bytes)
  return [...(await wav.read(0, wav.frames))]
}

describe('wav', () => {
  it('every width, as -1 to 1', async () => {
    expect(await sound(wavBytes({ bits: 8, data: [0, 128, 192] }))).toEqual([-1, 0, 0.5])
    expect(await sound(wavBytes({ bits: 16, data: [0, 128, 0, 0, 0, 64] }))).toEqual([-1, 0, 0.5])
    expect(await sound(wavBytes({ bits: 24, data: [0, 0, 128, 1, 0, 0] }))).toEqual([-1, 2 ** -23])
    expect(await sound(wavBytes({ bits: 32, data: [0, 0, 0, 128, 0, 0, 0, 64] }))).toEqual([-1, 0.5])
    const floats = new Uint8Array(Float32Array.of(0.25, -2).buffer)
    expect(await sound(wavBytes({ bits: 32, format: 3, data: [...floats] }))).toEqual([0.25, -2])
    const doubles = new Uint8Array(Float64Array.of(0.1).buffer)
    expect(await sound(wavBytes({ bits: 64, format: 3, data: [...doubles] }))).toEqual([0.1])
  })

  it('channels are averaged, parts are read, other chunks passed over', async () => {
    const stereo = wavBytes({ bits: 16, channels: 2, rate: 8000, data: [0, 64, 0, 0, 0, 64, 0, 192], before: 'LIST' })
    const wav = await open(stereo)
    expect([wav.rate, wav.channels, wav.frames]).toEqual([8000, 2, 2])
    expect([...(await wav.read(1, 2))]).toEqual([0])
    expect(await sound(stereo)).toEqual([0.25, 0])
  })

  it('the extensible form, and lengths that a stream left open', async () => {
    expect(await sound(wavBytes({ bits: 16, extensible: true, data: [0, 64] }))).toEqual([0.5])
    for (const length of [0, 0xffffffff])
      expect(await sound(wavBytes({ bits: 16, data: [0, 64], length }))).toEqual([0.5])
  })

  it.each([
    ['nothing', new Uint8Array(3), 'E_FORMAT', 'found 3 bytes'],
    ['another file', new TextEncoder().encode('RIFF....WEBP'), 'E_FORMAT', 'found other content'],
    [
      'a cut file',
      wavBytes({ bits: 16, data: [0, 64], length: 400 }),
      'E_FORMAT',
      'expected 400 bytes of sound, found 2',
    ],
    ['no sound', wavBytes({ bits: 16, data: [] }).subarray(0, 36), 'E_FORMAT', 'found no sound'],
    ['compressed sound', wavBytes({ bits: 4, format: 17, data: [0] }), 'E_UNSUPPORTED', 'format 17 with 4 bits'],
    ['no channels', wavBytes({ bits: 16, channels: 0, data: [] }), 'E_FORMAT', '0 channels'],
    ['a rate of nothing', wavBytes({ bits: 16, rate: 0, data: [] }), 'E_FORMAT', 'at 0 Hz'],
  ])('%s is refused', async (_, bytes, code, message) => {
    const error = await open(bytes).catch((thrown) => thrown)
    expect(error.code).toBe(code)
    expect(error.message).toContain(message)
  })

  it('cut anywhere, it is refused or shorter, never a crash', async () => {
    const whole = wavBytes({ bits: 16, data: [1, 2, 3, 4], before: 'LIST' })
    for (let end = 0; end < whole.length; end += 1) {
      const error = await open(whole.subarray(0, end)).catch((thrown) => thrown)
      expect(error.code).toBe('E_FORMAT')
    }
  })
})
